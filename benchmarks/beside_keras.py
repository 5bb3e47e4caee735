"""The same programs in Hornbeam and in Keras 3, both on one engine, in one process.

On PyTorch there is a third in the row: the program as one would write it by hand.
"""

from __future__ import annotations

from benchmarks.programs import BY_HAND_TARGETS, ENGINE_TARGETS, PROGRAMS
from benchmarks.timing import Result, Scale, in_turns


def run(scale: Scale, only: str = "", engine: str = "jax") -> list[Result]:
    """One result per program whose name contains `only` and per peer, in seconds a unit of work.

    Args:
        scale: how much to run.
        only: a theme or part of a case's name.
        engine: what both packages run on.  The environment variable KERAS_BACKEND must say the same.
    """
    import keras

    import hornbeam

    by_hand = {}
    if engine == "torch":
        from benchmarks.by_hand import BY_HAND

        by_hand = BY_HAND
    results = []
    with hornbeam.use_backend(engine):
        for name, (theme, builder, target) in PROGRAMS.items():
            if only not in name and only != theme:
                continue
            ours, units = builder(hornbeam, scale)
            peers = {f"keras on {engine}": builder(keras, scale)}
            if builder.__name__ in by_hand:
                peers["by hand"] = by_hand[builder.__name__](scale)
            first, *others = in_turns([ours, *(p for p, _ in peers.values())], scale.repeats)
            target = ENGINE_TARGETS.get(engine, {}).get(builder.__name__, target)
            for (peer, (_, their_units)), seconds in zip(peers.items(), others, strict=True):
                by_peer = BY_HAND_TARGETS.get(builder.__name__, 1.05)
                goal = by_peer if peer == "by hand" else target
                results.append(
                    Result(theme, name, first / units, peer, seconds / their_units, goal)
                )
    return results
