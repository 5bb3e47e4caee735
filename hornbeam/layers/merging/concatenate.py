"""`Concatenate` and `Dot`, as layers and as functions."""

from __future__ import annotations

import functools
import string
from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.merging.base import Merge, _checked_list
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Concatenate(Merge):
    """The inputs, one behind the other along an axis.

    Input: a list of inputs of the same shape but for that axis.

    Args:
        axis: the axis, counted with the batch axis.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> ones = hornbeam.ops.ones
    >>> hornbeam.layers.Concatenate()([ones((2, 3)), ones((2, 5))]).shape
    (2, 8)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """Check that the shapes are the same but for the axis."""
        shapes = [tuple(s) for s in _checked_list(self, input_shape)]
        ranks = {len(s) for s in shapes}
        rank = max(ranks)
        fits = len(ranks) == 1 and -rank <= self.axis < rank
        for sizes in zip(*(_without(s, self.axis) for s in shapes), strict=True) if fits else ():
            fits = fits and len({d for d in sizes if d is not None}) <= 1
        if not fits:
            raise InputError(
                f"Layer {self.path!r} (Concatenate) needs inputs of the same shape but for axis "
                f"{self.axis}, got {', '.join(map(str, shapes))}."
            )

    def call(self, inputs: Any) -> Any:
        """The inputs, one behind the other."""
        return ops.concatenate(_checked_list(self, inputs), axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks, one behind the other; along the last axis, a step counts if one does."""
        if mask is None or all(m is None for m in mask):
            return None
        rank = len(inputs[0].shape)
        axis = self.axis % rank
        masks = [
            ops.ones_like(ops.get_item(x, (Ellipsis, 0)), dtype="bool") if m is None else m
            for x, m in zip(inputs, mask, strict=True)
        ]
        if axis == rank - 1 or len(masks[0].shape) <= axis:
            return functools.reduce(ops.logical_or, masks)
        return ops.concatenate(masks, axis=axis)


def _without(shape: tuple[Any, ...], axis: int) -> tuple[Any, ...]:
    at = axis % len(shape)
    return shape[:at] + shape[at + 1 :]


@builtin("keras.layers")
class Dot(Merge):
    """Inner products of two inputs, example by example.

    Args:
        axes: the axis of both inputs, or one axis for each, along which products are added up; axes are
            counted with the batch axis, which cannot be one of them.
        normalize: whether both are divided by their Euclidean length along that axis first, which makes
            the products cosines.
        **kwargs: see `Layer`.

    Input: a list of two.  Output: (batch, remaining axes of the first, remaining axes of the second), or
    (batch, 1) if none remain.

    Example:

    >>> import hornbeam
    >>> ones = hornbeam.ops.ones
    >>> hornbeam.layers.Dot(axes=(1, 2))([ones((2, 5, 3)), ones((2, 4, 5))]).shape
    (2, 3, 4)
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        good = isinstance(axes, int) or (
            isinstance(axes, (list, tuple))
            and len(axes) == 2
            and all(isinstance(a, int) for a in axes)
        )
        if not good:
            raise InputError(f"Dot: `axes` must be an int or two ints, got {axes!r}.")
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape: Any) -> None:
        """Check that the axes have the same size."""
        shapes = _checked_list(self, input_shape)
        if len(shapes) != 2:
            raise InputError(
                f"Layer {self.path!r} (Dot) takes exactly 2 inputs, got {len(shapes)}."
            )
        first, second = self._places([len(s) for s in shapes])
        a, b = shapes[0][first], shapes[1][second]
        if a is not None and b is not None and a != b:
            raise InputError(
                f"Layer {self.path!r} (Dot) needs axes of the same size, got {a} (axis {first} of "
                f"{tuple(shapes[0])}) and {b} (axis {second} of {tuple(shapes[1])})."
            )

    def _places(self, ranks: list[int]) -> tuple[int, int]:
        given = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        first, second = (a % r for a, r in zip(given, ranks, strict=True))
        if not first or not second:
            raise InputError(f"Layer {self.path!r} (Dot): `axes` cannot name the batch axis 0.")
        return first, second

    def _merge(self, inputs: list[Any]) -> Any:
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        """The inner products."""
        x, y = inputs
        first, second = self._places([len(x.shape), len(y.shape)])
        if self.normalize:
            x, y = ops.normalize(x, axis=first), ops.normalize(y, axis=second)
        letters = iter(string.ascii_letters[2:])
        left = ["a", *(next(letters) for _ in x.shape[1:])]
        right = ["a", *(next(letters) for _ in y.shape[1:])]
        left[first] = right[second] = "b"
        kept = [c for c in left if c != "b"] + [c for c in right[1:] if c != "b"]
        products = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", x, y)
        return ops.expand_dims(products, -1) if len(kept) == 1 else products

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: the axes of the output are no longer those of the inputs."""
        return None


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """The inputs, one behind the other along an axis.

    Args:
        inputs: a list of arrays or symbolic tensors.
        axis: the axis, counted with the batch axis.
        **kwargs: see `Concatenate`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.concatenate([hornbeam.Input((3,)), hornbeam.Input((5,))]).shape
    (None, 8)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Inner products of two inputs, example by example.

    Args:
        inputs: a list of two arrays or symbolic tensors.
        axes: see `Dot`.
        **kwargs: see `Dot`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.dot([hornbeam.Input((3,)), hornbeam.Input((3,))], axes=1).shape
    (None, 1)
    """
    return Dot(axes=axes, **kwargs)(inputs)
