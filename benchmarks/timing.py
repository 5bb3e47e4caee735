"""Time two programs side by side, and write down what came out."""

from __future__ import annotations

import gc
import json
import math
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import hornbeam

Program = Callable[[], Any]


class Scale(NamedTuple):
    """How much of everything to run."""

    repeats: int
    steps: int
    width: float
    """Factor on the widths of layers and lengths of sequences; 1 for the real thing."""

    def size(self, full: int) -> int:
        """`full` at this scale, at least 2."""
        return max(2, int(full * self.width))


FULL = Scale(repeats=7, steps=40, width=1.0)
TINY = Scale(repeats=1, steps=2, width=0.05)


class Result(NamedTuple):
    """Medians of one case, in seconds; in megabytes if `kind` is "memory"."""

    theme: str
    case: str
    ours: float
    peer: str
    theirs: float
    target: float
    """What should not be exceeded: a ratio, or seconds of difference if `kind` is "overhead"."""
    kind: str = "ratio"

    @property
    def value(self) -> float:
        """The ratio or the difference that the target is about."""
        return self.ours - self.theirs if self.kind == "overhead" else self.ours / self.theirs

    @property
    def met(self) -> bool:
        """Whether the target is."""
        return self.value <= self.target


def alternate(ours: Program, theirs: Program, repeats: int) -> tuple[float, float]:
    """The median times of both programs, run in turns: ours, theirs, ours, theirs, ..."""
    first, second = in_turns([stopwatch(ours), stopwatch(theirs)], repeats)
    return first, second


CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""What times can be taken by.  The time that all cores were busy for this process ("cpu") says what a
program costs where others use the machine, but not what it gains from several cores."""
_clock = os.environ.get("HORNBEAM_BENCHMARK_CLOCK", "wall")  # which children are told


def clock() -> str:
    """The name of the clock that is in use."""
    return _clock


def use_clock(name: str) -> None:
    """Take times by the clock `name` of `CLOCKS` from now on."""
    global _clock
    CLOCKS[name]
    _clock = name


TURN = 0.1
"""Seconds that a turn takes at least: short programs run several times in it.

The first of these runs finds the processor's caches as another program has left them.
"""


def stopwatch(program: Program) -> Callable[[], float]:
    """A function that runs `program`, while the garbage collector rests, and says what it takes."""
    times = 1

    def timed() -> float:
        nonlocal times
        now = CLOCKS[_clock]
        gc.collect()
        gc.disable()
        started = now()
        for _ in range(times):
            program()
        seconds = (now() - started) / times
        gc.enable()
        times = max(times, min(MOST, math.ceil(TURN / max(seconds, 1e-9))))
        return seconds

    return timed


MOST = 1000
"""So many times a program runs within a turn at most."""


def in_turns(timed: Sequence[Callable[[], float]], repeats: int) -> list[float]:
    """The median times of several programs, run in turns.

    All run twice before, so that nothing is compiled while the clock runs.  Turns share whatever
    else the machine is doing, which is why only their ratios mean something.

    Args:
        timed: what runs each of them once and returns its seconds: a `stopwatch`, or another process.
        repeats: how many turns.
    """
    for _ in range(2):
        for run in timed:
            run()
    turns = [[run() for run in timed] for _ in range(repeats)]
    return [statistics.median(times) for times in zip(*turns, strict=True)]


def human(seconds: float) -> str:
    """Seconds with three digits and a fitting unit.

    >>> human(0.00123), human(2e-06), human(12)
    ('1.23 ms', '2 us', '12 s')
    """
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if abs(seconds) * factor >= 1 or unit == "us":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def megabytes(size: float) -> str:
    """Megabytes, or gigabytes from a thousand on.

    >>> megabytes(120.4), megabytes(2048)
    ('120 MB', '2.00 GB')
    """
    return f"{size:.0f} MB" if size < 1000 else f"{size / 1024:.2f} GB"


def table(results: list[Result]) -> str:
    """The results as a Markdown table."""
    rows = [
        "| theme | case | hornbeam | peer | its time | ratio | target | |",
        "|---|---|---:|---|---:|---:|---:|---|",
    ]
    for r in results:
        overhead = r.kind == "overhead"
        show = megabytes if r.kind == "memory" else human
        value = f"{'+' * (r.value >= 0)}{human(r.value)}" if overhead else f"{r.value:.2f}"
        target = f"+{human(r.target)}" if overhead else f"{r.target:g}"
        mark = "ok" if r.met else "MISSED"
        rows.append(
            f"| {r.theme} | {r.case} | {show(r.ours)} | {r.peer} | {show(r.theirs)} "
            f"| {value} | {target} | {mark} |"
        )
    return "\n".join(rows)


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "clock": _clock,
        "python": platform.python_version(),
        "hornbeam": hornbeam.__version__,
        "versions": {name: version(name) for name in ("jax", "keras", "numpy", "torch")},
        "commit": commit.stdout.strip(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def save(results: list[Result], path: Path) -> None:
    """Write the results as JSON, with the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**r._asdict(), "value": r.value, "met": r.met} for r in results]
    path.write_text(json.dumps({"machine": machine(), "results": rows}, indent=1) + "\n", "utf-8")
