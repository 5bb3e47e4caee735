"""Losses and metrics of Keras 1 and 2 that mean something else today, or are gone, as functions."""

from __future__ import annotations

from typing import Any

from hornbeam import losses, ops, regularizers


def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """``-sum(l2_norm(y_true) * l2_norm(y_pred))``, what `losses.cosine_similarity` is today.

    Example:

    >>> from hornbeam import ops
    >>> float(cosine_proximity(ops.array([0.0, 2.0]), ops.array([0.0, 3.0])))
    -1.0
    """
    return losses.cosine_similarity(y_true, y_pred, axis=axis)


cosine = cosine_proximity


def is_categorical_crossentropy(loss: Any) -> bool:
    """Whether a loss, by name, function or object, is the categorical crossentropy.

    Example:

    >>> is_categorical_crossentropy("categorical_crossentropy")
    True
    """
    name = getattr(loss, "__name__", getattr(loss, "name", loss))
    return bool(name == "categorical_crossentropy")


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the labels are equal, else 0, in the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> accuracy(ops.array([1, 2]), ops.array([1, 3])).tolist()
    [1.0, 0.0]
    """
    return ops.cast(ops.equal(y_true, y_pred), "float32")


def _positives(y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    true = ops.round(ops.clip(y_true, 0, 1))
    predicted = ops.round(ops.clip(y_pred, 0, 1))
    return ops.sum(true * predicted), ops.sum(predicted), ops.sum(true)


def precision(y_true: Any, y_pred: Any) -> Any:
    """The share of right ones among the predicted positives of a batch; see `metrics.Precision`.

    Example:

    >>> from hornbeam import ops
    >>> round(float(precision(ops.array([1.0, 0.0]), ops.array([0.9, 0.8]))), 3)
    0.5
    """
    hits, predicted, _ = _positives(y_true, y_pred)
    return hits / (predicted + 1e-7)


def recall(y_true: Any, y_pred: Any) -> Any:
    """The share of found ones among the positives of a batch; see `metrics.Recall`.

    Example:

    >>> from hornbeam import ops
    >>> round(float(recall(ops.array([1.0, 1.0]), ops.array([0.9, 0.1]))), 3)
    0.5
    """
    hits, _, positives = _positives(y_true, y_pred)
    return hits / (positives + 1e-7)


def fbeta_score(y_true: Any, y_pred: Any, beta: float = 1) -> Any:
    """The weighted harmonic mean of precision and recall of a batch; see `metrics.FBetaScore`.

    Args:
        y_true: labels, 0 or 1.
        y_pred: probabilities.
        beta: how many times as much recall counts.

    Example:

    >>> from hornbeam import ops
    >>> round(float(fbeta_score(ops.array([1.0, 1.0]), ops.array([0.9, 0.1]))), 3)
    0.667
    """
    if beta < 0:
        raise ValueError(f"`beta` must not be negative, got {beta!r}.")
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    return (1 + beta**2) * p * r / (beta**2 * p + r + 1e-7)


def fmeasure(y_true: Any, y_pred: Any) -> Any:
    """The harmonic mean of precision and recall of a batch; see `metrics.F1Score`.

    Example:

    >>> from hornbeam import ops
    >>> round(float(fmeasure(ops.array([1.0, 1.0]), ops.array([0.9, 0.1]))), 3)
    0.667
    """
    return fbeta_score(y_true, y_pred, 1)


def matthews_correlation(y_true: Any, y_pred: Any) -> Any:
    """The correlation of labels and predictions of a batch, in [-1, 1]; 0 if one is constant.

    Example:

    >>> from hornbeam import ops
    >>> round(float(matthews_correlation(ops.array([1.0, 0.0]), ops.array([0.9, 0.1]))), 3)
    1.0
    """
    true, predicted = ops.round(ops.clip(y_true, 0, 1)), ops.round(ops.clip(y_pred, 0, 1))
    tp, tn = ops.sum(true * predicted), ops.sum((1 - true) * (1 - predicted))
    fp, fn = ops.sum((1 - true) * predicted), ops.sum(true * (1 - predicted))
    below = ops.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / (below + 1e-7)


def l1l2(l1: float = 0.01, l2: float = 0.01) -> regularizers.L1L2:
    """`regularizers.L1L2`, with the defaults of Keras 1.

    Example:

    >>> l1l2().get_config()
    {'l1': 0.01, 'l2': 0.01}
    """
    return regularizers.L1L2(l1, l2)


__all__ = [
    "accuracy",
    "cosine",
    "cosine_proximity",
    "fbeta_score",
    "fmeasure",
    "is_categorical_crossentropy",
    "l1l2",
    "matthews_correlation",
    "precision",
    "recall",
]
