"""A run with everything that has state, for the tests of resuming; also a program of its own."""

from __future__ import annotations

import io
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

import hornbeam
from hornbeam import callbacks, layers
from hornbeam.saving import atomic

ROWS, EPOCHS, STEPS = 22, 4, 6
X = np.random.default_rng(1).random((ROWS, 5)).astype("float32")
Y = (X.sum(1) > 2.5).astype("int32")


class Batches(hornbeam.utils.PyDataset):
    """Batches that depend on their number alone, whichever worker makes them."""

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, i: int) -> Any:
        return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]


class Counting(callbacks.Callback):
    """A user's callback, which knows nothing of checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(logs["loss"])


def model() -> Any:
    net = hornbeam.Sequential(
        [
            hornbeam.Input((5,)),
            layers.Dense(6, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.4),
            Noise(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    rate = hornbeam.optimizers.schedules.CosineDecay(0.05, 30)
    net.compile(
        hornbeam.optimizers.Adam(rate, gradient_accumulation_steps=2),
        "sparse_categorical_crossentropy",
        metrics=["accuracy", hornbeam.metrics.SparseTopKCategoricalAccuracy(1)],
    )
    return net


class Noise(hornbeam.Layer):
    """Draws from the global seed generator, which no layer holds."""

    def call(self, x: Any, training: bool = False) -> Any:
        return x + 0.1 * hornbeam.random.normal((6,)) if training else x


def run(
    engine: str,
    folder: Path | None,
    log: Path,
    freq: Any = 1,
    source: str = "arrays",
    net: tuple[Any, list[Any]] | None = None,
    keep: int = 2,
) -> dict[str, Any]:
    """Train; everything that must be the same whether or not the run was interrupted.

    Args:
        engine: the engine.
        folder: where the checkpoints are; None for a run that writes none.
        log: the CSV file.
        freq: a checkpoint after every so many steps.
        source: "arrays", "workers" or "generator".
        net: a model to use again (what has been compiled for it stays), whatever its state, and the
            values that its variables begin with.
        keep: how many checkpoints are kept.
    """
    with hornbeam.use_backend(engine):
        hornbeam.utils.set_random_seed(5)
        net, first = net or (model(), [])
        for variable, value in zip(net._state_variables(), first, strict=False):
            variable.assign(value)
        stop = callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
        listeners = [callbacks.CSVLogger(log), stop, Counting()]
        if folder is not None:
            listeners.append(callbacks.RunCheckpoint(folder, freq, keep=keep))
        data: dict[str, Any] = {"x": X, "y": Y, "batch_size": 4}
        if source == "workers":
            data = {"x": Batches(workers=2)}
        elif source == "generator":
            data = {"x": _forever(), "steps_per_epoch": STEPS}
        history = net.fit(
            **data, epochs=EPOCHS, verbose=0, callbacks=listeners, validation_data=(X[:8], Y[:8])
        )
        return {
            "variables": [np.array(v.numpy()) for v in net._state_variables()],
            "history": history.history,
            "epochs": history.epoch,
            "stop": stop.get_state(),
            "seen": listeners[2].seen,
            "log": log.read_text(),
            "draw": float(hornbeam.ops.convert_to_numpy(hornbeam.random.uniform(()))),
            "numpy": np.random.get_state()[1].tolist(),
        }


def reusable(engine: str) -> tuple[Any, list[Any]]:
    """A model for `run`, and its first values."""
    with hornbeam.use_backend(engine):
        hornbeam.utils.set_random_seed(5)
        net = model()
        net.optimizer.build(net.trainable_variables)
        net.predict(X, verbose=0)
        net.fit(X[:4], Y[:4], verbose=0)  # makes the variables of the metrics
        return net, [np.array(v.numpy()) for v in net._state_variables()]


def _forever() -> Any:
    while True:
        yield from (Batches()[i] for i in range(STEPS))


def die_within_a_save(moment: int) -> None:
    """Let the process kill itself in the middle of its `moment`-th write, or at that fsync or rename."""
    count = itertools.count(1)

    def due() -> bool:
        return next(count) == moment

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    class Dying(io.FileIO):
        def write(self, data: Any) -> int:
            if due():
                super().write(memoryview(data)[: len(data) // 2])
                die()
            return super().write(data)

    def dying(function: Any) -> Any:
        def call(*args: Any) -> Any:
            if due():
                die()
            return function(*args)

        return call

    os.fsync, os.replace = dying(os.fsync), dying(os.replace)
    atomic._open = lambda descriptor, mode: Dying(descriptor, mode)


if __name__ == "__main__":
    engine, folder, log, out, freq, source, *moment = sys.argv[1:]
    if moment:
        die_within_a_save(int(moment[0]))
    found = run(engine, Path(folder), Path(log), int(freq), source)
    from hornbeam.training import snapshots

    snapshots.write(out, found)
