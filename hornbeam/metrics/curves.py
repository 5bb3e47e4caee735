"""Areas under curves, and points on them: AUC, precision at a recall, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.errors import InputError
from hornbeam.metrics.confusion import checked_thresholds, counts
from hornbeam.metrics.metric import Metric
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable

NAMES = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class _Curve(Metric):
    """The four counts at many thresholds."""

    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable

    def _add_counts(self, shape: tuple[int, ...]) -> None:
        for name in NAMES:
            setattr(self, name, self.add_variable(shape, "zeros", name=name))

    def _count(self, y_true: Any, y_pred: Any, thresholds: Sequence[float], **kwargs: Any) -> None:
        found = counts(y_true, y_pred, thresholds, dtype=self.dtype, **kwargs)
        for name in NAMES:
            getattr(self, name).assign_add(found[name])

    def _values(self) -> tuple[Any, Any, Any, Any]:
        tp, fp, tn, fn = (getattr(self, name).value for name in NAMES)
        return tp, fp, tn, fn


def even_thresholds(count: int) -> list[float]:
    """`count` numbers from 0 to 1 at equal distances.

    >>> even_thresholds(3)
    [0.0, 0.5, 1.0]
    """
    return [i / (count - 1) for i in range(count)]


@builtin("keras.metrics")
class AUC(_Curve):
    """The area under the ROC curve, or under the precision-recall curve, by sums over thresholds.

    Args:
        num_thresholds: how many thresholds there are, at least 2; more give a better approximation.
        curve: "ROC" (recall over the rate of false alarms) or "PR" (precision over recall).
        summation_method: "interpolation" (for PR as in Davis and Goadrich, 2006), "minoring" or
            "majoring" (the lower or higher end of each interval).
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        thresholds: thresholds in [0, 1] of your own, instead of evenly spaced ones.
        multi_label: whether the last axis holds labels, each with a curve of its own, whose areas are
            averaged; else all scores make one curve.
        num_labels: how many labels there are; by default as many as in the first batch.
        label_weights: a weight for each label: of the average with `multi_label`, else of its scores.
        from_logits: whether predictions are logits rather than probabilities.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.curve = _one_of("curve", str(curve).upper(), ("ROC", "PR"))
        self.summation_method = _one_of(
            "summation_method",
            str(summation_method).lower(),
            ("interpolation", "minoring", "majoring"),
        )
        self._given = None if thresholds is None else sorted(checked_thresholds("AUC", thresholds))
        if self._given is None and not (isinstance(num_thresholds, int) and num_thresholds >= 2):
            raise InputError(
                f"AUC: `num_thresholds` must be an int of at least 2, got {num_thresholds!r}."
            )
        if num_labels is not None and not multi_label:
            raise InputError("AUC: `num_labels` goes with `multi_label=True` only.")
        inner = even_thresholds(num_thresholds)[1:-1] if self._given is None else self._given
        tiny = config.epsilon()
        self._thresholds = np.array([0.0 - tiny, *inner, 1.0 + tiny])
        self.num_thresholds = len(self._thresholds)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self._from_logits = from_logits
        self._built = False
        if not multi_label:
            self._build(None)
        elif num_labels is not None:
            self._build(num_labels)

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, from just below 0 to just above 1."""
        return [float(t) for t in self._thresholds]

    def _build(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        self._add_counts(shape)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: labels 0 or 1, an array of any shape; with `multi_label` (..., labels).
            y_pred: scores in [0, 1] (or logits), an array of the same shape.
            sample_weight: a weight for each.
        """
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if not self._built:
            self._build(int(y_pred.shape[-1]))
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        self._count(
            y_true,
            y_pred,
            self._thresholds,  # type: ignore[arg-type]
            sample_weight=sample_weight,
            multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )

    def result(self) -> Any:
        """The area so far."""
        tp, fp, tn, fn = self._values()
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._averaged(self._interpolated(), tp, fn)
        recall = ops.divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            x, y = ops.divide_no_nan(fp, fp + tn), recall
        else:
            x, y = recall, ops.divide_no_nan(tp, tp + fp)
        if self.summation_method == "interpolation":
            height = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method == "minoring":
            height = ops.minimum(y[:-1], y[1:])
        else:
            height = ops.maximum(y[:-1], y[1:])
        return self._averaged(ops.sum((x[:-1] - x[1:]) * height, axis=0), tp, fn)

    def interpolate_pr_auc(self) -> Any:
        """The area under the precision-recall curve, true positives being linear in positives."""
        tp, _, _, fn = self._values()
        return self._averaged(self._interpolated(), tp, fn)

    def _interpolated(self) -> Any:
        """Between thresholds TP = a + s P, P being all positives; the integral of TP / P over TP."""
        tp, fp, _, fn = self._values()
        p = tp + fp
        slope = ops.divide_no_nan(tp[:-1] - tp[1:], ops.maximum(p[:-1] - p[1:], 0))
        start = tp[1:] - slope * p[1:]
        known = ops.logical_and(p[:-1] > 0, p[1:] > 0)
        ratio = ops.where(known, ops.divide_no_nan(p[:-1], ops.maximum(p[1:], 0)), 1.0)
        pieces = slope * (tp[:-1] - tp[1:] + start * ops.log(ratio))
        return ops.sum(ops.divide_no_nan(pieces, ops.maximum(tp[1:] + fn[1:], 0)), axis=0)

    def _averaged(self, areas: Any, tp: Any, fn: Any) -> Any:
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        weight = ops.convert_to_tensor(self.label_weights, dtype=self.dtype)
        return ops.divide_no_nan(ops.sum(areas * weight), ops.sum(weight))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = {
            "name": self.name,
            "dtype": self.dtype,
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._given is not None:
            config["thresholds"] = self._given
        return config


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InputError(f"AUC: `{name}` must be one of {list(known)}, got {value!r}.")
    return value


class _BestPoint(_Curve):
    """The best value of one ratio where another reaches a limit."""

    def __init__(
        self,
        value: float,
        argument: str,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        kind = type(self).__name__
        if not 0 <= value <= 1:
            raise InputError(f"{kind}: `{argument}` must be in [0, 1], got {value!r}.")
        if not (isinstance(num_thresholds, int) and num_thresholds > 0):
            raise InputError(
                f"{kind}: `num_thresholds` must be a positive int, got {num_thresholds!r}."
            )
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds = [0.5] if num_thresholds == 1 else even_thresholds(num_thresholds)
        self._add_counts((num_thresholds,))

    def _ratios(self, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
        """(what has to reach the limit, what is to be as large as possible), per threshold."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: labels 0 or 1, an array of any shape.
            y_pred: scores in [0, 1], an array of the same shape.
            sample_weight: a weight for each.
        """
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        if self.class_id is not None:
            y_true, y_pred = y_true[..., self.class_id], y_pred[..., self.class_id]
        self._count(y_true, y_pred, self.thresholds, sample_weight=sample_weight)

    def result(self) -> Any:
        """The best value so far; 0 if the limit is not reached."""
        limited, wanted = self._ratios(*self._values())
        return ops.max(ops.where(limited >= self.value, wanted, 0.0))


@builtin("keras.metrics")
class SensitivityAtSpecificity(_BestPoint):
    """The highest sensitivity at a threshold where the specificity reaches a limit.

    Sensitivity is the part of the positives, specificity that of the negatives, that is recognized.

    Args:
        specificity: the limit, in [0, 1].
        num_thresholds: how many thresholds are tried, evenly spaced.
        class_id: the only class that counts; by default all do.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.SensitivityAtSpecificity(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, "specificity", num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def _ratios(self, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
        return ops.divide_no_nan(tn, tn + fp), ops.divide_no_nan(tp, tp + fn)


@builtin("keras.metrics")
class SpecificityAtSensitivity(_BestPoint):
    """The highest specificity at a threshold where the sensitivity reaches a limit.

    Args:
        sensitivity: the limit, in [0, 1].
        num_thresholds: how many thresholds are tried, evenly spaced.
        class_id: the only class that counts; by default all do.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.SpecificityAtSensitivity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 3)
    0.667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, "sensitivity", num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def _ratios(self, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
        return ops.divide_no_nan(tp, tp + fn), ops.divide_no_nan(tn, tn + fp)


@builtin("keras.metrics")
class PrecisionAtRecall(_BestPoint):
    """The highest precision at a threshold where the recall reaches a limit.

    Args:
        recall: the limit, in [0, 1].
        num_thresholds: how many thresholds are tried, evenly spaced.
        class_id: the only class that counts; by default all do.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.PrecisionAtRecall(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, "recall", num_thresholds, class_id, name, dtype)
        self.recall = recall

    def _ratios(self, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
        return ops.divide_no_nan(tp, tp + fn), ops.divide_no_nan(tp, tp + fp)


@builtin("keras.metrics")
class RecallAtPrecision(_BestPoint):
    """The highest recall at a threshold where the precision reaches a limit.

    Args:
        precision: the limit, in [0, 1].
        num_thresholds: how many thresholds are tried, evenly spaced.
        class_id: the only class that counts; by default all do.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.RecallAtPrecision(0.8)
    >>> float(metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, "precision", num_thresholds, class_id, name, dtype)
        self.precision = precision

    def _ratios(self, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
        return ops.divide_no_nan(tp, tp + fp), ops.divide_no_nan(tp, tp + fn)
