"""Losses between distributions: cross-entropies of classes, focal ones, divergences.

Each function returns one value per sample, shape (...,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.errors import InputError
from hornbeam.losses.base import LossFunctionWrapper, pair
from hornbeam.losses.targets import (
    class_numbers,
    smoothing,
)
from hornbeam.saving.objects import builtin


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Any:
    """The mean of ``-y log(p) - (1 - y) log(1 - p)``, for labels that are independent of each other.

    Args:
        y_true: labels 0 or 1 (or probabilities), an array (..., labels).
        y_pred: probabilities in [0, 1], or logits, an array of the same shape.
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards 1/2.
        axis: the axis or axes to average over.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    y_true, y_pred = pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    return ops.mean(values, axis=axis)


@builtin("keras.losses")
class BinaryCrossentropy(LossFunctionWrapper):
    """The mean of ``-y log(p) - (1 - y) log(1 - p)``, for labels that are independent of each other.

    Args:
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards 1/2.
        axis: the axis or axes to average over.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Any = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = smoothing("BinaryCrossentropy", label_smoothing)
        self.axis = axis


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Any:
    """Binary cross-entropy times ``(1 - p_t)^gamma``, p_t being the probability of the right label.

    Samples that are easy already count less (Lin et al., 2018).

    Args:
        y_true: labels 0 or 1, an array (..., labels).
        y_pred: probabilities in [0, 1], or logits, an array of the same shape.
        apply_class_balancing: whether to weigh class 1 by alpha and class 0 by 1 - alpha.
        alpha: the weight of class 1.
        gamma: how much less easy samples count; 0 for not at all.
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards 1/2.
        axis: the axis or axes to average over.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.1733
    """
    y_true, y_pred = pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - right, gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


@builtin("keras.losses")
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy in which samples that are easy already count less (Lin et al., 2018).

    Args:
        apply_class_balancing: whether to weigh class 1 by alpha and class 0 by 1 - alpha.
        alpha: the weight of class 1.
        gamma: how much less easy samples count; 0 for not at all.
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards 1/2.
        axis: the axis or axes to average over.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.BinaryFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.1733
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Any = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = smoothing("BinaryFocalCrossentropy", label_smoothing)
        self.axis = axis
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """``-sum(y log(p))`` over the classes, of which one is right.

    Args:
        y_true: one-hot targets or probabilities, an array (..., classes).
        y_pred: probabilities in [0, 1], or logits, an array of the same shape.
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards all classes being equal.
        axis: the axis of the classes.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    y_true, y_pred = pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


@builtin("keras.losses")
class CategoricalCrossentropy(LossFunctionWrapper):
    """``-sum(y log(p))`` over the classes, of which one is right.

    Args:
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards all classes being equal.
        axis: the axis of the classes.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = smoothing("CategoricalCrossentropy", label_smoothing)
        self.axis = axis


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """``-sum(alpha (1 - p)^gamma y log(p))``: cross-entropy in which easy samples count less.

    See Lin et al., 2018.

    Args:
        y_true: one-hot targets or probabilities, an array (..., classes).
        y_pred: probabilities in [0, 1], or logits, an array of the same shape.
        alpha: a weight, or one for each class.
        gamma: how much less easy samples count; 0 for not at all.
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards all classes being equal.
        axis: the axis of the classes.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.0433
    """
    y_true, y_pred = pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    y_pred = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0 - config.epsilon())
    if not isinstance(alpha, (int, float)):
        alpha = ops.convert_to_tensor(alpha, dtype=y_pred.dtype)
    weight = alpha * ops.power(1.0 - y_pred, gamma)
    return ops.sum(-weight * y_true * ops.log(y_pred), axis=axis)


@builtin("keras.losses")
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical cross-entropy in which samples that are easy already count less (Lin et al., 2018).

    Args:
        alpha: a weight, or one for each class.
        gamma: how much less easy samples count; 0 for not at all.
        from_logits: whether `y_pred` holds logits rather than probabilities.
        label_smoothing: in [0, 1]: how far targets are moved towards all classes being equal.
        axis: the axis of the classes.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = smoothing("CategoricalFocalCrossentropy", label_smoothing)
        self.axis = axis
        self.alpha = alpha
        self.gamma = gamma


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """``-log(p)`` of the right class.

    Args:
        y_true: class numbers 0, ..., classes - 1, an array (...,) or (..., 1).
        y_pred: probabilities in [0, 1], or logits, an array (..., classes).
        from_logits: whether `y_pred` holds logits rather than probabilities.
        ignore_class: a class number whose samples do not count, None for none.
        axis: the axis of the classes.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = class_numbers(y_true, y_pred)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=from_logits, axis=axis
        )
    counts = ops.not_equal(y_true, ignore_class)
    some = ops.where(counts, y_true, 0)
    values = ops.sparse_categorical_crossentropy(some, y_pred, from_logits=from_logits, axis=axis)
    return ops.where(counts, values, 0.0)


@builtin("keras.losses")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """``-log(p)`` of the right class; targets are class numbers.

    Args:
        from_logits: whether `y_pred` holds logits rather than probabilities.
        ignore_class: a class number whose samples do not count, None for none.
        reduction: what becomes of the values, see `Loss`.
        axis: the axis of the classes.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    casts_targets = False

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values; targets keep their rank."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def value_mask(self, y_true: Any, y_pred: Any) -> Any:
        """False where the target is the ignored class."""
        if self.ignore_class is None:
            return None
        return ops.not_equal(class_numbers(y_true, y_pred), self.ignore_class)

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> Any:
        """The loss; targets on the host are checked first."""
        if isinstance(y_true, (np.ndarray, list)) and hasattr(y_pred, "shape"):
            self.check_targets(np.asarray(y_true), y_pred.shape[self.axis])
        return super().__call__(y_true, y_pred, sample_weight, mask)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """``(1 - p^q) / q``, p being the probability of the right class: robust to wrong labels.

    Between cross-entropy (q towards 0) and the absolute error (q towards 1), Zhang and Sabuncu, 2018.

    Args:
        y_true: class numbers 0, ..., classes - 1, an array (...,) or (..., 1).
        y_pred: probabilities in [0, 1], an array (..., classes).
        q: in (0, 1): how robust.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]], 0.5)[0]), 4)
    1.0
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = class_numbers(y_true, y_pred)
    chosen = ops.one_hot(y_true, y_pred.shape[-1], dtype=y_pred.dtype)
    right = ops.sum(chosen * y_pred, axis=-1)
    return (1.0 - ops.power(right, q)) / q


@builtin("keras.losses")
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """``(1 - p^q) / q``, p being the probability of the right class: robust to wrong labels.

    Args:
        q: in (0, 1): 0 is near cross-entropy, 1 near the absolute error.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]])), 4)
    1.0
    """

    casts_targets = False

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
        if not 0 < q < 1:
            raise InputError(
                f"CategoricalGeneralizedCrossEntropy: `q` must be in (0, 1), got {q!r}."
            )
        self.q = q

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values; targets keep their rank."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """``sum(y log(y / p))``, the Kullback-Leibler divergence of two distributions.

    Args:
        y_true: probabilities, an array (..., classes).
        y_pred: probabilities, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.kl_divergence([[0.5, 0.5]], [[0.75, 0.25]])[0]), 4)
    0.1438
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


@builtin("keras.losses")
class KLDivergence(LossFunctionWrapper):
    """``sum(y log(y / p))``, the Kullback-Leibler divergence of two distributions.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.KLDivergence()([[0.5, 0.5]], [[0.75, 0.25]])), 4)
    0.1438
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """The mean of ``p - y log(p)``, for counts y with expectation p.

    Args:
        y_true: counts, an array (..., values).
        y_pred: positive expectations, an array of the same shape.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.poisson([[1.0, 2.0]], [[1.0, 1.0]])[0]), 4)
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


@builtin("keras.losses")
class Poisson(LossFunctionWrapper):
    """The mean of ``p - y log(p)``, for counts y with expectation p.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.Poisson()([[1.0, 2.0]], [[1.0, 1.0]])), 4)
    1.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)
