"""CIFAR-100: 60,000 colour pictures, 32 x 32 pixels, in 100 classes of 20 groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hornbeam.datasets.cifar import read_batch
from hornbeam.datasets.sources import fetch
from hornbeam.errors import InputError


def load_data(label_mode: str = "fine") -> Any:
    """The pictures and their classes; downloaded on first use.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for the 20 groups.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images uint8 in [0, 255] of shape
        ``(rows, 32, 32, 3)`` (or ``(rows, 3, 32, 32)`` where `config.image_data_format` says so), 50,000
        and 10,000, and classes uint8 of shape ``(rows, 1)``.

    Example:

    >>> import hornbeam
    >>> hornbeam.datasets.cifar100.load_data("medium")
    Traceback (most recent call last):
    hornbeam.errors.InputError: `label_mode` must be 'fine' or 'coarse', got 'medium'.
    """
    if label_mode not in ("fine", "coarse"):
        raise InputError(f"`label_mode` must be 'fine' or 'coarse', got {label_mode!r}.")
    folder = Path(fetch("cifar-100-python.tar.gz", extract=True), "cifar-100-python")
    key = f"{label_mode}_labels".encode()
    return read_batch(folder / "train", key), read_batch(folder / "test", key)


__all__ = ["load_data"]
