"""How long imports take, each in a new process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from benchmarks.timing import Result, Scale

CLOCK = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
FIRST_ARRAY = "import hornbeam; hornbeam.ops.zeros((1,))"
CASES = [
    ("import hornbeam", "import hornbeam", "keras on jax", "import keras", 0.5),
    ("first array", FIRST_ARRAY, "keras on jax", "import keras; keras.ops.zeros((1,))", 0.5),
    ("first array", FIRST_ARRAY, "jax", "import jax.numpy as jnp; jnp.zeros((1,))", 1.1),
]


def seconds(statement: str) -> float:
    """What `statement` takes in a new process, by that process's own clock."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", CLOCK.format(statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def run(scale: Scale) -> list[Result]:
    """Imports beside those of Keras, in turns."""
    results = []
    for name, ours, peer, theirs, target in CASES:
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(scale.repeats)]
        a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
        results.append(Result("import", name, a, peer, b, target))
    return results
