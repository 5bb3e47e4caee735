"""Event files, read back with TensorFlow's own reader."""

import warnings

import numpy as np
import pytest

import hornbeam
from hornbeam import callbacks
from hornbeam.callbacks.events import EventWriter
from hornbeam.callbacks.pictures import gray_png
from hornbeam.errors import InputError, UnsupportedError
from tests.engines import TRAINABLE

tf = pytest.importorskip("tensorflow")
X = np.random.default_rng(0).random((16, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)


def events(folder):
    """(tag, step, value) of everything below a folder, in order; the reader checks the checksums."""
    found = []
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for raw in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(raw)
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                shown = getattr(value, kind)
                if kind == "tensor":
                    shown = (value.metadata.plugin_data.plugin_name, shown.string_val[0])
                found.append((value.tag, event.step, shown))
    return found


def fitted(folder, epochs=2, **options):
    model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(1)], name="m")
    model.compile(hornbeam.optimizers.SGD(0.01), "mse", metrics=["mae"])
    board = callbacks.TensorBoard(folder, **options)
    return model, model.fit(
        X, Y, 4, epochs, verbose=0, callbacks=[board], validation_data=(X[:4], Y[:4])
    ).history


@pytest.mark.parametrize("engine", TRAINABLE)
def test_curves_are_those_of_the_history(engine, tmp_path):
    with hornbeam.use_backend(engine):
        model, history = fitted(tmp_path)
    train = {(tag, step): value for tag, step, value in events(tmp_path / "train")}
    held = {(tag, step): value for tag, step, value in events(tmp_path / "validation")}
    for epoch in range(2):
        assert train["epoch_loss", epoch] == np.float32(history["loss"][epoch])
        assert held["epoch_mae", epoch] == np.float32(history["val_mae"][epoch])
        assert train["epoch_learning_rate", epoch] == np.float32(0.01)
        steps = 4 * (epoch + 1)
        wanted = np.float32(history["val_loss"][epoch])
        assert held["evaluation_loss_vs_iterations", steps] == wanted
    plugin, config = train["keras", 0]
    assert plugin == "graph_keras_model"
    assert config.decode() == model.to_json()


def test_batches_weights_and_speed(tmp_path):
    model, _ = fitted(
        tmp_path, update_freq=3, histogram_freq=1, write_images=True, write_steps_per_second=True,
        write_graph=False,
    )  # fmt: skip
    found = events(tmp_path / "train")
    assert [step for tag, step, _ in found if tag == "batch_loss"] == [3, 6]
    assert all(value > 0 for tag, _, value in found if tag == "epoch_steps_per_second")
    kernel = model.weights[0]
    last = [value for tag, _, value in found if tag == f"{kernel.path}/histogram"][-1]
    values = kernel.numpy()
    assert (last.num, last.min, last.max) == (3, values.min(), values.max())
    assert last.sum == pytest.approx(values.astype("f8").sum())
    assert sum(last.bucket) == 3
    assert list(last.bucket_limit) == sorted(last.bucket_limit)
    picture = next(value for tag, _, value in found if tag == f"{kernel.path}/image")
    assert (picture.height, picture.width) == (3, 1)
    assert tf.io.decode_png(picture.encoded_image_string).shape == (3, 1, 1)


def test_own_figures(tmp_path):
    board = callbacks.TensorBoard(tmp_path)
    board.summary.scalar("mine", -1.5, step=2**40)
    board.summary.text("note", "gross", 3)
    board.summary.histogram("odd", [np.nan, np.inf], 4)
    (_, step, value), note, odd = events(tmp_path)
    assert (step, value) == (2**40, -1.5)
    assert note == ("note", 3, ("text", b"gross"))
    assert odd[2].num == 0
    writer = EventWriter(tmp_path / "pictures")
    pixels = np.arange(12, dtype="uint8").reshape(3, 4)
    writer.image("x", gray_png(pixels), 3, 4, 0)
    picture = events(tmp_path / "pictures")[0][2]
    decoded = tf.io.decode_png(picture.encoded_image_string)
    np.testing.assert_array_equal(decoded[..., 0], pixels)


def test_what_is_not_written():
    with pytest.raises(InputError, match="`update_freq` must be 'epoch'"):
        callbacks.TensorBoard(update_freq="day")
    with pytest.raises(UnsupportedError, match="The engine has a profiler"):
        callbacks.TensorBoard(profile_batch=(1, 2))
    with pytest.raises(UnsupportedError, match="embeddings are not written"):
        callbacks.TensorBoard(embeddings_freq=1)


def test_tensorboard_itself_reads_them(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, history = fitted(tmp_path)
        read = accumulator.EventAccumulator(str(tmp_path / "train"))
        read.Reload()
        found = [event.value for event in read.Scalars("epoch_loss")]
    assert found == [np.float32(v) for v in history["loss"]]


class TestProgress:
    @pytest.mark.parametrize("verbose", [1, 2])
    def test_a_callback_shows_what_fit_would(self, verbose, capsys):
        shown = []
        for listeners in ([], [callbacks.ProgbarLogger()]):
            model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(1)])
            model.compile("sgd", "mse")
            model.fit(X, Y, 4, 2, verbose=verbose, callbacks=listeners, validation_split=0.5)
            model.evaluate(X, Y, verbose=verbose, callbacks=listeners)
            model.predict(X, verbose=verbose, callbacks=listeners)
            shown.append(capsys.readouterr().out.count("\n"))
        assert shown[0] == shown[1] == 4

    def test_a_list_adds_one(self):
        made = callbacks.CallbackList([], add_progbar=True, verbose=0)
        assert [type(c).__name__ for c in made.callbacks] == ["ProgbarLogger"]
