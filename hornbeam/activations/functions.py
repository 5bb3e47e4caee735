"""The activation functions, each an op or two.

All take an array (or symbolic tensor) of any shape and float dtype and return one of the same shape
(except `glu`) and dtype.
"""

from __future__ import annotations

from typing import Any

from hornbeam import ops


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Max(0, x) + min(0, alpha (exp(x / alpha) - 1)): ELU with a continuous derivative (Barron, 2017).

    Args:
        x: array of any shape.
        alpha: where the curve saturates: it tends to -alpha.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.celu(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.63, 2.0]
    """
    return ops.celu(x, alpha)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha (exp(x) - 1) (Clevert et al., 2015).

    Args:
        x: array of any shape.
        alpha: where the curve saturates: it tends to -alpha.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.elu(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.63, 2.0]
    """
    return ops.elu(x, alpha=alpha)


def exponential(x: Any) -> Any:
    """Exp(x).

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.exponential(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.37, 7.39]
    """
    return ops.exp(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x Phi(x), Phi being the normal distribution function (Hendrycks and Gimpel, 2016).

    Args:
        x: array of any shape.
        approximate: whether to use the formula with tanh.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.gelu(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.16, 1.95]
    """
    return ops.gelu(x, approximate=approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """A sigmoid(b), with a and b the two halves of x (Dauphin et al., 2016).

    Args:
        x: array of any shape.
        axis: the axis to halve; its size must be even.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.glu(hornbeam.ops.convert_to_tensor([2.0, 0.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [1.0]
    """
    return ops.glu(x, axis)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x where it is farther from zero than the threshold, else 0.

    Args:
        x: array of any shape.
        threshold: the distance from zero.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.hard_shrink(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-1.0, 2.0]
    """
    return ops.hard_shrink(x, threshold)


def hard_sigmoid(x: Any) -> Any:
    """Relu6(x + 3) / 6: a sigmoid of three straight pieces.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.hard_sigmoid(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.33, 0.83]
    """
    return ops.hard_sigmoid(x)


def hard_silu(x: Any) -> Any:
    """x hard_sigmoid(x) (Howard et al., 2019); also called hard swish.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.hard_silu(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.33, 1.67]
    """
    return ops.hard_silu(x)


def hard_tanh(x: Any) -> Any:
    """x cut off at -1 and 1.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.hard_tanh(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-1.0, 1.0]
    """
    return ops.hard_tanh(x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where it is positive, else negative_slope x.

    Args:
        x: array of any shape.
        negative_slope: the slope below zero.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.leaky_relu(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.2, 2.0]
    """
    return ops.leaky_relu(x, negative_slope=negative_slope)


def linear(x: Any) -> Any:
    """x, as it is.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.linear(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-1.0, 2.0]
    """
    return x


def log_sigmoid(x: Any) -> Any:
    """Log(sigmoid(x)), stable in both tails.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.log_sigmoid(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-1.31, -0.13]
    """
    return ops.log_sigmoid(x)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """Log(softmax(x)), without overflow.

    Args:
        x: array of any shape.
        axis: the axis (or a tuple of axes) that the sum runs over.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.activations.log_softmax(hornbeam.ops.convert_to_tensor([0.0, 0.0]))
    >>> hornbeam.ops.convert_to_numpy(x).round(3).tolist()
    [-0.6930000185966492, -0.6930000185966492]
    """
    return ops.log_softmax(x, axis=axis)


def mish(x: Any) -> Any:
    """x tanh(softplus(x)) (Misra, 2019).

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.mish(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.3, 1.94]
    """
    return ops.mish(x)


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """max(x, 0), with three knobs.

    Args:
        x: array of any shape.
        negative_slope: the slope below the threshold.
        max_value: the largest value of the result, None for no limit.
        threshold: values up to it become ``negative_slope * (x - threshold)``.

    Example:

    >>> import hornbeam
    >>> hornbeam.activations.relu(hornbeam.ops.convert_to_tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return ops.relu(x)
    if negative_slope != 0.0 and max_value is None and threshold == 0.0:
        return ops.leaky_relu(x, negative_slope=negative_slope)
    below = negative_slope * (x - threshold)
    result = ops.where(x > threshold, x, below) if threshold else ops.where(x > 0, x, below)
    return result if max_value is None else ops.minimum(result, max_value)


def relu6(x: Any) -> Any:
    """x cut off at 0 and 6.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.relu6(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.0, 2.0]
    """
    return ops.relu6(x)


def selu(x: Any) -> Any:
    """ELU scaled so that activations keep mean 0 and variance 1 (Klambauer et al., 2017).

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.selu(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-1.11, 2.1]
    """
    return ops.selu(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)).

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.sigmoid(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.27, 0.88]
    """
    return ops.sigmoid(x)


def silu(x: Any) -> Any:
    """x sigmoid(x) (Ramachandran et al., 2017); also called swish.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.silu(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.27, 1.76]
    """
    return ops.silu(x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x moved towards zero by the threshold, and 0 within it.

    Args:
        x: array of any shape.
        threshold: the distance from zero.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.soft_shrink(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.5, 1.5]
    """
    return ops.soft_shrink(x, threshold)


def softmax(x: Any, axis: Any = -1) -> Any:
    """Exp(x) / sum(exp(x)): numbers in (0, 1) that add up to 1.

    Args:
        x: array of any shape.
        axis: the axis (or a tuple of axes) that the sum runs over.

    Example:

    >>> import hornbeam
    >>> hornbeam.activations.softmax(hornbeam.ops.zeros(2)).tolist()
    [0.5, 0.5]
    """
    return ops.softmax(x, axis=axis)


def softplus(x: Any) -> Any:
    """Log(1 + exp(x)).

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.softplus(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.31, 2.13]
    """
    return ops.softplus(x)


def softsign(x: Any) -> Any:
    """x / (1 + |x|).

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.softsign(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.5, 0.67]
    """
    return ops.softsign(x)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.sparse_plus(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.0, 2.0]
    """
    return ops.sparse_plus(x)


def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, (x + 1) / 2 up to 1, then 1.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.sparse_sigmoid(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.0, 1.0]
    """
    return ops.sparse_sigmoid(x)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point of the probability simplex, with exact zeros (Martins and Astudillo, 2016).

    Args:
        x: array of any shape.
        axis: the axis that adds up to 1.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.sparsemax(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.0, 1.0]
    """
    return ops.sparsemax(x, axis)


def squareplus(x: Any, b: float = 4) -> Any:
    """(x + sqrt(x^2 + b)) / 2.

    Args:
        x: array of any shape.
        b: how smooth the bend is.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.squareplus(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.62, 2.41]
    """
    return ops.squareplus(x, b)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent.

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.tanh(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.76, 0.96]
    """
    return ops.tanh(x)


def tanh_shrink(x: Any) -> Any:
    """x - tanh(x).

    Args:
        x: array of any shape.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.tanh_shrink(hornbeam.ops.convert_to_tensor([-1.0, 2.0]))
    >>> [round(float(v), 2) + 0.0 for v in y]
    [-0.24, 1.04]
    """
    return ops.tanh_shrink(x)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where it is above the threshold, else the default value.

    Args:
        x: array of any shape.
        threshold: the threshold.
        default_value: what takes the place of values up to the threshold.

    Example:

    >>> import hornbeam
    >>> y = hornbeam.activations.threshold(hornbeam.ops.convert_to_tensor([-1.0, 2.0]), 1.0, 0.0)
    >>> [round(float(v), 2) + 0.0 for v in y]
    [0.0, 2.0]
    """
    return ops.threshold(x, threshold, default_value)
