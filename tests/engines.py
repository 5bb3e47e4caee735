"""The engines that tests run on: one list for all of them."""

from __future__ import annotations

from hornbeam.backends import registry


def all_engines() -> list[str]:
    """Every installed engine that Hornbeam knows, NumPy first."""
    return sorted(registry.installed(), key=lambda name: (name != "numpy", name != "jax", name))


def trainable_engines() -> list[str]:
    """The installed engines that have gradients."""
    return [name for name in all_engines() if registry.get(name).differentiable]


ENGINES = all_engines()
TRAINABLE = trainable_engines()
