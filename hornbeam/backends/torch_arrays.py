"""PyTorch's functions under NumPy's names and with NumPy's arguments: the array primitives.

PyTorch has no arithmetic for uint16, uint32, uint64 and float8, only storage.  `everywhere` lets the
functions below compute them in the next larger dtype, where PyTorch itself refuses.
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor

from hornbeam import dtypes
from hornbeam.backends import einsums
from hornbeam.backends.numpy import native_dtype, to_array
from hornbeam.errors import UnsupportedError

Array = Any

DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, name) for name in dtypes.ALL if hasattr(torch, name)
}
NAMES: dict[torch.dtype, str] = {dtype: name for name, dtype in DTYPES.items()}

_WIDER = {
    torch.uint16: torch.int32,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
    torch.float8_e4m3fn: torch.float32,
    torch.float8_e5m2: torch.float32,
}
_KEPT_IN_STORAGE = {"bfloat16": np.int16, "float8_e4m3fn": np.uint8, "float8_e5m2": np.uint8}
"""Dtypes that NumPy and PyTorch exchange as bits."""


def asarray(x: Any, dtype: str | None = None) -> Array:
    """`x` as a tensor; NumPy arrays are copied, since nobody else may change a tensor's values."""
    if isinstance(x, torch.Tensor):
        return x if dtype is None else cast(x, dtype)
    array = to_array(x, dtype)
    name = dtypes.standardize(array.dtype)
    if builtins.min(array.strides, default=0) < 0 or not array.dtype.isnative:
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if name in _KEPT_IN_STORAGE:
        bits = np.ascontiguousarray(array).reshape(array.shape).view(_KEPT_IN_STORAGE[name])
        return torch.tensor(bits).view(DTYPES[name])
    if name not in DTYPES:
        raise UnsupportedError(f"The engine 'torch' has no arrays of dtype {name!r}.")
    return torch.tensor(array)


def adopt(array: Any) -> Array:
    """A NumPy array that nobody else will change as a tensor, which needs no copy on the host."""
    plain = array.dtype.char in "?bhilqefd" and array.dtype.isnative  # (`name` takes 2 us)
    ours = plain and array.flags.c_contiguous and array.flags.writeable
    return torch.asarray(array) if ours else asarray(array)


def to_numpy(x: Array) -> Any:
    """A copy of the values, on the host."""
    return on_host(x).copy()


def on_host(x: Array) -> Any:
    """The values on the host, where they lie if they are there."""
    x = x.detach().cpu().resolve_conj().resolve_neg()
    name = NAMES[x.dtype]
    if name in _KEPT_IN_STORAGE:
        bits = x.contiguous().view(torch.int16 if name == "bfloat16" else torch.uint8)
        return bits.numpy().view(native_dtype(name))
    return x.numpy()


def cast(x: Array, dtype: str) -> Array:
    """`x` in another dtype; of complex numbers the real part."""
    target = DTYPES.get(dtype)
    if target is None:
        raise UnsupportedError(f"The engine 'torch' has no arrays of dtype {dtype!r}.")
    if x.dtype is target:
        return x
    if x.is_complex() and not target.is_complex and target is not torch.bool:
        x = x.real
    return x.to(target)


def everywhere(fn: Callable[..., Any], index: bool = False) -> Callable[..., Any]:
    """`fn` for the dtypes that PyTorch only stores as well.

    Args:
        fn: a function of tensors.
        index: whether its result counts places, and so has a dtype of its own.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            if not args or type(args[0]) is not FakeTensor or _is_computed(args):
                return fn(*args, **kwargs)
            stored = {a.dtype for a in _tensors(args)} & _WIDER.keys()
        except (RuntimeError, TypeError):
            stored = {a.dtype for a in _tensors(args)} & _WIDER.keys()
            if not stored:
                raise
        out = fn(*[_widened(a) for a in args], **kwargs)
        if (
            index
            or not isinstance(out, torch.Tensor)
            or out.dtype is not _WIDER[next(iter(stored))]
        ):
            return out
        return out.to(stored.pop())

    return run


def _is_computed(args: Sequence[Any]) -> bool:
    """Whether there is arithmetic for the dtypes; tensors without values do not refuse by themselves."""
    return not builtins.any(a.dtype in _WIDER for a in _tensors(args))


def _tensors(args: Sequence[Any]) -> list[Any]:
    flat = [a for arg in args for a in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    return [a for a in flat if isinstance(a, torch.Tensor)]


def _widened(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)(_widened(item) for item in x)
    if not isinstance(x, torch.Tensor) or x.dtype not in _WIDER:
        return x
    if x.dtype is torch.uint64 and bool((x.view(torch.int64) < 0).any()):
        raise UnsupportedError(
            "The engine 'torch' cannot compute with uint64 numbers from 2**63 on."
        )
    return x.to(_WIDER[x.dtype])


# ------------------------------------------------------------------------------------- elementwise

_RENAMED = {
    "arccos": torch.acos,
    "arcsin": torch.asin,
    "arctan": torch.atan,
    "arccosh": torch.acosh,
    "arcsinh": torch.asinh,
    "arctanh": torch.atanh,
    "erf": torch.special.erf,
    "erfinv": torch.special.erfinv,
}
_SAME = """negative exp expm1 log log1p log2 log10 sqrt square reciprocal sin cos tan sinh cosh tanh
floor ceil round isnan isinf isfinite logical_not bitwise_not lgamma""".split()


def _sign(x: Array) -> Array:
    """As NumPy: NaN for NaN."""
    return torch.sgn(x) if not x.is_floating_point() else torch.where(x.isnan(), x, torch.sgn(x))


def _abs(x: Array) -> Array:
    """Bools are what they are."""
    return x if x.dtype is torch.bool else torch.abs(x)


def _trunc(x: Array) -> Array:
    return x if x.dtype is torch.bool else torch.trunc(x)


def _real(x: Array) -> Array:
    return x.real if x.is_complex() else x


def _imag(x: Array) -> Array:
    return x.imag if x.is_complex() else torch.zeros_like(x)


def _conj(x: Array) -> Array:
    return torch.conj_physical(x)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}
"""Python's operators take numbers on either side."""

_BINARY: dict[str, Any] = {
    "floor_divide": torch.floor_divide,
    "mod": torch.remainder,
    "power": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "arctan2": torch.atan2,
    "equal": torch.eq,
    "not_equal": torch.ne,
    "less": torch.lt,
    "less_equal": torch.le,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "bitwise_and": torch.bitwise_and,
    "bitwise_or": torch.bitwise_or,
    "bitwise_xor": torch.bitwise_xor,
    "left_shift": torch.bitwise_left_shift,
    "right_shift": torch.bitwise_right_shift,
    "nextafter": torch.nextafter,
    "logaddexp": torch.logaddexp,
}


def _of_two(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn`, which wants two tensors, for a tensor and a number too."""

    def run(x: Any, y: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            x = _as_operand(x, y)
        elif not isinstance(y, torch.Tensor):
            y = _as_operand(y, x)
        return fn(x, y)

    return run


def _as_operand(value: Any, other: Any) -> Array:
    """A number as a tensor of the dtype in which it meets `other`."""
    if isinstance(value, (np.ndarray, np.generic)) or not isinstance(other, torch.Tensor):
        return asarray(value)
    if other.dtype in _WIDER:
        return torch.tensor(value, device=other.device).to(other.dtype)
    return torch.tensor(value, dtype=torch.result_type(other, value), device=other.device)


# -------------------------------------------------------------------------------------- reductions


def _dims(x: Array, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    if isinstance(axis, (int, np.integer)):
        return (int(axis),)
    return tuple(int(a) for a in axis)


def sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """In the dtype of `x`; bools are counted."""
    dtype = torch.int32 if x.dtype is torch.bool else x.dtype
    dims = _dims(x, axis)
    return torch.sum(x, dims, keepdims, dtype=dtype) if dims else x.to(dtype)


def prod(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """In the dtype of `x`, axis by axis."""
    dtype = torch.int32 if x.dtype is torch.bool else x.dtype
    out = x.to(dtype)
    for dim in sorted((d % x.ndim for d in _dims(x, axis)), reverse=True):
        out = torch.prod(out, dim, keepdims, dtype=dtype)
    return out


def max(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Equal values share the gradient."""
    dims = _dims(x, axis)
    return torch.amax(x, dims, keepdims) if dims else x


def min(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Equal values share the gradient."""
    dims = _dims(x, axis)
    return torch.amin(x, dims, keepdims) if dims else x


def any(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Whether any value is not 0."""
    dims = _dims(x, axis)
    return torch.any(x.to(torch.bool), dims, keepdims) if dims else x.to(torch.bool)


def all(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Whether no value is 0."""
    dims = _dims(x, axis)
    return torch.all(x.to(torch.bool), dims, keepdims) if dims else x.to(torch.bool)


def mean(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Integers as the default float."""
    if not (x.is_floating_point() or x.is_complex()):
        x = x.to(DTYPES[dtypes.floatx()])
    dims = _dims(x, axis)
    return torch.mean(x, dims, keepdims) if dims else x


def _arg(fn: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
        if x.dtype is torch.bool:
            x = x.to(torch.uint8)
        return fn(x, axis, keepdims)

    return run


# ------------------------------------------------------------------------------------------ shaping


def reshape(x: Array, shape: Any) -> Array:
    """`shape` may be one number."""
    one = isinstance(shape, torch.SymInt) or np.ndim(shape) == 0
    return torch.reshape(x, (_size(shape),) if one else tuple(map(_size, shape)))


def _size(n: Any) -> Any:
    """A size as a number, but for those that an export leaves open."""
    return n if type(n) is int or isinstance(n, torch.SymInt) else int(n)


def transpose(x: Array, axes: Any = None) -> Array:
    """None reverses the axes."""
    return x.permute(tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


def broadcast_to(x: Array, shape: Any) -> Array:
    """A view."""
    return torch.broadcast_to(x, tuple(map(_size, shape)))


def concatenate(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Along an axis that exists."""
    return torch.cat(tuple(arrays), axis)


def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Along a new axis."""
    return torch.stack(tuple(arrays), axis)


def expand_dims(x: Array, axis: Any) -> Array:
    """One new axis or several; they count in the result."""
    if isinstance(axis, (int, np.integer)):
        return x.unsqueeze(int(axis))
    rank = x.ndim + len(axis)
    for place in sorted(int(a) % rank for a in axis):
        x = x.unsqueeze(place)
    return x


def squeeze(x: Array, axis: Any = None) -> Array:
    """Without axes of size 1."""
    if axis is None:
        return x.squeeze()
    dims = _dims(x, axis)
    if builtins.any(x.shape[d] != 1 for d in dims):
        raise ValueError(f"Cannot squeeze axis {axis} of {tuple(x.shape)}: its size is not 1.")
    return x.squeeze(dims)


def flip(x: Array, axis: Any = None) -> Array:
    """Backwards along axes."""
    return torch.flip(x, _dims(x, axis))


def pad(x: Array, widths: Any, mode: str = "constant", value: Any = 0) -> Array:
    """Constants at the ends, or rows taken from `x` in the order in which NumPy's `pad` takes them."""
    if mode == "constant":
        flat = [_size(w) for before, after in reversed(list(widths)) for w in (before, after)]
        number = value.item() if hasattr(value, "item") else value
        return torch.nn.functional.pad(x, flat, value=number) if builtins.any(flat) else x
    for axis, width in enumerate(widths):
        if builtins.any(width):
            rows = np.pad(np.arange(x.shape[axis]), tuple(width), mode=mode)  # type: ignore[call-overload]
            x = x.index_select(axis, torch.tensor(rows, device=x.device))
    return x


def where(condition: Any, x: Any, y: Any) -> Array:
    """Either may be a number."""
    return torch.where(condition if condition.dtype is torch.bool else condition.bool(), x, y)


# ----------------------------------------------------------------------------------------- indexing


def getitem(x: Array, key: Any) -> Array:
    """By NumPy's rules; slices may go backwards, which PyTorch's own may not."""
    keys = key if type(key) is tuple else (key,)
    simple = [_index(x, k) for k in keys]
    backwards = [k for k in simple if isinstance(k, slice_type) and (k.step or 1) < 0]
    if backwards:
        x, simple = _forwards(x, simple)
    return x[tuple(simple)]


slice_type = builtins.slice


def _index(x: Array, key: Any) -> Any:
    if isinstance(key, (list, np.ndarray)):
        key = asarray(np.asarray(key))
    if isinstance(key, torch.Tensor):
        return key if key.dtype in (torch.bool, torch.int64) else key.to(torch.int64)
    if isinstance(key, np.generic):
        return key.item()
    if isinstance(key, slice_type):
        parts = (key.start, key.stop, key.step)
        return slice_type(*(None if p is None else _size(p) for p in parts))
    return key


def _forwards(x: Array, keys: list[Any]) -> tuple[Array, list[Any]]:
    """`x` flipped along the axes whose slices go backwards, and those slices turned round."""
    taken = [k.ndim if getattr(k, "dtype", None) is torch.bool else 1 for k in keys]
    used = builtins.sum(
        n for k, n in zip(keys, taken, strict=True) if k is not None and k is not ...
    )
    result, axis = [], 0
    for k, n in zip(keys, taken, strict=True):
        if k is ...:
            axis += x.ndim - used
        elif isinstance(k, slice_type) and (k.step or 1) < 0:
            places = range(*k.indices(x.shape[axis]))
            x = x.flip(axis)
            first = x.shape[axis] - 1 - places.start if places else 0
            last = first + (len(places) - 1) * -places.step + 1 if places else 0
            k = slice_type(first, last, -places.step)
        if k is not None and k is not ...:
            axis += n
        result.append(k)
    return x, result


def take(x: Array, indices: Any, axis: int) -> Array:
    """Rows by their numbers.

    `embedding` adds its gradient up in parallel, where `index_select` does not.
    """
    rows = indices.to(torch.int64) if isinstance(indices, torch.Tensor) else _index(x, [indices])[0]
    rows = torch.where(rows < 0, rows + x.shape[axis], rows)
    if axis in (0, -x.ndim) and x.ndim == 2 and x.is_floating_point() and x.dtype not in _WIDER:
        return torch.nn.functional.embedding(rows, x)
    out = x.index_select(axis, rows.reshape(-1))
    axis = axis % x.ndim
    return out.reshape(*x.shape[:axis], *rows.shape, *x.shape[axis + 1 :])


def take_along_axis(x: Array, indices: Array, axis: int) -> Array:
    """The other axes broadcast."""
    rows = indices.to(torch.int64)
    return torch.take_along_dim(x, torch.where(rows < 0, rows + x.shape[axis], rows), axis)


def scatter(x: Array, index: Any, updates: Any, how: str) -> Array:
    """A new tensor, `x` with `updates` at ``x[index]``: "set", "sum", "prod", "amax" or "amin"."""
    if not isinstance(updates, torch.Tensor):
        updates = _as_operand(updates, x)
    places = getitem(torch.arange(x.numel(), device=x.device).reshape(x.shape), index)
    flat = x.reshape(-1)
    rows = places.reshape(-1)
    values = torch.broadcast_to(updates, places.shape).reshape(-1).to(x.dtype)
    if how == "set":
        return flat.index_put((rows,), values).reshape(x.shape)
    if how == "sum":
        return flat.index_put((rows,), values, accumulate=True).reshape(x.shape)
    return flat.scatter_reduce(0, rows, values, how).reshape(x.shape)


_SCATTERED = {"add": "sum", "set": "set", "max": "amax", "min": "amin", "multiply": "prod"}


def _scatter(how: str) -> Callable[..., Any]:
    def run(x: Array, index: Any, updates: Any) -> Array:
        return scatter(x, index, updates, how)

    return run


def nonzero(x: Array) -> tuple[Array, ...]:
    """One tensor of places per axis."""
    return torch.nonzero(x, as_tuple=True)


def slice(x: Array, starts: Sequence[Any], sizes: Sequence[int]) -> Array:
    """A window, moved inside where it would stick out."""
    return x[_window(x.shape, starts, sizes)]


def slice_update(x: Array, starts: Sequence[Any], updates: Array) -> Array:
    """A new tensor, with a window replaced."""
    out = x.clone()
    out[_window(x.shape, starts, updates.shape)] = updates
    return out


def _window(shape: Sequence[int], starts: Sequence[Any], sizes: Sequence[int]) -> tuple[Any, ...]:
    begins = [
        builtins.min(builtins.max(int(s), 0), n - k)
        for s, k, n in zip(starts, sizes, shape, strict=True)
    ]
    return tuple(slice_type(s, s + k) for s, k in zip(begins, sizes, strict=True))


def sort(x: Array, axis: int = -1) -> Array:
    """In ascending order, NaN last."""
    return torch.sort(x, axis)[0]


def argsort(x: Array, axis: int = -1) -> Array:
    """Stable."""
    return torch.argsort(x, dim=axis, stable=True)


def searchsorted(sorted_sequence: Array, values: Array, side: str = "left") -> Array:
    """In one sorted row."""
    return torch.searchsorted(sorted_sequence, values.contiguous(), right=side == "right")


def cumsum(x: Array, axis: int) -> Array:
    """In the dtype of `x`."""
    return torch.cumsum(x, axis, dtype=torch.int32 if x.dtype is torch.bool else x.dtype)


def cumprod(x: Array, axis: int) -> Array:
    """In the dtype of `x`."""
    return torch.cumprod(x, axis, dtype=torch.int32 if x.dtype is torch.bool else x.dtype)


# ----------------------------------------------------------- products, linear algebra, Fourier, bits


def matmul(x: Array, y: Array) -> Array:
    """Bools as NumPy has them."""
    if x.dtype is torch.bool:
        return torch.matmul(x.to(torch.int32), y.to(torch.int32)).to(torch.bool)
    return torch.matmul(x, y)


def _rows_by_kernel(x: Array, kernel: Array, shared: int) -> Array:
    """A product of two matrices; `torch.einsum` makes batches of them, which take twice as long."""
    rows = x.flatten(-shared).flatten(0, -2) @ kernel.flatten(0, shared - 1).flatten(1)
    return rows.reshape(*x.shape[:-shared], *kernel.shape[shared:])


def einsum(subscripts: str, *operands: Array) -> Array:
    """Integers in 64 bits: PyTorch mixes up the dtypes of sums and products of smaller ones."""
    dtype = operands[0].dtype
    if dtype.is_floating_point or dtype.is_complex:
        shared = einsums.shared_axes(subscripts) if len(operands) == 2 else 0
        if shared:
            return _rows_by_kernel(operands[0], operands[1], shared)
        return torch.einsum(subscripts, *operands)
    return torch.einsum(subscripts, *[x.to(torch.int64) for x in operands]).to(dtype)


def _lu_factor(x: Array) -> Any:
    factors, pivots, _ = torch.linalg.lu_factor_ex(x)  # a singular matrix is no error
    return factors, pivots - 1  # LAPACK counts from 1


def _bitcast(x: Array, dtype: str) -> Array:
    return x.contiguous().view(DTYPES[dtype])


# ----------------------------------------------------------------------------------------- creation


def zeros(shape: Any, dtype: str) -> Array:
    """All 0."""
    return torch.zeros(tuple(shape), dtype=DTYPES[dtype])


def ones(shape: Any, dtype: str) -> Array:
    """All 1."""
    return torch.ones(tuple(shape), dtype=DTYPES[dtype])


def full(shape: Any, value: Any, dtype: str) -> Array:
    """All `value`, which may be a tensor that broadcasts."""
    if isinstance(value, (torch.Tensor, np.ndarray, list)):
        return torch.broadcast_to(asarray(value, dtype), tuple(shape)).clone()
    return torch.full(tuple(shape), value, dtype=DTYPES[dtype])


def arange(start: Any, stop: Any, step: Any, dtype: str) -> Array:
    """NumPy's numbers, to the last bit."""
    return asarray(np.arange(start, stop, step).astype(native_dtype(dtype)))


_SAME_ARGUMENTS = "tril triu roll moveaxis swapaxes diagonal".split()


relu = everywhere(torch.relu)


def _namespace() -> SimpleNamespace:
    """All of the above by NumPy's names."""
    own = """sum prod max min any all mean reshape transpose broadcast_to concatenate stack expand_dims
    squeeze flip pad where getitem take take_along_axis slice slice_update sort cumsum cumprod matmul
    einsum""".split()
    found: dict[str, Any] = {name: getattr(torch, name) for name in _SAME}
    found |= {**_RENAMED, "sign": _sign, "abs": _abs, "trunc": _trunc, **_OPERATORS}
    found |= {name: _of_two(fn) for name, fn in _BINARY.items()}
    found |= {name: globals()[name] for name in own}
    found |= {f"scatter_{name}": _scatter(how) for name, how in _SCATTERED.items()}
    found |= {name: getattr(torch, name) for name in _SAME_ARGUMENTS}
    found = {name: everywhere(fn) for name, fn in found.items()}
    places: dict[str, Any] = {
        "argmax": _arg(torch.argmax),
        "argmin": _arg(torch.argmin),
        "argsort": argsort,
    }
    places["searchsorted"] = searchsorted
    found |= {name: everywhere(fn, index=True) for name, fn in places.items()}
    found |= {"real": _real, "imag": _imag, "conj": _conj, "nonzero": nonzero, "bitcast": _bitcast}
    found |= {"zeros": zeros, "ones": ones, "full": full, "arange": arange}
    found |= {
        "make_complex": torch.complex,
        "cholesky": torch.linalg.cholesky,
        "qr": lambda x, mode: tuple(torch.linalg.qr(x, mode)),
        "svd": lambda x, full_matrices: tuple(torch.linalg.svd(x, full_matrices)),
        "eigh": lambda x: tuple(torch.linalg.eigh(x)),
        "eig": lambda x: tuple(torch.linalg.eig(x)),
        "solve": torch.linalg.solve,
        "solve_triangular": lambda a, b, lower: torch.linalg.solve_triangular(
            a, b, upper=not lower
        ),
        "lu_factor": _lu_factor,
        "fft": torch.fft.fft,
        "ifft": torch.fft.ifft,
    }
    return SimpleNamespace(**found)


NAMESPACE = _namespace()
