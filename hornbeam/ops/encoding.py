"""Classes as vectors of zeros and ones."""

from __future__ import annotations

from typing import Any

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import named, one_axis, room_for


@op("?x", dtype=rules.unchecked)
def one_hot(
    b: Backend,
    x: ArrayLike,
    num_classes: int,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
) -> Array:
    """For each class number a vector with a one at its place and zeros elsewhere.

    Args:
        x: integer array of any shape; a number out of range gives zeros only.
        num_classes: how many classes.
        axis: place of the new axis in the result.
        dtype: the dtype of the result; the default float dtype for None.
        sparse: must be False: arrays are dense.

    Returns:
        Array with one more axis, of size `num_classes`.

    Raises:
        InputError: if a sparse array is asked for.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.one_hot([0, 2], 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    _dense(sparse, "one_hot")
    name = named(dtype, dtypes.floatx())
    place = one_axis(axis, x.ndim + 1, "one_hot")
    x = b.expand_dims(x if "int" in b.dtype(x) else b.cast(x, "int32"), place)
    classes = b.arange(0, num_classes, 1, b.dtype(x))
    shape = [num_classes if a == place else 1 for a in range(x.ndim)]
    with room_for(b, name):
        return b.cast(b.equal(x, b.reshape(classes, shape)), name)


@op("?inputs", dtype=rules.unchecked)  # type: ignore[arg-type]  # **kwargs
def multi_hot(
    b: Backend,
    inputs: ArrayLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Array:
    """For each set of class numbers a vector with ones at their places and zeros elsewhere.

    Args:
        inputs: integer array of shape (numbers,) or (batch, numbers, ...).
        num_classes: how many classes.
        axis: place of the new axis in the result.
        dtype: the dtype of the result; the default float dtype for None.
        sparse: must be False: arrays are dense.
        **kwargs: `num_tokens`, the older name of `num_classes`.

    Returns:
        Array of shape (classes,) or (batch, classes, ...).

    Raises:
        InputError: if the number of classes is missing or a sparse array is asked for.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.multi_hot([0, 2, 2], 4)).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    _dense(sparse, "multi_hot")
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs:
        raise InputError(f"multi_hot() got unknown arguments {sorted(kwargs)}.")
    if num_classes is None:
        raise InputError("multi_hot() needs `num_classes`.")
    name = named(dtype, dtypes.floatx())
    with room_for(b, name):
        hot = b.one_hot(inputs, num_classes, axis, name)
        return b.max(hot, axis=1 if inputs.ndim > 1 else 0, keepdims=False)


def _dense(sparse: bool, op_name: str) -> None:
    if sparse:
        raise InputError(f"Arrays are dense: leave `sparse` of {op_name}() at False.")


__all__ = ["multi_hot", "one_hot"]
