"""Indexing, gathering and scattering of TensorFlow's arrays by NumPy's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from hornbeam.backends.dims import TracedDim, value_of

Array = Any


def _part(key: Any) -> Any:
    """One part of a key: None, an ellipsis, a slice, an int, a scalar or an array of places or bools."""
    if isinstance(key, TracedDim):
        return key.scalar
    if isinstance(key, (list, np.ndarray)):
        array = np.asarray(key)
        return array.astype(np.int64) if array.size == 0 and array.dtype.kind == "f" else array
    if isinstance(key, (np.generic, np.bool_)):
        return key.item()
    if isinstance(key, slice):
        parts = [value_of(p) for p in (key.start, key.stop, key.step)]
        return slice(*[p if p is None or tf.is_tensor(p) else int(p) for p in parts])
    return key


def _is_mask(key: Any) -> bool:
    return getattr(key, "dtype", None) in (tf.bool, np.dtype(bool))


def _is_array(key: Any) -> bool:
    if isinstance(key, np.ndarray):
        return key.ndim > 0 or key.dtype == bool
    return tf.is_tensor(key) and (key.shape.rank != 0 or key.dtype is tf.bool)


def fancy_getitem(x: Array, key: Any) -> Array:
    """``x[key]``."""
    keys = [_part(k) for k in (key if type(key) is tuple else (key,))]
    if not any(_is_array(k) for k in keys):
        return x[tuple(keys)]
    keys = _without_ellipsis(x, keys)
    basic: list[Any] = []
    places: list[Any] = []
    axes: list[int] = []
    turns: list[int] = []
    for turn, k in enumerate(keys):
        if k is None or isinstance(k, slice):
            basic.append(tf.newaxis if k is None else k)
            continue
        for index in _columns(k):
            axes.append(len(basic))
            basic.append(slice(None))
            places.append(index)
            turns.append(turn)
    x = x[tuple(basic)]
    places = [_from_the_start(p, x, axis) for p, axis in zip(places, axes, strict=True)]
    if len(places) == 1:
        return tf.gather(x, places[0], axis=axes[0])
    together = turns[-1] - turns[0] == len(set(turns)) - 1
    return _gathered(x, axes, places, axes[0] if together else 0)


def _without_ellipsis(x: Array, keys: list[Any]) -> list[Any]:
    taken = sum((k.ndim if _is_mask(k) else 1) for k in keys if k is not None and k is not ...)
    full = [slice(None)] * (x.shape.rank - taken)
    for i, k in enumerate(keys):
        if k is ...:
            return [*keys[:i], *full, *keys[i + 1 :]]
    return [*keys, *full]


def _columns(key: Any) -> list[Any]:
    """The arrays of places that a part of a key stands for: one, or as many as a mask has axes."""
    if _is_mask(key):
        return list(np.nonzero(key)) if isinstance(key, np.ndarray) else list(nonzero(key))
    return [key]


def _from_the_start(index: Any, x: Array, axis: int) -> Any:
    """Places counted from the start."""
    size = x.shape[axis]
    if not tf.is_tensor(index) and size is not None:
        index = np.asarray(index)
        return np.where(index < 0, index + size, index)
    index = tf.convert_to_tensor(index)
    if index.dtype not in (tf.int32, tf.int64):
        index = tf.cast(index, tf.int64 if index.dtype in (tf.uint32, tf.uint64) else tf.int32)
    size = tf.cast(tf.shape(x)[axis] if size is None else size, index.dtype)
    return tf.where(index < 0, index + size, index)


def _gathered(x: Array, axes: list[int], places: list[Any], front: int) -> Array:
    """The values at some places of some axes; the axes of the places come at `front`."""
    rest = [a for a in range(x.shape.rank) if a not in axes]
    if axes != list(range(len(axes))):
        x = tf.transpose(x, [*axes, *rest])
    if all(isinstance(p, np.ndarray) for p in places):
        index = np.stack(np.broadcast_arrays(*places), -1)
    else:
        wide = [tf.cast(p, tf.int64) for p in places]
        shape = wide[0]
        for p in wide[1:]:
            shape = shape + tf.zeros_like(p)
        index = tf.stack([p + tf.zeros_like(shape) for p in wide], -1)
    out = tf.gather_nd(x, index)
    count = len(index.shape) - 1
    if front:
        order = list(range(count, count + front)) + list(range(count))
        out = tf.transpose(out, [*order, *range(count + front, out.shape.rank)])
    return out


def take(x: Array, indices: Any, axis: int) -> Array:
    """Rows by their numbers."""
    axis = axis % x.shape.rank
    return tf.gather(x, _from_the_start(indices, x, axis), axis=axis)


def take_along_axis(x: Array, indices: Array, axis: int) -> Array:
    """The other axes broadcast."""
    rank = x.shape.rank
    axis = axis % rank
    order = [a for a in range(rank) if a != axis] + [axis]
    rows = tf.transpose(_from_the_start(indices, x, axis), order)
    x = tf.transpose(x, order)
    lead = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(rows)[:-1])
    static = tf.broadcast_static_shape(x.shape[:-1], rows.shape[:-1])
    if static.is_fully_defined():
        lead = static.as_list()
    x = _spread(x, lead)
    out = tf.gather(x, _spread(rows, lead), batch_dims=rank - 1)
    back = list(np.argsort(order))
    return tf.transpose(out, back)


def _spread(x: Array, lead: Any) -> Array:
    if isinstance(lead, list):
        if x.shape[:-1].as_list() == lead:
            return x
        return tf.broadcast_to(x, [*lead, x.shape[-1] or tf.shape(x)[-1]])
    return tf.broadcast_to(x, tf.concat([lead, tf.shape(x)[-1:]], 0))


def nonzero(x: Array) -> tuple[Array, ...]:
    """One tensor of places per axis."""
    places = tf.where(x if x.dtype is tf.bool else tf.not_equal(x, tf.zeros((), x.dtype)))
    return tuple(tf.unstack(places, num=x.shape.rank, axis=1))


# --------------------------------------------------------------------------------------- writing


def scatter(how: str, x: Array, index: Any, updates: Any) -> Array:
    """A new tensor, `x` with `updates` at ``x[index]``: "set", "add", "multiply", "max" or "min"."""
    if not tf.is_tensor(updates):
        updates = tf.convert_to_tensor(updates, x.dtype)
    updates = tf.cast(updates, x.dtype)
    rows = _rows_only(x, index)
    if rows is not None:
        shape = tf.concat([tf.shape(rows), tf.shape(x)[1:]], 0)
        values = tf.broadcast_to(updates, shape)
        return _written(how, x, rows[..., None], values)
    count = tf.size(x)
    places = fancy_getitem(tf.reshape(tf.range(count), tf.shape(x)), index)
    values = tf.reshape(tf.broadcast_to(updates, tf.shape(places)), [-1])
    flat = _written(how, tf.reshape(x, [-1]), tf.reshape(places, [-1, 1]), values)
    return tf.ensure_shape(tf.reshape(flat, tf.shape(x)), x.shape)


def _rows_only(x: Array, index: Any) -> Any:
    """The rows that are meant, if `index` is one array of them; else None."""
    only = index[0] if type(index) is tuple and len(index) == 1 else index
    if tf.is_tensor(only) and only.dtype is not tf.bool and x.shape.rank:
        return _from_the_start(only, x, 0)
    return None


def _written(how: str, x: Array, places: Array, values: Array) -> Array:
    if how == "multiply":
        rows = tf.reshape(places, [-1])
        flat = tf.reshape(values, tf.concat([tf.shape(rows), tf.shape(x)[1:]], 0))
        return x * tf.math.unsorted_segment_prod(flat, rows, tf.shape(x)[0])
    return _SCATTERS[how](x, places, values)


_SCATTERS = {
    "set": tf.tensor_scatter_nd_update,
    "add": tf.tensor_scatter_nd_add,
    "max": tf.tensor_scatter_nd_max,
    "min": tf.tensor_scatter_nd_min,
}


def _starts(x: Array, starts: Sequence[Any], sizes: Any) -> Any:
    """The corner of a window, moved inside where the window would stick out."""
    begins = tf.stack([tf.cast(value_of(s), tf.int32) for s in starts])
    return tf.clip_by_value(begins, 0, tf.shape(x) - sizes)


def slice_window(x: Array, starts: Sequence[Any], sizes: Sequence[int]) -> Array:
    """A window, moved inside where it would stick out."""
    wanted = [value_of(n) for n in sizes]
    return tf.slice(x, _starts(x, starts, wanted), wanted)


def slice_update(x: Array, starts: Sequence[Any], updates: Array) -> Array:
    """A new tensor, with a window replaced."""
    begin = _starts(x, starts, tf.shape(updates))
    end = begin + tf.shape(updates)
    out = tf.raw_ops.TensorStridedSliceUpdate(
        input=x, begin=begin, end=end, strides=tf.ones_like(begin), value=updates
    )
    return tf.ensure_shape(out, x.shape)
