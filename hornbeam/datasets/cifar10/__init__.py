"""CIFAR-10: 60,000 colour pictures, 32 x 32 pixels, in 10 classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.datasets.cifar import read_batch
from hornbeam.datasets.sources import fetch


def load_data() -> Any:
    """The pictures and their classes; downloaded on first use.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images uint8 in [0, 255] of shape
        ``(rows, 32, 32, 3)`` (or ``(rows, 3, 32, 32)`` where `config.image_data_format` says so), 50,000
        and 10,000, and classes uint8 in [0, 9] of shape ``(rows, 1)``.

    Example:

    >>> import hornbeam
    >>> (x_train, y_train), _ = hornbeam.datasets.cifar10.load_data()  # doctest: +SKIP
    """
    folder = Path(fetch("cifar-10-python.tar.gz", extract=True), "cifar-10-batches-py")
    parts = [read_batch(folder / f"data_batch_{i}", b"labels") for i in range(1, 6)]
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return (images, labels), read_batch(folder / "test_batch", b"labels")


__all__ = ["load_data"]
