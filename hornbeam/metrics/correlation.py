"""How well predictions follow targets: R2, Pearson's and the concordance correlation."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam.errors import InputError
from hornbeam.losses.base import squeeze_or_expand_to_same_rank
from hornbeam.metrics.metric import Metric
from hornbeam.metrics.reduction import MeanMetricWrapper
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


def _centered(y_true: Any, y_pred: Any, axis: Any) -> tuple[Any, ...]:
    """(deviations of targets, of predictions, mean of targets, of predictions)."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    mean_true = ops.mean(y_true, axis=axis, keepdims=True)
    mean_pred = ops.mean(y_pred, axis=axis, keepdims=True)
    return y_true - mean_true, y_pred - mean_pred, mean_true, mean_pred


def pearson_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Any:
    """Pearson's correlation coefficient, in [-1, 1]: covariance over both standard deviations.

    Args:
        y_true: targets, an array (..., values).
        y_pred: predictions, an array of the same shape.
        axis: the axis of the values.

    Returns:
        Array (...,).

    Example:

    >>> import hornbeam
    >>> r = hornbeam.metrics.pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])
    >>> round(float(r[0]), 3)
    1.0
    """
    true, pred, _, _ = _centered(y_true, y_pred, axis)
    product = ops.normalize(true, axis=axis) * ops.normalize(pred, axis=axis)
    return ops.sum(product, axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Any:
    """Lin's concordance correlation, in [-1, 1]: 1 only if predictions equal targets.

    ``2 cov / (var_true + var_pred + (mean_true - mean_pred)^2)``.

    Args:
        y_true: targets, an array (..., values).
        y_pred: predictions, an array of the same shape.
        axis: the axis of the values.

    Returns:
        Array (...,).

    Example:

    >>> import hornbeam
    >>> r = hornbeam.metrics.concordance_correlation([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])
    >>> round(float(r[0]), 3)
    1.0
    """
    true, pred, mean_true, mean_pred = _centered(y_true, y_pred, axis)
    covariance = ops.mean(true * pred, axis=axis)
    spread = ops.mean(ops.square(true), axis=axis) + ops.mean(ops.square(pred), axis=axis)
    distance = ops.squeeze(ops.square(mean_true - mean_pred), axis)
    return 2 * covariance / (spread + distance + config.epsilon())


@builtin("keras.metrics")
class PearsonCorrelation(MeanMetricWrapper):
    """The mean of Pearson's correlation coefficients of the samples, in [-1, 1].

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        axis: the axis of the values.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.PearsonCorrelation()
    >>> round(float(metric([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])), 3)
    1.0
    """

    def __init__(
        self, name: str = "pearson_correlation", dtype: Any = None, axis: Any = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


@builtin("keras.metrics")
class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of Lin's concordance correlations of the samples, in [-1, 1].

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        axis: the axis of the values.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.ConcordanceCorrelation()
    >>> round(float(metric([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 3)
    1.0
    """

    def __init__(
        self, name: str = "concordance_correlation", dtype: Any = None, axis: Any = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis


@builtin("keras.metrics")
class R2Score(Metric):
    """The coefficient of determination: 1 minus the squared error over the variance of the targets.

    Args:
        class_aggregation: what becomes of the scores of several targets: "uniform_average",
            "variance_weighted_average", or None to keep them.
        num_regressors: how many independent variables the model has, for the adjusted score; 0 for
            the plain one.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
    0.5714
    """

    squared_sum: Variable
    sum: Variable
    total_mse: Variable
    count: Variable

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise InputError(
                "R2Score: `class_aggregation` must be None, 'uniform_average' or "
                f"'variance_weighted_average', got {class_aggregation!r}."
            )
        if num_regressors < 0:
            raise InputError(
                f"R2Score: `num_regressors` must be at least 0, got {num_regressors!r}."
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, targets: int) -> None:
        for attribute, name in (
            ("squared_sum", "squared_sum"),
            ("sum", "sum"),
            ("total_mse", "residual"),
            ("count", "count"),
        ):
            setattr(self, attribute, self.add_variable((targets,), "zeros", name=name))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets, an array (batch, targets) or (batch,).
            y_pred: predictions, an array of the same shape.
            sample_weight: a weight for each sample.
        """
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        if len(y_pred.shape) == 1:
            y_true, y_pred = ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1)
        if not self._built:
            self._build(int(y_pred.shape[1]))
        weight = ops.ones_like(y_true)
        if sample_weight is not None:
            given = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weight = weight * (ops.expand_dims(given, -1) if len(given.shape) == 1 else given)
        self.sum.assign_add(ops.sum(y_true * weight, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * y_true * weight, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(ops.sum(ops.ones_like(y_true)))

    def result(self) -> Any:
        """The score so far; 0 before the first update."""
        if not self._built:
            return ops.zeros((), dtype=self.dtype)
        mean = ops.divide_no_nan(self.sum.value, self.count.value)
        spread = self.squared_sum.value - self.sum.value * mean
        score = 1 - self.total_mse.value / spread
        score = ops.where(ops.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.divide_no_nan(ops.sum(score * spread), ops.sum(spread))
        if not self.num_regressors:
            return score
        count = self.num_samples.value
        rest = count - self.num_regressors - 1.0
        adjusted = 1.0 - (1.0 - score) * (count - 1.0) / ops.where(rest > 0, rest, 1.0)
        return ops.where(rest > 0, adjusted, score)
