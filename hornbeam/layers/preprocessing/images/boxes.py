"""Bounding boxes: their formats, how they move with images, and how they overlap.

Public as `hornbeam.utils.bounding_boxes`.  Boxes are arrays ``(..., boxes, 4)``, or dicts of
``"boxes"`` and ``"labels"`` ``(..., boxes)``; label -1 marks a place without a box.
"""

from __future__ import annotations

import math
from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError

FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)
EPSILON = 1e-7


def _checked(name: Any, argument: str) -> str:
    if name not in FORMATS:
        raise InputError(f"`{argument}` must be one of {', '.join(FORMATS)}, got {name!r}.")
    return str(name)


def _numbers(boxes: Any) -> Any:
    """Boxes as a tensor; NumPy's float64 becomes float32, which is enough for places in an image."""
    tensor = ops.convert_to_tensor(boxes)
    return ops.cast(tensor, "float32") if ops.dtype(tensor) == "float64" else tensor


def _coordinates(boxes: Any) -> list[Any]:
    return [boxes[..., i] for i in range(4)]


def _absolute_only(name: str, function: str) -> str:
    if name.startswith("rel_"):
        raise InputError(
            f"bounding_boxes.{function}() changes the size that {name!r} is relative to; call "
            "convert_format() to an absolute format such as 'xyxy' first."
        )
    return name


def _to_corners(boxes: Any, name: str) -> list[Any]:
    """Left, top, right and bottom of boxes in a format, as parts of whatever unit it has."""
    a, b, c, d = _coordinates(boxes)
    if name == "xyxy":
        return [a, b, c, d]
    if name == "yxyx":
        return [b, a, d, c]
    if name == "xywh":
        return [a, b, a + c, b + d]
    if name == "center_yxhw":
        a, b, c, d = b, a, d, c
    return [a - c / 2, b - d / 2, a + c / 2, b + d / 2]


def _from_corners(corners: list[Any], name: str) -> Any:
    x1, y1, x2, y2 = corners
    if name == "yxyx":
        parts = [y1, x1, y2, x2]
    elif name == "xywh":
        parts = [x1, y1, x2 - x1, y2 - y1]
    elif name == "center_xywh":
        parts = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    elif name == "center_yxhw":
        parts = [(y1 + y2) / 2, (x1 + x2) / 2, y2 - y1, x2 - x1]
    else:
        parts = [x1, y1, x2, y2]
    return ops.stack(parts, axis=-1)


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: Any = "float32",
) -> Any:
    """Boxes in another format.

    The formats are "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left, top, width, height),
    "center_xywh", "center_yxhw", all in pixels, and "rel_xyxy", "rel_yxyx", "rel_xywh" and
    "rel_center_xywh", in parts of the image's width and height.

    Args:
        boxes: array (..., 4), or a dict whose "boxes" are converted.
        source: the format they are in.
        target: the format they should be in.
        height: the image's height in pixels; needed between relative and absolute formats.
        width: the image's width in pixels; likewise.
        dtype: the dtype of the result.

    Raises:
        InputError: for an unknown format, or if a size is needed and not given.

    Example:

    >>> import hornbeam, numpy
    >>> boxes = numpy.array([[10.0, 20.0, 30.0, 50.0]])
    >>> hornbeam.utils.bounding_boxes.convert_format(boxes, "xyxy", "xywh").tolist()
    [[10.0, 20.0, 20.0, 30.0]]
    """
    source, target = _checked(source, "source"), _checked(target, "target")
    if isinstance(boxes, dict):
        moved = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": moved}
    boxes = ops.cast(boxes, dtype)
    if source == target:
        return boxes
    from_rel, to_rel = source.startswith("rel_"), target.startswith("rel_")
    if from_rel != to_rel and (height is None or width is None):
        raise InputError(
            f"convert_format() from {source!r} to {target!r} needs the image's `height` and `width`."
        )
    corners = _to_corners(boxes, source.removeprefix("rel_"))
    if from_rel != to_rel:
        sides = [ops.cast(side, dtype) for side in (width, height, width, height)]
        pairs = list(zip(corners, sides, strict=True))
        corners = [c * s for c, s in pairs] if from_rel else [c / s for c, s in pairs]
    return _from_corners(corners, target.removeprefix("rel_"))


def clip_to_image_size(
    bounding_boxes: dict[str, Any],
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Boxes cut off at the edges of the image; those of which nothing is left get the label -1.

    Args:
        bounding_boxes: a dict of "boxes" (..., boxes, 4) and "labels" (..., boxes).
        height: the image's height in pixels; not needed for relative formats.
        width: the image's width in pixels; likewise.
        bounding_box_format: the format of the boxes, see `convert_format`.

    Raises:
        InputError: if it is no dict of boxes and labels, or a size is missing.

    Example:

    >>> import hornbeam, numpy
    >>> found = {"boxes": numpy.array([[-5.0, 2.0, 9.0, 4.0]]), "labels": numpy.array([3])}
    >>> clipped = hornbeam.utils.bounding_boxes.clip_to_image_size(found, 8, 8)
    >>> clipped["boxes"].tolist(), clipped["labels"].tolist()
    ([[0.0, 2.0, 8.0, 4.0]], [3])
    """
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= set(bounding_boxes):
        raise InputError(
            "clip_to_image_size() takes a dict of 'boxes' and 'labels', got "
            f"{type(bounding_boxes).__name__}."
        )
    name = _checked(bounding_box_format, "bounding_box_format")
    relative = name.startswith("rel_")
    if not relative and (height is None or width is None):
        raise InputError(f"clip_to_image_size() in {name!r} needs `height` and `width`.")
    boxes = _numbers(bounding_boxes["boxes"])
    labels = ops.convert_to_tensor(bounding_boxes["labels"])
    dtype = ops.dtype(boxes)
    limits = [ops.cast(1 if relative else side, dtype) for side in (width, height, width, height)]
    plain = name.removeprefix("rel_")
    corners = [
        ops.minimum(ops.maximum(c, 0), limit)
        for c, limit in zip(_to_corners(boxes, plain), limits, strict=True)
    ]
    area = (corners[2] - corners[0]) * (corners[3] - corners[1])
    labels = ops.where(ops.greater(area, 0), labels, ops.full_like(labels, -1))
    return {**bounding_boxes, "boxes": _from_corners(corners, plain), "labels": labels}


def crop(
    boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy"
) -> Any:
    """Boxes of images of which a window is cut out.

    Args:
        boxes: array (..., 4) in pixels.
        top: the window's first row.
        left: the window's first column.
        height: the window's height in pixels.
        width: the window's width in pixels.
        bounding_box_format: an absolute format, see `convert_format`.

    Raises:
        InputError: for a relative format.

    Example:

    >>> import hornbeam, numpy
    >>> boxes = numpy.array([[10.0, 20.0, 30.0, 50.0]])
    >>> hornbeam.utils.bounding_boxes.crop(boxes, 5, 6, 40, 50).tolist()
    [[4.0, 15.0, 24.0, 40.0]]
    """
    name = _absolute_only(_checked(bounding_box_format, "bounding_box_format"), "crop")
    x1, y1, x2, y2 = _to_corners(_numbers(boxes), name)
    moved = [x1 - left, y1 - top, x2 - left, y2 - top]
    limits = (width, height, width, height)
    kept = [ops.minimum(ops.maximum(c, 0), m) for c, m in zip(moved, limits, strict=True)]
    return _from_corners(kept, name)


def pad(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Boxes of images to which rows and columns are added.

    Args:
        boxes: array (..., 4) in pixels.
        top: how many rows are added above.
        left: how many columns are added at the left.
        height: has no effect on boxes in pixels.
        width: likewise.
        bounding_box_format: an absolute format, see `convert_format`.

    Raises:
        InputError: for a relative format.

    Example:

    >>> import hornbeam, numpy
    >>> boxes = numpy.array([[10.0, 20.0, 30.0, 50.0]])
    >>> hornbeam.utils.bounding_boxes.pad(boxes, 5, 6).tolist()
    [[16.0, 25.0, 36.0, 55.0]]
    """
    name = _absolute_only(_checked(bounding_box_format, "bounding_box_format"), "pad")
    x1, y1, x2, y2 = _to_corners(_numbers(boxes), name)
    return _from_corners([x1 + left, y1 + top, x2 + left, y2 + top], name)


# ------------------------------------------------------------------------------------------- overlap


def _corners_in_pixels(boxes: Any, name: str, image_shape: Any, function: str) -> list[Any]:
    name = _checked(name, "bounding_box_format")
    if name.startswith("rel_") and image_shape is None:
        raise InputError(
            f"bounding_boxes.{function}() of boxes in {name!r} needs `image_shape`, (height, width, "
            "channels)."
        )
    height, width = (None, None) if image_shape is None else tuple(image_shape)[:2]
    boxes = _numbers(boxes)
    dtype = ops.dtype(boxes)
    dtype = dtype if "float" in dtype else "float32"
    return _coordinates(convert_format(boxes, name, "xyxy", height, width, dtype))


def _intersection(a: list[Any], b: list[Any]) -> Any:
    wide = ops.maximum(ops.minimum(a[2], b[2]) - ops.maximum(a[0], b[0]), 0)
    high = ops.maximum(ops.minimum(a[3], b[3]) - ops.maximum(a[1], b[1]), 0)
    return wide * high


def _area(corners: list[Any]) -> Any:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: int = -1,
    image_shape: Any = None,
) -> Any:
    """Intersection over union of every box of `boxes1` with every box of `boxes2`.

    Args:
        boxes1: array (n, 4) or (batch, n, 4).
        boxes2: array (m, 4) or (batch, m, 4).
        bounding_box_format: their format, see `convert_format`.
        use_masking: whether boxes made of `mask_val` are no boxes; their overlaps are -1.
        mask_val: see `use_masking`.
        image_shape: (height, width, channels); needed for relative formats.

    Returns:
        Array (n, m) or (batch, n, m), in [0, 1] but for the -1 of masked boxes.

    Raises:
        InputError: for an unknown format, or a relative one without `image_shape`.

    Example:

    >>> import hornbeam, numpy
    >>> a, b = numpy.array([[0.0, 0.0, 2.0, 2.0]]), numpy.array([[0.0, 0.0, 2.0, 1.0]])
    >>> hornbeam.utils.bounding_boxes.compute_iou(a, b, "xyxy").tolist()
    [[0.5]]
    """
    given = [_numbers(boxes1), _numbers(boxes2)]
    first, second = (
        _corners_in_pixels(b, bounding_box_format, image_shape, "compute_iou") for b in given
    )
    first = [ops.expand_dims(c, -1) for c in first]
    second = [ops.expand_dims(c, -2) for c in second]
    common = _intersection(first, second)
    union = _area(first) + _area(second) - common
    iou = ops.where(
        ops.greater(union, 0), common / ops.where(union > 0, union, ops.ones_like(union)), 0.0
    )
    if not use_masking:
        return iou
    empty = [ops.all(ops.equal(b, mask_val), axis=-1) for b in given]
    masked = ops.logical_or(ops.expand_dims(empty[0], -1), ops.expand_dims(empty[1], -2))
    return ops.where(masked, ops.full_like(iou, -1), iou)


def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None
) -> Any:
    """Complete intersection over union of pairs of boxes (Zheng et al., 2020, arXiv:1911.08287).

    ``iou - d / c - alpha v`` with d the squared distance of the centres, c the squared diagonal of the
    smallest box around both, and v how much the aspect ratios differ.

    Args:
        boxes1: array (..., 4).
        boxes2: array of the same shape.
        bounding_box_format: their format, see `convert_format`.
        image_shape: (height, width, channels); needed for relative formats.

    Returns:
        Array (...), above -1.5 and at most 1.

    Raises:
        InputError: for an unknown format, or a relative one without `image_shape`.

    Example:

    >>> import hornbeam, numpy
    >>> a = numpy.array([[0.0, 0.0, 2.0, 2.0]], "float32")
    >>> round(float(hornbeam.utils.bounding_boxes.compute_ciou(a, a, "xyxy")[0]), 4)
    1.0
    """
    a, b = (
        _corners_in_pixels(x, bounding_box_format, image_shape, "compute_ciou")
        for x in (boxes1, boxes2)
    )
    wide = [c[2] - c[0] for c in (a, b)]
    high = [c[3] - c[1] for c in (a, b)]
    common = _intersection(a, b)
    iou = common / (wide[0] * high[0] + wide[1] * high[1] - common + EPSILON)
    around_x = ops.maximum(a[2], b[2]) - ops.minimum(a[0], b[0])
    around_y = ops.maximum(a[3], b[3]) - ops.minimum(a[1], b[1])
    diagonal = ops.square(around_x) + ops.square(around_y) + EPSILON
    apart = ops.square(b[0] + b[2] - a[0] - a[2]) + ops.square(b[1] + b[3] - a[1] - a[3])
    slant = [ops.arctan(w / (h + EPSILON)) for w, h in zip(wide, high, strict=True)]
    v = ops.square(slant[1] - slant[0]) * (4 / math.pi**2)
    alpha = v / (v - iou + (1 + EPSILON))
    return iou - (apart / 4 / diagonal + v * alpha)


# ------------------------------------------------------------------------------------- differences


def _variance(variance: Any, dtype: str) -> Any:
    if variance is None:
        return None
    values = ops.cast(variance, dtype)
    if values.shape[-1] != 4:
        raise InputError(f"`variance` must hold 4 numbers, got shape {tuple(values.shape)}.")
    return values


def _sizes(image_shape: Any) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else tuple(image_shape)[:2]


def _encoding(name: str, argument: str) -> str:
    if name not in ("center_xywh", "center_yxhw"):
        raise InputError(f"`{argument}` must be 'center_xywh' or 'center_yxhw', got {name!r}.")
    return name


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """What a detector has to predict for boxes: how they differ from their anchors.

    Distances of the centres in sizes of the anchor, and logarithms of the ratios of the sizes.

    Args:
        anchors: array (n, 4).
        boxes: array (n, 4) or (batch, n, 4).
        anchor_format: the format of the anchors, see `convert_format`.
        box_format: the format of the boxes.
        encoding_format: "center_yxhw" or "center_xywh": the order of the four numbers.
        variance: 4 numbers that the differences are divided by.
        image_shape: (height, width, channels); needed between relative and absolute formats.

    Raises:
        InputError: if an argument is not one of those above.

    Example:

    >>> import hornbeam, numpy
    >>> a, b = numpy.array([[0.0, 0.0, 2.0, 2.0]]), numpy.array([[1.0, 0.0, 3.0, 2.0]])
    >>> hornbeam.utils.bounding_boxes.encode_box_to_deltas(a, b, "xyxy", "xyxy").tolist()
    [[0.0, 0.5, 0.0, 0.0]]
    """
    name = _encoding(encoding_format, "encoding_format")
    height, width = _sizes(image_shape)
    start = convert_format(anchors, anchor_format, name, height, width)
    end = convert_format(boxes, box_format, name, height, width)
    size, wanted = ops.maximum(start[..., 2:], EPSILON), ops.maximum(end[..., 2:], EPSILON)
    moved = (end[..., :2] - start[..., :2]) / size
    deltas = ops.concatenate([moved, ops.log(wanted / size)], axis=-1)
    scale = _variance(variance, "float32")
    return deltas if scale is None else deltas / scale


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """The boxes that differ from their anchors as `encode_box_to_deltas` says.

    Args:
        anchors: array (n, 4), or a dict of such arrays by level.
        boxes_delta: array (n, 4) or (batch, n, 4), or a dict by level.
        anchor_format: the format of the anchors, see `convert_format`.
        box_format: the format of the result.
        encoded_format: "center_yxhw" or "center_xywh": the order of the four numbers.
        variance: 4 numbers that the differences were divided by.
        image_shape: (height, width, channels); needed between relative and absolute formats.

    Raises:
        InputError: if an argument is not one of those above.

    Example:

    >>> import hornbeam, numpy
    >>> a, d = numpy.array([[0.0, 0.0, 2.0, 2.0]]), numpy.array([[0.0, 0.5, 0.0, 0.0]])
    >>> hornbeam.utils.bounding_boxes.decode_deltas_to_boxes(a, d, "xyxy", "xyxy").tolist()
    [[1.0, 0.0, 3.0, 2.0]]
    """
    if isinstance(anchors, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {k: decode_deltas_to_boxes(a, boxes_delta[k], *rest) for k, a in anchors.items()}
    name = _encoding(encoded_format, "encoded_format")
    height, width = _sizes(image_shape)
    start = convert_format(anchors, anchor_format, name, height, width)
    deltas = ops.cast(boxes_delta, "float32")
    scale = _variance(variance, "float32")
    if scale is not None:
        deltas = deltas * scale
    centre = deltas[..., :2] * start[..., 2:] + start[..., :2]
    boxes = ops.concatenate([centre, ops.exp(deltas[..., 2:]) * start[..., 2:]], axis=-1)
    return convert_format(boxes, name, box_format, height, width)


# ------------------------------------------------------------------------------------------- moving


def moved_by(corners: Any, forward: Any) -> Any:
    """The boxes around boxes that an affine or projective map has moved.

    Args:
        corners: array (batch, boxes, 4) in "xyxy".
        forward: a function from x and y, arrays (batch, boxes, 4 corners), to the new x and y.
    """
    x1, y1, x2, y2 = _coordinates(corners)
    x, y = forward(ops.stack([x1, x2, x1, x2], axis=-1), ops.stack([y1, y1, y2, y2], axis=-1))
    ends = [ops.min(x, axis=-1), ops.min(y, axis=-1), ops.max(x, axis=-1), ops.max(y, axis=-1)]
    return ops.stack(ends, axis=-1)


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Boxes around boxes that were shifted, and then sheared, scaled and turned about a centre.

    With the angle a, the shears s and t along x and y and the scale k, a point (x, y) relative to the
    centre moves to ``k (p x + q y, r x + u y)``, where ``p = sin(a - t) tan(s) / cos(t) + cos(a)``,
    ``q = cos(a - t) tan(s) / cos(t) + sin(a)``, ``r = -sin(a - t) / cos(t)`` and
    ``u = cos(a - t) / cos(t)``.  The coordinates are those of pixels' middles, so that the default
    centre is ``((width - 1) / 2, (height - 1) / 2)``.

    Args:
        boxes: array (batch, boxes, 4).
        angle: array (batch,) of degrees, counterclockwise where y points down.
        translate_x: array (batch,): how far to the right, in parts of ``width - 1``.
        translate_y: array (batch,): how far down, in parts of ``height - 1``.
        scale: array (batch,) of factors.
        shear_x: array (batch,) of degrees by which columns are slanted.
        shear_y: array (batch,) of degrees by which rows are slanted.
        height: the images' height in pixels.
        width: the images' width in pixels.
        center_x: array (batch,) of the centre's place in parts of the width.
        center_y: array (batch,) of the centre's place in parts of the height.
        bounding_box_format: the format of the boxes, see `convert_format`.

    Raises:
        InputError: for an unknown format.

    Example:

    >>> import hornbeam, numpy
    >>> zero, one = numpy.zeros(1), numpy.ones(1)
    >>> boxes = numpy.array([[[1.0, 2.0, 3.0, 4.0]]])
    >>> found = hornbeam.utils.bounding_boxes.affine_transform(
    ...     boxes, zero, one, zero, one, zero, zero, 8, 2
    ... )
    >>> found.tolist()
    [[[2.0, 2.0, 4.0, 4.0]]]
    """
    name = _checked(bounding_box_format, "bounding_box_format")
    corners = convert_format(boxes, name, "xyxy", height, width)

    def numbers(value: Any) -> Any:
        return ops.reshape(ops.cast(value, "float32"), (-1, 1, 1))

    def middle(given: Any, side: Any) -> Any:
        half = numbers(0.5 if given is None else given)
        return half * (ops.cast(side, "float32") - 1)

    cx, cy = middle(center_x, width), middle(center_y, height)
    turn, slant_x, slant_y = (numbers(a) * (math.pi / 180) for a in (angle, shear_x, shear_y))
    factor = numbers(scale)
    dx = numbers(translate_x) * (ops.cast(width, "float32") - 1)
    dy = numbers(translate_y) * (ops.cast(height, "float32") - 1)

    lean = (turn - slant_y, ops.cos(slant_y), ops.tan(slant_x))
    xx = ops.sin(lean[0]) * lean[2] / lean[1] + ops.cos(turn)
    xy = ops.cos(lean[0]) * lean[2] / lean[1] + ops.sin(turn)
    yx, yy = -ops.sin(lean[0]) / lean[1], ops.cos(lean[0]) / lean[1]

    def forward(x: Any, y: Any) -> tuple[Any, Any]:
        x, y = x - cx + dx, y - cy + dy
        return factor * (xx * x + xy * y) + cx, factor * (yx * x + yy * y) + cy

    return convert_format(moved_by(corners, forward), "xyxy", name, height, width)


__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]
