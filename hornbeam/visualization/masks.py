"""Masks of classes, drawn on images in colors."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.visualization.pictures import (
    as_bytes,
    color_values,
    image_batch,
)

STRIDES = (2**25 - 1, 2**15 - 1, 2**21 - 1)
"""Class i has the color ``i * STRIDES mod 255``: neighbours differ much, and so it is in Keras."""


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: dict[int, Any] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> Any:
    """Images with the class of each pixel shown as a color.

    A pixel of a class becomes ``(1 - alpha) * pixel + alpha * color``; pixels of no class, or of
    `ignore_index`, stay as they are.

    Args:
        images: array of any engine ``(batch, height, width, channels)``, or with the channels after the
            batch, as `data_format` says; 1, 3 or 4 channels, values in [0, 255].
        segmentation_masks: the class of each pixel: ints ``(batch, height, width)``, or with an axis of
            size 1 for the channel.
        num_classes: how many classes there are, counted from 0; others are not drawn.  By default all
            that the masks have are (Keras leaves out the last one).
        color_mapping: class -> (red, green, blue) in [0, 255]; by default a palette.  Classes that it
            lacks are not drawn.
        alpha: how much of the color is seen, in [0, 1].
        blend: whether what is below shines through; False draws the colors alone.
        ignore_index: a class that is not drawn.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        A uint8 NumPy array ``(batch, height, width, channels)``, whatever `data_format` is.

    Raises:
        InputError: for images or masks of other shapes, classes that are no ints, an `alpha` outside of
            [0, 1], a color that is none.

    Example:

    >>> import hornbeam, numpy
    >>> images = numpy.full((1, 1, 3, 3), 100)
    >>> masks = numpy.array([[[-1, 0, 1]]])
    >>> colors = {0: (200, 0, 0), 1: (0, 0, 200)}
    >>> draw = hornbeam.visualization.draw_segmentation_masks
    >>> draw(images, masks, color_mapping=colors, alpha=0.5).tolist()
    [[[[100, 100, 100], [150, 50, 50], [50, 50, 150]]]]
    """
    if not 0 <= alpha <= 1:
        raise InputError(f"`alpha` must be in [0, 1], got {alpha!r}.")
    batch = image_batch(images, data_format, "draw_segmentation_masks")
    classes = _classes(segmentation_masks, batch.shape[:3])
    count = int(classes.max(initial=-1)) + 1 if num_classes is None else int(num_classes)
    colors, known = _colors(count, color_mapping, batch.shape[-1])
    inside = (classes >= 0) & (classes < count) & (classes != ignore_index)
    inside[inside] = known[classes[inside]]
    drawn = as_bytes(batch)
    weight = alpha if blend else 1.0
    below, above = np.float32(1 - weight), np.float32(weight)  # to the bit as in Keras
    mixed = drawn[inside].astype("float32") * below + colors[classes[inside]] * above
    drawn[inside] = mixed.astype("uint8")
    return drawn


def _classes(masks: Any, shape: tuple[int, ...]) -> Any:
    given = array = ops.convert_to_numpy(masks)
    if array.ndim == 4:
        fitting = [axis for axis in (3, 1) if array.shape[axis] == 1]
        array = array.squeeze(fitting[0]) if fitting else array
    if array.shape != shape:
        raise InputError(
            f"`segmentation_masks` must have the shape {shape} of the images, or an axis of size 1 for "
            f"the channel besides; got {given.shape}."
        )
    whole = array.astype("int64")
    if array.dtype.kind not in "biuf" or (whole != array).any():
        raise InputError(
            "`segmentation_masks` must hold the numbers of classes, one for each pixel, got an array of "
            f"{array.dtype} with others. Take the argmax of probabilities."
        )
    return whole


def _colors(count: int, mapping: dict[int, Any] | None, channels: int) -> tuple[Any, Any]:
    """The color of each class ``(classes, channels)``, and whether it has one."""
    colors, known = np.zeros((count, channels), "float32"), np.zeros(count, bool)
    if mapping is None:
        mapping = {i: [i * stride % 255 for stride in STRIDES] for i in range(count)}
    for number, color in mapping.items():
        values = color_values(color, channels, f"color_mapping[{number}]")
        if 0 <= number < count:
            colors[number], known[number] = values, True
    return colors, known


__all__ = ["draw_segmentation_masks"]
