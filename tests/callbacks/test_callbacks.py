"""Callbacks: what they do with given logs, the same as Keras's, and in a real fit."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import http.server
import json
import math
import threading

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import callbacks
from hornbeam.errors import InputError

X = np.random.default_rng(0).random((16, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)


class Optimizer:
    """A stand-in with a rate that can be set, for both libraries."""

    def __init__(self, rate=1.0):
        self.learning_rate = rate


class Model:
    """A stand-in with weights that are the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.weights = [np.zeros(1)]
        self.optimizer = Optimizer()
        self.metrics = []
        self.metrics_names = []

    def get_weights(self):
        return [w.copy() for w in self.weights]

    def set_weights(self, weights):
        self.weights = weights


def run(callback, series, monitor):
    """The number of epochs, the last weights and the rates, when the figure takes these values."""
    model = Model()
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(series):
        model.weights = [np.array([epoch + 1.0])]
        callback.on_epoch_begin(epoch)
        rates.append(float(np.asarray(model.optimizer.learning_rate)))
        callback.on_epoch_end(epoch, {monitor: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return len(rates), float(model.weights[0][0]), rates


SERIES = [3.0, 2.0, 2.5, 1.95, 2.6, 2.7, 1.0, 1.1, 1.2, 1.3, 0.5]


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"patience": 2},
        {"patience": 2, "restore_best_weights": True},
        {"patience": 3, "min_delta": 0.1},
        {"patience": 2, "mode": "max"},
        {"patience": 2, "baseline": 1.5},
        {"patience": 1, "start_from_epoch": 4, "restore_best_weights": True},
        {"patience": 99, "restore_best_weights": True},
    ],
)
def test_early_stopping_as_in_keras(kwargs):
    kwargs = {"mode": "min", **kwargs}
    theirs = run(keras.callbacks.EarlyStopping("loss", **kwargs), SERIES, "loss")
    assert run(callbacks.EarlyStopping("loss", **kwargs), SERIES, "loss") == theirs


@pytest.mark.parametrize(
    "kwargs",
    [
        {"patience": 1},
        {"patience": 2, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.5, "min_lr": 0.3},
        {"patience": 1, "mode": "max", "min_delta": 0.2},
    ],
)
def test_lower_rates_on_plateaus_in_a_real_fit(kwargs):
    series = iter(SERIES)

    def figure(library):
        values = iter(SERIES)

        class Feed(library.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                logs["figure"] = next(values)

        return Feed()

    rates = []
    for library in (keras, hornbeam):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(1)])
        model.compile(library.optimizers.SGD(1e-3), "mse")
        plateau = library.callbacks.ReduceLROnPlateau("figure", **{"mode": "min", **kwargs})
        history = model.fit(
            X, Y, epochs=len(SERIES), verbose=0, callbacks=[figure(library), plateau]
        )
        rates.append(history.history["learning_rate"])
    assert next(series) == 3.0
    np.testing.assert_allclose(rates[1], rates[0], rtol=1e-5)


def fitted(*given, epochs=2, **compile_args):
    hornbeam.utils.set_random_seed(1)
    model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(1)])
    model.compile(**{"optimizer": hornbeam.optimizers.SGD(0.01), "loss": "mse", **compile_args})
    history = model.fit(X, Y, epochs=epochs, batch_size=4, verbose=0, callbacks=list(given))
    return model, history


def test_schedulers_with_one_and_with_two_arguments():
    for schedule in (lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: 0.1 / (epoch + 1)):
        _, history = fitted(callbacks.LearningRateScheduler(schedule))
        assert history.history["learning_rate"] == pytest.approx([0.1, 0.05])
    with pytest.raises(InputError, match="must return a number, got 'a'"):
        fitted(callbacks.LearningRateScheduler(lambda epoch: "a"))


def test_checkpoints(tmp_path):
    path = tmp_path / "deep" / "{epoch:02d}-{loss:.3f}.keras"
    _, history = fitted(callbacks.ModelCheckpoint(path), epochs=2)
    losses = history.history["loss"]
    names = sorted(p.name for p in (tmp_path / "deep").iterdir())
    assert names == [f"{i + 1:02d}-{loss:.3f}.keras" for i, loss in enumerate(losses)]
    weights = tmp_path / "best.weights.h5"
    save = callbacks.ModelCheckpoint(weights, "loss", save_best_only=True, save_weights_only=True)
    model, history = fitted(save, epochs=3)
    assert save.best == min(history.history["loss"])
    kept = model.get_weights()
    model.set_weights([w * 0 for w in kept])
    model.load_weights(weights)
    np.testing.assert_array_equal(model.get_weights()[0], kept[0])
    fitted(callbacks.ModelCheckpoint(tmp_path / "b{batch}.keras", save_freq=3), epochs=2)
    assert sorted(p.name for p in tmp_path.glob("b*.keras")) == ["b2.keras", "b3.keras"]


def test_csv_logs(tmp_path):
    path = tmp_path / "log.csv"
    _, history = fitted(callbacks.CSVLogger(path), metrics=["mae"])
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0] == ["epoch", "loss", "mae"]
    assert [float(row[1]) for row in rows[1:]] == history.history["loss"]
    fitted(callbacks.CSVLogger(path, append=True), metrics=["mae"])
    assert len(path.read_text().splitlines()) == 5
    fitted(callbacks.CSVLogger(path, separator=";"))
    assert path.read_text().splitlines()[0] == "epoch;loss"


def test_remote_monitor():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        root = f"http://127.0.0.1:{server.server_port}"
        callbacks.RemoteMonitor(root, send_as_json=True).on_epoch_end(2, {"loss": np.float32(0.5)})
        callbacks.RemoteMonitor(root, field="x").on_epoch_end(0, {})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert received[0][:2] == ("/publish/epoch/end/", "application/json")
    assert json.loads(received[0][2]) == {"epoch": 2, "loss": 0.5}
    assert received[1][2].startswith(b"x=%7B%22epoch")
    with pytest.warns(UserWarning, match="could not reach"):
        callbacks.RemoteMonitor(root).on_epoch_end(0, {})


def test_terminate_on_nan(capsys):
    model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(1)])
    model.compile(hornbeam.optimizers.SGD(0.01), "mse")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fit() tells of the NaN as well
        history = model.fit(
            X * np.nan, Y, epochs=5, verbose=0, callbacks=[callbacks.TerminateOnNaN()]
        )
    assert history.epoch == [0]
    assert math.isnan(history.history["loss"][0])
    assert "Batch 0: the loss is nan" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="The loss of batch 3 is inf"):
        callbacks.TerminateOnNaN(True).on_batch_end(3, {"loss": math.inf})


def test_functions_as_hooks_are_called():
    seen = []
    hooks = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(epoch),
        on_train_batch_end=lambda batch, logs: seen.append(f"batch {batch}"),
        on_test_begin=lambda logs: seen.append("test"),
    )
    model, _ = fitted(hooks, epochs=1)
    model.evaluate(X, Y, verbose=0, callbacks=[hooks])
    assert seen == [*(f"batch {i}" for i in range(4)), 0, "test"]


def test_averages_are_swapped_in_and_out():
    swap = callbacks.SwapEMAWeights()
    model, _ = fitted(optimizer=hornbeam.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9))
    optimizer = model.optimizer
    kernel = model.trainable_variables[0]
    average = optimizer._averages[0]
    before, mean = kernel.numpy(), average.numpy() + 1.0
    average.assign(mean)
    plain = model.evaluate(X, Y, verbose=0)
    swapped = model.evaluate(X, Y, verbose=0, callbacks=[swap])
    assert swapped != plain
    np.testing.assert_array_equal(kernel.numpy(), before)
    np.testing.assert_array_equal(average.numpy(), mean)
    with pytest.raises(InputError, match="use_ema=True"):
        fitted()[0].evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


@pytest.mark.parametrize(
    ("monitor", "better"),
    [
        ("val_loss", -1),
        ("accuracy", 1),
        ("val_auc", 1),
        ("mae", -1),
        ("f1_score", 1),
        ("mean_io_u", 1),
    ],
)
def test_which_way_is_better(monitor, better):
    callback = callbacks.EarlyStopping(monitor)
    assert callback.monitor_op(1.0 + better, 1.0)
    assert not callback.is_improvement(math.nan, None)


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda: callbacks.EarlyStopping(mode="up"), "`mode` must be 'auto', 'min' or 'max'"),
        (
            lambda: callbacks.EarlyStopping("figure").monitor_op(1, 2),
            "pass mode='max' or mode='min'",
        ),
        (lambda: callbacks.ModelCheckpoint("x.h6"), r"must end in '.keras', got 'x.h6'"),
        (lambda: callbacks.ModelCheckpoint("x.h5", save_weights_only=True), r"'.weights.h5'"),
        (lambda: callbacks.ModelCheckpoint("x.keras", save_freq="day"), "`save_freq` must be"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), "`factor` must be below 1"),
        (lambda: callbacks.LambdaCallback(on_epoch_finish=print), "no hook 'on_epoch_finish'. Did"),
        (lambda: fitted(callbacks.ModelCheckpoint("/tmp/{acc}.keras")), "names 'acc', but only"),
    ],
)
def test_errors(act, match):
    with pytest.raises(InputError, match=match):
        act()


def test_a_missing_figure_is_a_warning():
    with pytest.warns(UserWarning, match="watches 'val_loss', but the logs hold 'loss'. Pass `val"):
        fitted(callbacks.EarlyStopping(), epochs=1)
