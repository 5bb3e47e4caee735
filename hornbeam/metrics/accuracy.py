"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam.errors import InputError
from hornbeam.losses.base import squeeze_or_expand_to_same_rank
from hornbeam.metrics.reduction import MeanMetricWrapper
from hornbeam.saving.objects import builtin


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Whether predictions equal targets, as 0 and 1.

    Args:
        y_true: targets, an array of any shape.
        y_pred: predictions, an array of the same shape.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    return ops.cast(ops.equal(y_true, y_pred), config.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Whether probabilities are on the right side of a threshold, as 0 and 1.

    Args:
        y_true: labels 0 or 1, an array of any shape.
        y_pred: probabilities in [0, 1], an array of the same shape.
        threshold: above it the prediction is 1.

    Example:

    >>> import hornbeam
    >>> hornbeam.metrics.binary_accuracy([[1.0], [0.0]], [[0.9], [0.6]]).tolist()
    [[1.0], [0.0]]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(ops.convert_to_tensor(y_true), y_pred)
    decided = ops.cast(ops.greater(y_pred, threshold), y_true.dtype)
    return ops.cast(ops.equal(y_true, decided), config.floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Whether the highest score is the right one, as 0 and 1.

    Args:
        y_true: one-hot targets, an array (..., classes).
        y_pred: scores, an array of the same shape.

    Returns:
        Array (...,).

    Example:

    >>> import hornbeam
    >>> hornbeam.metrics.categorical_accuracy([[0.0, 1.0]], [[0.2, 0.8]]).tolist()
    [1.0]
    """
    right = ops.argmax(ops.convert_to_tensor(y_true), axis=-1)
    highest = ops.argmax(ops.convert_to_tensor(y_pred), axis=-1)
    return ops.cast(ops.equal(right, highest), config.floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Whether the highest score is the right one, as 0 and 1.

    Args:
        y_true: class numbers, an array (...,) or (..., 1).
        y_pred: scores, an array (..., classes).

    Returns:
        Array (...,).

    Example:

    >>> import hornbeam
    >>> hornbeam.metrics.sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = _classes(y_true, y_pred)
    return ops.cast(ops.equal(y_true, ops.argmax(y_pred, axis=-1)), config.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Whether the right score is among the k highest, as 0 and 1.

    Args:
        y_true: one-hot targets, an array (..., classes).
        y_pred: scores, an array of the same shape.
        k: how many scores count.

    Returns:
        Array (...,).

    Example:

    >>> import hornbeam
    >>> hornbeam.metrics.top_k_categorical_accuracy([[0, 1, 0]], [[0.5, 0.4, 0.1]], k=2).tolist()
    [1.0]
    """
    right = ops.argmax(ops.convert_to_tensor(y_true), axis=-1)
    return sparse_top_k_categorical_accuracy(right, y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """Whether the right score is among the k highest, as 0 and 1.

    Args:
        y_true: class numbers, an array (...,) or (..., 1).
        y_pred: scores, an array (..., classes).
        k: how many scores count.
        from_sorted_ids: whether `y_pred` holds class numbers in falling order of score instead.

    Returns:
        Array (...,).

    Example:

    >>> import hornbeam
    >>> hornbeam.metrics.sparse_top_k_categorical_accuracy([1], [[0.5, 0.4, 0.1]], k=2).tolist()
    [1.0]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = _classes(y_true, y_pred)
    if from_sorted_ids:
        first = ops.cast(y_pred[..., :k], "int32")
        found = ops.any(ops.equal(first, ops.expand_dims(y_true, -1)), axis=-1)
    else:
        # the number of scores above the right one; ties count as being among the highest
        right = ops.take_along_axis(y_pred, ops.expand_dims(y_true, -1), axis=-1)
        above = ops.sum(ops.cast(ops.greater(y_pred, right), "int32"), axis=-1)
        found = ops.logical_and(above < k, ops.isfinite(right[..., 0]))
    return ops.cast(found, config.floatx())


def _classes(y_true: Any, y_pred: Any) -> Any:
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return ops.cast(y_true, "int32")


@builtin("keras.metrics")
class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.Accuracy()([1, 2, 3, 4], [1, 2, 3, 0]))
    0.75
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


@builtin("keras.metrics")
class BinaryAccuracy(MeanMetricWrapper):
    """How often probabilities are on the right side of a threshold.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        threshold: above it, in [0, 1], the prediction is 1.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.BinaryAccuracy()([[1], [0]], [[0.9], [0.6]]))
    0.5
    """

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise InputError(f"BinaryAccuracy: `threshold` must be in (0, 1), got {threshold!r}.")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


@builtin("keras.metrics")
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is the right one; targets are one-hot.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


@builtin("keras.metrics")
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is the right one; targets are class numbers.

    Args:
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    casts_targets = False

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


@builtin("keras.metrics")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right score is among the k highest; targets are one-hot.

    Args:
        k: how many scores count.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.TopKCategoricalAccuracy(k=2)([[0, 1, 0]], [[0.5, 0.4, 0.1]]))
    1.0
    """

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


@builtin("keras.metrics")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right score is among the k highest; targets are class numbers.

    Args:
        k: how many scores count.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        from_sorted_ids: whether predictions are class numbers in falling order of score.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.SparseTopKCategoricalAccuracy(k=2)([1], [[0.5, 0.4, 0.1]]))
    1.0
    """

    casts_targets = False

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids
