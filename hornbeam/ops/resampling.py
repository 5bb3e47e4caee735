"""Images in other sizes: resizing, scaling and shifting, padding, cropping, patches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes, settings
from hornbeam.backends import registry, windows
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.convolution import window_slices
from hornbeam.ops.record import ArrayLike, op

METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def image_layout(x: Array, data_format: str | None, op_name: str, ndim: int = 4) -> bool:
    """Whether the channels are first; images have `ndim` dimensions, or one less without a batch."""
    if x.ndim not in (ndim - 1, ndim):
        raise InputError(
            f"image.{op_name}() needs {ndim - 1} dimensions, or {ndim} with a batch, got shape "
            f"{tuple(x.shape)}."
        )
    return settings.standardize_data_format(data_format) == "channels_first"


def batched_last(
    b: Backend,
    x: Array,
    data_format: str | None,
    op_name: str,
    apply: Callable[[Array], Array],
    ndim: int = 4,
) -> Array:
    """`apply` to images as (batch, *spatial, channels); the result in the layout of the argument."""
    first = image_layout(x, data_format, op_name, ndim)
    single = x.ndim == ndim - 1
    if single:
        x = b.expand_dims(x, 0)
    if first:
        x = b.transpose(x, (0, *range(2, ndim), 1))
    x = apply(x)
    if first:
        x = b.transpose(x, (0, ndim - 1, *range(1, ndim - 1)))
    return b.squeeze(x, axis=0) if single else x


def in_floats(b: Backend, x: Array, apply: Callable[[Array], Array]) -> Array:
    """`apply` to `x` as float32 or float64; the result in the dtype of `x`, integers rounded."""
    name = b.dtype(x)
    compute = "float64" if name == "float64" else "float32"
    out = apply(x if name == compute else b.cast(x, compute))
    if name == compute:
        return out
    return b.saturate_cast(b.round(out), name) if dtypes.is_int(name) else b.cast(out, name)


def _kernel(b: Backend, x: Array, method: str) -> Array:
    """The interpolation kernel at distances `x` of 0 or more."""
    if method == "bilinear":
        return b.maximum(1.0 - x, b.zeros_like(x))
    if method == "bicubic":  # Keys, 1981, with a = -1/2
        near = ((1.5 * x - 2.5) * x) * x + 1.0
        far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        out = b.where(b.less(x, 1.0), near, far)
        return b.where(b.less(x, 2.0), out, b.zeros_like(x))
    radius = float(method[-1])
    zero = b.less_equal(x, 1e-3)
    angle = math.pi * b.where(zero, b.ones_like(x), x)
    wave = radius * b.sin(angle) * b.sin(angle / radius) / b.square(angle)
    return b.where(b.greater(x, radius), b.zeros_like(x), b.where(zero, b.ones_like(x), wave))


def sampling_matrix(
    b: Backend,
    size: Any,
    wanted: Any,
    scale: Any,
    shift: Any,
    method: str,
    antialias: bool,
    dtype: str,
) -> Array:
    """The weights (wanted, size) of input values in each output value along one axis."""
    out_places = b.reshape(b.arange(0, wanted, 1, dtype), (-1, 1)) + 0.5
    samples = (out_places - shift) / scale - 0.5
    inputs = b.reshape(b.arange(0, size, 1, dtype), (1, -1))
    spread = b.maximum(b.ones((), dtype), 1.0 / scale) if antialias else 1.0
    weights = _kernel(b, b.abs(samples - inputs) / spread, method)
    total = b.sum(weights, axis=1, keepdims=True)
    usable = b.greater(b.abs(total), 1000.0 * 2.0**-23)
    divided = weights / b.where(usable, total, b.ones_like(total))
    weights = b.where(usable, divided, b.zeros_like(weights))
    inside = b.logical_and(b.greater_equal(samples, -0.5), b.less_equal(samples, size - 0.5))
    return b.where(inside, weights, b.zeros_like(weights))


def _along_axis(b: Backend, x: Array, matrix: Array, axis: int) -> Array:
    """`x` with an axis multiplied by a matrix (wanted, size)."""
    moved = b.moveaxis(x, axis, -1)
    return b.moveaxis(b.matmul(moved, b.transpose(matrix)), -1, axis)


def _resized_axis(
    b: Backend, x: Array, axis: int, wanted: int, method: str, antialias: bool
) -> Array:
    size = b.shape(x)[axis]
    if not isinstance(size, int) and b.symbolic:
        return b.zeros([wanted if a == axis else n for a, n in enumerate(b.shape(x))], b.dtype(x))
    if size == wanted:
        return x
    if method == "nearest":
        if isinstance(size, int):
            places = np.floor((np.arange(wanted) + 0.5) * size / wanted).astype(np.int32)
            return b.take(x, b.asarray(places), axis)
        steps = b.cast(b.arange(0, 2 * wanted, 2, "int32") + 1, "int32") * size
        return b.take(x, b.floor_divide(steps, 2 * wanted), axis)
    name = b.dtype(x)
    if isinstance(size, int):
        host, scale = registry.get("numpy"), np.float64(wanted / size)
        matrix = sampling_matrix(host, size, wanted, scale, 0.0, method, antialias, "float64")
        return _along_axis(b, x, b.asarray(matrix.astype(name)), axis)
    scale = wanted / b.cast(size, name)
    matrix = sampling_matrix(b, size, wanted, scale, 0.0, method, antialias, name)
    return _along_axis(b, x, matrix, axis)


@op("images", dtype=rules.unchecked)
def resize(
    b: Backend,
    images: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Images in another size.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        size: the new (height, width).
        interpolation: "nearest", "bilinear", "bicubic" (Keys), "lanczos3" or "lanczos5".
        antialias: whether values are averaged over what shrinks to one pixel.
        crop_to_aspect_ratio: whether to cut off what would have to be distorted, at both sides.
        pad_to_aspect_ratio: whether to fill up instead, at both sides.
        fill_mode: how to fill up; only "constant".
        fill_value: what to fill up with.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of the new size and of the dtype of `images`; integers are rounded.

    Raises:
        InputError: if an argument is not one of those above.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.resize(ops.ones((2, 8, 6, 3)), (4, 4)).shape
    (2, 4, 4, 3)
    """
    if interpolation not in METHODS:
        raise InputError(
            f"`interpolation` must be one of {', '.join(METHODS)}, got {interpolation!r}."
        )
    if len(size) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in size):
        raise InputError(f"`size` must be (height, width), two positive ints, got {size!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise InputError("Choose one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio`.")
    if fill_mode != "constant":
        raise InputError(f"`fill_mode` of resize() must be 'constant', got {fill_mode!r}.")
    wanted = (int(size[0]), int(size[1]))

    def apply(x: Array) -> Array:
        if crop_to_aspect_ratio:
            x = _cropped_to(b, x, wanted)
        if pad_to_aspect_ratio:
            x = _padded_to(b, x, wanted, fill_value)
        for axis, n in enumerate(wanted, start=1):
            x = _resized_axis(b, x, axis, n, interpolation, antialias)
        return x

    def resized(x: Array) -> Array:
        return batched_last(b, x, data_format, "resize", apply)

    return resized(images) if interpolation == "nearest" else in_floats(b, images, resized)


def _sizes(b: Backend, x: Array) -> tuple[int, int] | None:
    """Height and width, None if they are not known while shapes are inferred."""
    height, width = b.shape(x)[1:3]
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    if b.symbolic:
        return None
    raise InputError("Keeping the aspect ratio needs images of known height and width.")


def _cropped_to(b: Backend, x: Array, wanted: tuple[int, int]) -> Array:
    sizes = _sizes(b, x)
    if sizes is None:
        return x
    height, width = sizes
    new_height = max(min(height, int(width * wanted[0] / wanted[1])), 1)
    new_width = max(min(width, int(height * wanted[1] / wanted[0])), 1)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return x[:, top : top + new_height, left : left + new_width]


def _padded_to(b: Backend, x: Array, wanted: tuple[int, int], value: float) -> Array:
    sizes = _sizes(b, x)
    if sizes is None:
        return x
    height, width = sizes
    more_height = max(height, int(width * wanted[0] / wanted[1])) - height
    more_width = max(width, int(height * wanted[1] / wanted[0])) - width
    top, left = more_height // 2, more_width // 2
    widths = ((0, 0), (top, more_height - top), (left, more_width - left), (0, 0))
    return b.pad(x, widths, "constant", value)


@op("images ?scale ?translation", dtype=rules.unchecked)
def scale_and_translate(
    b: Backend,
    images: ArrayLike,
    output_shape: Sequence[int],
    scale: ArrayLike,
    translation: ArrayLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """Images scaled and shifted along some axes.

    Args:
        images: array of any shape.
        output_shape: the shape of the result.
        scale: array with the scale of each of these axes.
        translation: array with the shift of each of these axes, in pixels of the result.
        spatial_dims: the axes.
        method: "linear", "bilinear", "trilinear", "triangle", "cubic", "bicubic", "tricubic",
            "lanczos3" or "lanczos5".
        antialias: whether values are averaged over what shrinks to one pixel.

    Returns:
        Array of shape `output_shape` and of the dtype of `images`; 0 where the images do not reach.

    Raises:
        InputError: if there is no such method or the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.scale_and_translate(
    ...     ops.ones((4, 4)), (8, 8), [2.0, 2.0], [0.0, 0.0], (0, 1), "linear"
    ... ).shape
    (8, 8)
    """
    kinds = {
        "linear": "bilinear",
        "trilinear": "bilinear",
        "triangle": "bilinear",
        "cubic": "bicubic",
    }
    kind = {**kinds, "tricubic": "bicubic"}.get(method, method)
    if kind not in METHODS or kind == "nearest":
        known = "'linear', 'cubic', 'lanczos3' or 'lanczos5'"
        raise InputError(f"`method` of scale_and_translate() must be {known}, got {method!r}.")
    if len(output_shape) != images.ndim:
        raise InputError(
            f"`output_shape` {tuple(output_shape)} must have {images.ndim} entries, one for each axis."
        )

    def apply(x: Array) -> Array:
        name = b.dtype(x)
        for i, axis in enumerate(spatial_dims):
            size, wanted = b.shape(x)[axis], output_shape[axis]
            if not isinstance(size, int) and b.symbolic:
                x = b.zeros([wanted if a == axis else n for a, n in enumerate(b.shape(x))], name)
                continue
            factor, shift = b.cast(scale, name)[i], b.cast(translation, name)[i]
            matrix = sampling_matrix(b, size, wanted, factor, shift, kind, antialias, name)
            x = _along_axis(b, x, matrix, axis)
        return x

    return in_floats(b, images, apply)


def _ends(
    size: Any, before: int | None, after: int | None, target: int | None, names: str, sign: int
) -> tuple[Any, Any]:
    """How much to add (sign 1) or cut off (sign -1) at both ends of an axis."""
    if [before, after, target].count(None) != 1:
        raise InputError(
            f"Exactly two of {names} must be given, got {before}, {after} and {target}."
        )
    if target is not None:
        if before is None:
            assert after is not None
            before = sign * (target - size) - after
        else:
            after = sign * (target - size) - before
    assert before is not None
    assert after is not None
    if any(isinstance(n, int) and n < 0 for n in (before, after)):
        raise InputError(
            f"{names} do not fit an axis of size {size}: {before} and {after} at its ends."
        )
    return before, after


@op("images", dtype=rules.same)
def pad_images(
    b: Backend,
    images: ArrayLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images with zeros around them.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        top_padding: how many rows above.
        left_padding: how many columns to the left.
        bottom_padding: how many rows below.
        right_padding: how many columns to the right.
        target_height: the new height; two of this, `top_padding` and `bottom_padding` are given.
        target_width: the new width; two of this, `left_padding` and `right_padding` are given.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        The larger images.

    Raises:
        InputError: if not exactly two of each three are given, or they do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.pad_images(
    ...     ops.ones((2, 4, 4, 3)), top_padding=1, left_padding=2, target_height=8, target_width=8
    ... ).shape
    (2, 8, 8, 3)
    """

    def apply(x: Array) -> Array:
        height, width = b.shape(x)[1:3]
        names = "top_padding, bottom_padding and target_height"
        rows = _ends(height, top_padding, bottom_padding, target_height, names, 1)
        names = "left_padding, right_padding and target_width"
        columns = _ends(width, left_padding, right_padding, target_width, names, 1)
        padded = b.pad(x, ((0, 0), rows, columns, (0, 0)), "constant", 0)
        return _known_size(b, padded, target_height, target_width)

    return batched_last(b, images, data_format, "pad_images", apply)


def _known_size(b: Backend, x: Array, height: int | None, width: int | None) -> Array:
    """`x` with the height and width that are known from the arguments."""
    if not b.symbolic:
        return x
    sizes = list(b.shape(x))
    sizes[1] = sizes[1] if height is None else height
    sizes[2] = sizes[2] if width is None else width
    return b.zeros(sizes, b.dtype(x))


@op("images", dtype=rules.same)
def crop_images(
    b: Backend,
    images: ArrayLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images without some rows and columns at their borders.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        top_cropping: how many rows above.
        left_cropping: how many columns to the left.
        bottom_cropping: how many rows below.
        right_cropping: how many columns to the right.
        target_height: the new height; two of this, `top_cropping` and `bottom_cropping` are given.
        target_width: the new width; two of this, `left_cropping` and `right_cropping` are given.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        The smaller images.

    Raises:
        InputError: if not exactly two of each three are given, or they do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.crop_images(
    ...     ops.ones((2, 8, 8, 3)), top_cropping=1, left_cropping=2, target_height=4, target_width=4
    ... ).shape
    (2, 4, 4, 3)
    """

    def apply(x: Array) -> Array:
        height, width = b.shape(x)[1:3]
        names = "top_cropping, bottom_cropping and target_height"
        top, bottom = _ends(height, top_cropping, bottom_cropping, target_height, names, -1)
        names = "left_cropping, right_cropping and target_width"
        left, right = _ends(width, left_cropping, right_cropping, target_width, names, -1)
        cropped = x[:, top : height - bottom, left : width - right]
        return _known_size(b, cropped, target_height, target_width)

    return batched_last(b, images, data_format, "crop_images", apply)


def _patches(
    b: Backend, x: Array, size: Any, strides: Any, dilation: Any, padding: str, ndim: int
) -> Array:
    window = windows.spread(size, ndim, "size")
    plan = windows.plan(ndim, window if strides is None else strides, dilation, "channels_last")
    if padding not in ("valid", "same"):
        raise InputError(f"`padding` must be 'valid' or 'same', got {padding!r}.")
    return b.concatenate(window_slices(b, x, window, plan, padding), -1)


@op("images", dtype=rules.same)
def extract_patches(
    b: Backend,
    images: ArrayLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """All windows of images, the pixels of each as channels.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        size: height and width of the windows, an int or two.
        strides: steps of the windows; their size for None.
        dilation_rate: distance of the pixels in a window, an int or two.
        padding: "valid" for whole windows, "same" for zeros around the images.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of shape (rows, columns, size[0] * size[1] * channels), in the layout of `images`.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.extract_patches(ops.ones((2, 6, 6, 3)), 3).shape
    (2, 2, 2, 27)
    """

    def apply(x: Array) -> Array:
        return _patches(b, x, size, strides, dilation_rate, padding, 2)

    return batched_last(b, images, data_format, "extract_patches", apply)


@op("volumes", dtype=rules.same)
def extract_patches_3d(
    b: Backend,
    volumes: ArrayLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """All windows of volumes, the voxels of each as channels.

    Args:
        volumes: array of shape (depth, height, width, channels), or with a batch in front, or with the
            channels before the depth.
        size: depth, height and width of the windows, an int or three.
        strides: steps of the windows; their size for None.
        dilation_rate: distance of the voxels in a window, an int or three.
        padding: "valid" for whole windows, "same" for zeros around the volumes.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array with the product of `size` and the channels as its channels, in the layout of `volumes`.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.extract_patches_3d(ops.ones((2, 4, 4, 4, 3)), 2).shape
    (2, 2, 2, 2, 24)
    """

    def apply(x: Array) -> Array:
        return _patches(b, x, size, strides, dilation_rate, padding, 3)

    return batched_last(b, volumes, data_format, "extract_patches_3d", apply, 5)


__all__ = [
    "crop_images",
    "extract_patches",
    "extract_patches_3d",
    "pad_images",
    "resize",
    "scale_and_translate",
]
