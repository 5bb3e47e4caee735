"""Intersection over union, from a confusion matrix of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.metrics.metric import Metric
from hornbeam.saving.objects import builtin


def confusion_matrix(
    y_true: Any, y_pred: Any, num_classes: int, weight: Any, dtype: str = "float32"
) -> Any:
    """How much weight class i (rows) being predicted as class j (columns) has.

    Args:
        y_true: class numbers, an array of any shape.
        y_pred: class numbers, an array of the same shape.
        num_classes: how many classes there are; other numbers do not count.
        weight: a weight for each.
        dtype: the dtype of the weights.

    Returns:
        Array (num_classes, num_classes).
    """
    rows = ops.one_hot(ops.reshape(y_true, (-1,)), num_classes, dtype=dtype)
    columns = ops.one_hot(ops.reshape(y_pred, (-1,)), num_classes, dtype=dtype)
    weighted = rows * ops.reshape(ops.cast(weight, dtype), (-1, 1))
    return ops.matmul(ops.transpose(weighted), columns)


@builtin("keras.metrics")
class IoU(Metric):
    """``TP / (TP + FP + FN)`` of chosen classes, averaged over those that occur.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes to average over.
        name: a name for logs.
        dtype: the dtype of the counts, by default int32.
        ignore_class: a class number whose places do not count.
        sparse_y_true: whether targets are class numbers (else one-hot).
        sparse_y_pred: whether predictions are class numbers (else scores).
        axis: the axis of the classes where there is one.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.IoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype=dtype or "int32")
        if num_classes < 1 or (len(target_class_ids) and max(target_class_ids) >= num_classes):
            raise InputError(
                f"{type(self).__name__}: the class numbers {list(target_class_ids)} must be below "
                f"`num_classes`, {num_classes}."
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", name="total_confusion_matrix"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: class numbers, or one-hot targets.
            y_pred: class numbers, or scores.
            sample_weight: a weight for each place, or for each sample; cut down to a whole number
                if the metric's dtype is an integer one, as it is by default.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        y_true, y_pred = ops.cast(y_true, "int32"), ops.cast(y_pred, "int32")
        weight = ops.ones_like(y_true, dtype="float32")
        if sample_weight is not None:
            given = ops.cast(ops.convert_to_tensor(sample_weight), self.dtype)
            given = ops.cast(given, "float32")
            while len(given.shape) < len(weight.shape):
                given = ops.expand_dims(given, -1)
            weight = weight * given
        if self.ignore_class is not None:
            weight = weight * ops.cast(ops.not_equal(y_true, self.ignore_class), "float32")
        found = confusion_matrix(y_true, y_pred, self.num_classes, weight)
        self.total_cm.assign_add(ops.cast(found, self.dtype))

    def result(self) -> Any:
        """The mean over the chosen classes that have occurred or been predicted."""
        matrix = ops.cast(self.total_cm.value, "float32")
        right = ops.diagonal(matrix)
        union = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - right
        chosen = ops.convert_to_tensor(self.target_class_ids, dtype="int32")
        right, union = ops.take(right, chosen, axis=0), ops.take(union, chosen, axis=0)
        occurring = ops.sum(ops.cast(union > 0, "float32"))
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(right, union)), occurring)


@builtin("keras.metrics")
class BinaryIoU(IoU):
    """`IoU` of the classes 0 and 1, which a threshold tells apart.

    Args:
        target_class_ids: the classes to average over, of 0 and 1.
        threshold: scores of at least it are class 1.
        name: a name for logs.
        dtype: the dtype of the counts, by default int32.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.BinaryIoU(threshold=0.3)
    >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: classes 0 and 1.
            y_pred: scores.
            sample_weight: a weight for each place.
        """
        y_pred = ops.convert_to_tensor(y_pred)
        super().update_state(y_true, ops.greater_equal(y_pred, self.threshold), sample_weight)


@builtin("keras.metrics")
class MeanIoU(IoU):
    """`IoU`, averaged over all classes that occur.

    Args:
        num_classes: how many classes there are.
        name: a name for logs.
        dtype: the dtype of the counts, by default int32.
        ignore_class: a class number whose places do not count.
        sparse_y_true: whether targets are class numbers (else one-hot).
        sparse_y_pred: whether predictions are class numbers (else scores).
        axis: the axis of the classes where there is one.

    Example:

    >>> import hornbeam
    >>> round(float(hornbeam.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        ids = range(num_classes)
        super().__init__(
            num_classes, ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


@builtin("keras.metrics")
class OneHotIoU(IoU):
    """`IoU` for one-hot targets.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes to average over.
        name: a name for logs.
        dtype: the dtype of the counts, by default int32.
        ignore_class: a class number whose places do not count.
        sparse_y_pred: whether predictions are class numbers (else scores).
        axis: the axis of the classes.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.OneHotIoU(num_classes=2, target_class_ids=[0])
    >>> float(metric([[1, 0], [0, 1]], [[0.8, 0.2], [0.3, 0.7]]))
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


@builtin("keras.metrics")
class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets.

    Args:
        num_classes: how many classes there are.
        name: a name for logs.
        dtype: the dtype of the counts, by default int32.
        ignore_class: a class number whose places do not count.
        sparse_y_pred: whether predictions are class numbers (else scores).
        axis: the axis of the classes.

    Example:

    >>> import hornbeam
    >>> metric = hornbeam.metrics.OneHotMeanIoU(num_classes=2)
    >>> float(metric([[1, 0], [0, 1]], [[0.8, 0.2], [0.3, 0.7]]))
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
