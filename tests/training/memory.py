"""What a process holds after many rounds of the same work; a program of its own, so that it is alone.

``python -m tests.training.memory fits jax 200`` builds, trains and forgets 200 models;
``python -m tests.training.memory predictions torch 10000`` predicts 10,000 times with one.  Both print
pairs in JSON, one a line: how many rounds, and how many bytes of memory are resident after them.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import hornbeam
from hornbeam import layers

X = np.random.default_rng(0).random((32, 4)).astype("float32")
Y = (X.sum(1) > 2).astype("int32")


def resident() -> int:
    """Bytes of memory that the process has in use, of Linux's own count."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def model() -> Any:
    net = hornbeam.Sequential(
        [
            hornbeam.Input((4,)),
            layers.Dense(16, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(2, "softmax"),
        ]
    )
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net


def fits(rounds: int) -> Any:
    """Build, train, evaluate and forget a model, so many times."""
    for _ in range(rounds):
        net = model()
        net.fit(X, Y, batch_size=8, epochs=2, verbose=0, validation_data=(X[:8], Y[:8]))
        del net
        gc.collect()
        yield


def predictions(rounds: int) -> Any:
    """Predict so many times with one model: one batch, several, and one by one."""
    net = model()
    for i in range(rounds):
        if i % 10 == 0:
            net.predict(X, batch_size=8, verbose=0)
        elif i % 10 == 1:
            net.predict_on_batch(X[:1])
        else:
            net.predict(X[:4], verbose=0)
        yield


def main(what: str, engine: str, rounds: int) -> None:
    every = max(rounds // 20, 1)
    with hornbeam.use_backend(engine):
        work = {"fits": fits, "predictions": predictions}[what](rounds)
        for i, _ in enumerate(work, 1):
            if i % every == 0:
                gc.collect()
                sys.stdout.write(f"{json.dumps((i, resident()))}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
