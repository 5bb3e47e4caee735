"""`Activation` and `Identity`."""

from __future__ import annotations

from typing import Any

from hornbeam import activations
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Activation(Layer):
    """An activation function as a layer.

    Args:
        activation: name or function.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Activation("relu")
    >>> hornbeam.ops.convert_to_numpy(layer([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The function of `inputs`."""
        return self.activation(inputs)


@builtin("keras.layers")
class Identity(Layer):
    """Returns what it is given.

    Args:
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.ops.convert_to_numpy(hornbeam.layers.Identity()([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """`inputs`."""
        return inputs
