"""Names of layers and variables: automatic ones, scopes and paths."""

from __future__ import annotations

import functools
import re
from contextvars import ContextVar
from typing import Any

from hornbeam.errors import InputError

_counts: dict[str, int] = {}
_scope: ContextVar[tuple[str, ...]] = ContextVar("hornbeam_name_scope", default=())
_innermost: ContextVar[tuple[name_scope, tuple[str, ...]] | None] = ContextVar(
    "hornbeam_innermost_scope", default=None
)


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


class name_scope:
    """A context in which the paths of new variables begin with `name`.

    Args:
        name: the name, without slashes.
        caller: the object that opens the scope, such as a layer.
        deduplicate: whether a scope that its `caller` has just opened under this name is not opened
            again within itself.
        override_parent: a path that stands in the place of all scopes around this one; "" for none.

    Raises:
        InputError: if `name` is no string, or holds a slash.

    Example:

    >>> import hornbeam
    >>> with hornbeam.name_scope("encoder"):
    ...     v = hornbeam.Variable([0.0], name="bias")
    >>> v.path
    'encoder/bias'
    """

    def __init__(
        self,
        name: str,
        caller: Any = None,
        deduplicate: bool = True,
        override_parent: str | None = None,
    ) -> None:
        if not isinstance(name, str) or "/" in name:
            raise InputError(
                f"name_scope() takes a string without '/', got {name!r}; open one scope in another "
                "for more than one level."
            )
        self.name = name
        self.caller = caller
        self.deduplicate = bool(deduplicate)
        self.override_parent = override_parent
        self._tokens: list[tuple[Any, Any]] = []

    def __enter__(self) -> name_scope:
        path = _scope.get()
        if not self._repeats(path):
            if self.override_parent is not None:
                path = tuple(self.override_parent.split("/")) if self.override_parent else ()
            path = (*path, self.name)
        self._tokens.append((_scope.set(path), _innermost.set((self, path))))
        return self

    def _repeats(self, path: tuple[str, ...]) -> bool:
        """Whether the scope that led to `path` is the same one, opened by the same caller."""
        outer = _innermost.get()
        if outer is None or not self.deduplicate or self.caller is None:
            return False
        scope, its_path = outer
        return its_path == path and scope.caller is self.caller and scope.name == self.name

    def __exit__(self, *exc: object) -> None:
        scope, innermost = self._tokens.pop()
        _scope.reset(scope)
        _innermost.reset(innermost)


def current_path() -> str:
    """The open name scopes, joined by slashes."""
    return "/".join(_scope.get())


def set_path(path: str) -> object:
    """Replace all open scopes by `path`; give the result to `reset_path`."""
    return _scope.set(tuple(path.split("/")) if path else ())


def reset_path(token: object) -> None:
    """Undo `set_path`."""
    _scope.reset(token)  # type: ignore[arg-type]
