"""`Wrapper`: a layer around a layer."""

from __future__ import annotations

from typing import Any

from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Wrapper(Layer):
    """The base of layers that change what another layer does.

    Args:
        layer: the wrapped layer.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> class Twice(hornbeam.layers.Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(self.layer(inputs))
    >>> Twice(hornbeam.layers.Dense(3))(hornbeam.ops.ones((2, 3))).shape
    (2, 3)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise InputError(f"{type(self).__name__}: `layer` must be a Layer, got {layer!r}.")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        """Build the wrapped layer for the same shape."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
