"""Boston housing: 506 districts of 1978 with 13 figures each, and the price of homes in them.

One of the figures was made from the share of black residents, on the assumption that it lowers prices.
Do not use these data but to compare with what was published on them; `california_housing` is like it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.datasets.sources import fetch
from hornbeam.datasets.tables import split


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Any:
    """The figures and the prices; downloaded on first use.

    Args:
        path: what the file is called in the cache.
        test_split: the fraction of the rows that is for testing.
        seed: what decides the order of the rows.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: figures of shape ``(rows, 13)`` and the median price in
        1000 dollars, of shape ``(rows,)``.

    Example:

    >>> import hornbeam
    >>> (x_train, y_train), _ = hornbeam.datasets.boston_housing.load_data()  # doctest: +SKIP
    """
    with np.load(fetch("boston_housing.npz", path), allow_pickle=False) as file:
        return split(file["x"], file["y"], test_split, seed)


__all__ = ["load_data"]
