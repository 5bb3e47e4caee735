"""`KerasTensor`: symbolic arrays, their operators, and whether what is done to them is recorded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.errors import InputError

Shape = tuple[int | None, ...]

PUBLIC_OPS: dict[str, Callable[..., Any]] = {}
"""The ops that operators and methods of symbolic arrays stand for; `hornbeam.ops` fills it."""

_recording: ContextVar[bool] = ContextVar("hornbeam_recording", default=True)


class _Recording:
    """A context in which ops and layers on symbolic arrays leave graph nodes, or leave none."""

    __slots__ = ("_token", "_wanted")

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def __enter__(self) -> None:
        self._token = _recording.set(self._wanted)

    def __exit__(self, *exc: object) -> None:
        _recording.reset(self._token)


def not_recording() -> _Recording:
    """A context in which ops on symbolic arrays leave no graph nodes (the caller leaves one)."""
    return _Recording(False)


def recording() -> _Recording:
    """A context in which ops and layers on symbolic arrays leave graph nodes again."""
    return _Recording(True)


def is_recording() -> bool:
    """Whether an op on symbolic arrays should leave a graph node."""
    return _recording.get()


def closed(shape: Sequence[Any]) -> Shape:
    """A shape with None for what is unknown, from ints, None, unknowns and scalars."""
    return tuple(
        [
            d if d is None or type(d) is int else int(d) if isinstance(d, _INTEGERS) else None
            for d in shape
        ]
    )


_INTEGERS = (int, np.integer)


class KerasTensor:
    """A symbolic array: the shape and dtype of a value that will exist when the model runs.

    Operators, indexing and the methods below are the ops of the same names.

    Args:
        shape: a tuple of ints, with None for dimensions that are not known.
        dtype: name of the dtype.
        sparse, ragged: must be False: all tensors are dense.
        record_history: has no effect; what is applied is recorded where a layer or op is called.
        name: a name for the tensor.
        ragged_rank, row_splits_dtype: have no meaning for dense tensors.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.KerasTensor((None, 3))
    >>> (x * 2.0).shape, (x > 0).dtype
    ((None, 3), 'bool')
    """

    __slots__ = ("__weakref__", "_index", "_mask", "_node", "_shape", "dtype", "name")
    __array_ufunc__ = None  # NumPy's operators give way to ours

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        ragged_rank: int | None = None,
        row_splits_dtype: Any = None,
    ) -> None:
        if sparse or ragged:
            raise InputError("Symbolic tensors are dense: leave `sparse` and `ragged` at False.")
        self._shape = closed(shape)
        self.dtype = dtypes.standardize(dtype)
        self.name = name or f"keras_tensor_{next(_numbers)}"
        self._node: Any = None
        self._index = 0
        self._mask: KerasTensor | None = None

    @property
    def shape(self) -> Shape:
        """The shape, None where it is not known."""
        return self._shape

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return len(self._shape)

    @property
    def sparse(self) -> bool:
        """Always False: symbolic tensors are dense."""
        return False

    @property
    def ragged(self) -> bool:
        """Always False: symbolic tensors are dense."""
        return False

    @property
    def ragged_rank(self) -> None:
        """Always None: symbolic tensors are dense."""
        return

    @property
    def row_splits_dtype(self) -> None:
        """Always None: symbolic tensors are dense."""
        return

    def reshape(self, newshape: Any, *sizes: Any) -> Any:
        """`ops.reshape` of this tensor; the sizes may be a tuple, or stand by themselves."""
        whole = not sizes and isinstance(newshape, (tuple, list))
        return PUBLIC_OPS["reshape"](self, newshape if whole else (newshape, *sizes))

    def squeeze(self, axis: Any = None) -> Any:
        """`ops.squeeze` of this tensor."""
        return PUBLIC_OPS["squeeze"](self, axis)

    def astype(self, dtype: Any) -> Any:
        """`ops.cast` of this tensor."""
        return PUBLIC_OPS["cast"](self, dtype)

    @property
    def T(self) -> Any:
        """`ops.transpose` of this tensor."""
        return PUBLIC_OPS["transpose"](self)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __getitem__(self, key: Any) -> Any:
        return PUBLIC_OPS["get_item"](self, key)

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r} is symbolic: it has no values, so it is no array yet. Use the functions of "
            "`hornbeam.ops` on it (`ops.sin(x)` for `np.sin(x)`), or wrap your code in a `Layer`."
        )

    # No other hooks by which engines read arrays: with one, an engine's array on the left of an operator
    # asks for values instead of leaving the operator to the symbolic tensor on its right.

    def __iter__(self) -> Any:
        if not self._shape or self._shape[0] is None:
            raise TypeError(
                f"Cannot iterate over {self!r}: the size of its first dimension is not known. "
                "Use `ops.map`, `ops.scan` or `ops.unstack(x, num)` instead."
            )
        return (self[i] for i in range(self._shape[0]))

    def __len__(self) -> int:
        if not self._shape or self._shape[0] is None:
            raise TypeError(f"The length of {self!r} is not known while the model is being built.")
        return self._shape[0]

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} has no value yet, so Python's `if`, `and`, `or` and `not` cannot use it. "
            "Use `ops.where`, `ops.cond` or `ops.logical_and` instead."
        )

    __float__ = __int__ = __index__ = __bool__

    def __hash__(self) -> int:
        return id(self)


_numbers = itertools.count()


def _operator(op: str, swapped: bool = False) -> Callable[[Any, Any], Any]:
    arithmetic = op in ("add", "subtract", "multiply", "true_divide")

    def method(self: Any, other: Any) -> Any:
        if arithmetic and not _recording.get():
            found = _of_floats(self, other)
            if found is not None:
                return found
        return PUBLIC_OPS[op](other, self) if swapped else PUBLIC_OPS[op](self, other)

    return method


OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}


def install_operators(kind: type) -> None:
    """Give `kind` the operators of symbolic arrays; variables share them."""
    for symbol, op in OPERATORS.items():
        setattr(kind, f"__{symbol}__", _operator(op))
        setattr(kind, f"__r{symbol}__", _operator(op, swapped=True))
    for symbol, op in COMPARISONS.items():
        setattr(kind, f"__{symbol}__", _operator(op))
    for symbol, op in {"neg": "negative", "abs": "absolute", "invert": "logical_not"}.items():
        setattr(kind, f"__{symbol}__", lambda self, op=op: PUBLIC_OPS[op](self))
    setattr(  # noqa: B010  (a plain assignment to `kind` is a type error)
        kind, "__round__", lambda self, ndigits=None: PUBLIC_OPS["round"](self, ndigits or 0)
    )


install_operators(KerasTensor)

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


def _of_floats(x: Any, y: Any) -> KerasTensor | None:
    """What the op on them gives, if both are floats of one dtype; None for all else.

    So is nearly all arithmetic in compositions, and this takes a sixth of the time that the op does.
    """
    if type(x) is not KerasTensor or x.dtype not in _FLOATS:
        return None
    if type(y) is float or type(y) is int:
        found, mask = KerasTensor(x._shape, x.dtype), x._mask
    elif type(y) is KerasTensor and y.dtype == x.dtype:
        try:
            found = KerasTensor(broadcast(x._shape, y._shape), x.dtype)
        except InputError:
            return None  # the op says it with its name and arguments
        mask = x._mask if x._mask is not None else y._mask
    else:
        return None
    found._mask = mask
    return found


def broadcast(*shapes: Sequence[int | None]) -> Shape:
    """The shape that all of them broadcast to, by NumPy's rule.

    >>> broadcast((None, 3), (1,), (4, 1))
    (4, 3)
    """
    if len(shapes) == 2 and shapes[0] == shapes[1]:
        return tuple(shapes[0])
    result: list[int | None] = []
    for dims in itertools.zip_longest(*(tuple(reversed(s)) for s in shapes), fillvalue=1):
        sizes = {d for d in dims if d != 1}
        known = sizes - {None}
        if len(known) > 1:
            raise InputError(
                f"Shapes {' and '.join(str(tuple(s)) for s in shapes)} cannot be broadcast together: "
                f"{' and '.join(map(str, sorted(d for d in known if d is not None)))} differ, "
                "and neither is 1."
            )
        result.append(known.pop() if known else (None if sizes else 1))
    return tuple(reversed(result))


__all__ = [
    "COMPARISONS",
    "OPERATORS",
    "PUBLIC_OPS",
    "KerasTensor",
    "Shape",
    "broadcast",
    "closed",
    "install_operators",
    "is_recording",
    "not_recording",
    "recording",
]
