"""Helpers around models: seeds."""

from __future__ import annotations

from hornbeam.utils.seeding import set_random_seed

__all__ = ["set_random_seed"]
