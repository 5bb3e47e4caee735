"""What all pictures share: batches of images as NumPy arrays of bytes, and colors for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import ops, settings
from hornbeam.errors import InputError

CHANNELS = (1, 3, 4)


def image_batch(images: Any, data_format: str | None, caller: str) -> Any:
    """Images as a NumPy array ``(batch, height, width, channels)``; it may be the caller's own.

    Raises:
        InputError: unless there are four axes, and 1, 3 or 4 channels.
    """
    layout = settings.standardize_data_format(data_format)
    array = ops.convert_to_numpy(images)
    given = array.shape
    if array.ndim != 4:
        raise InputError(
            f"{caller}() needs a batch of images, an array of four axes, got shape {array.shape}. "
            "A single image is a batch with `image[None]`."
        )
    if layout == "channels_first":
        array = array.transpose(0, 2, 3, 1)
    if array.shape[-1] not in CHANNELS:
        raise InputError(
            f"{caller}() draws on images of 1, 3 or 4 channels, got {array.shape[-1]} in an array of "
            f"shape {given} ({layout}). `data_format` says where the channels "
            "are."
        )
    return array


def as_bytes(images: Any, value_range: Any = (0, 255)) -> Any:
    """A new uint8 array: `value_range` becomes [0, 255], what lies outside of it is cut off.

    Fractions are cut off too if the range is [0, 255] already; else the nearest byte is taken.

    Raises:
        InputError: unless `value_range` is two numbers, the lower first.
    """
    try:
        low, high = (float(edge) for edge in value_range)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not low < high:
        raise InputError(
            f"`value_range` must be two numbers, the lower first, such as (0, 255); got {value_range!r}."
        )
    if (low, high) == (0, 255):
        if images.dtype == np.uint8:
            return images.copy()
        return np.clip(np.nan_to_num(images.astype("float64")), 0, 255).astype("uint8")
    scaled = (images.astype("float64") - low) * (255 / (high - low))
    return np.clip(np.nan_to_num(scaled), 0, 255).round().astype("uint8")


def color_values(color: Any, channels: int, argument: str) -> Any:
    """An RGB color for images with so many channels: its brightness for 1, opaque for 4.

    Raises:
        InputError: unless `color` is three numbers in [0, 255].
    """
    values = color if isinstance(color, Sequence) else ops.convert_to_numpy(color).ravel().tolist()
    if len(values) != 3 or not all(
        isinstance(v, (int, float, np.number)) and 0 <= v <= 255 for v in values
    ):
        raise InputError(
            f"`{argument}` must be three numbers in [0, 255], such as (255, 0, 0) for red; got "
            f"{color!r}."
        )
    red, green, blue = (float(v) for v in values)
    if channels == 1:  # the weights of ITU-R BT.601
        return np.array([0.299 * red + 0.587 * green + 0.114 * blue])
    return np.array([red, green, blue, 255.0][:channels])


def same_layout(images: Any, data_format: str | None) -> Any:
    """Images ``(batch, height, width, channels)`` in the layout that the caller's have."""
    first = settings.standardize_data_format(data_format) == "channels_first"
    return images.transpose(0, 3, 1, 2) if first else images


__all__ = ["as_bytes", "color_values", "image_batch", "same_layout"]
