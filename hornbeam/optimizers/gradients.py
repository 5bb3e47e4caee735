"""Clipping: pure functions from gradients to gradients."""

from __future__ import annotations

from collections.abc import Sequence

from hornbeam import ops
from hornbeam.backends.protocol import Array


def clipped(
    grads: list[Array],
    clipnorm: float | None = None,
    clipvalue: float | None = None,
    global_clipnorm: float | None = None,
) -> list[Array]:
    """`grads`, clipped in one of three ways or not at all.

    Args:
        grads: gradients.
        clipnorm: the largest norm of each.
        clipvalue: the largest absolute value.
        global_clipnorm: the largest norm of all together.

    Example:

    >>> grads = clipped([ops.convert_to_tensor([3.0, 4.0])], clipnorm=1.0)
    >>> [round(float(v), 3) for v in grads[0]]
    [0.6, 0.8]
    """
    if clipnorm is not None:
        return [g * (clipnorm / ops.maximum(norm([g]), clipnorm)) for g in grads]
    if global_clipnorm is not None:
        total = norm(grads)
        scale = global_clipnorm / ops.maximum(total, global_clipnorm)
        # an infinite norm must not turn finite gradients into zeros unseen
        scale = scale + (total - total)
        return [g * ops.cast(scale, g.dtype) for g in grads]
    if clipvalue is not None:
        return [ops.clip(g, -clipvalue, clipvalue) for g in grads]
    return grads


def norm(grads: Sequence[Array]) -> Array:
    """The Euclidean norm of all numbers in `grads`."""
    total = ops.sum(ops.square(grads[0]))
    for gradient in grads[1:]:
        total = total + ops.sum(ops.square(gradient))
    return ops.sqrt(total)


def mean_square_root(x: Array) -> Array:
    """The root of the mean of the squares."""
    return ops.sqrt(ops.mean(ops.square(x)))
