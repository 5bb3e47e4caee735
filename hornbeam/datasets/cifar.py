"""The files that the CIFAR data sets come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hornbeam import settings
from hornbeam.datasets import pickles
from hornbeam.errors import CorruptFileError


def read_batch(path: Path, key: bytes) -> tuple[Any, Any]:
    """(images, labels) of one file.

    Args:
        path: the file.
        key: what the labels are called in it.
    """
    found = pickles.load(path.read_bytes())
    try:
        images = np.asarray(found[b"data"], np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(found[key], np.uint8).reshape(-1, 1)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{str(path)!r} holds no CIFAR pictures: {error!r}.") from None
    if len(images) != len(labels):
        raise CorruptFileError(
            f"{str(path)!r} holds {len(images)} pictures and {len(labels)} labels."
        )
    if settings.image_data_format() == "channels_last":
        images = images.transpose(0, 2, 3, 1)
    return images, labels
