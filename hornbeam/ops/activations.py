"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@op("x", dtype=rules.promote, elementwise=True)
def relu(b: Backend, x: ArrayLike) -> Array:
    """``max(x, 0)``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.relu([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    return b.maximum(x, b.zeros((), b.dtype(x)))


@op("x", dtype=rules.promote, elementwise=True)
def relu6(b: Backend, x: ArrayLike) -> Array:
    """``min(max(x, 0), 6)``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.relu6([-1.0, 2.0, 9.0]).tolist()
    [0.0, 2.0, 6.0]
    """
    return b.clip(x, 0, 6)


@op("x", dtype=rules.floating, elementwise=True)
def sigmoid(b: Backend, x: ArrayLike) -> Array:
    """``1 / (1 + exp(-x))``, elementwise: a logit as a probability.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape with values in (0, 1).

    Example:

    >>> from hornbeam import ops
    >>> ops.sigmoid([0.0]).tolist()
    [0.5]
    """
    e = b.exp(-b.abs(x))  # never overflows
    return b.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


@op("x", dtype=rules.floating, elementwise=True)
def log_sigmoid(b: Backend, x: ArrayLike) -> Array:
    """``log(sigmoid(x))``, elementwise, without overflow.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape with values below 0.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.log_sigmoid(0.0)), 4)
    -0.6931
    """
    return -b.softplus(-x)


@op("x", dtype=rules.floating, elementwise=True)
def softplus(b: Backend, x: ArrayLike) -> Array:
    """``log(1 + exp(x))``, elementwise, without overflow.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape with values above 0.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.softplus(0.0)), 4)
    0.6931
    """
    return b.logaddexp(x, b.zeros((), b.dtype(x)))


@op("x", dtype=rules.floating, elementwise=True)
def softsign(b: Backend, x: ArrayLike) -> Array:
    """``x / (1 + |x|)``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape with values in (-1, 1).

    Example:

    >>> from hornbeam import ops
    >>> ops.softsign([-1.0, 3.0]).tolist()
    [-0.5, 0.75]
    """
    return x / (1.0 + b.abs(x))


@op("x", dtype=rules.floating, elementwise=True)
def silu(b: Backend, x: ArrayLike) -> Array:
    """``x * sigmoid(x)``, elementwise; also called swish.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.silu(1.0)), 4)
    0.7311
    """
    return x * b.sigmoid(x)


@op("x", dtype=rules.floating, elementwise=True)
def hard_sigmoid(b: Backend, x: ArrayLike) -> Array:
    """``relu6(x + 3) / 6``, elementwise: a piecewise linear sigmoid.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape with values in [0, 1].

    Example:

    >>> from hornbeam import ops
    >>> ops.hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return b.clip(x + 3.0, 0, 6) / 6.0


@op("x", dtype=rules.floating, elementwise=True)
def hard_silu(b: Backend, x: ArrayLike) -> Array:
    """``x * hard_sigmoid(x)``, elementwise; also called hard swish.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.hard_silu([-3.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 3.0]
    """
    return x * b.hard_sigmoid(x)


@op("x", dtype=rules.promote, elementwise=True)
def hard_tanh(b: Backend, x: ArrayLike) -> Array:
    """``min(max(x, -1), 1)``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.hard_tanh([-2.0, 0.5, 2.0]).tolist()
    [-1.0, 0.5, 1.0]
    """
    return b.clip(x, -1, 1)


@op("x", dtype=rules.floating, elementwise=True)
def tanh_shrink(b: Backend, x: ArrayLike) -> Array:
    """``x - tanh(x)``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.tanh_shrink(1.0)), 4)
    0.2384
    """
    return x - b.tanh(x)


@op("x", dtype=rules.floating, elementwise=True)
def hard_shrink(b: Backend, x: ArrayLike, threshold: float = 0.5) -> Array:
    """`x` where ``|x| > threshold``, else 0.

    Args:
        x: array of any shape.
        threshold: a number of at least 0.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.hard_shrink([-1.0, 0.25]).tolist()
    [-1.0, 0.0]
    """
    return b.where(b.abs(x) > threshold, x, b.zeros((), b.dtype(x)))


@op("x", dtype=rules.floating, elementwise=True)
def soft_shrink(b: Backend, x: ArrayLike, threshold: float = 0.5) -> Array:
    """`x` moved by `threshold` towards 0, and 0 where that would cross it.

    Args:
        x: array of any shape.
        threshold: a number of at least 0.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.soft_shrink([-1.0, 0.25]).tolist()
    [-0.5, 0.0]
    """
    zero = b.zeros((), b.dtype(x))
    below = b.where(x < -threshold, x + threshold, zero)
    return b.where(x > threshold, x - threshold, below)


@op("x", dtype=rules.promote, elementwise=True)
def threshold(b: Backend, x: ArrayLike, threshold: float, default_value: float) -> Array:
    """`x` where it is greater than `threshold`, else `default_value`.

    Args:
        x: array of any shape.
        threshold: a number.
        default_value: a number.

    Returns:
        Array of the same shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.threshold([0.5, 2.0], 1.0, -1.0).tolist()
    [-1.0, 2.0]
    """
    return b.where(x > threshold, x, b.full((), default_value, b.dtype(x)))


@op("x", dtype=rules.floating, elementwise=True)
def elu(b: Backend, x: ArrayLike, alpha: float = 1.0) -> Array:
    """`x` where it is positive, else ``alpha * (exp(x) - 1)`` (Clevert et al., 2016).

    Args:
        x: array of any shape.
        alpha: the limit towards minus infinity is ``-alpha``.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.elu([0.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    negative = b.minimum(
        x, b.zeros((), b.dtype(x))
    )  # so that exp does not overflow in the gradient
    return b.where(x > 0, x, alpha * b.expm1(negative))


@op("x", dtype=rules.floating, elementwise=True)
def celu(b: Backend, x: ArrayLike, alpha: float = 1.0) -> Array:
    """``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))``, elementwise (Barron, 2017).

    Args:
        x: array of any shape.
        alpha: the limit towards minus infinity is ``-alpha``.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.celu([0.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    negative = b.minimum(x, b.zeros((), b.dtype(x)))
    return b.where(x > 0, x, alpha * b.expm1(negative / alpha))


@op("x", dtype=rules.floating, elementwise=True)
def selu(b: Backend, x: ArrayLike) -> Array:
    """A scaled `elu` that keeps mean 0 and variance 1 from layer to layer (Klambauer et al., 2017).

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.selu(1.0)), 4)
    1.0507
    """
    return SELU_SCALE * b.elu(x, SELU_ALPHA)


@op("x", dtype=rules.floating, elementwise=True)
def leaky_relu(b: Backend, x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """`x` where it is positive, else ``negative_slope * x``.

    Args:
        x: array of any shape.
        negative_slope: the slope below 0.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.leaky_relu([-1.0, 2.0], negative_slope=0.5).tolist()
    [-0.5, 2.0]
    """
    return b.where(x > 0, x, negative_slope * x)


@op("x", dtype=rules.floating, elementwise=True)
def gelu(b: Backend, x: ArrayLike, approximate: bool = True) -> Array:
    """``x * P(X <= x)`` for a standard normal X (Hendrycks and Gimpel, 2016).

    Args:
        x: array of any shape.
        approximate: whether to use ``tanh(sqrt(2 / pi) * (x + 0.044715 x^3))`` for the probability.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.gelu(1.0)), 3)
    0.841
    """
    if approximate:
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (1.0 + b.tanh(inner))
    return 0.5 * x * (1.0 + b.erf(x * math.sqrt(0.5)))


@op("x", dtype=rules.floating)
def glu(b: Backend, x: ArrayLike, axis: int = -1) -> Array:
    """The first half of `x` times the sigmoid of the second half (Dauphin et al., 2017).

    Args:
        x: array whose size along `axis` is even.
        axis: the axis to halve.

    Returns:
        Array of half the size along `axis`.

    Example:

    >>> from hornbeam import ops
    >>> ops.glu([2.0, 0.0]).tolist()
    [1.0]
    """
    size = b.shape(x)[axis]
    if isinstance(size, int) and size % 2:
        raise InputError(f"glu() needs an even size along axis {axis}, got shape {tuple(x.shape)}.")
    first, second = b.split(x, 2, axis)
    return first * b.sigmoid(second)


def _squareplus(backend: Backend, x: ArrayLike, b: float = 4) -> Array:
    """``(x + sqrt(x^2 + b)) / 2``, elementwise: a smooth `relu` without exponentials (Barron, 2021).

    Args:
        x: array of any shape.
        b: how round the corner at 0 is, a number of at least 0.

    Returns:
        Array of the same shape with values of at least 0.

    Example:

    >>> from hornbeam import ops
    >>> ops.squareplus([0.0]).tolist()
    [1.0]
    """
    return 0.5 * (x + backend.sqrt(x * x + b))


_squareplus.__name__ = (
    "squareplus"  # its parameter `b` hides the name used elsewhere for the backend
)
squareplus = op("x", dtype=rules.floating, elementwise=True)(_squareplus)


@op("x", dtype=rules.floating, elementwise=True)
def sparse_plus(b: Backend, x: ArrayLike) -> Array:
    """0 below -1, ``(x + 1)^2 / 4`` up to 1, and `x` above.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape with values of at least 0.

    Example:

    >>> from hornbeam import ops
    >>> ops.sparse_plus([-2.0, 0.0, 2.0]).tolist()
    [0.0, 0.25, 2.0]
    """
    middle = 0.25 * (x + 1.0) * (x + 1.0)
    return b.where(x <= -1, b.zeros((), b.dtype(x)), b.where(x < 1, middle, x))


@op("x", dtype=rules.floating, elementwise=True)
def sparse_sigmoid(b: Backend, x: ArrayLike) -> Array:
    """``min(max((x + 1) / 2, 0), 1)``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape with values in [0, 1].

    Example:

    >>> from hornbeam import ops
    >>> ops.sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return b.clip(0.5 * (x + 1.0), 0, 1)


@op("x", dtype=rules.floating)
def softmax(b: Backend, x: ArrayLike, axis: Any = -1) -> Array:
    """``exp(x) / sum(exp(x))`` along `axis`: logits as probabilities that add up to 1.

    Args:
        x: array of at least one axis.
        axis: the axis, or several, over which the result adds up to 1; None for all of them.

    Returns:
        Array of the same shape with values in [0, 1].

    Example:

    >>> from hornbeam import ops
    >>> ops.softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    e = b.exp(x - b.stop_gradient(b.max(x, axis=axis, keepdims=True)))
    return e / b.sum(e, axis=axis, keepdims=True)


@op("x", dtype=rules.floating)
def log_softmax(b: Backend, x: ArrayLike, axis: Any = -1) -> Array:
    """The logarithm of `softmax`, computed without overflow.

    Args:
        x: array of at least one axis.
        axis: the axis, or several, over which the probabilities add up to 1; None for all of them.

    Returns:
        Array of the same shape with values of at most 0.

    Example:

    >>> from hornbeam import ops
    >>> [round(v, 4) for v in ops.log_softmax([0.0, 0.0]).tolist()]
    [-0.6931, -0.6931]
    """
    shifted = x - b.stop_gradient(b.max(x, axis=axis, keepdims=True))
    return shifted - b.log(b.sum(b.exp(shifted), axis=axis, keepdims=True))


@op("x", dtype=rules.floating)
def sparsemax(b: Backend, x: ArrayLike, axis: int = -1) -> Array:
    """The point of the probability simplex nearest to `x` (Martins and Astudillo, 2016).

    Args:
        x: array of at least one axis.
        axis: the axis over which the result adds up to 1.

    Returns:
        Array of the same shape with values in [0, 1], many of them exactly 0.

    Example:

    >>> from hornbeam import ops
    >>> ops.sparsemax([0.0, 3.0]).tolist()
    [0.0, 1.0]
    """
    descending = b.flip(b.sort(x, axis), axis)
    ranks = b.cast(b.cumsum(b.full(b.shape(x), 1, "int32"), axis), b.dtype(x))
    sums = b.cumsum(descending, axis)
    inside = b.cast(1.0 + ranks * descending > sums, b.dtype(x))
    count = b.sum(inside, axis=axis, keepdims=True)
    total = b.sum(inside * descending, axis=axis, keepdims=True)
    return b.maximum(x - (total - 1.0) / count, b.zeros((), b.dtype(x)))


swish = silu
hard_swish = hard_silu
