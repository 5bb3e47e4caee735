"""The same programs in Hornbeam and in Keras 3, both on JAX, in one process."""

from __future__ import annotations

from benchmarks.programs import PROGRAMS
from benchmarks.timing import Result, Scale, alternate


def run(scale: Scale, only: str = "") -> list[Result]:
    """One result per program whose name contains `only`, in seconds a unit of work."""
    import keras

    import hornbeam

    results = []
    for name, (theme, builder, target) in PROGRAMS.items():
        if only not in name and only != theme:
            continue
        ours, units = builder(hornbeam, scale)
        theirs, _ = builder(keras, scale)
        a, b = alternate(ours, theirs, scale.repeats)
        results.append(Result(theme, name, a / units, "keras on jax", b / units, target))
    return results
