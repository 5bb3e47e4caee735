"""`Add`, `Subtract`, `Multiply`, `Average`, `Maximum`, `Minimum`, as layers and as functions."""

from __future__ import annotations

import functools
from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.merging.base import Merge
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Add(Merge):
    """The sum of the inputs.

    Input: a list of inputs of shapes that broadcast.

    Args:
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> a, b = hornbeam.ops.convert_to_tensor([[[1.0, 2.0]], [[4.0, 5.0]]])
    >>> hornbeam.layers.Add()([a, b]).tolist()
    [[5.0, 7.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ops.add(x, y)


@builtin("keras.layers")
class Multiply(Merge):
    """The product of the inputs.

    Input: a list of inputs of shapes that broadcast.

    Args:
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> a, b = hornbeam.ops.convert_to_tensor([[[1.0, 2.0]], [[4.0, 5.0]]])
    >>> hornbeam.layers.Multiply()([a, b]).tolist()
    [[4.0, 10.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ops.multiply(x, y)


@builtin("keras.layers")
class Maximum(Merge):
    """The largest of the inputs, value by value.

    Input: a list of inputs of shapes that broadcast.

    Args:
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> a, b = hornbeam.ops.convert_to_tensor([[[1.0, 2.0]], [[4.0, 5.0]]])
    >>> hornbeam.layers.Maximum()([a, b]).tolist()
    [[4.0, 5.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ops.maximum(x, y)


@builtin("keras.layers")
class Minimum(Merge):
    """The smallest of the inputs, value by value.

    Input: a list of inputs of shapes that broadcast.

    Args:
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> a, b = hornbeam.ops.convert_to_tensor([[[1.0, 2.0]], [[4.0, 5.0]]])
    >>> hornbeam.layers.Minimum()([a, b]).tolist()
    [[1.0, 2.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ops.minimum(x, y)


@builtin("keras.layers")
class Average(Merge):
    """The mean of the inputs.

    Input: a list of inputs of shapes that broadcast.

    Args:
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> a, b = hornbeam.ops.convert_to_tensor([[[1.0, 2.0]], [[4.0, 5.0]]])
    >>> hornbeam.layers.Average()([a, b]).tolist()
    [[2.5, 3.5]]
    """

    def _merge(self, inputs: list[Any]) -> Any:
        return ops.divide(functools.reduce(ops.add, inputs), len(inputs))


@builtin("keras.layers")
class Subtract(Merge):
    """The first input minus the second.

    Input: a list of two inputs of shapes that broadcast.

    Args:
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> a, b = hornbeam.ops.convert_to_tensor([[[1.0, 2.0]], [[4.0, 5.0]]])
    >>> hornbeam.layers.Subtract()([a, b]).tolist()
    [[-3.0, -3.0]]
    """

    def build(self, input_shape: Any) -> None:
        """Check that there are two inputs of shapes that go together."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise InputError(
                f"Layer {self.path!r} (Subtract) takes exactly 2 inputs, got {len(input_shape)}."
            )

    def _join(self, x: Any, y: Any) -> Any:
        return ops.subtract(x, y)


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of the inputs.

    Args:
        inputs: a list of arrays or symbolic tensors of shapes that broadcast.
        **kwargs: see `Add`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.add([hornbeam.Input((3,)), hornbeam.Input((3,))]).shape
    (None, 3)
    """
    return Add(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of the inputs.

    Args:
        inputs: a list of arrays or symbolic tensors of shapes that broadcast.
        **kwargs: see `Multiply`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.multiply([hornbeam.Input((3,)), hornbeam.Input((3,))]).shape
    (None, 3)
    """
    return Multiply(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of the inputs, value by value.

    Args:
        inputs: a list of arrays or symbolic tensors of shapes that broadcast.
        **kwargs: see `Maximum`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.maximum([hornbeam.Input((3,)), hornbeam.Input((3,))]).shape
    (None, 3)
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of the inputs, value by value.

    Args:
        inputs: a list of arrays or symbolic tensors of shapes that broadcast.
        **kwargs: see `Minimum`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.minimum([hornbeam.Input((3,)), hornbeam.Input((3,))]).shape
    (None, 3)
    """
    return Minimum(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of the inputs.

    Args:
        inputs: a list of arrays or symbolic tensors of shapes that broadcast.
        **kwargs: see `Average`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.average([hornbeam.Input((3,)), hornbeam.Input((3,))]).shape
    (None, 3)
    """
    return Average(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first input minus the second.

    Args:
        inputs: a list of arrays or symbolic tensors of shapes that broadcast.
        **kwargs: see `Subtract`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.subtract([hornbeam.Input((3,)), hornbeam.Input((3,))]).shape
    (None, 3)
    """
    return Subtract(**kwargs)(inputs)
