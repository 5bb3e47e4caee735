"""One golden trace: the events of fit, evaluate and predict, the same on every engine."""

from __future__ import annotations

import numpy as np
import pytest

import hornbeam
from hornbeam import callbacks
from hornbeam.callbacks import callback
from tests.engines import TRAINABLE

X = np.random.default_rng(0).random((10, 3)).astype("float32")
Y = X.sum(-1, keepdims=True)


class Trace(callbacks.Callback):
    """Writes every event down, with the keys of its logs."""

    def __init__(self):
        super().__init__()
        self.events = []


def _recording(name):
    def hook(self, *args, logs=None):
        plain = [str(a) for a in args if not isinstance(a, dict)]
        given = logs if logs is not None else next((a for a in args if isinstance(a, dict)), {})
        self.events.append(" ".join([name.removeprefix("on_"), *plain, ",".join(given)]).strip())

    return hook


for _name in callback.HOOKS:
    if _name not in ("on_batch_begin", "on_batch_end"):
        setattr(Trace, _name, _recording(_name))


class Interrupts(callbacks.Callback):
    def __init__(self, error, epoch, batch):
        super().__init__()
        self.error, self.epoch, self.batch = error, epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, self.batch):
            raise self.error


def steps(*batches, kind="train", keys="loss,mae"):
    return [
        line
        for i in batches
        for line in (f"{kind}_batch_begin {i}", f"{kind}_batch_end {i} {keys}".strip())
    ]


TEST = ["test_begin", *steps(0, kind="test"), "test_end loss,mae"]
LOGS = "loss,mae,val_loss,val_mae"
GOLDEN = {
    "two epochs": [
        "train_begin",
        "epoch_begin 0", *steps(0, 1), *TEST, f"epoch_end 0 {LOGS}",
        "epoch_begin 1", *steps(0, 1), *TEST, f"epoch_end 1 {LOGS}",
        f"train_end {LOGS}",
    ],
    "early stop": [
        "train_begin",
        "epoch_begin 0", *steps(0, 1), *TEST, f"epoch_end 0 {LOGS}",
        "epoch_begin 1", *steps(0, 1), *TEST, f"epoch_end 1 {LOGS}",
        f"train_end {LOGS}",
    ],
    "stop within an epoch": [
        "train_begin",
        "epoch_begin 0", *steps(0), *TEST, f"epoch_end 0 {LOGS}",
        f"train_end {LOGS}",
    ],
    "exception": ["train_begin", "epoch_begin 0", *steps(0, 1)],
    "interrupt": ["train_begin", "epoch_begin 0", *steps(0)],
    "initial epoch": [
        "train_begin",
        "epoch_begin 3", *steps(0, 1), *TEST, f"epoch_end 3 {LOGS}",
        f"train_end {LOGS}",
    ],
    "several steps at once": [
        "train_begin",
        "epoch_begin 0",
        "train_batch_begin 0", "train_batch_end 1 loss,mae",
        "train_batch_begin 2", "train_batch_end 3 loss,mae",
        *TEST, f"epoch_end 0 {LOGS}",
        f"train_end {LOGS}",
    ],
    "evaluate": ["test_begin", *steps(0, 1, kind="test"), "test_end loss,mae"],
    "predict": ["predict_begin", *steps(0, 1, kind="predict", keys="outputs"), "predict_end"],
}  # fmt: skip


class Stops(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


def run(name, trace):
    model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(1)])
    together = 2 if name == "several steps at once" else 1
    model.compile(
        hornbeam.optimizers.SGD(0.0), "mse", metrics=["mae"], steps_per_execution=together
    )
    if name in ("evaluate", "predict"):
        arguments = (X, Y) if name == "evaluate" else (X,)
        getattr(model, name)(*arguments, batch_size=5, verbose=0, callbacks=[trace])
        return
    options = {"batch_size": 4, "epochs": 2, "validation_split": 0.2, "callbacks": [trace]}
    more = {
        "early stop": {"epochs": 9, "callbacks": [trace, callbacks.EarlyStopping(patience=1)]},
        "stop within an epoch": {"callbacks": [trace, Stops()]},
        "exception": {"callbacks": [trace, Interrupts(KeyError("mine"), 0, 1)]},
        "interrupt": {"callbacks": [trace, Interrupts(KeyboardInterrupt(), 0, 0)]},
        "initial epoch": {"initial_epoch": 3, "epochs": 4},
        "several steps at once": {"batch_size": 2, "epochs": 1},
    }
    model.fit(X, Y, verbose=0, **{**options, **more.get(name, {})})


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("engine", TRAINABLE)
def test_the_golden_trace(engine, eagerly, monkeypatch):
    if eagerly:
        compile_model = hornbeam.Model.compile
        monkeypatch.setattr(
            hornbeam.Model, "compile", lambda *a, **k: compile_model(*a, run_eagerly=True, **k)
        )
    with hornbeam.use_backend(engine):
        for name, golden in GOLDEN.items():
            trace = Trace()
            expected = {"exception": KeyError, "interrupt": KeyboardInterrupt}.get(name)
            if expected is None:
                run(name, trace)
            else:
                with pytest.raises(expected):
                    run(name, trace)
            assert trace.events == golden, name
