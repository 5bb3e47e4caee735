"""Small helpers for constructors of families of layers."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def with_defaults(fn: F, **defaults: Any) -> F:
    """A copy of the function `fn` whose parameters of these names have these defaults.

    A family of layers for 1, 2 and 3 axes shares one constructor; this lets the signature of each show
    its own defaults.

    >>> def f(x, strides=1):
    ...     return strides
    >>> with_defaults(f, strides=(1, 1))(0)
    (1, 1)
    """
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount]
    given = fn.__defaults__ or ()
    table = {**dict(zip(names[len(names) - len(given) :], given, strict=True)), **defaults}
    last = names[len(names) - len(table) :]
    if set(last) != set(table):
        raise TypeError(f"{fn.__qualname__} cannot have defaults for {sorted(defaults)}.")
    copy = types.FunctionType(
        code, fn.__globals__, fn.__name__, tuple(table[n] for n in last), fn.__closure__
    )
    copy.__kwdefaults__ = fn.__kwdefaults__
    copy.__annotations__ = fn.__annotations__
    copy.__qualname__, copy.__doc__, copy.__module__ = fn.__qualname__, fn.__doc__, fn.__module__
    return copy  # type: ignore[return-value]
