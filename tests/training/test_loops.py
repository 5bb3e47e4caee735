"""The loops: the order of events, data of all kinds, and progress."""

import io

import numpy as np
import pytest

import hornbeam
from hornbeam import ops, tree
from hornbeam.backends import get as get_backend
from hornbeam.callbacks import Callback, callback
from hornbeam.errors import InputError
from hornbeam.training import loops, progress
from tests.engines import ENGINES, TRAINABLE

X = np.random.default_rng(0).random((10, 3)).astype(np.float32)
Y = X.sum(-1, keepdims=True)


def regression(**compile_args):
    model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(1)])
    model.compile("sgd", "mse", **compile_args)
    return model


class Recorder(Callback):
    """Writes every event down."""


def _recording(name):
    def hook(self, *args, logs=None):
        plain = [a for a in args if not isinstance(a, dict)]
        given = logs if logs is not None else next((a for a in args if isinstance(a, dict)), {})
        self.__dict__.setdefault("events", []).append((name, *plain, *sorted(given)))

    return hook


for _name in callback.HOOKS:
    if _name not in ("on_batch_begin", "on_batch_end"):
        setattr(Recorder, _name, _recording(_name))


def test_the_trace_of_fit_is_that_of_keras():
    recorder = Recorder()
    regression().fit(X, Y, batch_size=4, validation_split=0.2, verbose=0, callbacks=[recorder])
    assert recorder.events == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 0, "loss"),
        ("on_train_batch_begin", 1),
        ("on_train_batch_end", 1, "loss"),
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0, "loss"),
        ("on_test_end", "loss"),
        ("on_epoch_end", 0, "loss", "val_loss"),
        ("on_train_end", "loss", "val_loss"),
    ]


def test_the_trace_of_predict():
    recorder = Recorder()
    regression().predict(X, batch_size=8, verbose=0, callbacks=[recorder])
    assert [e[0] for e in recorder.events] == [
        "on_predict_begin",
        "on_predict_batch_begin",
        "on_predict_batch_end",
        "on_predict_batch_begin",
        "on_predict_batch_end",
        "on_predict_end",
    ]


def test_listening_to_batches_changes_no_number():
    class Listens(Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert logs["loss"] >= 0

    results = []
    for callbacks in ([], [Listens()]):
        hornbeam.utils.set_random_seed(3)
        model = regression()
        results.append(model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=callbacks))
    fused, stepwise = (r.history["loss"] for r in results)
    np.testing.assert_allclose(fused, stepwise, rtol=1e-5)


@pytest.mark.parametrize("engine", [e for e in ("jax", "tensorflow") if e in ENGINES])
@pytest.mark.parametrize("rows", [8, 11])
def test_a_loop_takes_the_last_and_smaller_batch_along(engine, rows):
    class Listens(Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert logs["loss"] >= 0

    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    found = []
    with hornbeam.use_backend(engine):
        for callbacks in ([], [Listens()]):
            hornbeam.utils.set_random_seed(3)
            model = regression()
            options = {"batch_size": 4, "epochs": 3, "verbose": 0, "callbacks": callbacks}
            losses = model.fit(x, x[:, :1], **options).history["loss"]
            found.append((losses, model.get_weights(), int(model.optimizer.iterations.numpy())))
            steps = model._step("train")._run.compilations()
            assert bool(steps) == bool(callbacks), (
                "one of the two ways was not the one that is meant"
            )
    for fused, stepwise in zip(*found, strict=True):
        tree.map_structure(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), fused, stepwise
        )
    assert found[0][2] == 3 * -(-rows // 4)


def test_large_data_is_fed_batch_by_batch(monkeypatch):
    """More than a device should hold, or than is worth a copy; arrays of the engine are there."""

    def fitted(x=X, **limits):
        looped = []
        run = loops._fused_epoch
        with monkeypatch.context() as patch:
            for name, limit in limits.items():
                patch.setattr(loops, name, limit)
            patch.setattr(loops, "_fused_epoch", lambda *args: looped.append(1) or run(*args))
            hornbeam.utils.set_random_seed(1)
            model = regression()
            model.fit(x, Y, batch_size=4, epochs=2, verbose=0)
        return len(looped), model.get_weights()

    size = X.nbytes + Y.nbytes
    (many, in_loops), (none, batches) = fitted(FUSED_BYTES=size), fitted(FUSED_BYTES=size - 1)
    assert (many, none) == (2, 0)
    for one, other in zip(in_loops, batches, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert fitted(ops.convert_to_tensor(X), FUSED_BYTES=Y.nbytes)[0] == 2
    assert fitted(COPIED_BYTES=size - 1, LARGE_BATCH=size // 3 - 1)[0] == 0
    assert fitted(COPIED_BYTES=size, LARGE_BATCH=size // 3 - 1)[0] == 2
    assert fitted(COPIED_BYTES=size - 1, LARGE_BATCH=size // 3 + 1)[0] == 2
    with monkeypatch.context() as patch:
        patch.setattr(type(get_backend("jax")), "devices", lambda self: ["cpu:0", "gpu:0"])
        assert fitted(COPIED_BYTES=size - 1, LARGE_BATCH=1)[0] == 2
        assert fitted(COPIED_BYTES=size - 1, LARGE_BATCH=1, FUSED_BYTES=size - 1)[0] == 0


def test_a_seed_repeats_a_run_exactly():
    runs = []
    for _ in range(2):
        hornbeam.utils.set_random_seed(7)
        model = hornbeam.Sequential(
            [hornbeam.Input((3,)), hornbeam.layers.Dense(8), hornbeam.layers.Dropout(0.5),
             hornbeam.layers.Dense(1)]
        )  # fmt: skip
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=3, batch_size=3, verbose=0)
        runs.append(model.get_weights())
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_stop_training_stops_within_the_epoch():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.seen = batch
            if batch == 1:
                self.model.stop_training = True

    stop = Stop()
    history = regression().fit(X, Y, batch_size=2, epochs=5, verbose=0, callbacks=[stop])
    assert stop.seen == 1
    assert history.epoch == [0]


def test_nothing_is_compiled_twice():
    model = regression()
    model.fit(X[:8], Y[:8], batch_size=4, epochs=2, verbose=0, callbacks=[Recorder()])
    model.fit(X[:8], Y[:8], batch_size=4, epochs=2, verbose=0, callbacks=[Recorder()])
    model.train_on_batch(X[:4], Y[:4])
    assert model._step("train")._run.compilations() == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loop_uses_what_was_traced_to_see_how_large_a_step_is(dtype):
    traced = []

    class Counts(hornbeam.layers.Layer):
        def call(self, x, training=False):
            traced.append(training)
            return x

    model = hornbeam.Sequential(
        [hornbeam.Input((3,)), Counts(dtype=dtype), hornbeam.layers.Dense(1, dtype=dtype)]
    )
    model.compile("sgd", "mse")
    model.fit(X[:8], Y[:8], batch_size=4, epochs=2, verbose=0)
    assert [key[0] for key in model._steps_cache if key[0] == "fused train"] == ["fused train"]
    assert traced.count(True) == 1
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0)  # the smaller batch is another signature
    assert traced.count(True) == 2


@pytest.mark.parametrize(
    "form", ["lists", "frame", "jax", "dict", "generator", "batches", "sequence"]
)
def test_data_of_all_kinds_gives_the_same_training(form):
    import jax.numpy as jnp

    model = regression()
    model.layers[0].set_weights([np.ones((3, 1)), np.zeros(1)])
    expected = regression()
    expected.layers[0].set_weights([np.ones((3, 1)), np.zeros(1)])
    options = {"shuffle": False, "verbose": 0, "epochs": 2}
    reference = expected.fit(X, Y, batch_size=5, **options).history["loss"]
    batches = [(X[:5], Y[:5]), (X[5:], Y[5:])]

    class Batches:
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return batches[i]

    class Frame:
        def __init__(self, values):
            self.values = values
            self.iloc = None
            self.shape = values.shape

        def to_numpy(self):
            return self.values

    def forever():
        while True:
            yield from batches

    data = {
        "lists": lambda: {"x": X.tolist(), "y": Y.tolist(), "batch_size": 5},
        "frame": lambda: {"x": Frame(X), "y": Frame(Y), "batch_size": 5},
        "jax": lambda: {"x": jnp.asarray(X), "y": jnp.asarray(Y), "batch_size": 5},
        "dict": lambda: {"x": {model.inputs[0].name: X}, "y": Y, "batch_size": 5},
        "generator": lambda: {"x": forever(), "steps_per_epoch": 2},
        "batches": lambda: {"x": iter(batches * 2), "steps_per_epoch": 2},
        "sequence": lambda: {"x": Batches()},
    }[form]()
    if form == "dict":
        data["x"] = X  # a sequential model has one input, without a name
    found = model.fit(**data, **options).history["loss"]
    np.testing.assert_allclose(found, reference, rtol=1e-5)


def test_arguments_are_not_changed():
    x, y, w = X.copy(), Y.copy(), np.ones(10)
    regression().fit(x, y, sample_weight=w, verbose=0)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(w, np.ones(10))


def test_validation_data_and_frequency():
    model = regression()
    history = model.fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2)
    assert len(history.history["val_loss"]) == 2
    history = model.fit(
        X, Y, epochs=3, verbose=0, validation_data=(X, Y, np.ones(10)), validation_freq=[1, 3]
    )
    assert len(history.history["val_loss"]) == 2
    with pytest.raises(InputError, match="leaves nothing for training"):
        model.fit(X, Y, validation_split=0.99, verbose=0)
    with pytest.raises(InputError, match="between 0 and 1"):
        model.fit(X, Y, validation_split=1.5, verbose=0)
    with pytest.raises(InputError, match="`validation_split` needs arrays"):
        model.fit(iter([(X, Y)]), validation_split=0.5, verbose=0)


def test_predictions_come_in_the_order_and_structure_of_the_model():
    i = hornbeam.Input((3,))
    model = hornbeam.Model(i, {"double": i * 2.0, "sum": hornbeam.ops.sum(i, axis=-1)})
    out = model.predict(X, batch_size=3, verbose=0)
    np.testing.assert_allclose(out["double"], 2 * X)
    np.testing.assert_allclose(out["sum"], X.sum(-1), rtol=1e-6)
    assert isinstance(out["sum"], np.ndarray)
    np.testing.assert_allclose(model.predict_on_batch(X)["double"], 2 * X)


class TestProgress:
    def test_a_log_file_gets_one_line_per_epoch(self, capsys):
        regression().fit(X, Y, epochs=2, verbose="auto")
        lines = capsys.readouterr().out.strip().split("\n")
        assert len(lines) == 2
        assert lines[0].startswith("Epoch 1/2 - 1 steps in ")
        assert "loss: " in lines[0]

    def test_silence(self, capsys):
        regression().fit(X, Y, verbose=0)
        assert capsys.readouterr().out == ""

    def test_a_bar_is_drawn_over_itself(self, monkeypatch):
        monkeypatch.setattr(progress, "REDRAW_SECONDS", 0)
        stream = io.StringIO()
        bar = progress.Bar(4, 3, stream)
        bar.begin_epoch(1)
        bar.update(2, {"loss": 0.5})
        bar.pause()
        bar.end_epoch({"loss": 0.25, "val_loss": 1e-7})
        text = stream.getvalue()
        assert text.count("\n") == 1
        assert "Epoch 2/3 ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 2/4" in text
        assert "validating" in text
        assert "val_loss: 1.000e-07" in text.rsplit("\r", 1)[1]

    def test_a_wrong_verbose(self):
        with pytest.raises(InputError, match="`verbose` must be"):
            regression().fit(X, Y, verbose=3)


def test_what_is_no_callback():
    with pytest.raises(InputError, match="forget the parentheses"):
        regression().fit(X, Y, verbose=0, callbacks=[Recorder])


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("listens", [False, True])
def test_layers_may_draw_from_the_global_generator(engine, listens):
    class Noise(hornbeam.Layer):
        def call(self, x):
            return x + hornbeam.random.normal((3,))

    listeners = (
        [hornbeam.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]
        if listens
        else []
    )
    with hornbeam.use_backend(engine):
        runs = []
        for _ in range(2):
            hornbeam.utils.set_random_seed(4)
            model = hornbeam.Sequential([hornbeam.Input((3,)), Noise(), hornbeam.layers.Dense(1)])
            model.compile(hornbeam.optimizers.SGD(1e-3), "mse")
            data = np.ones((8, 3)), np.ones(8)
            history = model.fit(*data, 2, 3, verbose=0, callbacks=list(listeners))
            first, second = (model.predict(data[0], verbose=0) for _ in range(2))
            assert (first != second).any()  # new numbers at every call
            runs.append((history.history["loss"], first.tolist()))
            hornbeam.utils.set_random_seed(4)  # the compiled steps see it
            model.set_weights([w * 0 + 1 for w in model.get_weights()])
            runs[-1] += (model.predict(data[0], verbose=0).tolist(),)
            hornbeam.utils.set_random_seed(4)
            assert model.predict(data[0], verbose=0).tolist() == runs[-1][-1]
        assert runs[0] == runs[1]
        assert len(set(runs[0][0])) == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_predictions_may_be_written_to(engine):
    x = np.ones((3, 2), np.float32)
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential([hornbeam.Input((2,)), hornbeam.layers.Dense(1)])
        for predicted in (
            model.predict(x, verbose=0),
            model.predict(x, batch_size=2, verbose=0),
            model.predict_on_batch(x),
        ):
            predicted[:] = 0
