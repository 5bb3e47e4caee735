"""`Initializer`, the base of all initializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.numpy import native_dtype
from hornbeam.backends.protocol import Array
from hornbeam.saving.objects import Configurable, builtin


@builtin("keras.initializers")
class Initializer(Configurable):
    """A function ``(shape, dtype) -> array`` for the first value of a variable.

    Derive from it and define `__call__`; the config is made of the constructor's arguments.  Values
    of the built-in ones are computed on the host, so that they are the same on every engine.

    Example:

    >>> import hornbeam
    >>> class Halves(hornbeam.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return 0.5 * hornbeam.ops.ones(shape, dtype)
    >>> Halves()((2,)).tolist()
    [0.5, 0.5]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of the current engine.

        Args:
            shape: its shape.
            dtype: its dtype, by default `hornbeam.config.floatx`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `__call__(self, shape, dtype=None)`."
        )

    def clone(self) -> Self:
        """Another initializer with the same config."""
        return self.from_config(self.get_config())  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({shown})"


def to_engine(values: Any, shape: Sequence[int], dtype: Any) -> Array:
    """`values`, spread over `shape`, as an array of the current engine."""
    native = native_dtype(dtypes.standardize(dtype))
    return registry.current().asarray(np.full(tuple(shape), values, native))
