"""Means of the losses' functions, over all data."""

from __future__ import annotations

from typing import Any

from hornbeam import losses, ops
from hornbeam.losses.targets import class_numbers
from hornbeam.metrics.reduction import MeanMetricWrapper
from hornbeam.saving.objects import builtin


@builtin("keras.metrics")
class MeanSquaredError(MeanMetricWrapper):
    """The mean squared error.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    2.5
    """

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


@builtin("keras.metrics")
class MeanAbsoluteError(MeanMetricWrapper):
    """The mean absolute error.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    1.5
    """

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


@builtin("keras.metrics")
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of the errors relative to the targets, in percent.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.5, 1.0]])), 4)
    50.0
    """

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@builtin("keras.metrics")
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of ``(log(1 + y_true) - log(1 + y_pred))^2``.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.4805
    """

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@builtin("keras.metrics")
class LogCoshError(MeanMetricWrapper):
    """The mean of the logarithm of the hyperbolic cosine of the error.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.LogCoshError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.8794
    """

    def __init__(self, name: str = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


@builtin("keras.metrics")
class Hinge(MeanMetricWrapper):
    """The mean of ``max(1 - y_true y_pred, 0)``, see `hornbeam.losses.Hinge`.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.Hinge()([[0.0, 1.0]], [[0.2, 0.4]])), 4)
    0.9
    """

    def __init__(self, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


@builtin("keras.metrics")
class SquaredHinge(MeanMetricWrapper):
    """The mean of ``max(1 - y_true y_pred, 0)^2``, see `hornbeam.losses.SquaredHinge`.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.SquaredHinge()([[0.0, 1.0]], [[0.2, 0.4]])), 4)
    0.9
    """

    def __init__(self, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


@builtin("keras.metrics")
class CategoricalHinge(MeanMetricWrapper):
    """The mean of ``max(highest wrong score - right score + 1, 0)``.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])), 4)
    0.75
    """

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


@builtin("keras.metrics")
class KLDivergence(MeanMetricWrapper):
    """The mean Kullback-Leibler divergence of predictions from targets.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.KLDivergence()([[0.5, 0.5]], [[0.75, 0.25]])), 4)
    0.1438
    """

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


@builtin("keras.metrics")
class Poisson(MeanMetricWrapper):
    """The mean of ``y_pred - y_true log(y_pred)``.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.Poisson()([[1.0, 2.0]], [[1.0, 1.0]])), 4)
    1.0
    """

    def __init__(self, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


def cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between targets and predictions, in [-1, 1].

    Args:
        y_true: targets, an array (..., values).
        y_pred: predictions, an array of the same shape.
        axis: the axis of the vectors.
    """
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


@builtin("keras.metrics")
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between targets and predictions, in [-1, 1].

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        axis: the axis of the vectors.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.CosineSimilarity()([[0.0, 2.0]], [[3.0, 4.0]])), 4)
    0.8
    """

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(cosine, name, dtype, axis=axis)
        self.axis = axis


@builtin("keras.metrics")
class BinaryCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of labels that are independent of each other.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards 1/2.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


@builtin("keras.metrics")
class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of classes; targets are one-hot.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards all classes being equal.
        axis: the axis of the classes.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


@builtin("keras.metrics")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of classes; targets are class numbers.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        from_logits: whether predictions are logits rather than probabilities.
        ignore_class: a class number whose samples do not count, None for none.  (In Keras they count
            as a loss of 0 where no weights are given.)
        axis: the axis of the classes.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    casts_targets = False

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in a batch.

        Args:
            y_true: class numbers, an array (...,) or (..., 1).
            y_pred: probabilities or logits, an array (..., classes).
            sample_weight: a weight for each sample.
        """
        if self.ignore_class is not None:
            y_pred = ops.convert_to_tensor(y_pred)
            counting = ops.not_equal(class_numbers(y_true, y_pred), self.ignore_class)
            counting = ops.cast(counting, self.dtype)
            if sample_weight is None:
                sample_weight = counting
            else:
                given = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
                while len(given.shape) > len(counting.shape):
                    given = ops.squeeze(given, -1)
                while len(given.shape) < len(counting.shape):
                    given = ops.expand_dims(given, -1)
                sample_weight = counting * given
        super().update_state(y_true, y_pred, sample_weight)
