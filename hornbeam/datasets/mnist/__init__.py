"""MNIST: 70,000 handwritten digits, 28 x 28 pixels, in 10 classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.datasets.sources import fetch


def load_data(path: str = "mnist.npz") -> Any:
    """The digits and their classes; downloaded on first use.

    Args:
        path: what the file is called in the cache.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images uint8 in [0, 255] of shape ``(rows, 28, 28)``,
        60,000 and 10,000, and classes uint8 in [0, 9] of shape ``(rows,)``.

    Example:

    >>> import hornbeam
    >>> (x_train, y_train), _ = hornbeam.datasets.mnist.load_data()  # doctest: +SKIP
    """
    with np.load(fetch("mnist.npz", path), allow_pickle=False) as file:
        return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])


__all__ = ["load_data"]
