"""California housing: 20,640 districts of 1990 with 8 figures each, and the price of homes in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.datasets.sources import fetch
from hornbeam.datasets.tables import split
from hornbeam.errors import InputError

SMALL = 600
"""How many rows the small version has: those of one county."""


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Any:
    """The figures and the prices; downloaded on first use.

    Args:
        version: "large" for all 20,640 rows, "small" for 600 of them.
        path: what the file is called in the cache.
        test_split: the fraction of the rows that is for testing.
        seed: what decides the order of the rows.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: float32 figures of shape ``(rows, 8)`` (longitude,
        latitude, median age of houses, rooms, bedrooms, people, households, median income) and the
        median price in dollars, of shape ``(rows,)``.

    Example:

    >>> import hornbeam
    >>> hornbeam.datasets.california_housing.load_data("medium")
    Traceback (most recent call last):
    hornbeam.errors.InputError: `version` must be 'large' or 'small', got 'medium'.
    """
    if version not in ("large", "small"):
        raise InputError(f"`version` must be 'large' or 'small', got {version!r}.")
    with np.load(fetch("california_housing.npz", path), allow_pickle=False) as file:
        x, y = file["x"].astype("float32"), file["y"].astype("float32")
    if version == "small":
        x, y = x[:SMALL], y[:SMALL]
    return split(x, y, test_split, seed)


__all__ = ["load_data"]
