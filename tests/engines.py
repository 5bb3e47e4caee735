"""The engines that tests run on: one list for all of them.

``HORNBEAM_TEST_ENGINES="torch mine"`` in the environment runs the tests on these only.
"""

from __future__ import annotations

import os

from hornbeam.backends import registry


def all_engines() -> list[str]:
    """Every installed engine that Hornbeam knows, or those that were asked for; NumPy first."""
    chosen = os.environ.get("HORNBEAM_TEST_ENGINES", "").split() or registry.installed()
    return sorted(chosen, key=lambda name: (name != "numpy", name != "jax", name))


def trainable_engines() -> list[str]:
    """The installed engines that have gradients."""
    return [name for name in all_engines() if registry.get(name).differentiable]


ENGINES = all_engines()
TRAINABLE = trainable_engines()
