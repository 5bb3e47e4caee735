"""Losses of overlaps (dice, tversky), of embeddings (circle) and of sequences (ctc)."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam.losses.base import LossFunctionWrapper
from hornbeam.saving.objects import builtin


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """``1 - 2 sum(y p) / (sum(y) + sum(p))``: how little two masks overlap.

    Args:
        y_true: masks of 0 and 1, an array of any shape.
        y_pred: probabilities in [0, 1], an array of the same shape.
        axis: the axes that belong to one sample; None for everything, which gives one number.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.dice([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    both = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - (2.0 * both + config.epsilon()) / (total + config.epsilon())


@builtin("keras.losses")
class Dice(LossFunctionWrapper):
    """``1 - 2 sum(y p) / (sum(y) + sum(p))``: how little two masks overlap.

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        axis: the axes that belong to one sample; None for everything, which gives one number.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.Dice()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)
        self.axis = axis


def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: Any = None,
) -> Any:
    """``1 - TP / (TP + alpha FN + beta FP)``, of soft counts (Salehi et al., 2017).

    With both weights 1/2 it is `dice`.

    Args:
        y_true: masks of 0 and 1, an array of any shape.
        y_pred: probabilities in [0, 1], an array of the same shape.
        alpha: the weight of what is there but not predicted.
        beta: the weight of what is predicted but not there.
        axis: the axes that belong to one sample; None for everything, which gives one number.

    Example:

    >>> from hornbeam import losses, ops
    >>> round(float(losses.tversky([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    both = ops.sum(y_true * y_pred, axis=axis)
    extra = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    missed = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    small = config.epsilon()
    return 1.0 - (both + small) / (both + alpha * missed + beta * extra + small)


@builtin("keras.losses")
class Tversky(LossFunctionWrapper):
    """``1 - TP / (TP + alpha FN + beta FP)``, of soft counts (Salehi et al., 2017).

    Args:
        alpha: the weight of what is there but not predicted.
        beta: the weight of what is predicted but not there.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        axis: the axes that belong to one sample; None for everything, which gives one number.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> round(float(losses.Tversky()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """Circle loss: pulls embeddings of one label together and others apart (Sun et al., 2020).

    ``log(1 + sum exp(gamma a_n (s_n - margin)) sum exp(-gamma a_p (s_p - 1 + margin)))`` over the
    similarities s_p within a label and s_n across labels, weighted by their distances a from the
    optimum.  It is 0 for an embedding without positives or without negatives.

    Args:
        y_true: labels, an int array (batch,).
        y_pred: embeddings of length 1, an array (batch, features).
        ref_labels: labels to compare with, (references,); by default `y_true`.
        ref_embeddings: embeddings to compare with, (references, features); by default `y_pred`.
        remove_diagonal: whether an embedding is left out of its own positives.
        gamma: the scale of the scores.
        margin: how far from its optimum a similarity still counts, in [0, 1].

    Example:

    >>> from hornbeam import losses, ops
    >>> x = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> losses.circle([0, 0, 1], x).shape
    (3,)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    same, different = _pairs(y_true, ref_labels, remove_diagonal)
    references = y_pred if ref_embeddings is None else ops.convert_to_tensor(ref_embeddings)
    similar = ops.matmul(y_pred, ops.transpose(references))
    pull = ops.maximum(1.0 + margin - similar, 0.0)
    push = ops.maximum(similar + margin, 0.0)
    near = _logsumexp(-gamma * pull * (similar - 1.0 + margin), same)
    far = _logsumexp(gamma * push * (similar - margin), different)
    either = ops.logical_and(ops.any(same, axis=1), ops.any(different, axis=1))
    return ops.where(either, ops.softplus(near + far), 0.0)


@builtin("keras.losses")
class Circle(LossFunctionWrapper):
    """Circle loss: pulls embeddings of one label together and others apart (Sun et al., 2020).

    Args:
        gamma: the scale of the scores.
        margin: how far from its optimum a similarity still counts, in [0, 1].
        remove_diagonal: whether an embedding is left out of its own positives.
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> losses.Circle()([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).shape
    ()
    """

    casts_targets = False

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            circle,
            reduction,
            name,
            dtype,
            remove_diagonal=remove_diagonal,
            gamma=gamma,
            margin=margin,
        )
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values; targets keep their rank."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def value_mask(self, y_true: Any, y_pred: Any) -> Any:
        """False for embeddings without positives or without negatives, which have no loss."""
        same, different = _pairs(y_true, None, self.remove_diagonal)
        return ops.logical_and(ops.any(same, axis=1), ops.any(different, axis=1))


def _pairs(labels: Any, others: Any, remove_diagonal: bool) -> tuple[Any, Any]:
    """Which pairs of labels are equal, and which are not."""
    rows = ops.reshape(ops.cast(ops.convert_to_tensor(labels), "int32"), (-1, 1))
    columns = rows if others is None else ops.cast(ops.convert_to_tensor(others), "int32")
    same = ops.equal(rows, ops.reshape(columns, (1, -1)))
    different = ops.logical_not(same)
    if remove_diagonal:
        row = ops.cumsum(ops.ones_like(rows[:, 0]))
        column = ops.cumsum(ops.ones_like(ops.reshape(columns, (-1,))))
        self_pair = ops.equal(ops.expand_dims(row, 1), ops.expand_dims(column, 0))
        same = ops.logical_and(same, ops.logical_not(self_pair))
    return same, different


def _logsumexp(x: Any, mask: Any) -> Any:
    """log(sum(exp(x))) over the places of each row where `mask` holds; very low if there is none."""
    lowest = -1e9 if x.dtype != "float16" else -6e4
    return ops.logsumexp(ops.where(mask, x, lowest), axis=1)


def ctc(y_true: Any, y_pred: Any) -> Any:
    """Minus the log-probability that the scores spell the label sequence (Graves et al., 2006).

    Args:
        y_true: class numbers, an array (batch, labels) padded with 0, which means blank and is no class.
        y_pred: logits, an array (batch, time, classes).

    Example:

    >>> from hornbeam import losses, ops
    >>> losses.ctc([[1, 2]], ops.zeros((1, 4, 3))).shape
    (1,)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), "int32")
    time = ops.full_like(y_true[:, 0], y_pred.shape[1])
    lengths = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    return ops.ctc_loss(y_true, y_pred, lengths, time, mask_index=0)


@builtin("keras.losses")
class CTC(LossFunctionWrapper):
    """Minus the log-probability that the scores spell the label sequence (Graves et al., 2006).

    Args:
        reduction: what becomes of the values, see `Loss`.
        name: a name for logs.
        dtype: the dtype to compute in, by default `hornbeam.config.floatx`.

    Example:

    >>> from hornbeam import losses
    >>> from hornbeam import ops
    >>> losses.CTC()([[1, 2]], ops.zeros((1, 4, 3))).shape
    ()
    """

    casts_targets = False

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "ctc",
        dtype: Any = None,
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values; targets keep their rank."""
        return self.fn(y_true, y_pred)
