"""Batches as tuples."""

from __future__ import annotations

from typing import Any

from hornbeam.errors import InputError


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch, None for what it leaves out.

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3 or not data:
        raise InputError(
            f"A batch must be x, (x, y) or (x, y, sample_weight), got a tuple of {len(data)}."
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """A batch of what is not None; the inverse of `unpack_x_y_sample_weight`.

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if sample_weight is not None:
        return (x, y, sample_weight)
    if y is not None:
        return (x, y)
    return x if not isinstance(x, (list, tuple)) else (x,)
