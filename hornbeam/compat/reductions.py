"""`keras.utils.losses_utils` and `metrics_utils` of Keras 2: weights, ranks, sums, and confusion."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.metrics.confusion import checked_thresholds, counts, only_top_k


class Reduction:
    """The names of the ways to make one number of many.

    Example:

    >>> Reduction.SUM
    'sum'
    """

    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    WEIGHTED_MEAN = "weighted_mean"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Those that losses have."""
        return (cls.SUM, cls.SUM_OVER_BATCH_SIZE, cls.NONE)

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise if `key` is none of them.

        Args:
            key: a name.
        """
        if key not in cls.all():
            raise InputError(f"A reduction must be one of {cls.all()}, got {key!r}.")


class ConfusionMatrix(enum.Enum):
    """The four counts of a yes-or-no classifier.

    Example:

    >>> ConfusionMatrix.TRUE_POSITIVES.value
    'tp'
    """

    TRUE_POSITIVES = "tp"
    FALSE_POSITIVES = "fp"
    TRUE_NEGATIVES = "tn"
    FALSE_NEGATIVES = "fn"


def _member(kind: Any, key: str) -> Any:
    try:
        return kind[key.upper()]
    except KeyError:
        known = [member.name for member in kind]
        raise InputError(f"{kind.__name__} must be one of {known}, got {key!r}.") from None


class AUCCurve(enum.Enum):
    """The curves whose area is taken.

    Example:

    >>> AUCCurve.from_str("pr").value
    'PR'
    """

    ROC = "ROC"
    PR = "PR"

    @staticmethod
    def from_str(key: str) -> AUCCurve:
        """The member of that name, in any case.

        Args:
            key: the name.
        """
        return _member(AUCCurve, key)  # type: ignore[no-any-return]


class AUCSummationMethod(enum.Enum):
    """How the area between two points is taken.

    Example:

    >>> AUCSummationMethod.from_str("majoring").name
    'MAJORING'
    """

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"

    @staticmethod
    def from_str(key: str) -> AUCSummationMethod:
        """The member of that name, in any case.

        Args:
            key: the name.
        """
        return _member(AUCSummationMethod, key)  # type: ignore[no-any-return]


def squeeze_or_expand_dimensions(y_pred: Any, y_true: Any = None, sample_weight: Any = None) -> Any:
    """Labels and weights in the rank of the predictions, where they differ by a last axis of size 1.

    Args:
        y_pred: predictions, (batch, ...).
        y_true: labels, or None.
        sample_weight: weights, or None.

    Returns:
        ``(y_pred, y_true)``, and the weights as a third if there are any.

    Example:

    >>> import hornbeam
    >>> ones = hornbeam.ops.ones
    >>> [x.shape for x in squeeze_or_expand_dimensions(ones((2, 1)), ones((2,)))]
    [(2,), (2,)]
    """
    if y_true is not None:
        difference = len(y_pred.shape) - len(y_true.shape)
        if difference == 1 and y_pred.shape[-1] == 1:
            y_pred = ops.squeeze(y_pred, -1)
        elif difference == -1 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
    if sample_weight is None:
        return y_pred, y_true
    sample_weight = ops.convert_to_tensor(sample_weight)
    difference = len(sample_weight.shape) - len(y_pred.shape)
    if len(sample_weight.shape) and difference == 1:
        sample_weight = ops.squeeze(sample_weight, -1)
    elif len(sample_weight.shape) and difference == -1:
        sample_weight = ops.expand_dims(sample_weight, -1)
    return y_pred, y_true, sample_weight


def broadcast_weights(values: Any, sample_weight: Any) -> Any:
    """Weights in the shape of the values.

    Args:
        values: (batch, ...).
        sample_weight: (batch,), or any shape that `values` begins with, or that broadcasts.

    Example:

    >>> import hornbeam
    >>> broadcast_weights(hornbeam.ops.ones((2, 3)), [1.0, 2.0]).tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """
    sample_weight = ops.convert_to_tensor(sample_weight)
    while 0 < len(sample_weight.shape) < len(values.shape):
        sample_weight = ops.expand_dims(sample_weight, -1)
    return ops.broadcast_to(sample_weight, values.shape)


def reduce_weighted_loss(
    weighted_losses: Any, reduction: str = Reduction.SUM_OVER_BATCH_SIZE
) -> Any:
    """The sum of losses, their mean, or the losses as they are.

    Args:
        weighted_losses: an array of any shape.
        reduction: see `Reduction`.

    Example:

    >>> import hornbeam
    >>> float(reduce_weighted_loss(hornbeam.ops.convert_to_tensor([1.0, 3.0])))
    2.0
    """
    Reduction.validate(reduction)
    if reduction == Reduction.NONE:
        return weighted_losses
    total = ops.sum(weighted_losses)
    if reduction == Reduction.SUM:
        return total
    return total / ops.cast(ops.size(weighted_losses), total.dtype)


def compute_weighted_loss(
    losses: Any,
    sample_weight: Any = None,
    reduction: str = Reduction.SUM_OVER_BATCH_SIZE,
    name: str | None = None,
) -> Any:
    """Losses times weights, reduced.

    Args:
        losses: (batch, ...).
        sample_weight: weights that `losses` begin with; None for 1.
        reduction: see `Reduction`.
        name: without effect.

    Example:

    >>> float(compute_weighted_loss([1.0, 3.0], [1.0, 0.0], reduction="sum"))
    1.0
    """
    losses = ops.convert_to_tensor(losses)
    if sample_weight is not None:
        losses, _, weight = squeeze_or_expand_dimensions(losses, None, sample_weight)
        losses = losses * ops.cast(broadcast_weights(losses, weight), losses.dtype)
    return reduce_weighted_loss(losses, reduction)


def assert_thresholds_range(thresholds: Any) -> None:
    """Raise if one of the thresholds is None, or not in [0, 1].

    Args:
        thresholds: numbers, or None for none.

    Example:

    >>> assert_thresholds_range([0.2, 0.5])
    """
    if thresholds is None:
        return
    wrong = [t for t in np.ravel(np.asarray(thresholds, object)) if t is None or not 0 <= t <= 1]
    if wrong:
        raise InputError(f"Thresholds must be in [0, 1], got {wrong}.")


def parse_init_thresholds(thresholds: Any, default_threshold: float = 0.5) -> list[float]:
    """Thresholds as a list.

    Args:
        thresholds: a number in [0, 1], several, or None.
        default_threshold: what None stands for.

    Example:

    >>> parse_init_thresholds(None), parse_init_thresholds(0.25)
    ([0.5], [0.25])
    """
    return checked_thresholds("thresholds", thresholds, default_threshold)


def filter_top_k(x: Any, k: int) -> Any:
    """Scores of which all but the k highest are replaced by a very low one.

    Args:
        x: scores, (..., classes).
        k: how many stay.

    Example:

    >>> import hornbeam
    >>> (filter_top_k(hornbeam.ops.convert_to_tensor([[1.0, 3.0, 2.0]]), 1) > 0).tolist()
    [[False, True, False]]
    """
    return only_top_k(x, k)


def weighted_assign_add(label: Any, pred: Any, weights: Any, var: Any) -> Any:
    """Add to a variable the weight of what is both labelled and predicted, over the last axis.

    Args:
        label: booleans (thresholds, samples).
        pred: booleans (thresholds, samples).
        weights: (thresholds, samples), or None for 1.
        var: a variable (thresholds,).

    Returns:
        The variable.

    Example:

    >>> import hornbeam
    >>> v = hornbeam.Variable([0.0])
    >>> weighted_assign_add([[True, True]], [[True, False]], None, v).numpy().tolist()
    [1.0]
    """
    both = ops.cast(ops.logical_and(label, pred), var.dtype)
    both = both if weights is None else both * ops.cast(weights, var.dtype)
    return var.assign_add(ops.sum(both, axis=1))


def update_confusion_matrix_variables(
    variables_to_update: Mapping[ConfusionMatrix, Any],
    y_true: Any,
    y_pred: Any,
    thresholds: Any = 0.5,
    top_k: int | None = None,
    class_id: int | None = None,
    sample_weight: Any = None,
) -> None:
    """Add the counts of a batch to variables.

    Args:
        variables_to_update: which count -> the variable (thresholds,).
        y_true: labels 0 or 1, (batch, ...).
        y_pred: scores in [0, 1], the same shape.
        thresholds: a number in [0, 1], or several.
        top_k: count just the k highest scores as positive.
        class_id: look at this entry of the last axis alone.
        sample_weight: weights, (batch,) or the shape of the labels.

    Example:

    >>> import hornbeam
    >>> v = hornbeam.Variable([0.0])
    >>> update_confusion_matrix_variables({ConfusionMatrix.TRUE_POSITIVES: v}, [1, 1], [0.9, 0.2])
    >>> v.numpy().tolist()
    [1.0]
    """
    full = {
        ConfusionMatrix.TRUE_POSITIVES: "true_positives",
        ConfusionMatrix.FALSE_POSITIVES: "false_positives",
        ConfusionMatrix.TRUE_NEGATIVES: "true_negatives",
        ConfusionMatrix.FALSE_NEGATIVES: "false_negatives",
    }
    unknown = [key for key in variables_to_update if key not in full]
    if unknown:
        raise InputError(f"The keys must be members of ConfusionMatrix, got {unknown}.")
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    if top_k is not None:
        y_pred = only_top_k(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    for key, variable in variables_to_update.items():
        limits = parse_init_thresholds(thresholds)
        found = counts(y_true, y_pred, limits, sample_weight, variable.dtype)
        variable.assign_add(found[full[key]])


def update_state_wrapper(update_state_fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is: `update_state` needs no graph around it any more.

    Args:
        update_state_fn: the function.

    Example:

    >>> update_state_wrapper(len) is len
    True
    """
    return update_state_fn


def result_wrapper(result_fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is: `result` needs no graph around it any more.

    Args:
        result_fn: the function.

    Example:

    >>> result_wrapper(len) is len
    True
    """
    return result_fn


__all__ = [
    "AUCCurve",
    "AUCSummationMethod",
    "ConfusionMatrix",
    "Reduction",
    "assert_thresholds_range",
    "broadcast_weights",
    "compute_weighted_loss",
    "filter_top_k",
    "parse_init_thresholds",
    "reduce_weighted_loss",
    "result_wrapper",
    "squeeze_or_expand_dimensions",
    "update_confusion_matrix_variables",
    "update_state_wrapper",
    "weighted_assign_add",
]
