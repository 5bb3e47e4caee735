"""Changes of tones and of detail: equalization, posters, solarization, sharpness and blur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.preprocessing.images.base import (
    ImageLayer,
    clipped,
    factor_range,
    from_unit,
    to_unit,
    value_range_of,
)
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class RandomPosterization(ImageLayer):
    """Leaves only the highest bits of values of 8 bits.

    Args:
        factor: (lowest, highest) number of bits in [1, 8], the highest not among them unless it is the
            lowest; a number n stands for (1, n).
        value_range: (lowest, highest) value of the images.
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomPosterization((2, 2))
    >>> float(layer(hornbeam.ops.full((4, 4, 3), 100.0))[0, 0, 0])
    64.0
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        pair = factor if isinstance(factor, (list, tuple)) else (1, factor)
        self.factor = factor_range(pair, "RandomPosterization", bounds=(1, 8))
        self.value_range = value_range_of(value_range, "RandomPosterization")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """How many bits are dropped: "shift_factor" (batch,); see `ImageLayer`."""
        drawn = self._uniform((self._shape(data)[0],), *self.factor, seed=seed)
        return {"shift_factor": ops.cast(8 - ops.cast(drawn, "int32"), "uint8")}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images with fewer bits; see `ImageLayer`."""
        size = self._per_image(ops.power(2.0, ops.cast(transformation["shift_factor"], "float32")))
        values = ops.floor(to_unit(images, self.value_range, 255.0))
        return from_unit(ops.floor(values / size) * size, self.value_range, 255.0)


@builtin("keras.layers")
class Solarization(ImageLayer):
    """Adds to the values of 8 bits, and turns those that are then above a threshold around.

    Args:
        addition_factor: (lowest, highest) of what is added, in parts of 255, within [0, 1]; a number f
            stands for (0, f).
        threshold_factor: (lowest, highest) of the threshold, in parts of 255, likewise.
        value_range: (lowest, highest) value of the images.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Solarization((0.0, 0.0), (0.5, 0.5))
    >>> float(layer(hornbeam.ops.full((4, 4, 3), 200.0))[0, 0, 0])
    55.0
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.addition_factor = factor_range(addition_factor, "Solarization", "addition_factor")
        self.threshold_factor = factor_range(threshold_factor, "Solarization", "threshold_factor")
        self.value_range = value_range_of(value_range, "Solarization")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "additions" and "thresholds", each (batch, 1, 1, 1), in 0..255; see `ImageLayer`."""
        drawn = self._uniform((2, self._shape(data)[0], 1, 1, 1), seed=seed)
        (a, b), (c, d) = self.addition_factor, self.threshold_factor
        return {
            "additions": (drawn[0] * (b - a) + a) * 255.0,
            "thresholds": (drawn[1] * (d - c) + c) * 255.0,
        }

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, solarized; see `ImageLayer`."""
        more, limit = (
            ops.cast(transformation[k], self.compute_dtype) for k in ("additions", "thresholds")
        )
        x = ops.clip(to_unit(images, self.value_range, 255.0) + more, 0.0, 255.0)
        return from_unit(ops.where(ops.less(x, limit), x, 255.0 - x), self.value_range, 255.0)


@builtin("keras.layers")
class AutoContrast(ImageLayer):
    """Stretches the values of each channel of an image over the whole range.

    A channel of one value stays as it is.  The layer acts outside of training as well.

    Args:
        value_range: (lowest, highest) value of the images.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.reshape(hornbeam.ops.array([100.0, 110.0, 120.0, 110.0]), (2, 2, 1))
    >>> hornbeam.layers.AutoContrast()(x).ravel().tolist()
    [0.0, 127.5, 255.0, 127.5]
    """

    _always = True

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range_of(value_range, "AutoContrast")

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The images with the most contrast; see `ImageLayer`."""
        axes = (self._height_axis, self._width_axis)
        x = to_unit(images, self.value_range, 255.0)
        low, high = ops.min(x, axis=axes, keepdims=True), ops.max(x, axis=axes, keepdims=True)
        flat = ops.equal(low, high)
        spread = ops.where(flat, ops.ones_like(low), high - low)
        stretched = ops.clip((x - low) * (255.0 / spread), 0.0, 255.0)
        return from_unit(ops.where(flat, x, stretched), self.value_range, 255.0)


def histograms(values: Any, bins: int) -> Any:
    """How often each bin occurs: (rows, bins) float32 for bins (rows, places) int32."""
    rows = sizes(values)[0]
    offset = ops.expand_dims(ops.arange(0, rows, dtype="int32") * bins, -1)
    flat = ops.reshape(values + offset, (-1,))
    ones = ops.ones_like(flat, dtype="float32")
    return ops.reshape(ops.segment_sum(ones, flat, num_segments=rows * bins), (rows, bins))


def looked_up(table: Any, values: Any) -> Any:
    """The entries of tables (rows, bins) at bins (rows, places)."""
    return ops.take_along_axis(table, values, axis=1)


@builtin("keras.layers")
class Equalization(ImageLayer):
    """Makes all values of a channel of an image about equally frequent, by its histogram.

    Each image has its own histogram, so the result does not depend on what else is in the batch.

    Args:
        value_range: (lowest, highest) value of the images.
        bins: the number of bins of the histogram.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.reshape(hornbeam.ops.array([10.0, 11.0, 12.0, 13.0]), (2, 2, 1))
    >>> hornbeam.layers.Equalization()(x).ravel().tolist()
    [0.0, 85.0, 170.0, 255.0]
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if not isinstance(bins, int) or bins < 1:
            raise InputError(f"Equalization: `bins` must be a positive int, got {bins!r}.")
        self.value_range = value_range_of(value_range, "Equalization")
        self.bins = bins

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The images with flat histograms; see `ImageLayer`."""
        if not training:
            return images
        x = ops.cast(to_unit(images, self.value_range, 255.0), "float32")
        first = ops.moveaxis(x, self._channel_axis, 1)
        batch, channels, height, width = sizes(first)
        rows = ops.reshape(first, (batch * channels, height * width))
        bins = self.bins
        which = ops.cast(ops.clip(ops.floor(rows * (bins / 256)), 0, bins - 1), "int32")
        count = histograms(which, bins)
        total = ops.cumsum(count, axis=1)
        lowest = ops.take_along_axis(count, ops.min(which, axis=1, keepdims=True), axis=1)
        rest = total[:, -1:] - lowest
        table = ops.round((total - lowest) / ops.maximum(rest, 1) * 255.0)
        flat = ops.logical_not(ops.greater(rest, 0))
        equal = ops.where(flat, rows, looked_up(ops.clip(table, 0.0, 255.0), which))
        equal = ops.moveaxis(
            ops.reshape(equal, (batch, channels, height, width)), 1, self._channel_axis
        )
        return from_unit(ops.cast(equal, self.compute_dtype), self.value_range, 255.0)


@builtin("keras.layers")
class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Equalizes the histograms of tiles of an image, but not those of flat ones (Zuiderveld, 1994).

    The histogram of each tile is cut off at a limit, what is above it spread over all bins, and each
    pixel gets the mean of what the four tiles around it would make of it, weighted by their nearness.
    The layer acts outside of training as well.

    Args:
        value_range: (lowest, highest) value of the images.
        clip_limit: the limit, as a multiple of the mean of the histogram; not positive for none.
        tile_grid_size: (rows, columns) of tiles.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
    >>> layer(hornbeam.ops.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    _always = True
    _keeps_dtype = True

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        kind = "ContrastLimitedAdaptiveHistogramEqualization"
        self.value_range = value_range_of(value_range, kind)
        self.clip_limit = clip_limit
        if len(tile_grid_size) != 2 or min(tile_grid_size) < 1:
            raise InputError(
                f"{kind}: `tile_grid_size` must be two positive ints, got {tile_grid_size!r}."
            )
        self.tile_grid_size = tuple(tile_grid_size)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The images, equalized tile by tile; see `ImageLayer`."""
        x = ops.cast(to_unit(images, self.value_range, 255.0), "float32")
        first = ops.moveaxis(x, self._channel_axis, 1)
        batch, channels, height, width = sizes(first)
        planes = ops.reshape(first, (batch * channels, height, width))
        found = self._equalized(planes, height, width)
        found = ops.reshape(found, (batch, channels, height, width))
        found = ops.cast(ops.moveaxis(found, 1, self._channel_axis), self.compute_dtype)
        return from_unit(found, self.value_range, 255.0)

    def _equalized(self, planes: Any, height: int, width: int) -> Any:
        """Planes (planes, height, width) in 0..255, equalized."""
        rows, columns = self.tile_grid_size
        high, wide = -(-height // rows), -(-width // columns)
        more = ((0, 0), (0, high * rows - height), (0, wide * columns - width))
        padded = ops.pad(planes, more, mode="reflect") if any(m[1] for m in more) else planes
        values = ops.cast(ops.clip(padded, 0.0, 255.0), "int32")
        tiles = ops.reshape(values, (-1, rows, high, columns, wide))
        tiles = ops.reshape(ops.transpose(tiles, (0, 1, 3, 2, 4)), (-1, high * wide))
        count = histograms(tiles, 256)
        area = float(high * wide)
        if self.clip_limit > 0:
            limit = max(self.clip_limit * area / 256, 0.0)
            excess = ops.sum(ops.maximum(count - limit, 0.0), axis=1, keepdims=True)
            count = ops.minimum(count, limit) + excess / 256
        total = ops.cumsum(count, axis=1)
        start = total[:, :1]
        table = ops.clip((total - start) / ops.maximum(area - start, 1.0) * 255.0, 0.0, 255.0)
        table = ops.reshape(table, (-1, rows * columns * 256))
        return self._blended(table, values, (rows, columns), (high, wide))[:, :height, :width]

    def _blended(self, table: Any, values: Any, grid: Any, tile: Any) -> Any:
        ways = [_between(count, size) for count, size in zip(grid, tile, strict=True)]
        shape = (grid[0] * tile[0], grid[1] * tile[1])
        total: Any = 0.0
        for row, down in ways[0]:
            for column, right in ways[1]:
                place = (row[:, None] * grid[1] + column[None, :]) * 256
                at = ops.add(values, place.astype("int32")[None])
                at = ops.reshape(at, (-1, shape[0] * shape[1]))
                found = ops.reshape(looked_up(table, at), (-1, *shape))
                weight = (down[:, None] * right[None, :]).astype("float32")
                total = total + ops.multiply(found, weight)
        return total


def _between(count: int, size: int) -> list[tuple[Any, Any]]:
    """For places along an axis of `count` tiles: the tiles before and behind, and their weights."""
    at = np.arange(count * size) / size - 0.5
    before = np.floor(at)
    share = at - before
    ends = [np.clip(before + i, 0, count - 1).astype(int) for i in (0, 1)]
    return [(ends[0], 1 - share), (ends[1], share)]


@builtin("keras.layers")
class RandomSharpness(ImageLayer):
    """Makes an image sharper or smoother: ``smooth + 2 f (x - smooth)``.

    Args:
        factor: (lowest, highest) of f in [0, 1]: 0 is smooth, 0.5 changes nothing, 1 is sharp; a
            number stands for (0, number).
        value_range: (lowest, highest) value of the images.
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomSharpness((0.5, 0.5))(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomSharpness")
        self.value_range = value_range_of(value_range, "RandomSharpness")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """The numbers f: "factor" (batch,); see `ImageLayer`."""
        return {"factor": self._uniform((self._shape(data)[0],), *self.factor, seed=seed)}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, sharper or smoother; see `ImageLayer`."""
        factor = self._per_image(transformation["factor"] * 2)
        weights = np.ones((3, 3), "float32")
        weights[1, 1] = 5
        kernel = ops.convert_to_tensor((weights / 13).astype("float32"))
        smooth = filtered(self, images, kernel)
        return clipped(smooth + factor * (images - smooth), self.value_range)


def filtered(layer: Any, images: Any, kernel: Any) -> Any:
    """Each channel of images convolved with `kernel` (height, width), zeros outside."""
    channels = sizes(images)[layer._channel_axis]
    shape = tuple(kernel.shape)
    wide = ops.broadcast_to(ops.reshape(kernel, (*shape, 1, 1)), (*shape, channels, 1))
    kernels = ops.cast(wide, layer.compute_dtype)
    return ops.depthwise_conv(
        images, kernels, strides=1, padding="same", data_format=layer.data_format
    )


@builtin("keras.layers")
class RandomGaussianBlur(ImageLayer):
    """Smooths an image by a Gaussian of a random width, with a probability.

    Args:
        factor: (lowest, highest) of the probability, drawn for each image within [0, 1]; a number f
            stands for (0, f).
        kernel_size: width and height of the window, in pixels; an int for both.
        sigma: (lowest, highest) standard deviation in pixels, drawn for each direction; a number s
            stands for (0, s).
        value_range: (lowest, highest) value of the images.
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomGaussianBlur((1.0, 1.0), sigma=(0.5, 1.0))
    >>> layer(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomGaussianBlur")
        window = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(window) != 2 or min(window) < 1:
            raise InputError(
                "RandomGaussianBlur: `kernel_size` must be a positive int or two of them, got "
                f"{kernel_size!r}."
            )
        self.kernel_size = window
        bounds = (0.0, float("inf"))
        self.sigma = factor_range(sigma, "RandomGaussianBlur", "sigma", bounds)
        self.value_range = value_range_of(value_range, "RandomGaussianBlur")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """Which images ("should_apply_blur") and two deviations ("blur_factor"); see `ImageLayer`."""
        keys = self._key(seed)
        batch = self._shape(data)[0]
        drawn = self._uniform((2 * batch + 2,), seed=keys)
        each = ops.reshape(drawn[2:], (2, -1))
        low, high = self.factor
        start, end = self.sigma
        return {
            "should_apply_blur": ops.less(each[0], each[1] * (high - low) + low),
            "blur_factor": drawn[:2] * (end - start) + start,
        }

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, some of them smoother; see `ImageLayer`."""
        sigma = ops.maximum(ops.cast(transformation["blur_factor"], "float32"), 1e-3)
        lines = []
        for size, width in zip(self.kernel_size[::-1], (sigma[1], sigma[0]), strict=True):
            places = (np.arange(size) - (size - 1) / 2).astype("float32")
            line = ops.exp(-ops.square(ops.divide(places, width)) / 2)
            lines.append(line / ops.sum(line))
        kernel = ops.expand_dims(lines[0], 1) * ops.expand_dims(lines[1], 0)
        smooth = clipped(filtered(self, images, kernel), self.value_range)
        which = ops.reshape(transformation["should_apply_blur"], (-1, 1, 1, 1))
        return ops.where(which, smooth, images)


__all__ = [
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "RandomGaussianBlur",
    "RandomPosterization",
    "RandomSharpness",
    "Solarization",
]
