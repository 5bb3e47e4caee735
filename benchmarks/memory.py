"""The most memory that a program takes, each in a process of its own, beside the same in Keras 3.

python -m benchmarks.memory PACKAGE CASE        prints the megabytes as JSON
"""

from __future__ import annotations

import importlib
import json
import resource
import sys

from benchmarks import data_path, programs
from benchmarks.processes import figures
from benchmarks.timing import FULL, Result, Scale

TARGET = 1.1
CASES = [
    "mnist_mlp, fit, per step",
    "mnist_cnn, fit, per step",
    "imdb_lstm, fit, per step",
    "transformer, fit, per step",
    "2 GB in an array, fit, per step",
]


def megabytes(package: str, case: str, scale: Scale) -> float:
    """The highest resident memory of this process, when it has run the program twice."""
    _, builder, _ = {**programs.PROGRAMS, **data_path.PROGRAMS}[case]
    program, _ = builder(importlib.import_module(package), scale)
    program()
    program()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(scale: Scale, engine: str) -> list[Result]:
    """One result for each case."""
    results = []
    words = [str(scale.steps), str(scale.width)]
    for case in CASES:
        ours, theirs = (
            figures("benchmarks.memory", [package, case, *words])["megabytes"]
            for package in ("hornbeam", "keras")
        )
        peer = f"keras on {engine}"
        name = case.replace(", per step", "")
        results.append(Result("memory", name, ours, peer, theirs, TARGET, "memory"))
    return results


if __name__ == "__main__":
    at = FULL._replace(repeats=1, steps=int(sys.argv[3]), width=float(sys.argv[4]))
    print(json.dumps({"megabytes": megabytes(sys.argv[1], sys.argv[2], at)}))
