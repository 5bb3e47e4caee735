"""The engines that tests run on: one list for all of them.

``HORNBEAM_TEST_ENGINES="torch mine"`` in the environment runs the tests on these only.
"""

from __future__ import annotations

import os

from hornbeam.backends import registry

IN_WORK: tuple[str, ...] = ()
"""Engines that the tables do not hold to everything yet: only tests that name them run there."""


def all_engines() -> list[str]:
    """Every installed engine that Hornbeam knows, or those that were asked for; NumPy first."""
    chosen = os.environ.get("HORNBEAM_TEST_ENGINES", "").split()
    chosen = chosen or [name for name in registry.installed() if name not in IN_WORK]
    return sorted(chosen, key=lambda name: (name != "numpy", name != "jax", name))


def trainable_engines() -> list[str]:
    """The installed engines that have gradients."""
    return [name for name in all_engines() if registry.get(name).differentiable]


ENGINES = all_engines()
TRAINABLE = trainable_engines()
BEGINNERS = [*ENGINES, *(name for name in IN_WORK if name in registry.installed())]
"""The engines that the protocol's own tests run on."""
if os.environ.get("HORNBEAM_TEST_ENGINES"):
    BEGINNERS = ENGINES
