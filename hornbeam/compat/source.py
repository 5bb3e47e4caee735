"""A few functions below `keras.src` that packages built on Keras reach for."""

from __future__ import annotations

from collections.abc import Callable
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


__all__ = ["canonicalize_axis", "compute_output_spec", "default", "keras_export"]
