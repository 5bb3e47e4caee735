"""The regularizers: functions of one array to one number."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.saving.objects import Configurable, builtin


@builtin("keras.regularizers")
class Regularizer(Configurable):
    """A penalty on an array.

    Derive from it and define `__call__`; the config is made of the constructor's arguments.

    Example:

    >>> import hornbeam
    >>> class Peak(hornbeam.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return hornbeam.ops.max(x)
    >>> float(Peak()(hornbeam.ops.ones(3)))
    1.0
    """

    def __call__(self, x: Any) -> Any:
        """The penalty for `x`, a scalar."""
        return ops.zeros(())


def _factor(owner: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise InputError(f"{owner}: `{name}` must be a number of at least 0, got {value!r}.")
    if math.isinf(value):
        raise InputError(f"{owner}: `{name}` must be finite, got {value!r}.")
    return float(value)


@builtin("keras.regularizers")
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x^2)``.

    Args:
        l1: the factor of the absolute values.
        l2: the factor of the squares.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.regularizers.L1L2(0.5, 0.25)(hornbeam.ops.ones(4)))
    3.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("L1L2", "l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("L1L2", "l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """The penalty for `x`."""
        if not self.l1 and not self.l2:
            return ops.zeros((), dtype=x.dtype)
        parts = []
        if self.l1:
            parts.append(self.l1 * ops.sum(ops.absolute(x)))
        if self.l2:
            parts.append(self.l2 * ops.sum(ops.square(x)))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@builtin("keras.regularizers")
class L1(Regularizer):
    """``l1 * sum(|x|)``.

    Args:
        l1: the factor.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.regularizers.L1(0.5)(hornbeam.ops.ones(4)))
    2.0
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("L1", "l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Any:
        """The penalty for `x`."""
        return self.l1 * ops.sum(ops.absolute(x))


@builtin("keras.regularizers")
class L2(Regularizer):
    """``l2 * sum(x^2)``.

    Args:
        l2: the factor.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.regularizers.L2(0.5)(hornbeam.ops.ones(4)))
    2.0
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("L2", "l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """The penalty for `x`."""
        return self.l2 * ops.sum(ops.square(x))


@builtin("keras.regularizers")
class OrthogonalRegularizer(Regularizer):
    """The mean of the absolute inner products of different rows (or columns), each of length 1.

    Args:
        factor: a factor.
        mode: "rows" or "columns": what is to become orthogonal.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.regularizers.OrthogonalRegularizer(1.0)(hornbeam.ops.eye(3)))
    0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("OrthogonalRegularizer", "factor", factor)
        if mode not in ("rows", "columns"):
            raise InputError(
                f"OrthogonalRegularizer: `mode` must be 'rows' or 'columns', got {mode!r}."
            )
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        """The penalty for a matrix."""
        if len(x.shape) != 2:
            raise InputError(f"OrthogonalRegularizer takes matrices, got shape {tuple(x.shape)}.")
        axis = 1 if self.mode == "rows" else 0
        unit = ops.normalize(x, axis=axis)
        turned = ops.transpose(unit)
        products = ops.matmul(unit, turned) if axis else ops.matmul(turned, unit)
        size = products.shape[0]
        others = products * (1.0 - ops.eye(size, dtype=products.dtype))
        pairs = size * (size - 1.0) / 2.0
        return self.factor * 0.5 * ops.sum(ops.absolute(others)) / pairs
