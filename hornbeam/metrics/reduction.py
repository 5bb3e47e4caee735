"""Sums and means over all data, with weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import dtypes, ops
from hornbeam.losses.base import as_tensors, full_width, squeeze_or_expand_to_same_rank
from hornbeam.metrics.metric import Metric
from hornbeam.saving.objects import builtin, serialize_keras_object


def samplewise(
    values: Any, sample_weight: Any, dtype: str, reduce: Callable[..., Any] = ops.mean
) -> tuple[Any, Any]:
    """(weighted values, weights) with one entry per sample: further axes are averaged over.

    Args:
        values: a scalar, or an array (batch, ...).
        sample_weight: None, or weights (batch,), or an array that broadcasts to the values.
        dtype: the dtype to compute in.
        reduce: `ops.mean`, or `ops.sum` to add up over further axes.

    Returns:
        Two arrays of shape (batch,), or scalars; the second is None if there are no weights.
    """
    values = ops.convert_to_tensor(values, dtype=dtype)
    if sample_weight is None:
        return _over_rest(values, reduce), None
    weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
    if len(weight.shape) > len(values.shape) and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    extra = len(values.shape) - len(weight.shape)
    if extra > 0 and len(weight.shape):
        values = reduce(values, axis=list(range(len(weight.shape), len(values.shape))))
    values = values * weight
    weight = ops.broadcast_to(weight, values.shape)
    return _over_rest(values, reduce), _over_rest(weight, reduce)


def _over_rest(x: Any, reduce: Callable[..., Any]) -> Any:
    return reduce(x, axis=list(range(1, len(x.shape)))) if len(x.shape) > 1 else x


@builtin("keras.metrics")
class Sum(Metric):
    """The sum of all values.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.Sum()([1.0, 2.0, 3.0]))
    6.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values.

        Args:
            values: a number or an array (batch, ...).
            sample_weight: a factor for each.
        """
        weighted, _ = samplewise(values, sample_weight, self.dtype, ops.sum)
        self.total.assign_add(ops.sum(weighted))

    def result(self) -> Any:
        """The sum so far."""
        return ops.cast(self.total.value, self.dtype)


@builtin("keras.metrics")
class Mean(Metric):
    """The weighted mean of all values.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.Mean()([1.0, 3.0], sample_weight=[3.0, 1.0]))
    1.5
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values.

        Args:
            values: a number or an array (batch, ...); an entry of the batch counts once.
            sample_weight: a weight for each.
        """
        with full_width(self.dtype, values):
            values = ops.convert_to_tensor(values, dtype=self.dtype)
            if type(sample_weight) in (int, float) and not len(values.shape):
                self.total.assign_add(values * sample_weight)  # the mean of a batch, as losses are
                self.count.assign_add(sample_weight)
                return
            weighted, weight = samplewise(values, sample_weight, self.dtype)
        self.total.assign_add(ops.sum(weighted))
        if weight is not None:
            self.count.assign_add(ops.sum(weight))
        elif len(weighted.shape):
            self.count.assign_add(ops.cast(ops.shape(weighted)[0], self.dtype))
        else:
            self.count.assign_add(1)

    def result(self) -> Any:
        """The mean so far; 0 if nothing has been seen."""
        return ops.divide_no_nan(self.total.value, self.count.value)


@builtin("keras.metrics")
class MeanMetricWrapper(Mean):
    """The mean of a function of targets and predictions.

    Args:
        fn: ``fn(y_true, y_pred, **kwargs)``, which returns one value per sample.
        name: a name for logs; by default the name of the function.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        **kwargs: more arguments for the function.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.MeanMetricWrapper(hornbeam.losses.mean_squared_error)
    >>> float(metric([[0.0], [0.0]], [[1.0], [3.0]]))
    5.0
    """

    casts_targets = True
    """Whether targets are cast to the metric's dtype; class numbers must not be."""

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(
            name=name or getattr(fn, "__name__", None) or "mean_metric_wrapper", dtype=dtype
        )
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in a batch.

        Args:
            y_true: targets.
            y_pred: predictions (batch, ...).
            sample_weight: a weight for each value.
        """
        y_pred = as_tensors(y_pred, self.dtype)
        if self.casts_targets:
            y_true = as_tensors(y_true, self.dtype)
        with full_width(self.dtype, y_pred):
            values = self._fn(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        if type(self) is not MeanMetricWrapper:
            return super().get_config()
        config: dict[str, Any] = {"name": self.name, "dtype": self.dtype}
        config["fn"] = serialize_keras_object(self._fn)
        config.update(serialize_keras_object(self._fn_kwargs))
        return config


@builtin("keras.metrics")
class RootMeanSquaredError(Mean):
    """The root of the mean squared error.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.RootMeanSquaredError()([[0.0], [0.0]], [[3.0], [3.0]]))
    3.0
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in a batch.

        Args:
            y_true: targets.
            y_pred: predictions, an array of the same shape.
            sample_weight: a weight for each value.
        """
        y_true, y_pred = operands(y_true, y_pred, self.dtype)
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        """The root of the mean so far."""
        return ops.sqrt(super().result())


def operands(y_true: Any, y_pred: Any, dtype: Any = None) -> tuple[Any, Any]:
    """Targets and predictions as tensors of one dtype and, where a last axis of 1 allows, one rank."""
    wanted = dtypes.standardize(dtype)
    y_pred = ops.convert_to_tensor(y_pred, dtype=wanted)
    y_true = ops.convert_to_tensor(y_true, dtype=wanted)
    return squeeze_or_expand_to_same_rank(y_true, y_pred)
