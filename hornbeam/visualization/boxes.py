"""Bounding boxes, drawn on images with their labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.utils.bounding_boxes import convert_format
from hornbeam.visualization.pictures import (
    as_bytes,
    color_values,
    image_batch,
    same_layout,
)

PARTS = ("boxes", "labels", "confidences")
FONT_SIZE = 30
"""Pixels of the font at `font_scale` 1, with capitals of 21 pixels."""


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: Any,
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Any = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> Any:
    """Images with boxes around things, and what they are.

    Lines need NumPy alone; labels, which a `class_mapping` asks for, are set with Pillow, above the box,
    or within it where the image ends.

    Args:
        images: array of any engine ``(batch, height, width, channels)``, or with the channels after the
            batch, as `data_format` says; 1, 3 or 4 channels, values in [0, 255].
        bounding_boxes: a dict of arrays: "boxes" ``(batch, boxes, 4)``, "labels" ``(batch, boxes)``,
            where -1 marks a place without a box, and perhaps "confidences" ``(batch, boxes)``, which
            are written after the labels.
        bounding_box_format: as for `hornbeam.utils.bounding_boxes.convert_format`, such as "xyxy" or
            "rel_xywh".
        class_mapping: label -> its text; labels that it lacks have none.
        color: (red, green, blue) of lines and text, in [0, 255].
        line_thickness: of the lines, as OpenCV draws them: 1 is one pixel wide, 2 is three, 3 and 4 are
            five.
        text_thickness: of the text's strokes: 1 is thin, more is bold.
        font_scale: size of the text; 1 has capitals of 21 pixels.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        A uint8 NumPy array of the shape of `images`.

    Raises:
        InputError: for images or boxes of other shapes, an unknown format, boxes that are not finite, a
            color that is none, a thickness below 1.
        ImportError: if text is to be drawn and Pillow is not installed.

    Example:

    >>> import hornbeam, numpy
    >>> images = numpy.zeros((1, 5, 5, 1))
    >>> boxes = {"boxes": numpy.array([[[1, 1, 3, 4]]]), "labels": numpy.array([[0]])}
    >>> draw = hornbeam.visualization.draw_bounding_boxes
    >>> drawn = draw(images, boxes, "xyxy", color=(9, 9, 9), line_thickness=1)
    >>> for row in drawn[0, :, :, 0].tolist():
    ...     print(row)
    [0, 0, 0, 0, 0]
    [0, 9, 9, 9, 0]
    [0, 9, 0, 9, 0]
    [0, 9, 0, 9, 0]
    [0, 9, 9, 9, 0]
    """
    for name, value in (("line_thickness", line_thickness), ("text_thickness", text_thickness)):
        if int(value) != value or value < 1:
            raise InputError(f"`{name}` must be 1 or a greater int, got {value!r}.")
    if not font_scale > 0:
        raise InputError(f"`font_scale` must be positive, got {font_scale!r}.")
    drawn = as_bytes(image_batch(images, data_format, "draw_bounding_boxes"))
    boxes, labels, confidences = _parts(bounding_boxes, bounding_box_format, drawn.shape)
    ink = color_values(color, drawn.shape[-1], "color").round().astype("uint8")
    for i, j in np.argwhere(labels != -1):
        corners = [int(edge) for edge in boxes[i, j]]
        _outline(drawn[i], corners, ink, int(line_thickness))
        text = (class_mapping or {}).get(int(labels[i, j]))
        if text is not None:
            text = str(text) if confidences is None else f"{text} | {confidences[i, j]:.2f}"
            place = _place(corners, font_scale, int(text_thickness))
            write(drawn[i], text, place, ink, font_scale, int(text_thickness))
    return same_layout(drawn, data_format)


def _parts(given: Any, name: str, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Boxes as left, top, right, bottom in pixels; labels; confidences or None."""
    found = given if isinstance(given, Mapping) else {}
    parts = {key: ops.convert_to_numpy(found[key]) for key in PARTS if found.get(key) is not None}
    if not {"boxes", "labels"} <= set(parts):
        seen = sorted(parts) if isinstance(given, Mapping) else type(given).__name__
        raise InputError(f"`bounding_boxes` must be a dict of 'boxes' and 'labels', got {seen}.")
    boxes, labels = parts["boxes"].astype("float64"), parts["labels"]
    expected = boxes.shape[:2]
    if boxes.ndim != 3 or boxes.shape[-1] != 4 or expected[0] != shape[0]:
        raise InputError(
            f"`bounding_boxes['boxes']` must have shape ({shape[0]}, boxes, 4), got {boxes.shape}."
        )
    for key in PARTS[1:]:
        if key in parts and parts[key].shape != expected:
            raise InputError(
                f"`bounding_boxes[{key!r}]` must have shape {expected}, one for each box, got "
                f"{parts[key].shape}."
            )
    with registry.use_backend("numpy"):
        corners = convert_format(boxes, name, "xyxy", shape[1], shape[2], "float32")
    if not np.isfinite(corners[labels != -1]).all():
        raise InputError("`bounding_boxes['boxes']` must be finite; label -1 marks what is no box.")
    return corners, labels.astype("int64"), parts.get("confidences")


def _outline(image: Any, corners: list[int], ink: Any, thickness: int) -> None:
    """Color what is within a radius of the edges of a box; what lies outside of the image is cut off.

    The radii are those of OpenCV, so that pictures are the same to the pixel.
    """
    left, right = sorted(corners[::2])
    top, bottom = sorted(corners[1::2])
    radius = 0 if thickness == 1 else (thickness + 1) // 2
    for away in range(-radius, radius + 1):
        round_corner = math.isqrt(radius**2 - away**2)
        for y in (top + away, bottom + away):
            _fill(image, left - round_corner, y, right + round_corner, y, ink)
        for x in (left + away, right + away):
            _fill(image, x, top - round_corner, x, bottom + round_corner, ink)


def _fill(image: Any, left: int, top: int, right: int, bottom: int, ink: Any) -> None:
    """Fill a rectangle, the last row and column with it."""
    image[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = ink


def _place(corners: list[int], font_scale: float, thickness: int) -> tuple[int, int]:
    """Where text begins: above the box, or within it if there is no room above."""
    left, top = corners[:2]
    height = 2 * int(12 * font_scale)
    if top - 8 > height:
        return left, top - 8
    return left + 3, top + height + 3 + thickness


def write(
    image: Any, text: str, place: tuple[int, int], ink: Any, font_scale: float, thickness: int
) -> None:
    """Write text on an image, its edges smooth; what lies outside of the image is cut off.

    Args:
        image: uint8 NumPy array ``(height, width, channels)``, which is changed.
        text: one line.
        place: the column and the row where its baseline begins.
        ink: uint8 array ``(channels,)``.
        font_scale: as for `draw_bounding_boxes`.
        thickness: likewise.

    Raises:
        ImportError: if Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise ImportError(
            "Labels of bounding boxes need Pillow. Run `pip install pillow`, or pass no class_mapping."
        ) from None
    font = ImageFont.load_default(FONT_SIZE * font_scale)
    style: dict[str, Any] = {"anchor": "ls", "stroke_width": thickness // 2}
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text, **style))
    paper = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    ImageDraw.Draw(paper).text((-left, -top), text, 255, font, **style)
    shade = np.asarray(paper)[..., None] / 255
    x, y = place[0] + left, place[1] + top
    shade = shade[max(-y, 0) :, max(-x, 0) :]
    x, y = max(x, 0), max(y, 0)
    below = image[y : y + shade.shape[0], x : x + shade.shape[1]]
    shade = shade[: below.shape[0], : below.shape[1]]
    below[:] = (below * (1 - shade) + ink * shade).round().astype("uint8")


__all__ = ["draw_bounding_boxes", "write"]
