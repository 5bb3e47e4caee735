"""Activation functions: of each value on its own, and softmax and its kin along an axis."""

from __future__ import annotations

import math
from typing import Any

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import axes_of, one_axis

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@op("x", dtype=rules.arithmetic, elementwise=True)
def relu(b: Backend, x: ArrayLike) -> Array:
    """max(x, 0): the rectified linear unit.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.relu([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return b.maximum(x, b.zeros_like(x))


@op("x", dtype=rules.arithmetic, elementwise=True)
def relu6(b: Backend, x: ArrayLike) -> Array:
    """min(max(x, 0), 6).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.relu6([-1.0, 2.0, 9.0])).tolist()
    [0.0, 2.0, 6.0]
    """
    return b.minimum(b.relu(x), b.full_like(x, 6))


@op("x", dtype=rules.floating, elementwise=True)
def leaky_relu(b: Backend, x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """x where it is positive, else negative_slope * x.

    Args:
        x: array of any shape.
        negative_slope: the slope for negative values.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.leaky_relu([-10.0, 2.0])).round(2))
    [-2.  2.]
    """
    return b.where(b.greater(x, 0.0), x, negative_slope * x)


@op("x", dtype=rules.floating, elementwise=True)
def sigmoid(b: Backend, x: ArrayLike) -> Array:
    """1 / (1 + exp(-x)), in (0, 1).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.sigmoid([0.0, 1.0])).round(4))
    [0.5    0.7311]
    """
    small = b.exp(-b.abs(x))
    return b.where(b.greater_equal(x, 0.0), b.ones_like(x), small) / (1.0 + small)


@op("x", dtype=rules.floating, elementwise=True)
def log_sigmoid(b: Backend, x: ArrayLike) -> Array:
    """log(sigmoid(x)), without underflow.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.log_sigmoid([0.0, 1.0])).round(4))
    [-0.6931 -0.3133]
    """
    return -b.softplus(-x)


@op("x", dtype=rules.floating, elementwise=True)
def softplus(b: Backend, x: ArrayLike) -> Array:
    """log(1 + exp(x)), without overflow.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.softplus([0.0, 1.0])).round(4))
    [0.6931 1.3133]
    """
    return b.relu(x) + b.log1p(b.exp(-b.abs(x)))


@op("x", dtype=rules.floating, elementwise=True)
def softsign(b: Backend, x: ArrayLike) -> Array:
    """x / (1 + |x|), in (-1, 1).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.softsign([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
    """
    return x / (1.0 + b.abs(x))


@op("x", dtype=rules.floating, elementwise=True)
def silu(b: Backend, x: ArrayLike) -> Array:
    """x * sigmoid(x), also called swish (Hendrycks and Gimpel, 2016).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.silu([-1.0, 2.0])).round(4))
    [-0.2689  1.7616]
    """
    return x * b.sigmoid(x)


@op("x", dtype=rules.floating, elementwise=True)
def gelu(b: Backend, x: ArrayLike, approximate: bool = True) -> Array:
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016).

    Args:
        x: array of any shape.
        approximate: whether to use the formula with tanh instead of the error function.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.gelu([-1.0, 2.0])).round(4))
    [-0.1588  1.9546]
    """
    if approximate:
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)
        return 0.5 * x * (1.0 + b.tanh(inner))
    return 0.5 * x * (1.0 + b.erf(x / math.sqrt(2.0)))


@op("x", dtype=rules.floating, elementwise=True)
def elu(b: Backend, x: ArrayLike, alpha: float = 1.0) -> Array:
    """x where it is positive, else alpha * (exp(x) - 1) (Clevert et al., 2015).

    Args:
        x: array of any shape.
        alpha: minus the limit for very negative values.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.elu([-1.0, 2.0])).round(4))
    [-0.6321  2.    ]
    """
    return b.where(b.greater(x, 0.0), x, alpha * b.expm1(b.minimum(x, b.zeros_like(x))))


@op("x", dtype=rules.floating, elementwise=True)
def selu(b: Backend, x: ArrayLike) -> Array:
    """The scaled exponential linear unit (Klambauer et al., 2017).

    scale * x where it is positive, else scale * alpha * (exp(x) - 1): with these two constants the
    mean 0 and the variance 1 of the inputs of a network are kept from layer to layer.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.selu([-1.0, 2.0])).round(4))
    [-1.1113  2.1014]
    """
    negative = _SELU_ALPHA * b.expm1(b.minimum(x, b.zeros_like(x)))
    return _SELU_SCALE * b.where(b.greater(x, 0.0), x, negative)


@op("x", dtype=rules.floating, elementwise=True)
def celu(b: Backend, x: ArrayLike, alpha: float = 1.0) -> Array:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)) (Barron, 2017).

    Args:
        x: array of any shape.
        alpha: minus the limit for very negative values.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.celu([-1.0, 2.0])).round(4))
    [-0.6321  2.    ]
    """
    return b.relu(x) + alpha * b.expm1(b.minimum(x, b.zeros_like(x)) / alpha)


@op("x", dtype=rules.floating, elementwise=True)
def mish(b: Backend, x: ArrayLike) -> Array:
    """x * tanh(softplus(x)) (Misra, 2019).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.mish([-1.0, 2.0])).round(4))
    [-0.3034  1.944 ]
    """
    return x * b.tanh(b.softplus(x))


@op("x", dtype=rules.floating, elementwise=True)
def hard_sigmoid(b: Backend, x: ArrayLike) -> Array:
    """A sigmoid of straight lines: x / 6 + 1/2, kept in [0, 1].

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.hard_sigmoid([-3.0, 0.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return b.relu6(x + 3.0) / 6.0


@op("x", dtype=rules.floating, elementwise=True)
def hard_silu(b: Backend, x: ArrayLike) -> Array:
    """x * hard_sigmoid(x), also called hard swish (Howard et al., 2019).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.hard_silu([-3.0, 0.0, 3.0])).tolist()
    [-0.0, 0.0, 3.0]
    """
    return x * b.hard_sigmoid(x)


@op("x", dtype=rules.floating, elementwise=True)
def hard_tanh(b: Backend, x: ArrayLike) -> Array:
    """x kept in [-1, 1].

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.hard_tanh([-3.0, 0.5, 3.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    return b.minimum(b.maximum(x, b.full_like(x, -1.0)), b.ones_like(x))


@op("x", dtype=rules.floating, elementwise=True)
def hard_shrink(b: Backend, x: ArrayLike, threshold: float = 0.5) -> Array:
    """x where its size is above a threshold, else 0.

    Args:
        x: array of any shape.
        threshold: the largest size that becomes 0.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.hard_shrink([-1.0, 0.25, 1.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return b.where(b.greater(b.abs(x), threshold), x, b.zeros_like(x))


@op("x", dtype=rules.floating, elementwise=True)
def soft_shrink(b: Backend, x: ArrayLike, threshold: float = 0.5) -> Array:
    """x moved towards 0 by a threshold, at most to 0.

    Args:
        x: array of any shape.
        threshold: by how much.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.soft_shrink([-1.0, 0.25, 1.0])).tolist()
    [-0.5, 0.0, 0.5]
    """
    beyond = b.where(b.greater(x, 0.0), x - threshold, x + threshold)
    return b.where(b.greater(b.abs(x), threshold), beyond, b.zeros_like(x))


@op("x", dtype=rules.floating, elementwise=True)
def tanh_shrink(b: Backend, x: ArrayLike) -> Array:
    """x - tanh(x).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.tanh_shrink([-1.0, 2.0])).round(4))
    [-0.2384  1.036 ]
    """
    return x - b.tanh(x)


@op("x", dtype=rules.floating, elementwise=True)
def threshold(b: Backend, x: ArrayLike, threshold: float, default_value: float) -> Array:
    """x where it is above a threshold, else another value.

    Args:
        x: array of any shape.
        threshold: the largest value that is replaced.
        default_value: what it is replaced by.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.threshold([-1.0, 2.0], 0.5, -7.0)).tolist()
    [-7.0, 2.0]
    """
    return b.where(b.greater(x, threshold), x, b.full_like(x, default_value))


@op("x", dtype=rules.floating, elementwise=True)
def squareplus(backend: Backend, x: ArrayLike, b: float = 4) -> Array:
    """(x + sqrt(x**2 + b)) / 2, a smooth relu (Barron, 2021).

    Args:
        x: array of any shape.
        b: how smooth; 0 gives relu.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.squareplus([0.0, 1.5])).tolist()
    [1.0, 2.0]
    """
    return (x + backend.sqrt(backend.square(x) + b)) / 2.0


@op("x", dtype=rules.floating, elementwise=True)
def sparse_plus(b: Backend, x: ArrayLike) -> Array:
    """A relu with a quadratic piece: 0 up to -1, (x + 1)**2 / 4 up to 1, x from there.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.sparse_plus([-2.0, 0.0, 2.0])).tolist()
    [0.0, 0.25, 2.0]
    """
    curve = b.square(x + 1.0) / 4.0
    return b.where(b.less_equal(x, -1.0), b.zeros_like(x), b.where(b.less(x, 1.0), curve, x))


@op("x", dtype=rules.floating, elementwise=True)
def sparse_sigmoid(b: Backend, x: ArrayLike) -> Array:
    """A sigmoid of straight lines: (x + 1) / 2, kept in [0, 1].

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.sparse_sigmoid([-2.0, 0.5, 2.0])).tolist()
    [0.0, 0.75, 1.0]
    """
    return b.minimum(b.maximum((x + 1.0) / 2.0, b.zeros_like(x)), b.ones_like(x))


@op("x", dtype=rules.floating)
def glu(b: Backend, x: ArrayLike, axis: int = -1) -> Array:
    """One half of `x` times the sigmoid of the other: the gated linear unit (Dauphin et al., 2016).

    Args:
        x: array of any shape; its size along `axis` is even.
        axis: the axis to halve.

    Returns:
        Array with half the size along `axis`.

    Raises:
        InputError: if that size is odd.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.glu([1.0, 2.0, 0.0, 0.0])).tolist()
    [0.5, 1.0]
    """
    axis = one_axis(axis, x.ndim, "glu")
    size = b.shape(x)[axis]
    if isinstance(size, int) and size % 2:
        raise InputError(f"glu() needs an even size along axis {axis}, got {size}.")
    value, gate = b.split(x, 2, axis)
    return value * b.sigmoid(gate)


@op("x", dtype=rules.mean)
def softmax(b: Backend, x: ArrayLike, axis: Any = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis: probabilities from logits.

    Args:
        x: array of any shape, logits.
        axis: the axis or axes along which the result sums to 1; None for all.

    Returns:
        Array of the shape of `x`, values in [0, 1].

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.softmax([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    axes = axes_of(axis, x.ndim, "softmax")
    powers = b.exp(x - b.stop_gradient(b.max(x, axis=axes, keepdims=True)))
    return powers / b.sum(powers, axis=axes, keepdims=True)


@op("x", dtype=rules.mean)
def log_softmax(b: Backend, x: ArrayLike, axis: Any = -1) -> Array:
    """log(softmax(x)) along an axis, without underflow.

    Args:
        x: array of any shape, logits.
        axis: the axis or axes along which the probabilities sum to 1; None for all.

    Returns:
        Array of the shape of `x`, values of at most 0.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.log_softmax([0.0, 0.0])).round(4))
    [-0.6931 -0.6931]
    """
    axes = axes_of(axis, x.ndim, "log_softmax")
    lowered = x - b.stop_gradient(b.max(x, axis=axes, keepdims=True))
    return lowered - b.log(b.sum(b.exp(lowered), axis=axes, keepdims=True))


@op("x", dtype=rules.mean)
def sparsemax(b: Backend, x: ArrayLike, axis: int = -1) -> Array:
    """Probabilities from logits, many of them exactly 0 (Martins and Astudillo, 2016).

    The point of the simplex that is nearest to the logits.

    Args:
        x: array of any shape, logits.
        axis: the axis along which the result sums to 1.

    Returns:
        Array of the shape of `x`, values in [0, 1].

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.sparsemax([1.0, 0.5, -2.0])).tolist()
    [0.75, 0.25, 0.0]
    """
    axis = one_axis(axis, x.ndim, "sparsemax")
    falling = b.flip(b.sort(x, axis=axis), axis=axis)
    sums = b.cumsum(falling, axis)
    n = b.shape(x)[axis]
    along = [n if a == axis else 1 for a in range(x.ndim)]
    counts = b.reshape(b.arange(1, n + 1, 1, b.dtype(x)), along)
    inside = b.cast(b.greater(1.0 + counts * falling, sums), b.dtype(x))
    size = b.sum(inside, axis=axis, keepdims=True)
    total = b.sum(inside * falling, axis=axis, keepdims=True)
    return b.relu(x - (total - 1.0) / size)


swish = silu
hard_swish = hard_silu

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
    "mish",
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
