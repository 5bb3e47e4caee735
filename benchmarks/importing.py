"""How long imports take, and the first step of training, each in a new process.

Modules have been compiled to bytecode before, as those of installed packages are.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.timing import Result, Scale

CLOCK = "import time; t = time.perf_counter()\n{}\nprint(time.perf_counter() - t)"
FIRST_ARRAY = "import hornbeam; hornbeam.ops.zeros((1,))"
FIRST_OF_KERAS = "import keras; keras.ops.zeros((1,))"
FIRST_OF_ENGINES = {
    "jax": "import jax.numpy as jnp; jnp.zeros((1,))",
    "torch": "import torch; torch.zeros((1,))",
    "tensorflow": "import tensorflow as tf; tf.zeros((1,))",
    "pytensor": "import pytensor.tensor as pt; pt.zeros((1,))",
}
KEEP_COMPILED = ("jax", "tensorflow")
"""Engines whose steps are compiled, so that a second process can gain from the first one."""


FIRST_STEP = """
import {package} as package
from benchmarks.programs import cnn_fit
from benchmarks.timing import Scale
cnn_fit(package, Scale(1, 1, {width}))[0]()
"""


def seconds(statement: str, engine: str, cache: str = "0") -> float:
    """What `statement` takes in a new process, by that process's own clock.

    Args:
        statement: Python code.
        engine: the engine of Hornbeam and Keras there.
        cache: the HORNBEAM_COMPILE_CACHE of the process.
    """
    environment = {**os.environ, "KERAS_BACKEND": engine, "HORNBEAM_BACKEND": engine}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "HORNBEAM_COMPILE_CACHE": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # packages that were installed have theirs
    command = [sys.executable, "-c", CLOCK.format(statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def _cases(engine: str, with_keras: bool) -> Iterator[tuple[str, str, str, str, float]]:
    """(name, our statement, the peer, its statement, the target)."""
    if with_keras:
        keras = f"keras on {engine}"
        yield "import hornbeam", "import hornbeam", keras, "import keras", 0.5
        yield "first array", FIRST_ARRAY, keras, FIRST_OF_KERAS, 0.5
    yield "first array", FIRST_ARRAY, engine, FIRST_OF_ENGINES[engine], 1.1


def run(scale: Scale, engine: str, with_keras: bool) -> list[Result]:
    """Imports beside those of Keras and of the engine, in turns."""
    results = []
    for name, ours, peer, theirs, target in _cases(engine, with_keras):
        for statement in (ours, theirs):
            seconds(statement, engine)  # a checkout is compiled to bytecode here, 0.1 s of it
        pairs = [(seconds(ours, engine), seconds(theirs, engine)) for _ in range(scale.repeats)]
        a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
        results.append(Result("import", name, a, peer, b, target))
    return results + (run_second_process(scale, engine) if engine in KEEP_COMPILED else [])


def run_second_process(scale: Scale, engine: str) -> list[Result]:
    """A program up to the end of its first step of training, in a process that is not the first."""
    ours, theirs = (
        FIRST_STEP.format(package=name, width=scale.width) for name in ("hornbeam", "keras")
    )
    with tempfile.TemporaryDirectory() as cache:
        seconds(ours, engine, cache)
        pairs = [
            (seconds(ours, engine, cache), seconds(theirs, engine)) for _ in range(scale.repeats)
        ]
    a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
    case = "mnist_cnn, second process to its first step"
    return [Result("import", case, a, f"keras on {engine}", b, 0.3)]
