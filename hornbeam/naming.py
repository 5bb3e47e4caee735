"""Names of layers and variables: automatic ones, scopes and paths."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_counts: dict[str, int] = {}
_scope: ContextVar[tuple[str, ...]] = ContextVar("hornbeam_name_scope", default=())


@functools.cache
def to_snake_case(name: str) -> str:
    """A class name as a layer name.

    >>> to_snake_case("Conv2D"), to_snake_case("LSTMCell"), to_snake_case("MaxPooling2D")
    ('conv2d', 'lstm_cell', 'max_pooling2d')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """`prefix`, with a number behind it from the second time on."""
    count = _counts.get(prefix, 0)
    _counts[prefix] = count + 1
    return f"{prefix}_{count}" if count else prefix


def get_uid(prefix: str = "") -> int:
    """The next number for names that begin with `prefix`, counted from 1.

    Args:
        prefix: the name that is numbered.

    Example:

    >>> import hornbeam
    >>> hornbeam.backend.get_uid("example") < hornbeam.backend.get_uid("example")
    True
    """
    _counts[prefix] = _counts.get(prefix, 0) + 1
    return _counts[prefix]


def reset_names() -> None:
    """Start the numbering of automatic names again."""
    _counts.clear()


@contextmanager
def name_scope(name: str) -> Iterator[None]:
    """A context in which the paths of new variables begin with `name`.

    Example:

    >>> import hornbeam
    >>> with hornbeam.name_scope("encoder"):
    ...     v = hornbeam.Variable([0.0], name="bias")
    >>> v.path
    'encoder/bias'
    """
    token = _scope.set((*_scope.get(), name))
    try:
        yield
    finally:
        _scope.reset(token)


def current_path() -> str:
    """The open name scopes, joined by slashes."""
    return "/".join(_scope.get())


def set_path(path: str) -> object:
    """Replace all open scopes by `path`; give the result to `reset_path`."""
    return _scope.set(tuple(path.split("/")) if path else ())


def reset_path(token: object) -> None:
    """Undo `set_path`."""
    _scope.reset(token)  # type: ignore[arg-type]
