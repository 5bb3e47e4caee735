"""A few functions below `keras.src` that packages built on Keras reach for."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def keras_export(path: Any) -> Callable[[T], T]:
    """A decorator that leaves what it decorates as it is; there is no registry of exported names.

    Args:
        path: the public name, or a list of them.

    Example:

    >>> keras_export("keras.layers.Mine")(int) is int
    True
    """

    def decorate(thing: T) -> T:
        return thing

    return decorate


def canonicalize_axis(axis: int, num_dims: int) -> int:
    """`axis` counted from the front.

    Args:
        axis: in -num_dims..num_dims - 1.
        num_dims: how many axes there are.

    Example:

    >>> canonicalize_axis(-1, 3)
    2
    """
    if not -num_dims <= axis < num_dims:
        raise ValueError(f"`axis` must be in {-num_dims}..{num_dims - 1}, got {axis}.")
    return axis % num_dims


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `fn` returns for symbolic tensors, which have a shape and a dtype only.

    Args:
        fn: the function.
        *args: its arguments.
        **kwargs: its arguments.

    Example:

    >>> import hornbeam
    >>> compute_output_spec(hornbeam.ops.sum, hornbeam.KerasTensor((2, 3)), axis=1).shape
    (2,)
    """
    from hornbeam.backends.symbolic import not_recording

    with not_recording():
        return fn(*args, **kwargs)


def default(method: T) -> T:
    """A mark on methods that were not overridden; without effect.

    Example:

    >>> default(len) is len
    True
    """
    return method


PRIVATE_NAMES = {
    "MultiHeadAttention": {
        "_query_dense": "query_dense",
        "_key_dense": "key_dense",
        "_value_dense": "value_dense",
        "_output_dense": "output_dense",
        "_num_heads": "num_heads",
        "_key_dim": "key_dim",
        "_value_dim": "value_dim",
    }
}
"""Class of layers -> attribute of Keras's that subclasses in packages use -> Hornbeam's."""


def lend_private_names() -> None:
    """Give the classes of `PRIVATE_NAMES` what subclasses that were written for Keras expect of them.

    Example:

    >>> import hornbeam
    >>> lend_private_names()
    >>> hornbeam.layers.MultiHeadAttention(2, 3)._key_dim
    3
    """
    from hornbeam import layers

    for name, attributes in PRIVATE_NAMES.items():
        for theirs, ours in attributes.items():
            setattr(getattr(layers, name), theirs, property(attrgetter(ours)))
    layers.MultiHeadAttention._compute_attention = _compute_attention  # type: ignore[attr-defined]


def _compute_attention(
    self: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any = None,
    training: bool | None = None,
    return_attention_scores: bool = False,
) -> tuple[Any, Any]:
    """The outputs of the heads for projected queries, keys and values, and the weights."""
    return self._weighted(query, key, value, lambda scores: attention_mask, bool(training))  # type: ignore[no-any-return]


__all__ = ["canonicalize_axis", "compute_output_spec", "default", "keras_export"]
