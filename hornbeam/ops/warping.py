"""Images read at computed places: interpolation, affine, perspective and elastic transformations."""

from __future__ import annotations

import itertools
import math
from typing import Any

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.filters import blurred
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.resampling import batched_last, in_floats
from hornbeam.ops.room import product_of

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def _inside(b: Backend, places: Array, size: Any, fill_mode: str) -> tuple[Array, Array | None]:
    """Places along an axis brought into its range, and where they had been in it already."""
    if fill_mode == "wrap":
        return b.mod(places, size), None
    if fill_mode == "mirror":
        period = 2 * size - 2 if size != 1 else 1
        places = b.mod(places, period)
        return b.minimum(places, period - places), None
    if fill_mode == "reflect":
        places = b.mod(places, 2 * size)
        return b.minimum(places, 2 * size - 1 - places), None
    within = b.logical_and(b.greater_equal(places, 0), b.less(places, size))
    clipped = b.minimum(b.maximum(places, b.zeros_like(places)), b.zeros_like(places) + (size - 1))
    return clipped, within if fill_mode == "constant" else None


def _neighbours(b: Backend, c: Array, size: Any, order: int, fill_mode: str) -> list[Any]:
    """For the places `c` along an axis: (place inside, where it was inside, weight) of what is read."""
    if order == 0:  # halves away from zero
        around = [(b.sign(c) * b.floor(b.abs(c) + 0.5), None)]
    else:
        low = b.floor(c)
        around = [(low, 1.0 - (c - low)), (low + 1.0, c - low)]
    return [(*_inside(b, b.cast(p, "int32"), size, fill_mode), weight) for p, weight in around]


def sampled(
    b: Backend,
    x: Array,
    coordinates: list[Array],
    order: int,
    fill_mode: str,
    fill_value: Any,
    which: Array | None = None,
) -> Array:
    """Axes of `x` read at places: the first ones, or those behind the first with its numbers `which`."""
    if fill_mode not in FILL_MODES:
        raise InputError(f"`fill_mode` must be one of {', '.join(FILL_MODES)}, got {fill_mode!r}.")
    first = 0 if which is None else 1
    sizes = b.shape(x)
    count = first + len(coordinates)
    flat = b.reshape(x, (product_of(sizes[:count]), *sizes[count:]))
    around = [
        _neighbours(b, c, size, order, fill_mode)
        for c, size in zip(coordinates, sizes[first:count], strict=True)
    ]
    deeper = (1,) * (x.ndim - count)
    total: Any = None
    for corner in itertools.product(*around):
        place: Any = which
        for (inside, _, _), size in zip(corner, sizes[first:count], strict=True):
            place = inside if place is None else place * size + inside
        value = b.take(flat, place, 0)
        outside = b.full((1,) * value.ndim, fill_value, b.dtype(x))
        for _, within, _ in corner:
            if within is not None:
                value = b.where(b.reshape(within, (*b.shape(within), *deeper)), value, outside)
        for _, _, weight in corner:
            if weight is not None:
                value = value * b.reshape(weight, (*b.shape(weight), *deeper))
        total = value if total is None else total + value
    return total


@op("inputs ?coordinates", dtype=rules.unchecked)
def map_coordinates(
    b: Backend,
    inputs: ArrayLike,
    coordinates: ArrayLike,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> Array:
    """`inputs` read at computed places.

    Args:
        inputs: array of n dimensions.
        coordinates: array of shape (n, ...): the places along each axis.
        order: 0 for the nearest value, 1 for linear interpolation.
        fill_mode: what is outside: "constant" for `fill_value`, "nearest" for the last value, "wrap"
            for the values from the other end, "mirror" and "reflect" for values mirrored at the last
            one and behind it.
        fill_value: the value outside for "constant".

    Returns:
        Array of the shape of one coordinate and of the dtype of `inputs`.

    Raises:
        InputError: if the arguments do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.image.map_coordinates([0.0, 1.0, 2.0], [[0.5, 1.75]], 1)).tolist()
    [0.5, 1.75]
    """
    if order not in (0, 1):
        raise InputError(f"`order` of map_coordinates() must be 0 or 1, got {order!r}.")
    count = b.shape(coordinates)[0]
    if count != inputs.ndim:
        raise InputError(
            f"map_coordinates() needs one coordinate for each of {inputs.ndim} axes, got {count}."
        )

    def apply(x: Array) -> Array:
        places = b.cast(coordinates, b.dtype(x))
        return sampled(b, x, [places[i] for i in range(count)], order, fill_mode, fill_value)

    return in_floats(b, inputs, apply)


def _order(interpolation: str) -> int:
    if interpolation not in ("nearest", "bilinear"):
        raise InputError(f"`interpolation` must be 'nearest' or 'bilinear', got {interpolation!r}.")
    return 0 if interpolation == "nearest" else 1


def _warped(
    b: Backend, x: Array, rows: Array, columns: Array, order: int, fill_mode: str, fill_value: Any
) -> Array:
    """Images (batch, height, width, channels) read at rows and columns (batch, height, width)."""
    which = b.reshape(b.arange(0, b.shape(x)[0], 1, "int32"), (-1, 1, 1))
    return sampled(b, x, [rows, columns], order, fill_mode, fill_value, which)


def _grid(b: Backend, x: Array) -> tuple[Array, Array]:
    """Rows and columns of the pixels, (1, height, 1) and (1, 1, width)."""
    height, width = b.shape(x)[1:3]
    name = b.dtype(x)
    rows = b.reshape(b.arange(0, height, 1, name), (1, -1, 1))
    return rows, b.reshape(b.arange(0, width, 1, name), (1, 1, -1))


def _projected(
    b: Backend, x: Array, transform: Array, order: int, fill_mode: str, fill_value: Any
) -> Array:
    """Images read where the 8 numbers of `transform` (batch, 8) say."""
    if fill_mode not in FILL_MODES:
        raise InputError(f"`fill_mode` must be one of {', '.join(FILL_MODES)}, got {fill_mode!r}.")
    rows, columns = _grid(b, x)
    t = [b.reshape(transform[:, i], (-1, 1, 1)) for i in range(8)]
    divisor = t[6] * columns + t[7] * rows + 1.0
    from_columns = (t[0] * columns + t[1] * rows + t[2]) / divisor
    from_rows = (t[3] * columns + t[4] * rows + t[5]) / divisor
    return _warped(b, x, from_rows, from_columns, order, fill_mode, fill_value)


def _for_each_image(b: Backend, numbers: Array, shape: tuple[int, ...], op_name: str) -> Array:
    """The numbers of a transformation, of shape (*shape,) or (batch, *shape), with a batch axis."""
    if numbers.ndim == len(shape):
        numbers = b.expand_dims(numbers, 0)
    given = b.shape(numbers)[1:]
    fits = numbers.ndim == len(shape) + 1 and all(
        m == n for m, n in zip(given, shape, strict=True) if isinstance(m, int)
    )
    if not fits:
        raise InputError(
            f"image.{op_name}() needs numbers of shape {shape}, or one set of them for each image, "
            f"got shape {tuple(numbers.shape)}."
        )
    return numbers


@op("images ?transform", dtype=rules.unchecked)
def affine_transform(
    b: Backend,
    images: ArrayLike,
    transform: ArrayLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Images moved, turned, scaled and sheared.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        transform: array of shape (8,) or (batch, 8): [a0, a1, a2, b0, b1, b2, c0, c1]; the pixel
            (x, y) of the result comes from the place ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)
            of the image, where k = c0 x + c1 y + 1.
        interpolation: "nearest" or "bilinear".
        fill_mode: what is outside, see `map_coordinates`.
        fill_value: the value outside for "constant".
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of the shape and dtype of `images`.

    Raises:
        InputError: if an argument is not one of those above.

    Example:

    >>> from hornbeam import ops
    >>> shift = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    >>> x = ops.reshape(ops.array([1.0, 2.0, 3.0]), (1, 3, 1))
    >>> ops.convert_to_numpy(ops.ravel(ops.image.affine_transform(x, shift))).tolist()
    [2.0, 3.0, 0.0]
    """
    order = _order(interpolation)

    def warp(x: Array) -> Array:
        numbers = b.cast(_for_each_image(b, transform, (8,), "affine_transform"), b.dtype(x))
        return _projected(b, x, numbers, order, fill_mode, fill_value)

    def apply(x: Array) -> Array:
        return batched_last(b, x, data_format, "affine_transform", warp)

    return in_floats(b, images, apply)


@op("images ?start_points ?end_points", dtype=rules.unchecked)
def perspective_transform(
    b: Backend,
    images: ArrayLike,
    start_points: ArrayLike,
    end_points: ArrayLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Images in another perspective: four points are moved to four others.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        start_points: array of shape (4, 2) or (batch, 4, 2): points (x, y) of the images.
        end_points: array of the same shape: where they are in the result.
        interpolation: "nearest" or "bilinear".
        fill_value: the value of what is outside of the images.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of the shape and dtype of `images`.

    Raises:
        InputError: if an argument is not one of those above.

    Example:

    >>> from hornbeam import ops
    >>> corners = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]]
    >>> ops.image.perspective_transform(ops.ones((4, 4, 1)), corners, corners).shape
    (4, 4, 1)
    """
    order = _order(interpolation)

    def warp(x: Array) -> Array:
        points = [
            b.cast(_for_each_image(b, p, (4, 2), "perspective_transform"), b.dtype(x))
            for p in (start_points, end_points)
        ]
        transform = _through_points(b, points[1], points[0])
        return _projected(b, x, transform, order, "constant", fill_value)

    def apply(x: Array) -> Array:
        return batched_last(b, x, data_format, "perspective_transform", warp)

    return in_floats(b, images, apply)


def _through_points(b: Backend, sources: Array, targets: Array) -> Array:
    """The 8 numbers of the projections that take four points (batch, 4, 2) to four others."""
    x, y = sources[..., 0], sources[..., 1]
    u, v = targets[..., 0], targets[..., 1]
    one, zero = b.ones_like(x), b.zeros_like(x)
    first = b.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    second = b.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    matrix = b.concatenate([first, second], 1)
    sides = b.expand_dims(b.concatenate([u, v], 1), -1)
    return b.squeeze(b.solve(matrix, sides), axis=-1)


@op("images", dtype=rules.unchecked)
def elastic_transform(
    b: Backend,
    images: ArrayLike,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Array:
    """Images distorted by smooth random displacements (Simard et al., 2003).

    Each pixel is read `alpha` times a random number away along both axes, where the numbers are of
    the normal distribution, smoothed by a Gaussian of the standard deviation `sigma`.

    Args:
        images: array of shape (height, width, channels), or with a batch in front, or with the
            channels before the height.
        alpha: strength of the displacements, in pixels.
        sigma: smoothness of the displacements, in pixels.
        interpolation: "nearest" or "bilinear".
        fill_mode: what is outside, see `map_coordinates`.
        fill_value: the value outside for "constant".
        seed: an int or a `SeedGenerator`; the global one for None.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array of the shape and dtype of `images`.

    Raises:
        InputError: if an argument is not one of those above.

    Example:

    >>> from hornbeam import ops
    >>> ops.image.elastic_transform(ops.ones((8, 8, 3)), seed=1).shape
    (8, 8, 3)
    """
    order = _order(interpolation)
    if fill_mode not in FILL_MODES:
        raise InputError(f"`fill_mode` must be one of {', '.join(FILL_MODES)}, got {fill_mode!r}.")

    def warp(x: Array) -> Array:
        from hornbeam.random import draw_seed
        from hornbeam.random.portable import drawing

        batch, height, width, _ = b.shape(x)
        if b.symbolic:  # a shape draws no numbers
            return x
        noise = drawing(b).random_normal(draw_seed(seed, b), (batch, height, width, 2), "float32")
        noise = b.cast(noise, b.dtype(x))
        reach = 2 * math.ceil(2 * sigma) + 1
        moved = alpha * blurred(b, noise, (reach, reach), (sigma, sigma))
        rows, columns = _grid(b, x)
        return _warped(
            b, x, rows + moved[..., 0], columns + moved[..., 1], order, fill_mode, fill_value
        )

    def apply(x: Array) -> Array:
        return batched_last(b, x, data_format, "elastic_transform", warp)

    return in_floats(b, images, apply)


__all__ = ["affine_transform", "elastic_transform", "map_coordinates", "perspective_transform"]
