"""F scores: weighted harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.metrics.metric import Metric
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.metrics")
class FBetaScore(Metric):
    """``(1 + beta^2) precision recall / (beta^2 precision + recall)``, per class or averaged.

    Args:
        average: None for one score per class; "micro" for the score of all decisions together;
            "macro" for the mean of the classes; "weighted" for the mean by how often classes occur.
        beta: a positive number: how much more recall counts than precision.
        threshold: scores above are positive; by default only the highest score of a sample is.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.FBetaScore(beta=2.0, threshold=0.5)
    >>> metric([[1, 1], [1, 0]], [[0.8, 0.2], [0.6, 0.7]]).tolist()
    [1.0, 0.0]
    """

    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        kind = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise InputError(
                f"{kind}: `average` must be None, 'micro', 'macro' or 'weighted', got {average!r}."
            )
        if isinstance(beta, bool) or not isinstance(beta, (int, float)) or not beta > 0:
            raise InputError(f"{kind}: `beta` must be a positive number, got {beta!r}.")
        if threshold is not None and not 0 < threshold <= 1:
            raise InputError(f"{kind}: `threshold` must be in (0, 1] or None, got {threshold!r}.")
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        names = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
        for name in names:
            setattr(self, name, self.add_variable(shape, "zeros", name=name))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: one-hot or multi-hot targets, an array (batch, classes).
            y_pred: scores, an array of the same shape.
            sample_weight: a weight for each sample.
        """
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if len(y_pred.shape) != 2 or len(y_true.shape) != 2:
            raise InputError(
                f"{type(self).__name__} takes targets and predictions of shape (batch, classes), got "
                f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        if not self._built:
            self._build(int(y_pred.shape[1]))
        if self.threshold is None:
            highest = ops.max(y_pred, axis=-1, keepdims=True)
            chosen = ops.logical_and(y_pred >= highest, ops.absolute(y_pred) > 1e-7)
        else:
            chosen = y_pred > self.threshold
        decided = ops.cast(chosen, self.dtype)
        weight = None
        if sample_weight is not None:
            weight = ops.reshape(ops.convert_to_tensor(sample_weight, dtype=self.dtype), (-1, 1))

        def total(x: Any) -> Any:
            return ops.sum(x if weight is None else x * weight, axis=self.axis)

        self.true_positives.assign_add(total(decided * y_true))
        self.false_positives.assign_add(total(decided * (1 - y_true)))
        self.false_negatives.assign_add(total((1 - decided) * y_true))
        self.intermediate_weights.assign_add(total(y_true))

    def result(self) -> Any:
        """The score so far, (classes,) or a scalar; 0 before the first update."""
        if not self._built:
            return ops.zeros((), dtype=self.dtype)
        right = self.true_positives.value
        precision = ops.divide_no_nan(right, right + self.false_positives.value)
        recall = ops.divide_no_nan(right, right + self.false_negatives.value)
        square = self.beta**2
        product = (1 + square) * precision * recall
        scores = ops.divide_no_nan(product, square * precision + recall)
        if self.average == "weighted":
            weight = self.intermediate_weights.value
            return ops.sum(scores * ops.divide_no_nan(weight, ops.sum(weight)))
        return scores if self.average is None else ops.mean(scores)


@builtin("keras.metrics")
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, per class or averaged.

    Args:
        average: None for one score per class; "micro" for the score of all decisions together;
            "macro" for the mean of the classes; "weighted" for the mean by how often classes occur.
        threshold: scores above are positive; by default only the highest score of a sample is.
        name: a name for logs.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.F1Score(threshold=0.5)
    >>> metric([[1, 1], [1, 0]], [[0.8, 0.2], [0.6, 0.7]]).tolist()
    [1.0, 0.0]
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
