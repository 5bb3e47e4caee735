"""Numbers in few bits: scaling to integers, packing, scales of 8-bit floats, and training with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes, ops
from hornbeam.errors import InputError


def abs_max_quantize(
    inputs: Any,
    axis: Any,
    value_range: Sequence[float] = (-127, 127),
    dtype: Any = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """`inputs` as integers of a range that reaches as far as the largest size along `axis`.

    With ``scale = value_range[1] / (max |inputs| + epsilon)`` the integers are
    ``clip(round(inputs * scale))``, and ``integers / scale`` is near `inputs`.

    Args:
        inputs: floating array of any shape.
        axis: the axis or axes that share a scale; None for all.
        value_range: the least and the largest integer.
        dtype: the integers' dtype.
        epsilon: keeps the scale finite where all is zero.
        to_numpy: whether to compute with NumPy, which takes no memory of a device.

    Returns:
        The pair (integers, scale); the scale keeps the axes with size 1.

    Example:

    >>> import hornbeam
    >>> integers, scale = hornbeam.quantizers.abs_max_quantize([[0.5, -1.0]], axis=-1)
    >>> integers.tolist(), scale.shape
    ([[63, -127]], (1, 1))
    """
    low, high = value_range
    if to_numpy:
        given = np.asarray(ops.convert_to_numpy(inputs))
        axes = tuple(axis) if isinstance(axis, (list, tuple)) else axis
        size = np.max(np.abs(given), axis=axes, keepdims=True)
        factor = (high / (size + epsilon)).astype(given.dtype)
        integers = np.clip(np.round(given * factor), low, high).astype(dtypes.standardize(dtype))
        return ops.convert_to_tensor(integers), ops.convert_to_tensor(factor)
    x = ops.convert_to_tensor(inputs)
    size = ops.max(ops.abs(x), axis=axis, keepdims=True)
    scale = ops.cast(ops.divide(high, ops.add(size, epsilon)), x.dtype)
    integers = ops.clip(ops.round(ops.multiply(x, scale)), low, high)
    return ops.cast(integers, dtype), scale


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: Sequence[float] = (-8, 7),
    dtype: Any = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """A matrix as integers, each block of rows of each column with a scale and a zero of its own.

    The range of a block reaches from its least number or 0 to its largest or 0, so that zero is exact.
    ``(integers - zero) * scale`` is near `inputs`.

    Args:
        inputs: floating array of shape (rows, columns).
        block_size: the rows of a block; -1 for all of them. The last block may be shorter.
        value_range: the least and the largest integer.
        dtype: the integers' dtype.
        epsilon: keeps the scale from zero where all is zero.
        to_numpy: whether to compute with NumPy.

    Returns:
        (integers of shape (rows, columns), scale and zero of shape (blocks, columns)).

    Raises:
        InputError: if `inputs` is no matrix.

    Example:

    >>> import hornbeam
    >>> integers, scale, zero = hornbeam.quantizers.abs_max_quantize_grouped_with_zero_point(
    ...     [[0.0, 1.0], [1.5, -0.5]], block_size=2)
    >>> integers.tolist(), zero.tolist()
    ([[-8, 7], [7, -8]], [[-8, -3]])
    """
    x = ops.convert_to_tensor(inputs)
    if len(x.shape) != 2:
        raise InputError(f"Blocks of rows need a matrix, got an array of shape {tuple(x.shape)}.")
    if to_numpy:
        return _with_numpy(x, block_size, value_range, dtype, epsilon)
    rows, columns = x.shape
    size = rows if block_size == -1 else block_size
    blocks = math.ceil(rows / size)
    padded = ops.pad(x, ((0, blocks * size - rows), (0, 0)))
    stacked = ops.reshape(padded, (blocks, size, columns))
    low, high = value_range
    least = ops.minimum(ops.min(stacked, axis=1), 0.0)
    most = ops.maximum(ops.max(stacked, axis=1), 0.0)
    scale = ops.maximum(ops.divide(ops.subtract(most, least), high - low), epsilon)
    zero = ops.clip(ops.add(ops.round(ops.divide(ops.negative(least), scale)), low), low, high)
    wide = ops.add(
        ops.round(ops.divide(stacked, ops.expand_dims(scale, 1))), ops.expand_dims(zero, 1)
    )
    integers = ops.reshape(ops.clip(wide, low, high), (blocks * size, columns))[:rows]
    return ops.cast(integers, dtype), ops.cast(scale, x.dtype), ops.cast(zero, dtype)


def _with_numpy(x: Any, *args: Any) -> tuple[Any, Any, Any]:
    from hornbeam.backends import registry

    given = np.asarray(ops.convert_to_numpy(x))
    with registry.use_backend("numpy"):
        found = abs_max_quantize_grouped_with_zero_point(given, *args)
    first, second, third = map(ops.convert_to_tensor, found)
    return first, second, third


def quantize_and_dequantize(
    inputs: Any, scale: Any, quantized_dtype: Any, compute_dtype: Any
) -> Any:
    """`inputs` as an 8-bit float of a scale can hold them.

    Args:
        inputs: floating array.
        scale: the size of one unit: ``inputs / scale`` is rounded.
        quantized_dtype: "float8_e4m3fn" (3 bits of precision, up to 448) or "float8_e5m2" (2 bits, up to
            57344).
        compute_dtype: the dtype of the result.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.quantize_and_dequantize(
    ...     hornbeam.ops.array([1.03, 500.0]), 1.0, "float8_e4m3fn", "float32").tolist()
    [1.0, 448.0]
    """
    largest = float8_max(quantized_dtype)
    unit = ops.cast(scale, compute_dtype)
    scaled = ops.divide(ops.cast(inputs, compute_dtype), unit)
    held = ops.cast(ops.clip(scaled, -largest, largest), quantized_dtype)
    return ops.multiply(ops.cast(held, compute_dtype), unit)


def float8_max(dtype: Any) -> float:
    """The largest number of an 8-bit float.

    >>> float8_max("float8_e4m3fn"), float8_max("float8_e5m2")
    (448.0, 57344.0)
    """
    return {"float8_e4m3fn": 448.0, "float8_e5m2": 57344.0}[dtypes.standardize(dtype)]


def compute_float8_scale(amax: Any, scale: Any, dtype_max: Any, margin: int = 0) -> Any:
    """The scale with which numbers up to `amax` just fit: ``amax * 2**margin / dtype_max``.

    Args:
        amax: the largest size.
        scale: the scale until now, which stays where `amax` is zero or not finite.
        dtype_max: the largest number of the 8-bit float.
        margin: how many powers of two to leave free.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.quantizers.compute_float8_scale(896.0, 1.0, 448.0))
    2.0
    """
    found = ops.divide(ops.multiply(amax, 2.0**margin), dtype_max)
    good = ops.logical_and(ops.greater(amax, 0.0), ops.isfinite(amax))
    return ops.where(good, found, scale)


def compute_float8_amax_history(x: Any, amax_history: Any) -> Any:
    """The history of largest sizes with that of `x` first, and the oldest dropped.

    Args:
        x: array of any shape.
        amax_history: array of shape (length,), in the order that this function leaves behind: the
            newest entry is in front, the one before it at the end.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.compute_float8_amax_history([-5.0, 2.0], [1.0, 3.0, 4.0]).tolist()
    [5.0, 4.0, 1.0]
    """
    history = ops.convert_to_tensor(amax_history)
    largest = ops.cast(ops.max(ops.abs(ops.convert_to_tensor(x))), history.dtype)
    rolled = ops.roll(history, -1, axis=0)
    return ops.concatenate([ops.reshape(largest, (1,)), rolled[1:]], axis=0)


def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """`inputs` as integers of so many bits between two numbers can hold them, still floating.

    The range is moved a little so that 0 is exact. The gradient passes where `inputs` is within the
    range; what is cut off goes to the ends of the range.

    Args:
        inputs: floating array.
        min_vals: where the range begins: a scalar, or one per entry of `axis`.
        max_vals: where it ends.
        num_bits: from 2 to 16.
        narrow_range: whether to leave out the least integer, for a range symmetric about zero.
        axis: the axis of `min_vals` and `max_vals`; None where they are scalars.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.fake_quant_with_min_max_vars([0.3, 2.0], -1.0, 1.0, narrow_range=True,
    ...     num_bits=2).tolist()
    [0.0, 1.0]
    """
    x = ops.convert_to_tensor(inputs)
    low, high = float(narrow_range), float(2**num_bits - 1)
    shape = [1] * len(x.shape)
    if axis is not None:
        shape[axis] = -1
    least = ops.reshape(ops.cast(min_vals, x.dtype), shape)
    most = ops.reshape(ops.cast(max_vals, x.dtype), shape)
    unit = ops.divide(ops.subtract(most, least), high - low)
    place = ops.subtract(low, ops.divide(least, unit))
    zero = ops.clip(ops.floor(ops.add(place, 0.5)), low, high)
    nudged_least = _straight(least, ops.multiply(ops.subtract(low, zero), unit))
    nudged_most = _straight(most, ops.multiply(ops.subtract(high, zero), unit))
    # `clip` by two functions that have gradients for the ends of the range, too
    within = ops.minimum(ops.maximum(x, nudged_least), nudged_most)
    steps = ops.floor(ops.add(ops.divide(ops.subtract(within, nudged_least), unit), 0.5))
    held = ops.add(ops.multiply(steps, unit), nudged_least)
    return _straight(within, held)


def _straight(x: Any, value: Any) -> Any:
    """`value`, with the gradient that `x` has."""
    return ops.add(x, ops.stop_gradient(ops.subtract(value, x)))


def pack_int4(arr: Any, axis: int = 0, dtype: Any = "int8") -> tuple[Any, tuple[int, ...], int]:
    """Pairs of 4-bit integers in one byte, the first of a pair in the lower half.

    Args:
        arr: int8 array of numbers in [-8, 7], or uint8 of numbers in [0, 15].
        axis: the axis along which neighbours share a byte; an odd one out shares it with 0.
        dtype: "int8" or "uint8": that of `arr` and of the result.

    Returns:
        (packed, its shape, the size of `axis` before).

    Raises:
        InputError: for another dtype.

    Example:

    >>> import hornbeam, numpy as np
    >>> packed, shape, size = hornbeam.quantizers.pack_int4(np.int8([1, -8, 7]))
    >>> packed.tolist(), shape, size
    ([-127, 7], (2,), 3)
    """
    x = ops.convert_to_tensor(arr)
    wanted = dtypes.standardize(dtype)
    if wanted not in ("int8", "uint8") or dtypes.standardize(x.dtype) != wanted:
        raise InputError(
            f"pack_int4() packs int8 or uint8 arrays into the same dtype; got an array of {x.dtype} "
            f"and dtype {wanted!r}. Cast it first."
        )
    moved = ops.cast(ops.moveaxis(x, axis, 0), "int32")
    size = int(moved.shape[0])
    if size % 2:
        moved = ops.concatenate([moved, ops.zeros_like(moved[:1])], axis=0)
    low, high = ops.bitwise_and(moved[::2], 15), ops.bitwise_and(moved[1::2], 15)
    byte = ops.bitwise_or(low, ops.left_shift(high, 4))
    if wanted == "int8":
        byte = ops.subtract(ops.bitwise_xor(byte, 128), 128)  # the sign of 8 bits
    packed = ops.moveaxis(ops.cast(byte, wanted), 0, axis)
    return packed, tuple(packed.shape), size


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: Any = "int8") -> Any:
    """What `pack_int4` packed.

    Args:
        packed: the bytes.
        orig_len: the size of `axis` before packing.
        axis: the axis that was packed.
        dtype: "int8" for numbers in [-8, 7], "uint8" for numbers in [0, 15].

    Example:

    >>> import hornbeam, numpy as np
    >>> hornbeam.quantizers.unpack_int4(np.int8([-127, 7]), 3).tolist()
    [1, -8, 7]
    """
    wanted = dtypes.standardize(dtype)
    if wanted not in ("int8", "uint8"):
        raise InputError(f"unpack_int4() makes int8 or uint8 arrays, not {wanted!r}.")
    byte = ops.cast(ops.moveaxis(ops.convert_to_tensor(packed), axis, 0), "int32")
    halves = [ops.bitwise_and(byte, 15), ops.bitwise_and(ops.right_shift(byte, 4), 15)]
    if wanted == "int8":
        halves = [ops.subtract(ops.bitwise_xor(half, 8), 8) for half in halves]
    pairs = ops.stack(halves, axis=1)
    flat = ops.reshape(pairs, (2 * pairs.shape[0], *pairs.shape[2:]))[:orig_len]
    return ops.moveaxis(ops.cast(flat, wanted), 0, axis)
