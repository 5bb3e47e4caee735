"""The same programs in Hornbeam, in Keras 3 on the same engine, and as one would write them by hand.

An engine takes part by its name, and by a module in `BY_HAND` with a dict ``BY_HAND`` of the name of a
program to a builder ``(scale) -> (program, units)``.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from benchmarks import data_path
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
        only: a theme or part of a case's name.
        engine: what both packages run on.  The environment variable KERAS_BACKEND must say the same.
    """
    import hornbeam

    results = []
    with hornbeam.use_backend(engine):
        for name, (theme, builder, target) in {**PROGRAMS, **data_path.PROGRAMS}.items():
            if only not in name and only != theme:
                continue
            ours, units = builder(hornbeam, scale)
            peers = _peers(builder, scale, engine)
            first, *others = in_turns([ours, *(p for p, _ in peers.values())], scale.repeats)
            target = ENGINE_TARGETS.get(engine, {}).get(builder.__name__, target)
            for (peer, (_, their_units)), seconds in zip(peers.items(), others, strict=True):
                goal = _goal(peer, builder.__name__, target)
                results.append(
                    Result(theme, name, first / units, peer, seconds / their_units, goal)
                )
    return results


def _peers(builder: Any, scale: Scale, engine: str) -> dict[str, Any]:
    peers = {}
    name = builder.__name__
    if engine not in WITHOUT_KERAS:
        import keras

        peers[f"keras on {engine}"] = builder(keras, scale)
    if engine in BY_HAND:
        by_hand = importlib.import_module(BY_HAND[engine]).BY_HAND
        if name in by_hand:
            peers["by hand"] = by_hand[name](scale)
    if engine == "jax" and name in ACROSS and importlib.util.find_spec("torch") is not None:
        peers["plain torch"] = importlib.import_module(BY_HAND["torch"]).BY_HAND[name](scale)
    return peers


def _goal(peer: str, program: str, target: float) -> float:
    if peer == "plain torch":
        return ACROSS_TARGET
    return BY_HAND_TARGETS.get(program, BY_HAND_TARGET) if peer == "by hand" else target
