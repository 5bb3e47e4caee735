"""Fashion-MNIST: 70,000 pictures of clothes, 28 x 28 pixels, in 10 classes."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np

from hornbeam.datasets.sources import fetch
from hornbeam.errors import CorruptFileError


def load_data() -> Any:
    """The pictures and their classes; downloaded on first use.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images uint8 in [0, 255] of shape ``(rows, 28, 28)``,
        60,000 and 10,000, and classes uint8 in [0, 9] of shape ``(rows,)``: T-shirt, trousers, pullover,
        dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Example:

    >>> import hornbeam
    >>> (x_train, y_train), _ = hornbeam.datasets.fashion_mnist.load_data()  # doctest: +SKIP
    """
    parts = []
    for name in ("train", "t10k"):
        labels = _read(f"{name}-labels-idx1-ubyte.gz", 8)
        images = _read(f"{name}-images-idx3-ubyte.gz", 16)
        if images.size != labels.size * 28 * 28:
            raise CorruptFileError(f"Fashion-MNIST: there are not as many {name} images as labels.")
        parts.append((images.reshape(-1, 28, 28), labels))
    return parts[0], parts[1]


def _read(name: str, header: int) -> Any:
    with gzip.open(fetch(name, folder="datasets/fashion-mnist"), "rb") as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


__all__ = ["load_data"]
