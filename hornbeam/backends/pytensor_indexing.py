"""Indexing, gathering, scattering, sorting and padding of PyTensor's variables by NumPy's rules."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt

from hornbeam.backends import pytensor_arrays as a
from hornbeam.backends.dims import value_of
from hornbeam.backends.pytensor_host import Host, static, summed_to
from hornbeam.errors import InputError

Variable = Any

min_, max_ = builtins.min, builtins.max


def pad(x: Variable, widths: Any, mode: str = "constant", value: Any = 0) -> Variable:
    """Constants at the ends, or rows taken from `x` in the order in which NumPy's `pad` takes them."""
    pairs = [(value_of(before), value_of(after)) for before, after in widths]
    if mode != "constant":
        for axis, width in enumerate(pairs):
            n = static(x)[axis]
            if builtins.any(width):
                if n is None:
                    raise InputError(f"pad(mode={mode!r}) needs to know the size of axis {axis}.")
                rows = np.pad(np.arange(n), tuple(width), mode=mode)  # type: ignore[call-overload]
                x = take(x, rows, axis)
        return x
    key, wanted = [], []
    for axis, (before, after) in enumerate(pairs):
        n = a.size_of(x, axis)
        wanted.append(n + before + after)
        key.append(slice(before, before + n))
    if builtins.all(not a.is_variable(w) and w == 0 for pair in pairs for w in pair):
        return x
    if builtins.any(not a.is_variable(w) and w < 0 for pair in pairs for w in pair):
        cropped = [slice(-min_(b, 0), n) for (b, _), n in zip(pairs, map(value_of, a.shape(x)))]
        ends = [-min_(a, 0) for _, a in pairs]
        x = x[tuple(slice(c.start, c.stop - e) for c, e in zip(cropped, ends, strict=True))]
        return pad(x, [(max_(b, 0), max_(a, 0)) for b, a in pairs], mode, value)
    fill = a.filled(a.constant(value, x.dtype), wanted)
    return pt.set_subtensor(fill[tuple(key)], x)


# --------------------------------------------------------------------------------------- indexing


def _part(part: Any) -> Any:
    if isinstance(part, slice):
        given = [value_of(p) for p in (part.start, part.stop, part.step)]
        return slice(*[p if p is None or a.is_variable(p) else int(p) for p in given])
    part = value_of(part)
    if isinstance(part, (list, np.ndarray)):
        array = np.asarray(part)
        if array.ndim == 0 and array.dtype != bool:
            return int(array)
        return array.astype(np.int64) if array.size == 0 and array.dtype.kind == "f" else array
    return int(part) if isinstance(part, np.integer) else part


def key_of(key: Any) -> tuple[Any, ...]:
    """A key as PyTensor takes it."""
    return tuple(_part(k) for k in (key if type(key) is tuple else (key,)))


def getitem(x: Variable, key: Any) -> Variable:
    """By NumPy's rules."""
    parts = key_of(key)
    if not parts:
        return x
    return _one_row(x[parts], x, parts)


def _one_row(out: Variable, x: Variable, parts: tuple[Any, ...]) -> Variable:
    """`out`, with the sizes of 1 that slices like ``[:1]`` and ``[-1:]`` of an open axis have.

    PyTensor decides while tracing what is broadcast, so it has to know them.
    """
    if not builtins.all(isinstance(p, slice) for p in parts):
        return out
    known = list(out.type.shape)
    for i, part in enumerate(parts):
        start, stop = part.start or 0, part.stop
        if known[i] is None and part.step in (None, 1) and not a.is_variable(start):
            last = start == -1 and stop is None
            first = start >= 0 and isinstance(stop, int) and stop - start == 1
            known[i] = 1 if last or first else None
    return a.sized(out, known)


def take(x: Variable, indices: Any, axis: int) -> Variable:
    """Negative indices count from the end."""
    x, indices = a.constant(x), a.constant(indices)
    axis = axis % x.ndim
    if indices.ndim == 1:
        return x[(*[slice(None)] * axis, indices)]
    rows = x[(*[slice(None)] * axis, indices.flatten())]
    if indices.ndim == 0:
        return a.squeeze(rows, axis)
    return a.reshape(rows, (*a.shape(x)[:axis], *a.shape(indices), *a.shape(x)[axis + 1 :]))


def take_along_axis(x: Variable, indices: Any, axis: int) -> Variable:
    """The other axes broadcast."""
    x, indices = a.constant(x), a.constant(indices)
    ((_, shape),) = a.types_of("take_along_axis", x, indices, axis)
    return a.sized(pt.take_along_axis(x, indices, axis % x.ndim), shape)


def _updated(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A scatter that PyTensor has: what meets at one place is added up, or one of it wins."""

    def run(x: Any, index: Any, updates: Any) -> Variable:
        x = a.constant(x)
        return fn(x[key_of(index)], a.constant(updates, x.dtype))

    return run


def _scatter(name: str) -> Callable[..., Any]:
    def run(x: Any, index: Any, updates: Any) -> Variable:
        x = a.constant(x)
        updates = a.constant(updates, x.dtype)
        parts = key_of(index)
        places = [i for i, p in enumerate(parts) if a.is_variable(p) or isinstance(p, np.ndarray)]

        def key_with(indices: Sequence[Any]) -> tuple[Any, ...]:
            swap = dict(zip(places, indices, strict=True))
            return tuple(swap.get(i, part) for i, part in enumerate(parts))

        def scattered(x: Any, updates: Any, *indices: Any) -> Any:
            return getattr(a.NUMPY, f"scatter_{name}")(x, key_with(indices), updates)

        def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
            (x, updates, *indices), g, out = inputs, upstream[0], outputs[0]
            key = key_with(indices)
            if name == "multiply":
                slope = g * run(pt.ones_like(x), key, updates)
                slopes = (g * out)[key] / updates
            else:
                slope = pt.switch(pt.eq(out, x), g, 0)
                slopes = pt.switch(pt.eq(out[key], updates), g[key], 0)
            return [slope, summed_to(slopes, updates), *[None] * len(indices)]

        node = Host(f"scatter_{name}", scattered, [(x.dtype, static(x))], pull)
        return node(x, updates, *[a.constant(parts[i]) for i in places])

    return run


def _starts(x: Variable, starts: Sequence[Any], counts: Sequence[Any]) -> list[Any]:
    """The corner of a window, moved inside where the window would stick out."""
    found = []
    for i, (start, count) in enumerate(zip(starts, counts, strict=True)):
        start, last = value_of(start), a.size_of(x, i) - count
        if not a.is_variable(start) and not a.is_variable(last):
            found.append(min_(max_(int(start), 0), last))
        else:
            found.append(pt.clip(pt.cast(a.constant(start), "int64"), 0, last))
    return found


def slice_window(x: Any, starts: Sequence[Any], counts: Sequence[Any]) -> Variable:
    """A window, moved inside where it would stick out."""
    x, wanted = a.constant(x), a.sizes(counts)
    corner = _starts(x, starts, wanted)
    out = x[tuple(slice(s, s + n) for s, n in zip(corner, wanted, strict=True))]
    return pt.specify_shape(out, [None if a.is_variable(n) else n for n in wanted])


def slice_update(x: Any, starts: Sequence[Any], updates: Any) -> Variable:
    """A new array, with a window replaced."""
    x = a.constant(x)
    updates = a.constant(updates, x.dtype)
    counts = [a.size_of(updates, i) for i in range(updates.ndim)]
    corner = _starts(x, starts, counts)
    key = tuple(slice(s, s + n) for s, n in zip(corner, counts, strict=True))
    return pt.set_subtensor(x[key], updates)


def argsort(x: Variable, axis: int = -1) -> Variable:
    """Stable."""
    return pt.argsort(a.counted(x), axis, kind="stable")


def sort(x: Variable, axis: int = -1) -> Variable:
    """In ascending order, NaN last; the gradient goes back where the values came from."""
    if a.kind_of(x) not in "fc":
        return pt.cast(pt.sort(a.counted(x), axis), x.dtype)
    return take_along_axis(x, argsort(x, axis), axis)


def _cumulative(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Integers in 64 bits."""
    return lambda x, axis: fn(pt.cast(x, a.wide_dtype(x)), axis % x.ndim)


INDEXING: dict[str, Callable[..., Any]] = {
    **{f"scatter_{name}": _scatter(name) for name in ("max", "min", "multiply")},
    "scatter_add": _updated(pt.inc_subtensor),
    "scatter_set": _updated(pt.set_subtensor),
    "getitem": getitem,
    "take": take,
    "take_along_axis": take_along_axis,
    "nonzero": lambda x: tuple(pt.nonzero(x)),
    "searchsorted": lambda x, values, side="left": pt.searchsorted(x, a.constant(values), side),
    "sort": sort,
    "argsort": argsort,
    "cumsum": _cumulative(pt.cumsum),
    "cumprod": _cumulative(pt.cumprod),
    "pad": pad,
    "slice_update": slice_update,
}
