"""The constraints: functions from an array to the nearest allowed one."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam.saving.objects import Configurable, builtin


@builtin("keras.constraints")
class Constraint(Configurable):
    """A projection of a variable's value, applied after every update.

    Derive from it and define `__call__`; the config is made of the constructor's arguments.

    Example:

    >>> import hornbeam
    >>> class AtMostOne(hornbeam.constraints.Constraint):
    ...     def __call__(self, w):
    ...         return hornbeam.ops.minimum(w, 1.0)
    >>> AtMostOne()(hornbeam.ops.convert_to_tensor([0.5, 2.0])).tolist()
    [0.5, 1.0]
    """

    def __call__(self, w: Any) -> Any:
        """The allowed value for `w`: `w` itself."""
        return w


def _norm(w: Any, axis: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


@builtin("keras.constraints")
class MaxNorm(Constraint):
    """Shortens vectors that are longer than a limit.

    Args:
        max_value: the largest norm.
        axis: the axis or axes along which norms are taken: 0 for the columns of a matrix, (0, 1, 2)
            for each filter of a 2D convolution.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.constraints.MaxNorm(1.0)(hornbeam.ops.convert_to_tensor([[3.0], [4.0]]))
    >>> [round(float(v), 3) for v in w[:, 0]]
    [0.6, 0.8]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """The nearest allowed value."""
        norms = _norm(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (norms + config.epsilon()))


@builtin("keras.constraints")
class NonNeg(Constraint):
    """Replaces negative numbers by zero.

    Example:

    >>> import hornbeam
    >>> hornbeam.constraints.NonNeg()(hornbeam.ops.convert_to_tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        """The nearest allowed value."""
        return ops.maximum(w, 0.0)


@builtin("keras.constraints")
class UnitNorm(Constraint):
    """Gives all vectors length 1.

    Args:
        axis: the axis or axes along which norms are taken, see `MaxNorm`.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.constraints.UnitNorm()(hornbeam.ops.convert_to_tensor([[3.0], [4.0]]))
    >>> [round(float(v), 3) for v in w[:, 0]]
    [0.6, 0.8]
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """The nearest allowed value."""
        return w / (config.epsilon() + _norm(w, self.axis))


@builtin("keras.constraints")
class MinMaxNorm(Constraint):
    """Moves the lengths of vectors into an interval.

    Args:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: how far to go at once: 1 all the way, 0 not at all.
        axis: the axis or axes along which norms are taken, see `MaxNorm`.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.constraints.MinMaxNorm(0.0, 1.0)(hornbeam.ops.convert_to_tensor([[3.0], [4.0]]))
    >>> [round(float(v), 3) for v in w[:, 0]]
    [0.6, 0.8]
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """The nearest allowed value, or a value on the way to it."""
        norms = _norm(w, self.axis)
        wanted = ops.clip(norms, self.min_value, self.max_value)
        wanted = self.rate * wanted + (1 - self.rate) * norms
        return w * (wanted / (norms + config.epsilon()))
