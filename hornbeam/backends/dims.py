"""Dimensions that nobody knows yet: of symbolic arrays, and of an engine's traced ones."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from hornbeam.errors import InputError


class UnknownDim:
    """A dimension nobody knows yet: whatever is computed from it is unknown too."""

    def _unknown(self, *_other: Any) -> UnknownDim:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _unknown
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = __abs__ = _unknown

    def __repr__(self) -> str:
        return "?"

    def __bool__(self) -> bool:
        raise InputError(
            "This needs to know the size of a dimension that was left open (None). "
            "Give the full shape to `Input(shape=...)`, or `batch_size=` if it is the batch."
        )

    def __index__(self) -> int:
        return int(bool(self))


UNKNOWN = UnknownDim()


class TracedDim(UnknownDim):
    """A dimension of a traced array that the engine will know when the program runs.

    Compositions treat it as they treat an unknown one; arithmetic on it goes on in the engine, and the
    engine reads `scalar` where it builds a shape.
    """

    __slots__ = ("scalar",)

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar

    def __neg__(self) -> TracedDim:
        return TracedDim(-self.scalar)


def value_of(dim: Any) -> Any:
    """The engine's scalar of a traced dimension; anything else as it is."""
    return dim.scalar if isinstance(dim, TracedDim) else dim


def _forward(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], TracedDim]:
    return lambda self, other: TracedDim(function(self.scalar, value_of(other)))


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], TracedDim]:
    return lambda self, other: TracedDim(function(value_of(other), self.scalar))


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    setattr(TracedDim, f"__{_name}__", _forward(getattr(operator, _name)))
    setattr(TracedDim, f"__r{_name}__", _reflected(getattr(operator, _name)))


def common(first: Sequence[Any], second: Sequence[Any]) -> tuple[Any, ...]:
    """What two static shapes have in common."""
    return tuple([m if m == n else None for m, n in zip(first, second, strict=True)])


def pattern(x: Any) -> tuple[Any, ...]:
    """The static shape of an array, with those axes open that will hardly stay: batch and time."""
    time = x.ndim == 3 or (x.ndim == 2 and x.dtype.kind in "iub")
    return tuple(
        n if n == 1 or i > 1 or (i == 1 and not time) else None for i, n in enumerate(x.shape)
    )
