"""Shapes are just another backend: its arrays carry a shape and a dtype, and nothing else.

Whatever runs on it (an op, a layer, a loss, a user's function) is shape-inferred by running.  Its
arrays are what ``Input()`` returns, `KerasTensor` in the API; what the user applies to them is
recorded as a graph (`hornbeam.models.graph`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes, tree
from hornbeam.backends.dims import UNKNOWN, UnknownDim
from hornbeam.backends.protocol import ELEMENTWISE_BINARY, ELEMENTWISE_UNARY, REDUCTIONS, Backend
from hornbeam.backends.symbolic_arrays import (
    COMPARISONS,
    OPERATORS,
    PUBLIC_OPS,
    KerasTensor,
    Shape,
    broadcast,
    closed,
    install_operators,
    is_recording,
    not_recording,
    recording,
)
from hornbeam.errors import InputError

__all__ = [
    "COMPARISONS",
    "OPERATORS",
    "PUBLIC_OPS",
    "KerasTensor",
    "SymbolicBackend",
    "broadcast",
    "install_operators",
    "is_recording",
    "make",
    "not_recording",
    "recording",
]


def _axes(axis: Any, ndim: int) -> list[int]:
    if axis is None:
        return list(range(ndim))
    given = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    for a in given:
        if not -ndim <= a < ndim:
            raise InputError(f"axis {a} is out of range for an array of {ndim} dimensions.")
    return [int(a) % ndim for a in given]


def _numel(shape: Sequence[Any]) -> int | None:
    return None if any(not isinstance(d, int) for d in shape) else math.prod(shape)


class SymbolicBackend(Backend):
    """The shape and dtype rules of the primitives."""

    name = "symbolic"
    pip = "hornbeam"
    symbolic = True
    compiled = False

    def array_types(self) -> tuple[type, ...]:
        return (KerasTensor,)

    def asarray(self, x: Any, dtype: str | None = None) -> KerasTensor:
        if isinstance(x, KerasTensor):
            return x if dtype is None else self.cast(x, dtype)
        if isinstance(x, UnknownDim):
            return KerasTensor((), dtype or "int32")
        if not hasattr(x, "shape") or not hasattr(x, "dtype"):
            from hornbeam.backends.numpy import to_array

            x = to_array(x)
        return KerasTensor(x.shape, dtype or dtypes.standardize(x.dtype))

    def to_numpy(self, x: KerasTensor) -> Any:
        return x.__array__()

    def is_concrete(self, x: KerasTensor) -> bool:
        return False

    def shape(self, x: KerasTensor) -> tuple[Any, ...]:
        return tuple(UNKNOWN if d is None else d for d in x.shape)

    def dtype(self, x: Any) -> str:
        """Also of an engine's array, such as the weight of a layer that is being inferred."""
        return x.dtype if isinstance(x, KerasTensor) else dtypes.standardize(x.dtype)

    def cast(self, x: KerasTensor, dtype: str) -> KerasTensor:
        return KerasTensor(x.shape, dtype)

    # ------------------------------------------------------------------------------------- shaping

    def reshape(self, x: KerasTensor, shape: Sequence[Any]) -> KerasTensor:
        wanted = [UNKNOWN if d is None else d for d in shape]
        total = _numel(x.shape)
        if -1 in [d for d in wanted if isinstance(d, int)]:
            place = next(i for i, d in enumerate(wanted) if isinstance(d, int) and d == -1)
            rest = _numel(wanted[:place] + wanted[place + 1 :])
            fits = total is not None and rest
            wanted[place] = total // rest if fits and total is not None and rest else UNKNOWN
        result = closed(wanted)
        size = _numel(result)
        if total is not None and size is not None and size != total:
            raise InputError(
                f"Cannot reshape {x.shape} ({total} values) into {tuple(shape)} ({size} values)."
            )
        return KerasTensor(result, x.dtype)

    def transpose(self, x: KerasTensor, axes: Any = None) -> KerasTensor:
        order = list(reversed(range(x.ndim))) if axes is None else _axes(axes, x.ndim)
        if sorted(order) != list(range(x.ndim)):
            raise InputError(f"transpose() of {x.shape} needs each axis once, got axes={axes}.")
        return KerasTensor([x.shape[a] for a in order], x.dtype)

    def broadcast_to(self, x: KerasTensor, shape: Sequence[Any]) -> KerasTensor:
        return KerasTensor(broadcast(x.shape, closed(shape)), x.dtype)

    def concatenate(self, arrays: Sequence[KerasTensor], axis: int = 0) -> KerasTensor:
        first = arrays[0]
        (at,) = _axes(axis, first.ndim)
        result = list(first.shape)
        for other in arrays[1:]:
            if other.ndim != first.ndim:
                raise _unequal("concatenate", arrays, "the same number of dimensions")
            for i, (a, b) in enumerate(zip(result, other.shape, strict=True)):
                if i == at:
                    result[i] = None if a is None or b is None else a + b
                elif a is None:
                    result[i] = b
                elif b is not None and a != b:
                    raise _unequal("concatenate", arrays, f"equal sizes except along axis {axis}")
        return KerasTensor(result, self._joint(arrays))

    def stack(self, arrays: Sequence[KerasTensor], axis: int = 0) -> KerasTensor:
        shape = list(arrays[0].shape)
        for other in arrays[1:]:
            if other.ndim != len(shape):
                raise _unequal("stack", arrays, "the same shape")
            for i, (a, b) in enumerate(zip(shape, other.shape, strict=True)):
                if a is None:
                    shape[i] = b
                elif b is not None and a != b:
                    raise _unequal("stack", arrays, "the same shape")
        (at,) = _axes(axis, len(shape) + 1)
        return KerasTensor([*shape[:at], len(arrays), *shape[at:]], self._joint(arrays))

    def expand_dims(self, x: KerasTensor, axis: Any) -> KerasTensor:
        count = 1 if isinstance(axis, int) else len(axis)
        places = set(_axes(axis, x.ndim + count))
        dims = iter(x.shape)
        shape = [1 if i in places else next(dims) for i in range(x.ndim + count)]
        return KerasTensor(shape, x.dtype)

    def squeeze(self, x: KerasTensor, axis: Any = None) -> KerasTensor:
        if axis is None:
            return KerasTensor([d for d in x.shape if d != 1], x.dtype)
        places = _axes(axis, x.ndim)
        if any(x.shape[a] not in (1, None) for a in places):
            raise InputError(f"Cannot squeeze axis {axis} of {x.shape}: its size is not 1.")
        return KerasTensor([d for i, d in enumerate(x.shape) if i not in places], x.dtype)

    def flip(self, x: KerasTensor, axis: Any = None) -> KerasTensor:
        _axes(axis, x.ndim)
        return KerasTensor(x.shape, x.dtype)

    def pad(
        self, x: KerasTensor, widths: Any, mode: str = "constant", value: Any = 0
    ) -> KerasTensor:
        shape = [
            None if d is None else d + before + after
            for d, (before, after) in zip(x.shape, widths, strict=True)
        ]
        return KerasTensor(closed(shape), x.dtype)

    def where(self, condition: Any, x: Any, y: Any) -> KerasTensor:
        shape = broadcast(*(getattr(a, "shape", ()) for a in (condition, x, y)))
        return KerasTensor(shape, self._joint([x, y]))

    # ------------------------------------------------------------------------------------ indexing

    def getitem(self, x: KerasTensor, key: Any) -> KerasTensor:
        """The shape of ``x[key]`` by NumPy's rules."""
        keys = list(key) if isinstance(key, tuple) else [key]
        consumed = sum(_consumes(k) for k in keys)
        at = next((i for i, k in enumerate(keys) if k is Ellipsis), None)
        fill = [slice(None)] * (x.ndim - consumed)
        keys = [*keys, *fill] if at is None else [*keys[:at], *fill, *keys[at + 1 :]]
        if consumed > x.ndim:
            raise InputError(f"Too many indices for shape {x.shape}: {key!r}.")
        shape: list[int | None] = []
        places: list[int] = []  # in the key, of what picks by number
        picked: list[Sequence[int | None]] = []
        axis, at_result = 0, 0
        arrays = any(not isinstance(k, (slice, int, np.integer, type(None))) for k in keys)
        for i, k in enumerate(keys):
            if k is None:
                shape.append(1)
                continue
            size = x.shape[axis]
            axis += 1
            if isinstance(k, slice):
                shape.append(_slice_length(k, size))
                continue
            if isinstance(k, (int, np.integer)) and size is not None and not -size <= k < size:
                raise InputError(f"Index {k} is out of range for axis {axis - 1} of {x.shape}.")
            if arrays:
                at_result = at_result if places else len(shape)
                places.append(i)
                picked.append(np.shape(k) if isinstance(k, (list, int, np.integer)) else k.shape)
        if arrays:
            apart = places[-1] - places[0] + 1 != len(places)
            at_result = 0 if apart else at_result
            shape[at_result:at_result] = broadcast(*picked)
        return KerasTensor(shape, x.dtype)

    def take(self, x: KerasTensor, indices: Any, axis: int) -> KerasTensor:
        (at,) = _axes(axis, x.ndim)
        picked = indices.shape if hasattr(indices, "shape") else np.shape(indices)
        return KerasTensor([*x.shape[:at], *picked, *x.shape[at + 1 :]], x.dtype)

    def take_along_axis(self, x: KerasTensor, indices: KerasTensor, axis: int) -> KerasTensor:
        (at,) = _axes(axis, x.ndim)
        pairs = enumerate(zip(x.shape, indices.shape, strict=True))
        others = [b if i == at else broadcast((a,), (b,))[0] for i, (a, b) in pairs]
        return KerasTensor(others, x.dtype)

    def scatter_add(self, x: KerasTensor, index: Any, updates: Any) -> KerasTensor:
        return KerasTensor(x.shape, x.dtype)

    scatter_set = scatter_max = scatter_min = scatter_multiply = scatter_add
    slice_update = scatter_add

    def nonzero(self, x: KerasTensor) -> tuple[KerasTensor, ...]:
        return tuple(KerasTensor((None,), "int32") for _ in x.shape)

    def slice(self, x: KerasTensor, starts: Any, sizes: Sequence[Any]) -> KerasTensor:
        for size, whole in zip(sizes, x.shape, strict=True):
            if isinstance(size, int) and whole is not None and size > whole:
                raise InputError(f"Cannot take a slice of shape {tuple(sizes)} from {x.shape}.")
        return KerasTensor(closed(sizes), x.dtype)

    def _same(self, x: KerasTensor, *_args: Any, **_kwargs: Any) -> KerasTensor:
        return KerasTensor(x.shape, x.dtype)

    sort = cumprod = cumsum = stop_gradient = _same

    def argsort(self, x: KerasTensor, axis: int = -1) -> KerasTensor:
        return KerasTensor(x.shape, "int32")

    def searchsorted(
        self, sequence: KerasTensor, values: KerasTensor, side: str = "left"
    ) -> KerasTensor:
        return KerasTensor(values.shape, "int32")

    def top_k(self, x: KerasTensor, k: int, sorted: bool = True) -> tuple[KerasTensor, KerasTensor]:
        """Only the shapes, which a full sort would also give."""
        shape = (*x.shape[:-1], k)
        return KerasTensor(shape, x.dtype), KerasTensor(shape, "int32")

    # ------------------------------------------------------------------------------------ products

    def matmul(self, x: KerasTensor, y: KerasTensor) -> KerasTensor:
        if not x.ndim or not y.ndim:
            raise InputError("matmul() takes arrays of at least one dimension; use multiply().")
        a = (1, *x.shape) if x.ndim == 1 else x.shape
        b = (*y.shape, 1) if y.ndim == 1 else y.shape
        if a[-1] != b[-2] and a[-1] is not None and b[-2] is not None:
            raise InputError(
                f"matmul() of {x.shape} and {y.shape}: the last axis of the first ({a[-1]}) and the "
                f"one but last of the second ({b[-2]}) must be equal."
            )
        shape = [*broadcast(a[:-2], b[:-2]), a[-2], b[-1]]
        if y.ndim == 1:
            shape.pop()
        if x.ndim == 1:
            shape.pop(-1 if y.ndim == 1 else -2)
        return KerasTensor(shape, self._joint([x, y]))

    def einsum(self, subscripts: str, *operands: KerasTensor) -> KerasTensor:
        inputs, _, output = subscripts.replace(" ", "").partition("->")
        sizes: dict[str, int | None] = {}
        dots: Shape = ()
        for term, x in zip(inputs.split(","), operands, strict=True):
            head, _, tail = term.partition("...")
            middle = x.ndim - len(head) - len(tail)
            if "..." in term:
                dots = broadcast(dots, x.shape[len(head) : len(head) + middle])
            elif middle:
                raise InputError(f"einsum({subscripts!r}): {term!r} does not fit shape {x.shape}.")
            letters = zip(
                head + tail, x.shape[: len(head)] + x.shape[x.ndim - len(tail) :], strict=True
            )
            for letter, size in letters:
                seen = sizes.get(letter)
                if seen not in (None, 1) and size not in (None, 1) and seen != size:
                    raise InputError(
                        f"einsum({subscripts!r}): {letter!r} is both {seen} and {size}."
                    )
                sizes[letter] = size if seen in (None, 1) else seen
        if "->" not in subscripts:
            letters_in = inputs.replace(",", "").replace(".", "")
            output = "..." * ("..." in inputs)
            output += "".join(sorted(c for c in set(letters_in) if letters_in.count(c) == 1))
        head, _, tail = output.partition("...")
        shape = [
            *(sizes[c] for c in head),
            *(dots if "..." in output else ()),
            *(sizes[c] for c in tail),
        ]
        return KerasTensor(shape, self._joint(operands))

    # ------------------------------------------------------- linear algebra, Fourier transforms, bits

    def cholesky(self, x: KerasTensor) -> KerasTensor:
        return KerasTensor(_matrices(x, "cholesky", square=True), x.dtype)

    def qr(self, x: KerasTensor, mode: str) -> tuple[KerasTensor, KerasTensor]:
        *lead, rows, columns = _matrices(x, "qr")
        inner = rows if mode == "complete" else _smaller(rows, columns)
        return KerasTensor((*lead, rows, inner), x.dtype), KerasTensor(
            (*lead, inner, columns), x.dtype
        )

    def svd(self, x: KerasTensor, full_matrices: bool) -> tuple[KerasTensor, ...]:
        *lead, rows, columns = _matrices(x, "svd")
        count = _smaller(rows, columns)
        left, right = (rows, columns) if full_matrices else (count, count)
        real = {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype)
        return (
            KerasTensor((*lead, rows, left), x.dtype),
            KerasTensor((*lead, count), real),
            KerasTensor((*lead, right, columns), x.dtype),
        )

    def eigh(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        *lead, rows, _ = _matrices(x, "eigh", square=True)
        real = {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype)
        return KerasTensor((*lead, rows), real), KerasTensor(x.shape, x.dtype)

    def eig(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        *lead, rows, _ = _matrices(x, "eig", square=True)
        dtype = "complex128" if dtypes.is_wide(x.dtype) else "complex64"
        return KerasTensor((*lead, rows), dtype), KerasTensor(x.shape, dtype)

    def solve(self, a: KerasTensor, b: KerasTensor) -> KerasTensor:
        *lead, rows, _ = _matrices(a, "solve", square=True)
        *others, height, columns = _matrices(b, "solve")
        return KerasTensor(
            (*broadcast(lead, others), *broadcast((rows,), (height,)), columns), b.dtype
        )

    def solve_triangular(self, a: KerasTensor, b: KerasTensor, lower: bool) -> KerasTensor:
        return self.solve(a, b)

    def lu_factor(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        *lead, rows, columns = _matrices(x, "lu_factor")
        return KerasTensor(x.shape, x.dtype), KerasTensor((*lead, _smaller(rows, columns)), "int32")

    def fft(self, x: KerasTensor) -> KerasTensor:
        return KerasTensor(x.shape, x.dtype)

    ifft = fft

    def bitcast(self, x: KerasTensor, dtype: str) -> KerasTensor:
        before, after = dtypes.bits(x.dtype), dtypes.bits(dtype)
        if before == after:
            return KerasTensor(x.shape, dtype)
        last = x.shape[-1] if x.shape else 0
        if not x.shape or (last is not None and last * before % after):
            raise InputError(f"The last axis of {x.shape} ({x.dtype}) cannot be read as {dtype}.")
        return KerasTensor((*x.shape[:-1], None if last is None else last * before // after), dtype)

    def nextafter(self, x: KerasTensor, y: KerasTensor) -> KerasTensor:
        return KerasTensor(broadcast(x.shape, y.shape), x.dtype)

    def make_complex(self, real: KerasTensor, imaginary: KerasTensor) -> KerasTensor:
        dtype = "complex128" if real.dtype == "float64" else "complex64"
        return KerasTensor(broadcast(real.shape, imaginary.shape), dtype)

    # ---------------------------------------------------------------------- creation, control flow

    def zeros(self, shape: Sequence[Any], dtype: str) -> KerasTensor:
        return KerasTensor(closed(shape), dtype)

    ones = zeros

    def full(self, shape: Sequence[Any], value: Any, dtype: str) -> KerasTensor:
        return KerasTensor(closed(shape), dtype)

    def arange(self, start: Any, stop: Any, step: Any, dtype: str) -> KerasTensor:
        known = all(isinstance(v, (int, float)) for v in (start, stop, step))
        length = max(0, math.ceil((stop - start) / step)) if known else None
        return KerasTensor((length,), dtype)

    def value_and_grad(
        self, fn: Callable[[list[Any]], tuple[Any, Any]], values: list[Any]
    ) -> tuple[tuple[Any, Any], list[Any]]:
        return fn(values), [KerasTensor(v.shape, v.dtype) for v in values]

    def jvp(
        self,
        fn: Callable[[list[Any]], tuple[list[Any], Any]],
        values: list[Any],
        tangents: list[Any],
    ) -> tuple[list[Any], list[Any], Any]:
        outputs, aux = fn(values)
        return outputs, [KerasTensor(o.shape, o.dtype) for o in outputs], aux

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: fn(*args)[0]

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        leaves = [leaf for leaf in tree.flatten(xs) if leaf is not None]
        steps = leaves[0].shape[0] if leaves else length
        row = tree.map_structure(
            lambda leaf: None if leaf is None else KerasTensor(leaf.shape[1:], leaf.dtype), xs
        )
        carry, y = fn(init, row)
        stacked = tree.map_structure(
            lambda leaf: None if leaf is None else KerasTensor((steps, *leaf.shape), leaf.dtype), y
        )
        return carry, stacked

    def cond(self, predicate: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
        return true_fn()

    def while_loop(self, cond: Any, body: Callable[[Any], Any], state: Any) -> Any:
        return state

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*args: Any) -> Any:
            size = tree.flatten(args)[0].shape[0]
            rows = tree.map_structure(lambda a: KerasTensor(a.shape[1:], a.dtype), args)
            result = fn(*rows)
            return tree.map_structure(lambda r: KerasTensor((size, *r.shape), r.dtype), result)

        return mapped

    def random_uniform(self, key: Any, shape: Sequence[Any], dtype: str) -> KerasTensor:
        return KerasTensor(closed(shape), dtype)

    random_normal = random_uniform

    def random_integers(self, key: Any, shape: Sequence[Any], low: int, high: int) -> KerasTensor:
        return KerasTensor(closed(shape), "int32")

    def random_bernoulli(self, key: Any, shape: Sequence[Any], probability: float) -> KerasTensor:
        return KerasTensor(closed(shape), "bool")

    def random_permutation(self, key: Any, n: int) -> KerasTensor:
        return KerasTensor((n,), "int32")

    def _joint(self, arrays: Sequence[Any]) -> str:
        first = arrays[0]
        if all(type(x) is KerasTensor and x.dtype == first.dtype for x in arrays):
            return str(first.dtype)
        return dtypes.result_type(*map(_dtype_of, arrays))


def _dtype_of(value: Any) -> Any:
    if isinstance(value, UnknownDim):
        return int
    return value.dtype if hasattr(value, "dtype") else type(value)


def _matrices(x: KerasTensor, op: str, square: bool = False) -> Shape:
    """The shape of a stack of matrices, checked."""
    shape = x.shape
    fits = len(shape) >= 2 and (not square or None in shape[-2:] or shape[-1] == shape[-2])
    if not fits:
        kind = "square matrices" if square else "matrices"
        raise InputError(f"{op}() needs {kind} of shape (..., rows, columns), got {shape}.")
    return shape


def _smaller(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else min(a, b)


def _unequal(op: str, arrays: Sequence[KerasTensor], what: str) -> InputError:
    return InputError(f"{op}() needs {what}, got shapes {[a.shape for a in arrays]}.")


def _consumes(key: Any) -> int:
    if key is None or key is Ellipsis:
        return 0
    if getattr(key, "dtype", None) is not None and dtypes.standardize(key.dtype) == "bool":
        raise InputError(
            "Indexing a symbolic tensor with a boolean mask has no known shape; "
            "use `ops.where(mask, x, 0)` instead."
        )
    return 1


def _slice_length(key: slice, size: int | None) -> int | None:
    parts = (key.start, key.stop, key.step)
    if size is None or not all(p is None or isinstance(p, (int, np.integer)) for p in parts):
        whole = key.start in (None, 0) and key.stop is None and key.step in (None, 1)
        return size if whole else None
    return len(range(*key.indices(size)))


def _unary_rule(name: str) -> Callable[..., KerasTensor]:
    to_bool = name in ("isnan", "isinf", "isfinite", "logical_not")

    real = name in ("abs", "real", "imag")

    def rule(self: SymbolicBackend, x: KerasTensor) -> KerasTensor:
        dtype = "bool" if to_bool else x.dtype
        if real:
            dtype = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
        return KerasTensor(x.shape, dtype)

    return rule


def _binary_rule(name: str) -> Callable[..., KerasTensor]:
    to_bool = "equal" in name or name.startswith(("less", "greater", "logical"))

    def rule(self: SymbolicBackend, x: Any, y: Any) -> KerasTensor:
        shape = broadcast(getattr(x, "shape", ()), getattr(y, "shape", ()))
        return KerasTensor(shape, "bool" if to_bool else self._joint([x, y]))

    return rule


def _reduction_rule(name: str) -> Callable[..., KerasTensor]:
    fixed = {"any": "bool", "all": "bool", "argmax": "int32", "argmin": "int32"}.get(name)

    def rule(
        self: SymbolicBackend, x: KerasTensor, axis: Any = None, keepdims: bool = False
    ) -> KerasTensor:
        gone = _axes(axis, x.ndim)
        kept = [(1 if i in gone else d) for i, d in enumerate(x.shape) if keepdims or i not in gone]
        return KerasTensor(kept, fixed or x.dtype)

    return rule


for _name in ELEMENTWISE_UNARY:
    setattr(SymbolicBackend, _name, _unary_rule(_name))
for _name in ELEMENTWISE_BINARY:
    setattr(SymbolicBackend, _name, _binary_rule(_name))
for _name in REDUCTIONS:
    setattr(SymbolicBackend, _name, _reduction_rule(_name))


def make() -> Backend:
    """The backend, for the registry."""
    return SymbolicBackend()
