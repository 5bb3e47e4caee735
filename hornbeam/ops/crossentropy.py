"""Cross-entropies between labels and predictions, from probabilities or from logits."""

from __future__ import annotations

from typing import Any

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]


def _epsilon() -> float:
    from hornbeam import config

    return config.epsilon()


@op("target output", dtype=rules.floating)
def binary_crossentropy(
    b: Backend, target: ArrayLike, output: ArrayLike, from_logits: bool = False
) -> Array:
    """``-(t log(p) + (1 - t) log(1 - p))``, elementwise.

    Args:
        target: probabilities in [0, 1], of the shape of `output`.
        output: probabilities in [0, 1] (kept `config.epsilon()` away from both ends), or logits.
        from_logits: whether `output` is logits, whose sigmoid is the probability.

    Returns:
        Array of that shape.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.binary_crossentropy([1.0], [0.5])[0]), 4)
    0.6931
    """
    _check_shapes(b, target, output, "binary_crossentropy")
    if from_logits:  # log(1 + exp(-|x|)) never overflows
        return b.maximum(output, 0) - output * target + b.log1p(b.exp(-b.abs(output)))
    p = b.clip(output, _epsilon(), 1.0 - _epsilon())
    return -(target * b.log(p) + (1.0 - target) * b.log(1.0 - p))


@op("target output", dtype=rules.floating)
def categorical_crossentropy(
    b: Backend, target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Array:
    """``-sum(t log(p))`` over the classes.

    Args:
        target: probabilities of the classes, of the shape of `output`; one-hot for labels.
        output: probabilities of the classes (scaled to a sum of 1), or logits.
        from_logits: whether `output` is logits, whose softmax is the probabilities.
        axis: the axis of the classes.

    Returns:
        Array of the shape of `output` without `axis`.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.categorical_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.6931
    """
    _check_shapes(b, target, output, "categorical_crossentropy")
    return -b.sum(target * _log_probabilities(b, output, from_logits, axis), axis=axis)


@op("?target output", dtype=rules.floating)
def sparse_categorical_crossentropy(
    b: Backend, target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Array:
    """``-log(p[target])``: the cross-entropy of class numbers.

    Args:
        target: integers in 0..classes-1, of the shape of `output` without `axis` (or with size 1 there).
        output: probabilities of the classes (scaled to a sum of 1), or logits.
        from_logits: whether `output` is logits, whose softmax is the probabilities.
        axis: the axis of the classes.

    Returns:
        Array of the shape of `output` without `axis`.

    Raises:
        InputError: if the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> round(float(ops.sparse_categorical_crossentropy(1, [0.5, 0.5])), 4)
    0.6931
    """
    place = axis % output.ndim if output.ndim else 0
    if target.ndim == output.ndim and target.shape[place] == 1:
        target = b.squeeze(target, place)
    wanted = tuple(d for i, d in enumerate(output.shape) if i != place)
    if target.ndim != len(wanted) or any(
        isinstance(t, int) and isinstance(w, int) and t != w
        for t, w in zip(target.shape, wanted, strict=True)
    ):
        raise InputError(
            f"sparse_categorical_crossentropy() needs class numbers of shape {wanted} for an output of "
            f"shape {tuple(output.shape)}, got shape {tuple(target.shape)}. For one-hot targets use "
            "categorical_crossentropy()."
        )
    log_p = _log_probabilities(b, output, from_logits, axis)
    index = b.expand_dims(b.cast(target, "int32"), place)
    return -b.squeeze(b.take_along_axis(log_p, index, place), place)


def _log_probabilities(b: Backend, output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return b.log_softmax(output, axis)
    p = output / b.sum(output, axis=axis, keepdims=True)
    return b.log(b.clip(p, _epsilon(), 1.0 - _epsilon()))


def _check_shapes(b: Backend, target: Array, output: Array, name: str) -> None:
    t, o = tuple(target.shape), tuple(output.shape)
    same = len(t) == len(o) and all(
        not (isinstance(x, int) and isinstance(y, int)) or x == y for x, y in zip(t, o, strict=True)
    )
    if not same:
        hint: Any = ""
        if name == "categorical_crossentropy" and len(t) == len(o) - 1:
            hint = " For class numbers use sparse_categorical_crossentropy()."
        raise InputError(f"{name}() needs a target of the shape of the output {o}, got {t}.{hint}")
