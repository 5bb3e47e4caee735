"""Cross-entropies between targets and predictions, from probabilities or from logits."""

from __future__ import annotations

from hornbeam import settings
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import one_axis


@op("?target output", dtype=rules.mean)
def binary_crossentropy(
    b: Backend, target: ArrayLike, output: ArrayLike, from_logits: bool = False
) -> Array:
    """-target * log(p) - (1 - target) * log(1 - p), elementwise.

    Args:
        target: array of any shape, probabilities in [0, 1].
        output: array of the same shape: p, or its logits.
        from_logits: whether `output` holds logits, that is log(p / (1 - p)).

    Returns:
        Array of the same shape.  Probabilities are kept `config.epsilon()` away from 0 and 1.

    Raises:
        InputError: if the shapes differ.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.binary_crossentropy([0.0, 1.0], [0.1, 0.5])).round(4))
    [0.1054 0.6931]
    """
    _same_shape(b, target, output, "binary_crossentropy")
    target = b.cast(target, b.dtype(output))
    if from_logits:
        loss = b.relu(output) - output * target
        return loss + b.log1p(b.exp(-b.abs(output)))
    p = _inside(b, output)
    return -(target * b.log(p) + (1.0 - target) * b.log(1.0 - p))


@op("?target output", dtype=rules.mean)
def categorical_crossentropy(
    b: Backend, target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Array:
    """-sum(target * log(p)) along an axis, the classes.

    Args:
        target: array of shape (..., classes), probabilities in [0, 1] (one-hot, for instance).
        output: array of the same shape: p, which is divided by its sum first, or logits.
        from_logits: whether `output` holds logits.
        axis: the axis of the classes.

    Returns:
        Array without that axis.  Probabilities are kept `config.epsilon()` away from 0 and 1.

    Raises:
        InputError: if the shapes differ, or there is no axis of classes.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.categorical_crossentropy([[0, 1]], [[0.25, 0.75]])).round(4))
    [0.2877]
    """
    _same_shape(b, target, output, "categorical_crossentropy")
    if output.ndim < 1:
        raise InputError(
            "categorical_crossentropy() needs arrays with an axis of classes, got scalars."
        )
    axis = one_axis(axis, output.ndim, "categorical_crossentropy")
    target = b.cast(target, b.dtype(output))
    return -b.sum(
        target * _log_probabilities(b, output, from_logits, axis), axis=axis, keepdims=False
    )


@op("?target output", dtype=rules.mean)
def sparse_categorical_crossentropy(
    b: Backend, target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Array:
    """-log(p[target]) along an axis, the classes.

    Args:
        target: integer array of shape (...) or (..., 1), the right classes.
        output: array of shape (..., classes): p, which is divided by its sum first, or logits.
        from_logits: whether `output` holds logits.
        axis: the axis of the classes in `output`.

    Returns:
        Array of shape (...); 0 where the class does not exist.  Probabilities are kept
        `config.epsilon()` away from 0 and 1.

    Raises:
        InputError: if the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.sparse_categorical_crossentropy([1], [[0.25, 0.75]])).round(4))
    [0.2877]
    """
    if output.ndim < 1:
        raise InputError(
            "sparse_categorical_crossentropy() needs an axis of classes, got a scalar."
        )
    axis = one_axis(axis, output.ndim, "sparse_categorical_crossentropy")
    if target.ndim == output.ndim and b.shape(target)[-1] == 1:
        target = b.squeeze(target, axis=-1)
    sizes = [n for a, n in enumerate(b.shape(output)) if a != axis]
    _fit(b.shape(target), sizes, target, output, "sparse_categorical_crossentropy")
    classes = b.shape(output)[axis]
    place = b.expand_dims(b.cast(target, "int32"), axis)
    exists = b.logical_and(b.greater_equal(place, 0), b.less(place, classes))
    place = b.where(exists, place, b.zeros_like(place))
    logs = b.take_along_axis(_log_probabilities(b, output, from_logits, axis), place, axis)
    return -b.squeeze(b.where(exists, logs, b.zeros_like(logs)), axis=axis)


def _log_probabilities(b: Backend, output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return b.log_softmax(output, axis=axis)
    return b.log(_inside(b, output / b.sum(output, axis=axis, keepdims=True)))


def _inside(b: Backend, p: Array) -> Array:
    """Probabilities kept away from 0 and 1, where logarithms are infinite."""
    epsilon = settings.epsilon()
    return b.minimum(b.maximum(p, b.full_like(p, epsilon)), b.full_like(p, 1.0 - epsilon))


def _same_shape(b: Backend, target: Array, output: Array, op_name: str) -> None:
    _fit(b.shape(target), b.shape(output), target, output, op_name)


def _fit(given: object, wanted: object, target: Array, output: Array, op_name: str) -> None:
    first, second = list(given), list(wanted)  # type: ignore[call-overload]
    fits = len(first) == len(second) and all(
        m == n
        for m, n in zip(first, second, strict=True)
        if isinstance(m, int) and isinstance(n, int)
    )
    if not fits:
        raise InputError(
            f"{op_name}() got a target of shape {tuple(target.shape)} for an output of shape "
            f"{tuple(output.shape)}; expected {tuple(second)}."
        )


__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]
