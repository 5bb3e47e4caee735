"""Two layers that only architectures use; their names are what files call them by."""

from __future__ import annotations

from typing import Any

from hornbeam import initializers, ops
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


@builtin("keras.src.applications.convnext")
class LayerScale(Layer):
    """Multiplies each channel by a learned factor that begins near zero.

    Touvron, Cord, Sablayrolles, Synnaeve and Jégou, "Going deeper with image transformers" (2021).

    Args:
        init_values: the first value of the factors.
        projection_dim: the number of channels.
        **kwargs: see `Layer`.

    Input and output: (..., channels).

    Example:

    >>> import hornbeam
    >>> from hornbeam.applications.parts import LayerScale
    >>> LayerScale(0.5, 2)(hornbeam.ops.convert_to_tensor([[2.0, 4.0]])).tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, _: Any) -> None:
        """Make the factors, (channels,)."""
        start = initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=start, name="gamma")

    def call(self, x: Any) -> Any:
        """`x` times the factors."""
        return ops.multiply(x, self.gamma)


@builtin("keras.src.applications.inception_resnet_v2")
class CustomScaleLayer(Layer):
    """The first input plus the second times a fixed factor.

    Args:
        scale: the factor.
        **kwargs: see `Layer`.

    Input: two arrays of one shape. Output: the same shape.

    Example:

    >>> import hornbeam
    >>> from hornbeam.applications.parts import CustomScaleLayer
    >>> one = hornbeam.ops.ones((2,))
    >>> CustomScaleLayer(0.5)([one, one]).tolist()
    [1.5, 1.5]
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        """``inputs[0] + scale * inputs[1]``."""
        return ops.add(inputs[0], ops.multiply(inputs[1], self.scale))


__all__ = ["CustomScaleLayer", "LayerScale"]
