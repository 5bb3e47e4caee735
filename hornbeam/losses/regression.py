"""Losses between numbers: squared, absolute and relative errors, hinges, angles.

Each function returns one value per sample, shape (...,), the last axis being averaged over.
"""

from __future__ import annotations

import math
from typing import Any

from hornbeam import config, ops
from hornbeam.losses.base import LossFunctionWrapper, pair
from hornbeam.saving.objects import builtin


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``(y_true - y_pred)^2``.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]])[0]), 4)
    2.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@builtin("keras.losses")
class MeanSquaredError(LossFunctionWrapper):
    """The mean of ``(y_true - y_pred)^2``.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    2.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``|y_true - y_pred|``.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.mean_absolute_error([[0.0, 1.0]], [[1.0, 3.0]])[0]), 4)
    1.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


@builtin("keras.losses")
class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of ``|y_true - y_pred|``.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    1.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``100 |y_true - y_pred| / |y_true|``, in percent.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.mean_absolute_percentage_error([[1.0, 2.0]], [[1.5, 1.0]])[0]), 4)
    50.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    size = ops.maximum(ops.absolute(y_true), config.epsilon())
    return 100.0 * ops.mean(ops.absolute((y_true - y_pred) / size), axis=-1)


@builtin("keras.losses")
class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of ``100 |y_true - y_pred| / |y_true|``, in percent.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.5, 1.0]])), 4)
    50.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``(log(1 + y_true) - log(1 + y_pred))^2``; negative numbers count as 0.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.mean_squared_logarithmic_error([[0.0, 1.0]], [[1.0, 3.0]])[0]), 4)
    0.4805
    """
    y_true, y_pred = pair(y_true, y_pred)
    low = config.epsilon()
    error = ops.log(ops.maximum(y_pred, low) + 1.0) - ops.log(ops.maximum(y_true, low) + 1.0)
    return ops.mean(ops.square(error), axis=-1)


@builtin("keras.losses")
class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of ``(log(1 + y_true) - log(1 + y_pred))^2``; negative numbers count as 0.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.4805
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """The mean of ``e^2 / 2`` where the error is at most delta, else of ``delta |e| - delta^2 / 2``.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.
        delta: the error at which the parabola becomes a straight line.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.huber([[0.0, 1.0]], [[1.0, 3.0]])[0]), 4)
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    size = ops.absolute(y_true - y_pred)
    near = 0.5 * ops.square(size)
    far = delta * size - 0.5 * delta**2
    return ops.mean(ops.where(size <= delta, near, far), axis=-1)


@builtin("keras.losses")
class Huber(LossFunctionWrapper):
    """The mean of ``e^2 / 2`` where the error is at most delta, else of ``delta |e| - delta^2 / 2``.

    Args:
        delta: the error at which the parabola becomes a straight line.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.Huber()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    1.0
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)
        self.delta = delta


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``log(cosh(y_pred - y_true))``: a parabola that becomes straight lines.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.log_cosh([[0.0, 1.0]], [[1.0, 3.0]])[0]), 4)
    0.8794
    """
    y_true, y_pred = pair(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(-2.0 * error) - math.log(2.0), axis=-1)


@builtin("keras.losses")
class LogCosh(LossFunctionWrapper):
    """The mean of ``log(cosh(y_pred - y_true))``: a parabola that becomes straight lines.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.LogCosh()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.8794
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``max(1 - y_true y_pred, 0)``, with targets -1 and 1 (0 and 1 are read as these).

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.hinge([[0.0, 1.0]], [[0.2, 0.4]])[0]), 4)
    0.9
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = signs(y_true)
    return ops.mean(ops.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


@builtin("keras.losses")
class Hinge(LossFunctionWrapper):
    """The mean of ``max(1 - y_true y_pred, 0)``, with targets -1 and 1 (0 and 1 are read as these).

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.Hinge()([[0.0, 1.0]], [[0.2, 0.4]])), 4)
    0.9
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``max(1 - y_true y_pred, 0)^2``, with targets -1 and 1 (0 and 1 are read as these).

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.squared_hinge([[0.0, 1.0]], [[0.2, 0.4]])[0]), 4)
    0.9
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = signs(y_true)
    return ops.mean(ops.square(ops.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


@builtin("keras.losses")
class SquaredHinge(LossFunctionWrapper):
    """The mean of ``max(1 - y_true y_pred, 0)^2``, with targets -1 and 1 (0 and 1 are read as these).

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.SquaredHinge()([[0.0, 1.0]], [[0.2, 0.4]])), 4)
    0.9
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """``max(highest wrong score - right score + 1, 0)``, with one-hot targets.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]])[0]), 4)
    0.75
    """
    y_true, y_pred = pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


@builtin("keras.losses")
class CategoricalHinge(LossFunctionWrapper):
    """``max(highest wrong score - right score + 1, 0)``, with one-hot targets.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])), 4)
    0.75
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between targets and predictions: -1 for the same direction.

    Args:
        y_true: targets, an array of any shape (..., values).
        y_pred: predictions, an array of the same shape.
        axis: the axis of the vectors.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.cosine_similarity([[0.0, 2.0]], [[3.0, 4.0]])[0]), 4)
    -0.8
    """
    y_true, y_pred = pair(y_true, y_pred)
    product = ops.normalize(y_pred, axis=axis) * ops.normalize(y_true, axis=axis)
    return -ops.sum(product, axis=axis)


@builtin("keras.losses")
class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between targets and predictions: -1 for the same direction.

    Args:
        axis: the axis of the vectors.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.CosineSimilarity()([[0.0, 2.0]], [[3.0, 4.0]])), 4)
    -0.8
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
        self.axis = axis


def signs(y_true: Any) -> Any:
    """`y_true` with 0 and 1 replaced by -1 and 1, if it holds nothing else."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)
