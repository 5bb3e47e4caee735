"""TensorFlow's arrays: conversion, dtypes, sizes, and dtypes that it has no kernels for.

TensorFlow has kernels for some operations and dtypes and not for others, and in a graph that shows
only when it runs.  So `widened` computes the small integers in 32 or 64 bits everywhere, eagerly and in
graphs, and casts back, which gives the same numbers (arithmetic modulo a power of two).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from hornbeam import dtypes
from hornbeam.backends.dims import TracedDim, value_of
from hornbeam.backends.numpy import to_array
from hornbeam.errors import UnsupportedError

Array = Any
raw = tf.raw_ops

DTYPES: dict[str, Any] = {name: tf.as_dtype(name) for name in dtypes.ALL}
NAMES: dict[Any, str] = {dtype: name for name, dtype in DTYPES.items()}
REFUSALS: tuple[Any, ...] = (
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.UnimplementedError,
    TypeError,
    ValueError,
)
"""How TensorFlow says that it has no kernel for a dtype."""

_WIDER = {
    tf.int8: tf.int32,
    tf.uint8: tf.int32,
    tf.int16: tf.int32,
    tf.uint16: tf.int32,
    tf.uint32: tf.int64,
    tf.as_dtype("float8_e4m3fn"): tf.float32,
    tf.as_dtype("float8_e5m2"): tf.float32,
}
_WIDER_IF_REFUSED = {tf.bfloat16: tf.float32, tf.float16: tf.float32, tf.uint64: tf.int64}


@functools.cache
def has_gpu() -> bool:
    """Whether there is a GPU to compute on."""
    return bool(tf.config.list_physical_devices("GPU"))


def asarray(x: Any, dtype: str | None = None) -> Array:
    """`x` as a tensor; NumPy arrays are copied, since nobody else may change a tensor's values."""
    if isinstance(x, TracedDim):
        x = x.scalar
    if isinstance(x, (tf.Variable, tf.IndexedSlices)):
        x = tf.convert_to_tensor(x)
    if isinstance(x, tf.Tensor):
        return x if dtype is None else cast(x, dtype)
    if isinstance(x, (list, tuple)) and any(map(tf.is_tensor, x)):
        x = tf.stack([asarray(item) for item in x])
        return x if dtype is None else cast(x, dtype)
    array = to_array(x, dtype)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return tf.constant(array)


def to_numpy(x: Array) -> Any:
    """A copy of the values, on the host."""
    values = x.numpy()
    return values if isinstance(values, np.ndarray) else np.asarray(values)


def on_host(x: Array) -> Any:
    """The values on the host; eager tensors show where they lie."""
    return np.asarray(x) if isinstance(x, tf.Tensor) else to_numpy(x)


def cast(x: Array, dtype: str) -> Array:
    """`x` in another dtype; of complex numbers the real part."""
    target = DTYPES[dtype]
    if x.dtype is target:
        return x
    if x.dtype.is_complex and not target.is_complex and target is not tf.bool:
        x = tf.math.real(x)
    if target is tf.string:
        return tf.strings.as_string(x)
    if x.dtype.is_floating and target.is_integer and target.size < 4:
        x = raw.Cast(x=x, DstT=tf.int32)  # as C does it: modulo, not clipped
    return raw.Cast(x=x, DstT=target)


def shape(x: Array) -> tuple[Any, ...]:
    """Ints, and a `TracedDim` for each size that is not known while tracing."""
    known = tuple(x.shape)
    if None not in known:
        return known
    sizes = tf.shape(x)
    return tuple(TracedDim(sizes[i]) if n is None else n for i, n in enumerate(known))


def sizes(shape: Any) -> Any:
    """A shape as TensorFlow takes it: ints, or one tensor if some are traced."""
    given = [value_of(n) for n in ((shape,) if np.ndim(shape) == 0 else shape)]
    if not any(tf.is_tensor(n) for n in given):
        return [int(n) for n in given]
    return tf.stack([tf.cast(n, tf.int32) for n in given])


# ------------------------------------------------------------------------ dtypes without kernels


def widened(fn: Callable[..., Any], index: bool = False) -> Callable[..., Any]:
    """`fn` for the dtypes that TensorFlow has no kernels for as well.

    Args:
        fn: a function of tensors, and of sequences of tensors.
        index: whether its result counts places, and so has a dtype of its own.
    """

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        given = _dtype_of(args)
        wider = _WIDER.get(given)
        if wider is None:
            try:
                return fn(*args, **kwargs)
            except REFUSALS:
                wider = _WIDER_IF_REFUSED.get(given)
                if wider is None:
                    raise
        out = fn(*[_as_wide(a, given, wider) for a in args], **kwargs)
        if index:
            return out
        if isinstance(out, (tuple, list)):
            return type(out)(_back(part, given, wider) for part in out)
        return _back(out, given, wider)

    return run


def _dtype_of(args: Sequence[Any]) -> Any:
    for arg in args:
        if isinstance(arg, tf.Tensor):
            return arg.dtype
        if isinstance(arg, (list, tuple)) and arg and isinstance(arg[0], tf.Tensor):
            return arg[0].dtype
    return None


def _as_wide(x: Any, given: Any, wider: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)(_as_wide(item, given, wider) for item in x)
    if not isinstance(x, tf.Tensor) or x.dtype is not given:
        return x
    if given is tf.uint64 and not tf.is_symbolic_tensor(x) and (x.numpy() >= 2**63).any():
        raise UnsupportedError(
            "The engine 'tensorflow' cannot compute this with uint64 numbers from 2**63 on."
        )
    return raw.Cast(x=x, DstT=wider)


def _back(x: Any, given: Any, wider: Any) -> Any:
    return raw.Cast(x=x, DstT=given) if isinstance(x, tf.Tensor) and x.dtype is wider else x


def constant(value: Any, dtype: Any) -> Array:
    """A number as a tensor."""
    return tf.constant(bool(value) if dtype is tf.bool else value, dtype)
