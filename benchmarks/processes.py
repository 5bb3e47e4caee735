"""Measurements that need a process each: started in turns, with figures as JSON in the last line."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.timing import clock


def figures(module: str, words: Sequence[str]) -> dict[str, float]:
    """What ``python -m module words...`` prints in its last line, a JSON object of numbers."""
    environment = {
        "KERAS_BACKEND": "jax",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "HORNBEAM_COMPILE_CACHE": "0",
        **os.environ,
        "HORNBEAM_BENCHMARK_CLOCK": clock(),
    }
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def medians_in_turns(
    module: str, programs: Sequence[Sequence[str]], repeats: int
) -> list[dict[str, float]]:
    """The medians of the `figures` of several programs, run in turns.

    Args:
        module: what is run, ``python -m``.
        programs: the words after it, for each.
        repeats: how many turns.
    """
    turns = [[figures(module, words) for words in programs] for _ in range(repeats)]
    return [
        {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        for runs in zip(*turns, strict=True)
    ]
