"""The same programs in Hornbeam, in Keras 3 on the same engine, and as one would write them by hand.

Each of them has a process of its own, which waits while the others run.

An engine takes part by its name, and by a module in `BY_HAND` with a dict ``BY_HAND`` of the name of a
program to a builder ``(scale) -> (program, units)``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util

from benchmarks import blocks, data_path
from benchmarks.processes import Process
from benchmarks.programs import (
    ACROSS_TARGET,
    BY_HAND_TARGET,
    BY_HAND_TARGETS,
    ENGINE_TARGETS,
    PROGRAMS,
)
from benchmarks.timing import Result, Scale, in_turns

BY_HAND = {e: f"benchmarks.by_hand_{e}" for e in ("jax", "torch", "tensorflow", "pytensor")}
"""Engine -> the module with its programs by hand."""
ACROSS = ("cnn_fit", "lstm_fit")
"""What JAX does beside plain PyTorch."""
WITHOUT_KERAS = ("pytensor",)
"""Engines that Keras 3 does not know."""


def run(scale: Scale, only: str = "", engine: str = "jax") -> list[Result]:
    """One result per program whose name contains `only` and per peer, in seconds a unit of work.

    Args:
        scale: how much to run.
        only: a theme or part of a case's name; "" for all but the theme "layers".
        engine: what both packages run on.  The environment variable KERAS_BACKEND must say the same.
    """
    results = []
    programs = {**PROGRAMS, **data_path.PROGRAMS, **(blocks.PROGRAMS if only else {})}
    with contextlib.ExitStack() as until_all_ran:
        processes: dict[str, Process] = {}
        for name, (theme, builder, target) in programs.items():
            if only not in name and only != theme:
                continue
            case = builder.__name__
            peers = ["hornbeam", *_peers(case, engine)]
            if len(peers) == 1:
                continue
            for peer in peers:
                if peer not in processes:
                    processes[peer] = until_all_ran.enter_context(Process(*_source(peer, engine)))
            units = [processes[peer].build(case, scale) for peer in peers]
            seconds = in_turns([processes[peer].run for peer in peers], scale.repeats)
            ours, *others = (s / u for s, u in zip(seconds, units, strict=True))
            target = ENGINE_TARGETS.get(engine, {}).get(case, target)
            results += [
                Result(theme, name, ours, peer, theirs, _goal(peer, case, target))
                for peer, theirs in zip(peers[1:], others, strict=True)
            ]
    return results


def _peers(case: str, engine: str) -> list[str]:
    """Whom a program is compared with."""
    peers = [] if engine in WITHOUT_KERAS else [f"keras on {engine}"]
    if engine in BY_HAND and case in importlib.import_module(BY_HAND[engine]).BY_HAND:
        peers.append("by hand")
    if engine == "jax" and case in ACROSS and importlib.util.find_spec("torch") is not None:
        peers.append("plain torch")
    return peers


def _source(peer: str, engine: str) -> tuple[str, str]:
    """(the package that programs are built with or the module that has them, the engine)."""
    if peer in ("by hand", "plain torch"):
        return BY_HAND["torch" if peer == "plain torch" else engine], engine
    return peer.split()[0], engine


def _goal(peer: str, program: str, target: float) -> float:
    if peer == "plain torch":
        return ACROSS_TARGET
    return BY_HAND_TARGETS.get(program, BY_HAND_TARGET) if peer == "by hand" else target
