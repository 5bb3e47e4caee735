"""Small helpers on arrays: one-hot rows, unit vectors, sequences of one length."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers as one-hot rows.

    Args:
        x: ints in [0, num_classes), an array of any shape; a last axis of size 1 is dropped.
        num_classes: how many classes there are; by default the largest number plus 1.

    Returns:
        Array of shape ``(*x.shape, num_classes)``: of the engine and of the default float dtype if `x`
        is an array of an engine, else a float64 NumPy array.

    Raises:
        InputError: if a number is outside of the range, or no int.

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.to_categorical([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    owner = owner_of(x)
    labels = owner.to_numpy(x) if owner is not None else np.asarray(x)
    whole = labels.astype(np.int64)
    if labels.dtype.kind not in "biuf" or (labels != whole).any():
        raise InputError(f"to_categorical() needs class numbers, got an array of {labels.dtype}.")
    if whole.ndim > 1 and whole.shape[-1] == 1:
        whole = whole[..., 0]
    if num_classes is None:
        num_classes = int(whole.max()) + 1 if whole.size else 0
    if whole.size and (whole.min() < 0 or whole.max() >= num_classes):
        raise InputError(
            f"to_categorical(): the class numbers lie in [{whole.min()}, {whole.max()}], but there are "
            f"{num_classes} classes, counted from 0."
        )
    if owner is not None:
        return ops.one_hot(owner.asarray(whole.astype(np.int32)), num_classes)
    rows = np.zeros((*whole.shape, num_classes))
    np.put_along_axis(rows, whole[..., None], 1.0, -1)
    return rows


def normalize(x: Any, axis: int = -1, order: Any = 2) -> Any:
    """`x` divided by its norm along an axis; zero vectors stay zero.

    Args:
        x: an array, or nested lists of numbers.
        axis: the axis of the vectors.
        order: the order of the norm, such as 2 for the Euclidean one.

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.normalize([[3.0, 4.0]]).round(6).tolist()
    [[0.6, 0.8]]
    """
    if owner_of(x) is not None:
        return ops.normalize(x, axis=axis, order=order)
    array = np.atleast_1d(np.asarray(x))
    if array.ndim == 1:
        array = array[None]
    norm = np.atleast_1d(np.linalg.norm(array, order, axis, keepdims=True))
    return array / np.where(norm == 0, 1, norm)


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Any:
    """Sequences of different lengths as one array.

    Args:
        sequences: a list of sequences; each has numbers, or arrays of one shape.
        maxlen: the length of all; by default that of the longest.
        dtype: the dtype of the result; object for text.
        padding: "pre" or "post": where what is too short is filled up.
        truncating: "pre" or "post": where what is too long is cut off.
        value: what is filled in.

    Returns:
        NumPy array of shape ``(len(sequences), maxlen, ...)``.

    Raises:
        InputError: if `sequences` holds no sequences, or their items differ in shape.

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2).tolist()
    [[0, 1], [2, 3], [5, 6]]
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise InputError(f"pad_sequences(): `{name}` must be 'pre' or 'post', got {side!r}.")
    try:
        lengths = [len(sequence) for sequence in sequences]
    except TypeError:
        raise InputError(
            "pad_sequences() needs a list of sequences, such as [[1, 2], [3]]; got "
            f"{type(sequences).__name__}"
            + (" with items that are no sequences." if hasattr(sequences, "__iter__") else ".")
        ) from None
    length = max(lengths, default=0) if maxlen is None else maxlen
    item_shape = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OU":
        raise InputError(
            f"pad_sequences(): `value` is text, so `dtype` must be object, not {dtype!r}."
        )
    result = np.full((len(lengths), length, *item_shape), value, kind)
    for i, sequence in enumerate(sequences):
        if not len(sequence) or not length:
            continue
        kept = np.asarray(sequence[-length:] if truncating == "pre" else sequence[:length])
        if kept.shape[1:] != item_shape:
            raise InputError(
                f"pad_sequences(): the items of sequence {i} have shape {kept.shape[1:]}, those of the "
                f"first {item_shape}."
            )
        if kept.dtype.kind in "SU" and kind.kind not in "OSU":
            raise InputError(f"pad_sequences(): sequence {i} holds text; pass `dtype=object`.")
        if padding == "post":
            result[i, : len(kept)] = kept
        else:
            result[i, -len(kept) :] = kept
    return result
