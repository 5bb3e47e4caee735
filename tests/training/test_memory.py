"""Memory stays flat over many fits and predictions; run by ``make memory``, since it takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import ENGINES, TRAINABLE

ROOT = Path(__file__).resolve().parents[2]
AT_LENGTH = bool(os.environ.get("HORNBEAM_TEST_MEMORY"))
MB = 2**20


def growth(what: str, engine: str, rounds: int) -> list[tuple[int, float]]:
    """(rounds, MB more than in the middle of them), of the second half of a process's life."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HORNBEAM_BACKEND": "numpy"}
    command = [sys.executable, "-m", "tests.training.memory", what, engine, str(rounds)]
    found = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    series = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("[")]
    middle = series[len(series) // 2][1]
    return [(n, (size - middle) / MB) for n, size in series[len(series) // 2 :]]


@pytest.mark.skipif(not AT_LENGTH, reason="takes minutes; `make memory` runs it")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own count")
@pytest.mark.parametrize(
    ("what", "engine", "rounds", "allowed"),
    [
        *(("fits", engine, 200, 0.15) for engine in TRAINABLE),
        *(("predictions", engine, 10_000, 0.0005) for engine in ENGINES),
    ],
)
def test_memory_stays_flat(what: str, engine: str, rounds: int, allowed: float) -> None:
    """In the second half of the rounds a process grows by less than `allowed` MB a round."""
    series = growth(what, engine, rounds)
    sys.stdout.write(f"\n{what} on {engine}: {[f'{n}: {mb:+.1f} MB' for n, mb in series]}\n")
    assert max(mb for _, mb in series) < allowed * rounds / 2 + 2.0
