"""A functional model of 900 layers: what is done to it, each package in a process of its own.

python -m benchmarks.deep PACKAGE [BLOCKS]      prints the seconds of each as JSON
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.processes import medians_in_turns
from benchmarks.timing import CLOCKS, Result, Scale, clock

TARGET = 0.3


def model_of(package: Any, blocks: int) -> Any:
    """Dense, BatchNormalization and Add, `blocks` times."""
    layers = package.layers
    inputs = x = package.Input((16,))
    for _ in range(blocks):
        y = layers.BatchNormalization()(layers.Dense(16)(x))
        x = layers.Add()([x, y])
    return package.Model(inputs, layers.Dense(1)(x))


def seconds(package: Any, blocks: int) -> dict[str, float]:
    """What each thing takes, once; a model of one block has been through all of it before."""
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in (1, blocks):
            times = {}
            _use(package, size, os.path.join(folder, "model.keras"), times)
    return times


def _use(package: Any, blocks: int, path: str, times: dict[str, float]) -> None:
    def timed(what: str, fn: Callable[[], Any]) -> Any:
        now = CLOCKS[clock()]
        gc.collect()
        gc.disable()  # else it is a matter of luck in which of these it runs
        started = now()
        result = fn()
        times[what] = now() - started
        gc.enable()
        return result

    model = timed("build", lambda: model_of(package, blocks))
    with contextlib.redirect_stdout(io.StringIO()):
        timed("summary", model.summary)
    timed("to_json", model.to_json)
    timed("clone", lambda: package.models.clone_model(model))
    timed("save", lambda: model.save(path))
    timed("load", lambda: package.saving.load_model(path))
    model.compile("sgd", "mse")
    x, y = np.zeros((32, 16), "float32"), np.zeros((32, 1), "float32")
    timed("first fit", lambda: model.fit(x, y, batch_size=32, verbose=0))


def run(scale: Scale) -> list[Result]:
    """One result for each thing that is done."""
    blocks = str(scale.size(300))
    ours, theirs = medians_in_turns("benchmarks.deep", [["hornbeam", blocks], ["keras", blocks]], 3)
    return [
        Result("deep", f"900 layers: {what}", ours[what], "keras on jax", theirs[what], TARGET)
        for what in ours
    ]


if __name__ == "__main__":
    found = seconds(importlib.import_module(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps(found))
