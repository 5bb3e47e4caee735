"""Colours of images, and filters over their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.resampling import batched_last


def _rgb(b: Backend, x: Array, op_name: str) -> list[Array]:
    if isinstance(b.shape(x)[-1], int) and b.shape(x)[-1] != 3:
        raise InputError(f"image.{op_name}() needs 3 channels, got {b.shape(x)[-1]}.")
    return [x[..., i : i + 1] for i in range(3)]


def _floats_only(b: Backend, x: Array, op_name: str) -> None:
    if not dtypes.is_float(b.dtype(x)):
        raise InputError(
            f"image.{op_name}() needs float images with values in [0, 1], got {b.dtype(x)}; divide "
            "integers by 255 first."
        )


@op("images", dtype=rules.unchecked)
def rgb_to_grayscale(b: Backend, images: ArrayLike, data_format: str | None = None) -> Array:
    """Brightness of the pixels: 0.2989 red + 0.587 green + 0.114 blue.

    Args:
        images: array of shape (height, width, 3), or with a batch in front, or with the channels
            before the height.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array with one channel, of the dtype of `images`.

    Raises:
        InputError: if there are not 3 channels.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.rgb_to_grayscale(ops.ones((4, 4, 3))).shape
    (4, 4, 1)
    """

    def apply(x: Array) -> Array:
        red, green, blue = _rgb(b, x, "rgb_to_grayscale")
        return 0.2989 * red + 0.587 * green + 0.114 * blue

    name = b.dtype(images)
    compute = "float64" if name == "float64" else "float32"
    floats = images if name == compute else b.cast(images, compute)
    out = batched_last(b, floats, data_format, "rgb_to_grayscale", apply)
    return out if name == compute else b.cast(out, name)


@op("images", dtype=rules.unchecked)
def rgb_to_hsv(b: Backend, images: ArrayLike, data_format: str | None = None) -> Array:
    """Hue, saturation and value from red, green and blue.

    Args:
        images: float array of shape (height, width, 3), or with a batch in front, or with the
            channels before the height; values in [0, 1].
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of the same shape, values in [0, 1].

    Raises:
        InputError: if there are not 3 channels, or the images are not floats.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.image.rgb_to_hsv([[[0.2, 0.4, 0.1]]])).round(3))
    [[[0.278 0.75  0.4  ]]]
    """
    _floats_only(b, images, "rgb_to_hsv")

    def apply(x: Array) -> Array:
        red, green, blue = _rgb(b, x, "rgb_to_hsv")
        value = b.maximum(b.maximum(red, green), blue)
        spread = value - b.minimum(b.minimum(red, green), blue)
        zero = b.zeros_like(value)
        safe_value = b.where(b.greater(value, 0.0), value, b.ones_like(value))
        safe_spread = b.where(b.greater(spread, 0.0), spread, b.ones_like(spread))
        saturation = b.where(b.greater(value, 0.0), spread / safe_value, zero)
        in_green = (blue - red) / safe_spread + 2.0
        in_blue = (red - green) / safe_spread + 4.0
        hue = b.where(b.equal(green, value), in_green, in_blue)
        hue = b.where(b.equal(red, value), (green - blue) / safe_spread, hue) / 6.0
        hue = b.where(b.greater(spread, 0.0), b.where(b.less(hue, 0.0), hue + 1.0, hue), zero)
        return b.concatenate([hue, saturation, value], -1)

    return batched_last(b, images, data_format, "rgb_to_hsv", apply)


@op("images", dtype=rules.unchecked)
def hsv_to_rgb(b: Backend, images: ArrayLike, data_format: str | None = None) -> Array:
    """Red, green and blue from hue, saturation and value.

    Args:
        images: float array of shape (height, width, 3), or with a batch in front, or with the
            channels before the height; values in [0, 1].
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of the same shape, values in [0, 1].

    Raises:
        InputError: if there are not 3 channels, or the images are not floats.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.image.hsv_to_rgb([[[0.5, 0.5, 0.8]]])).round(3))
    [[[0.4 0.8 0.8]]]
    """
    _floats_only(b, images, "hsv_to_rgb")

    def apply(x: Array) -> Array:
        hue, saturation, value = _rgb(b, x, "hsv_to_rgb")
        part = hue * 6.0
        # each colour is full for two sixths of the circle, and rises and falls within one
        shares = [b.abs(part - 3.0) - 1.0, 2.0 - b.abs(part - 2.0), 2.0 - b.abs(part - 4.0)]
        zero, one = b.zeros_like(part), b.ones_like(part)
        shares = [b.minimum(b.maximum(share, zero), one) for share in shares]
        return b.concatenate([value * (1.0 - saturation * (1.0 - share)) for share in shares], -1)

    return batched_last(b, images, data_format, "hsv_to_rgb", apply)


def _gaussian(size: int, sigma: float) -> Any:
    places = np.arange(size) - (size - 1) / 2
    values = np.exp(-(places**2) / (2 * sigma**2))
    return values / values.sum()


def _filtered(b: Backend, x: Array, line: Any, axis: int, padding: str) -> Array:
    """Images (batch, height, width, channels) times a line of weights along an axis."""
    size = [1, 1]
    size[axis - 1] = len(line)
    channels = b.shape(x)[-1]
    kernel = b.reshape(b.asarray(np.asarray(line).astype(b.dtype(x))), (*size, 1, 1))
    kernel = b.broadcast_to(kernel, (*size, channels, 1))
    return b.depthwise_conv(x, kernel, 1, padding, "channels_last", 1)


def blurred(
    b: Backend, x: Array, kernel_size: Sequence[int], sigma: Sequence[float], padding: str = "same"
) -> Array:
    """Images (batch, height, width, channels) smoothed along both axes."""
    for axis in (1, 2):
        line = _gaussian(kernel_size[axis - 1], sigma[axis - 1])
        x = _filtered(b, x, line, axis, padding)
    return x


@op("images", dtype=rules.mean)
def gaussian_blur(
    b: Backend,
    images: ArrayLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Array:
    """Images smoothed by a Gaussian.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height; what is outside counts as 0.
        kernel_size: height and width of the window.
        sigma: standard deviation along the height and the width, in pixels.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of the same shape.

    Raises:
        InputError: if a size or a deviation is not positive.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.gaussian_blur(ops.ones((8, 8, 3))).shape
    (8, 8, 3)
    """
    sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
    spreads = (sigma,) * 2 if isinstance(sigma, (int, float)) else tuple(sigma)
    if len(sizes) != 2 or len(spreads) != 2 or min(*sizes, *spreads) <= 0:
        raise InputError(
            "gaussian_blur() needs two positive sizes and two positive deviations, got "
            f"kernel_size={kernel_size!r} and sigma={sigma!r}."
        )

    def apply(x: Array) -> Array:
        return blurred(b, x, sizes, spreads)

    return batched_last(b, images, data_format, "gaussian_blur", apply)


@op("images", dtype=rules.mean)
def sobel_edges(b: Backend, images: ArrayLike, data_format: str | None = None) -> Array:
    """Slopes of the brightness along the height and the width, by Sobel's filters.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height; what is outside counts as 0.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array with one more axis at the end, of size 2: downwards and to the right.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.sobel_edges(ops.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3, 2)
    """

    def slope(axis: int) -> Array:
        def apply(x: Array) -> Array:
            for a in (1, 2):
                x = _filtered(b, x, [-1.0, 0.0, 1.0] if a == axis else [1.0, 2.0, 1.0], a, "same")
            return x

        return batched_last(b, images, data_format, "sobel_edges", apply)

    return b.stack([slope(1), slope(2)], -1)


@op("image1 image2", dtype=rules.mean_of_all)
def ssim(
    b: Backend,
    image1: ArrayLike,
    image2: ArrayLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Array:
    """Structural similarity of images (Wang et al., 2004), averaged over pixels and channels.

    Args:
        image1: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        image2: array of the same shape.
        max_val: the largest value that is possible.
        filter_size: height and width of the Gaussian window, whole windows only.
        filter_sigma: its standard deviation, in pixels.
        k1: keeps the comparison of brightness stable.
        k2: keeps the comparison of contrast stable.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of shape (batch,), or a scalar for single images: 1 for equal ones.

    Raises:
        InputError: if the shapes differ.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.ones((2, 16, 16, 3))
    >>> ops.convert_to_numpy(ops.image.ssim(x, x)).tolist()
    [1.0, 1.0]
    """
    if image1.ndim != image2.ndim:
        raise InputError(
            f"ssim() needs images of one shape, got {tuple(image1.shape)} and {tuple(image2.shape)}."
        )
    sizes, sigmas = (filter_size, filter_size), (filter_sigma, filter_sigma)

    def local(x: Array) -> Array:
        def apply(y: Array) -> Array:
            return blurred(b, y, sizes, sigmas, "valid")

        return batched_last(b, x, data_format, "ssim", apply)

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean1, mean2 = local(image1), local(image2)
    both, squares = mean1 * mean2, b.square(mean1) + b.square(mean2)
    brightness = (2.0 * both + c1) / (squares + c1)
    covariance = local(image1 * image2) - both
    variances = local(b.square(image1) + b.square(image2)) - squares
    similar = brightness * (2.0 * covariance + c2) / (variances + c2)
    axes = tuple(range(image1.ndim - 3, image1.ndim))
    return b.mean(similar, axis=axes, keepdims=False)


__all__ = [
    "gaussian_blur",
    "hsv_to_rgb",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "sobel_edges",
    "ssim",
]
