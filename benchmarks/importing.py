"""How long imports take, and the first step of training, each in a new process.

Modules have been compiled to bytecode before, as those of installed packages are.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.timing import Result, Scale

CLOCK = "import time; t = time.perf_counter()\n{}\nprint(time.perf_counter() - t)"
FIRST_ARRAY = "import hornbeam; hornbeam.ops.zeros((1,))"
CASES = [
    ("import hornbeam", "import hornbeam", "keras on jax", "import keras", 0.5),
    ("first array", FIRST_ARRAY, "keras on jax", "import keras; keras.ops.zeros((1,))", 0.5),
    ("first array", FIRST_ARRAY, "jax", "import jax.numpy as jnp; jnp.zeros((1,))", 1.1),
]


FIRST_STEP = """
import {package} as package
from benchmarks.programs import cnn_fit
from benchmarks.timing import Scale
cnn_fit(package, Scale(1, 1, {width}))[0]()
"""


def seconds(statement: str, cache: str = "0") -> float:
    """What `statement` takes in a new process, by that process's own clock.

    Args:
        statement: Python code.
        cache: the HORNBEAM_COMPILE_CACHE of the process.
    """
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["HORNBEAM_COMPILE_CACHE"] = cache
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # packages that were installed have theirs
    command = [sys.executable, "-c", CLOCK.format(statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def run(scale: Scale) -> list[Result]:
    """Imports beside those of Keras, in turns."""
    results = []
    for name, ours, peer, theirs, target in CASES:
        (
            seconds(ours),
            seconds(theirs),
        )  # what is a checkout is compiled to bytecode here, 0.1 s of it
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(scale.repeats)]
        a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
        results.append(Result("import", name, a, peer, b, target))
    return results + run_second_process(scale)


def run_second_process(scale: Scale) -> list[Result]:
    """A program up to the end of its first step of training, in a process that is not the first."""
    ours, theirs = (
        FIRST_STEP.format(package=name, width=scale.width) for name in ("hornbeam", "keras")
    )
    with tempfile.TemporaryDirectory() as cache:
        seconds(ours, cache)
        pairs = [(seconds(ours, cache), seconds(theirs)) for _ in range(scale.repeats)]
    a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
    return [
        Result("import", "mnist_cnn, second process to its first step", a, "keras on jax", b, 0.3)
    ]
