"""Counts of right and wrong decisions at thresholds, and their ratios: precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes, ops
from hornbeam.errors import InputError
from hornbeam.losses.base import check_weight_shape, squeeze_or_expand_to_same_rank
from hornbeam.metrics.metric import Metric
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable

LOWEST = -1e10
"""Takes the place of scores that are not among the highest k."""
FEW = 8
"""Up to so many thresholds are compared one by one; more are found by searching."""


def checked_thresholds(owner: str, thresholds: Any, default: float = 0.5) -> list[float]:
    """`thresholds` as a list of floats, each in [0, 1]."""
    if thresholds is None:
        return [default]
    given = list(np.atleast_1d(np.asarray(thresholds, np.float64)))
    for value in given:
        if not 0 <= value <= 1:
            raise InputError(f"{owner}: thresholds must be in [0, 1], got {float(value)!r}.")
    return [float(value) for value in given]


def counts(
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    sample_weight: Any = None,
    dtype: Any = None,
    multi_label: bool = False,
    label_weights: Any = None,
) -> dict[str, Any]:
    """The weights of true and false positives and negatives, at each threshold.

    Args:
        y_true: labels, true where above 0, an array of any shape.
        y_pred: scores, an array of the same shape; positive where above the threshold.
        thresholds: rising numbers.
        sample_weight: a weight for each, or an array that broadcasts to the labels.
        dtype: the dtype to compute in.
        multi_label: whether to count for each entry of the last axis on its own.
        label_weights: a factor for each entry of the last axis.

    Returns:
        "true_positives", "false_positives", "true_negatives", "false_negatives" -> array
        (thresholds,), or (thresholds, labels) with `multi_label`.
    """
    wanted = dtypes.standardize(dtype)
    y_pred = ops.convert_to_tensor(y_pred, dtype=wanted)
    y_true = ops.convert_to_tensor(y_true, dtype=wanted)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    weight = _weight(y_pred, sample_weight, label_weights, wanted)
    positive = ops.cast(y_true > 0, wanted) * weight
    negative = ops.cast(ops.logical_not(y_true > 0), wanted) * weight
    labels = y_pred.shape[-1] if multi_label else 1
    shape = (-1, labels)
    scores = ops.reshape(y_pred, shape)
    above_true = above(scores, ops.reshape(positive, shape), thresholds)
    above_false = above(scores, ops.reshape(negative, shape), thresholds)
    totals = [ops.sum(ops.reshape(x, shape), axis=0) for x in (positive, negative)]
    found = {
        "true_positives": above_true,
        "false_positives": above_false,
        "true_negatives": totals[1] - above_false,
        "false_negatives": totals[0] - above_true,
    }
    return found if multi_label else {name: value[:, 0] for name, value in found.items()}


def _weight(y_pred: Any, sample_weight: Any, label_weights: Any, dtype: str) -> Any:
    weight = ops.ones_like(y_pred)
    if sample_weight is not None:
        given = ops.convert_to_tensor(sample_weight, dtype=dtype)
        _, given = squeeze_or_expand_to_same_rank(y_pred, given, expand_rank_1=False)
        while len(given.shape) < len(y_pred.shape):
            given = ops.expand_dims(given, -1)
        check_weight_shape(y_pred.shape, given.shape)
        weight = weight * given
    if label_weights is not None:
        weight = weight * ops.convert_to_tensor(label_weights, dtype=dtype)
    return weight


def above(scores: Any, weight: Any, thresholds: Sequence[float]) -> Any:
    """The total weight of scores above each threshold, per column.

    Args:
        scores: array (samples, columns).
        weight: array (samples, columns).
        thresholds: rising numbers.

    Returns:
        Array (thresholds, columns).
    """
    limits = ops.convert_to_tensor(np.asarray(thresholds, np.float64), dtype=scores.dtype)
    count = len(thresholds)
    if count <= FEW:
        beyond = ops.greater(ops.expand_dims(scores, 0), ops.reshape(limits, (-1, 1, 1)))
        return ops.sum(ops.cast(beyond, weight.dtype) * ops.expand_dims(weight, 0), axis=1)
    columns = scores.shape[1]
    # a score lies above the first `place` thresholds: one histogram, added up from the top
    flat = ops.reshape(ops.transpose(scores), (-1,))
    place = ops.cast(ops.searchsorted(limits, flat, side="left"), "int32")
    rows = ops.reshape(ops.transpose(ops.ones_like(scores)) * _column_numbers(scores), (-1,))
    index = ops.stack([place, ops.cast(rows, "int32")], axis=-1)
    weights = ops.reshape(ops.transpose(weight), (-1,))
    histogram = ops.scatter(index, weights, (count + 1, columns))
    return ops.flip(ops.cumsum(ops.flip(histogram, axis=0), axis=0), axis=0)[1:]


def _column_numbers(scores: Any) -> Any:
    columns = scores.shape[1]
    return ops.reshape(ops.arange(columns, dtype=scores.dtype), (columns, 1))


def only_top_k(y_pred: Any, k: int) -> Any:
    """`y_pred` with all but the k highest scores of the last axis replaced by a very low one."""
    lowest_kept = ops.top_k(y_pred, k)[0][..., -1:]
    first = ops.greater_equal(y_pred, lowest_kept)
    # of equal scores the first ones count
    rank = ops.cumsum(ops.cast(ops.equal(y_pred, lowest_kept), "int32"), axis=-1)
    higher = ops.sum(ops.cast(ops.greater(y_pred, lowest_kept), "int32"), axis=-1, keepdims=True)
    tie = ops.equal(y_pred, lowest_kept)
    kept = ops.logical_and(first, ops.logical_or(ops.logical_not(tie), rank <= k - higher))
    return ops.where(kept, y_pred, LOWEST)


class _ConfusionCount(Metric):
    """One of the four counts, at one threshold or several."""

    _counted: str

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(type(self).__name__, thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: labels 0 or 1, an array of any shape.
            y_pred: scores in [0, 1], an array of the same shape.
            sample_weight: a weight for each.
        """
        found = counts(y_true, y_pred, self.thresholds, sample_weight, self.dtype)
        self.accumulator.assign_add(found[self._counted])

    def result(self) -> Any:
        """The count so far, a scalar for one threshold."""
        value = self.accumulator.value
        return value[0] if len(self.thresholds) == 1 else value

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


@builtin("keras.metrics")
class FalsePositives(_ConfusionCount):
    """How many negatives are taken for positives.

    Args:
        thresholds: scores above are positive; a number in [0, 1] or several, 0.5 by default.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.FalsePositives()([0, 1, 0, 0], [0.2, 0.9, 0.7, 0.6]))
    2.0
    """

    _counted = "false_positives"


@builtin("keras.metrics")
class FalseNegatives(_ConfusionCount):
    """How many positives are taken for negatives.

    Args:
        thresholds: scores above are positive; a number in [0, 1] or several, 0.5 by default.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.FalseNegatives()([0, 1, 1, 1], [0.2, 0.9, 0.3, 0.6]))
    1.0
    """

    _counted = "false_negatives"


@builtin("keras.metrics")
class TrueNegatives(_ConfusionCount):
    """How many negatives are recognized.

    Args:
        thresholds: scores above are positive; a number in [0, 1] or several, 0.5 by default.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.TrueNegatives()([0, 1, 0, 0], [0.2, 0.9, 0.7, 0.6]))
    1.0
    """

    _counted = "true_negatives"


@builtin("keras.metrics")
class TruePositives(_ConfusionCount):
    """How many positives are recognized.

    Args:
        thresholds: scores above are positive; a number in [0, 1] or several, 0.5 by default.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.TruePositives()([0, 1, 1, 1], [0.2, 0.9, 0.3, 0.6]))
    2.0
    """

    _counted = "true_positives"


class _Ratio(Metric):
    """``true_positives / (true_positives + others)``, of all classes, of one, or of the highest k."""

    _others: str

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        default = 0.5 if top_k is None else LOWEST / 2
        self.thresholds = checked_thresholds(type(self).__name__, thresholds, default)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self._other: Variable = self.add_variable(shape, "zeros", name=self._others)
        setattr(self, self._others, self._other)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: labels 0 or 1, an array of any shape.
            y_pred: scores in [0, 1], an array of the same shape.
            sample_weight: a weight for each.
        """
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        if self.top_k is not None:
            y_pred = only_top_k(y_pred, self.top_k)
        if self.class_id is not None:
            y_true, y_pred = y_true[..., self.class_id], y_pred[..., self.class_id]
        found = counts(y_true, y_pred, self.thresholds, sample_weight, self.dtype)
        self.true_positives.assign_add(found["true_positives"])
        self._other.assign_add(found[self._others])

    def result(self) -> Any:
        """The ratio so far, a scalar for one threshold."""
        right = self.true_positives.value
        value = ops.divide_no_nan(right, right + self._other.value)
        return value[0] if len(self.thresholds) == 1 else value

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


@builtin("keras.metrics")
class Precision(_Ratio):
    """Which part of what is predicted as positive is positive.

    Args:
        thresholds: scores above are positive; a number in [0, 1] or several, 0.5 by default.
        top_k: only the highest k scores of a sample count as positive.
        class_id: the only class that counts; by default all do.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.Precision()([0, 1, 1, 1], [0.8, 0.9, 0.3, 0.2]))
    0.5
    """

    _others = "false_positives"
    false_positives: Variable


@builtin("keras.metrics")
class Recall(_Ratio):
    """Which part of what is positive is predicted as positive.

    Args:
        thresholds: scores above are positive; a number in [0, 1] or several, 0.5 by default.
        top_k: only the highest k scores of a sample count as positive.
        class_id: the only class that counts; by default all do.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.Recall()([0, 1, 1, 1], [0.8, 0.9, 0.3, 0.8])) > 0.66
    True
    """

    _others = "false_negatives"
    false_negatives: Variable
