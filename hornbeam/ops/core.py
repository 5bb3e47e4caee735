"""Conversions: between dtypes, between engines and NumPy, and what there is to know of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.symbolic import KerasTensor, is_recording
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, concrete_backend, op, owner_of
from hornbeam.ops.room import product_of, room_for


def _unwrapped(x: Any) -> Any:
    return x.__hornbeam_array__() if hasattr(x, "__hornbeam_array__") else x


@op("x", dtype=rules.unchecked)
def cast(b: Backend, x: ArrayLike, dtype: Any) -> Array:
    """`x` with another dtype.

    Args:
        x: array of any shape.
        dtype: the wanted dtype, in any spelling.

    Returns:
        Array of the shape of `x`.  Floats lose what follows the point when they become integers.

    Raises:
        ValueError: if there is no such dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.cast([1.7, -1.7], "int32")).tolist()
    [1, -1]
    """
    return b.cast(x, dtypes.standardize(dtype))


@op("x", dtype=rules.unchecked)
def saturate_cast(b: Backend, x: ArrayLike, dtype: Any) -> Array:
    """`x` with another dtype, values outside of its range moved to its ends first.

    Args:
        x: array of any shape.
        dtype: the wanted dtype, in any spelling.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.saturate_cast([-1.0, 300.0], "uint8")).tolist()
    [0, 255]
    """
    name, given = dtypes.standardize(dtype), b.dtype(x)
    if name == "bool" or given == "bool" or dtypes.is_complex(name) or dtypes.is_complex(given):
        return b.cast(x, name)
    low, high = _range_inside(given, name)
    with room_for(b, given, name):
        if low is not None:
            x = b.maximum(x, low)
        if high is not None:
            x = b.minimum(x, high)
        return b.cast(x, name)


def _range_inside(given: str, wanted: str) -> tuple[Any, Any]:
    """The ends of the range of `wanted`, as far as values of `given` can lie beyond them."""
    ours, theirs = _limits(given), _limits(wanted)
    low = theirs[0] if theirs[0] > ours[0] else None
    high = theirs[1] if theirs[1] < ours[1] else None
    if dtypes.is_float(given) and not dtypes.is_float(wanted) and high is not None:
        native = np.asarray(high, registry.get("numpy").native_dtype(given))
        while int(native) > high:  # rounded up: take the next float below
            native = np.nextafter(native, np.zeros_like(native))
        high = float(native)
    if dtypes.is_float(given):
        low = None if low is None else float(low)
        high = None if high is None else float(high)
    return low, high


def _limits(dtype: str) -> tuple[Any, Any]:
    native = registry.get("numpy").native_dtype(dtype)
    if dtypes.is_int(dtype):
        integers = np.iinfo(native)
        return int(integers.min), int(integers.max)
    import ml_dtypes

    floats = ml_dtypes.finfo(native)  # type: ignore[no-untyped-call]
    return float(floats.min), float(floats.max)


def convert_to_tensor(
    x: ArrayLike, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Array:
    """`x` as an array of an engine.

    Args:
        x: number, nested list, NumPy array, `Variable` or array of an engine.  An engine's array
            stays on its engine; everything else goes to the current one.
        dtype: the wanted dtype; by default that of `x`, for Python numbers int32 or the default
            float dtype.
        sparse: must not be True: arrays are dense.
        ragged: must not be True: arrays are not ragged.

    Returns:
        An array.

    Raises:
        InputError: if a sparse or ragged array is asked for.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_tensor([[1, 2], [3, 4]], dtype="float32").shape
    (2, 2)
    """
    if sparse or ragged:
        raise InputError(
            "Arrays are dense: leave `sparse` and `ragged` of convert_to_tensor() alone."
        )
    name = None if dtype is None else dtypes.standardize(dtype)
    x = _unwrapped(x)
    if isinstance(x, KerasTensor):
        return x if name in (None, x.dtype) else cast(x, name)
    b = concrete_backend(x)
    if isinstance(x, (list, tuple)) and (owner_of(x) is not None or _holds_variables(x)):
        x = b.stack([convert_to_tensor(item, name) for item in x], 0)
    return b.asarray(x, name)


def _holds_variables(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(map(_holds_variables, x))
    return hasattr(x, "__hornbeam_array__")


def array(x: ArrayLike, dtype: Any = None) -> Array:
    """`x` as an array of an engine: `convert_to_tensor` by its NumPy name.

    Args:
        x: number, nested list, NumPy array, `Variable` or array of an engine.
        dtype: the wanted dtype; by default that of `x`.

    Returns:
        An array.

    Example:

    >>> from hornbeam import ops
    >>> ops.array([1, 2, 3]).shape
    (3,)
    """
    return convert_to_tensor(x, dtype)


def convert_to_numpy(x: ArrayLike) -> Any:
    """`x` as a NumPy array, on the host.

    Args:
        x: concrete array, `Variable`, number or nested list.

    Returns:
        A NumPy array; bfloat16 and float8 keep their dtype (of the package ml_dtypes).

    Raises:
        TypeError: if `x` is symbolic or being traced, and so has no values.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """
    x = _unwrapped(x)
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, (list, tuple)) and (owner_of(x) is not None or _holds_variables(x)):
        return np.stack([convert_to_numpy(item) for item in x])
    owner = owner_of(x)
    return np.asarray(x) if owner is None else owner.to_numpy(x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is an array of an engine.

    Args:
        x: anything.

    Returns:
        True for arrays of any engine (NumPy arrays only while the engine is "numpy"); False for
        symbolic tensors, variables, numbers and lists.

    Example:

    >>> from hornbeam import ops
    >>> ops.is_tensor(ops.ones(3)), ops.is_tensor([1, 1, 1])
    (True, False)
    """
    if isinstance(x, (list, tuple, KerasTensor)):
        return False
    if isinstance(x, (np.ndarray, np.generic)):
        return registry.current().name == "numpy"
    return registry.engine_of(type(x)) is not None


def shape(x: ArrayLike) -> tuple[Any, ...]:
    """The shape of `x` as a tuple.

    Args:
        x: array, symbolic tensor, `Variable` or nested list.

    Returns:
        A tuple of ints.  A dimension that is not known is None for a symbolic tensor; inside of
        layers and models it is a placeholder that can be computed with and passed to `reshape`,
        `zeros` and the like.

    Example:

    >>> from hornbeam import ops
    >>> ops.shape(ops.ones((2, 3)))
    (2, 3)
    """
    x = _unwrapped(x)
    owner = owner_of(x)
    if owner is None or isinstance(x, (list, tuple)):
        return tuple(np.shape(x)) if owner is None else tuple(convert_to_tensor(x).shape)
    if owner.symbolic and is_recording():
        return tuple(x.shape)
    return owner.shape(x)


def dtype(x: ArrayLike) -> str:
    """The dtype of `x` by its name.

    Args:
        x: array, symbolic tensor, `Variable`, number or nested list.

    Returns:
        A string such as "float32".

    Example:

    >>> from hornbeam import ops
    >>> ops.dtype(ops.ones(3)), ops.dtype(1.5)
    ('float32', 'float32')
    """
    x = _unwrapped(x)
    if hasattr(x, "dtype"):
        return dtypes.standardize(x.dtype)
    b = concrete_backend(x)
    return b.dtype(convert_to_tensor(x))


def ndim(x: ArrayLike) -> int:
    """How many dimensions `x` has.

    Args:
        x: array, symbolic tensor, `Variable` or nested list.

    Returns:
        An int.

    Example:

    >>> from hornbeam import ops
    >>> ops.ndim(ops.ones((2, 3)))
    2
    """
    return len(shape(x))


def size(x: ArrayLike) -> Any:
    """How many values `x` holds.

    Args:
        x: array, symbolic tensor, `Variable` or nested list.

    Returns:
        An int; None for a symbolic tensor with a dimension that is not known.

    Example:

    >>> from hornbeam import ops
    >>> ops.size(ops.ones((2, 3)))
    6
    """
    sizes = shape(x)
    return None if None in sizes else product_of(sizes)


@op("variable", dtype=rules.unchecked, elementwise=True)
def stop_gradient(b: Backend, variable: ArrayLike) -> Array:
    """`variable` as a constant for differentiation: gradients do not flow through.

    Args:
        variable: array of any shape, or a `Variable`.

    Returns:
        Array of the same shape, dtype and values.

    Example:

    >>> import hornbeam
    >>> from hornbeam import ops
    >>> slope = hornbeam.grad(lambda x: ops.sum(x * ops.stop_gradient(x)))
    >>> slope(ops.convert_to_tensor([3.0])).tolist()
    [3.0]
    """
    return b.stop_gradient(variable)


@op("x", dtype=rules.unchecked, elementwise=True)
def copy(b: Backend, x: ArrayLike) -> Array:
    """A copy of `x`, which changes of `x` do not reach.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape, dtype and values.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.copy([1, 2])).tolist()
    [1, 2]
    """
    return b.where(b.ones(b.shape(x), "bool"), x, x)


__all__ = [
    "array",
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "copy",
    "dtype",
    "is_tensor",
    "ndim",
    "saturate_cast",
    "shape",
    "size",
    "stop_gradient",
]
