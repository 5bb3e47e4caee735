"""Measurements that need a process each.

`Process` runs programs when it is told to; `figures` starts a module that prints what it measured.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.timing import Scale, clock, stopwatch, use_clock


class Process:
    """A process of its own for one package, so that others' threads and memory do not touch it.

    Args:
        source: the package that programs are built with, or a module whose dict BY_HAND has them.
        engine: what Hornbeam runs on; Keras reads the environment variable KERAS_BACKEND.
    """

    def __init__(self, source: str, engine: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, source, engine, clock()), daemon=True
        )
        self._process.start()
        theirs.close()
        self._source = source

    def build(self, case: str, scale: Scale) -> int:
        """Build the program of that name, in place of the last one; its units of work."""
        return int(self._ask((case, tuple(scale))))

    def run(self) -> float:
        """Run the program that was built once; the seconds it took, by that process's clock."""
        return float(self._ask(None))

    def _ask(self, question: Any) -> Any:
        self._pipe.send(question)
        try:
            failed, answer = self._pipe.recv()
        except (EOFError, ConnectionError):
            failed, answer = True, "it ended"
        if failed:
            raise RuntimeError(f"the process that runs {self._source}: {answer}")
        return answer

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(10)
        self._process.kill()


def _serve(pipe: Connection, source: str, engine: str, clock_name: str) -> None:
    """Build and run programs until nobody asks any more."""
    use_clock(clock_name)
    answer: float
    run: Callable[[], float] | None = None
    with _engine_of(source, engine):
        while True:
            try:
                question = pipe.recv()
            except EOFError:
                return
            try:
                if question is None:
                    assert run is not None, "nothing has been built"
                    answer = run()
                else:
                    run = None  # the memory of the last program first
                    program, answer = _build(source, question[0], Scale(*question[1]))
                    run = stopwatch(program)
                    del program
                pipe.send((False, answer))
            except Exception:
                pipe.send((True, traceback.format_exc()))


def _engine_of(source: str, engine: str) -> AbstractContextManager[Any]:
    """Hornbeam on that engine; nothing for others, for it tells engines how to work when they start."""
    if source != "hornbeam":
        return nullcontext()
    import hornbeam

    return hornbeam.use_backend(engine)


def _build(source: str, case: str, scale: Scale) -> tuple[Any, int]:
    """The program of that name, and its units of work."""
    module = importlib.import_module(source)
    if hasattr(module, "BY_HAND"):
        made: tuple[Any, int] = module.BY_HAND[case](scale)
        return made
    from benchmarks import blocks, data_path, programs

    made = {**vars(programs), **vars(data_path), **blocks.BUILDERS}[case](module, scale)
    return made


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
