"""`TimeDistributed`: a layer applied to each time step."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, tree
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.core.wrapper import Wrapper
from hornbeam.layers.shapes import CallSignature
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class TimeDistributed(Wrapper):
    """Applies a layer or model to each time step on its own, with the same weights.

    The steps of all examples go through the layer as one large batch.

    Args:
        layer: the layer or model.
        **kwargs: see `Layer`.

    Input: (batch, time, ...).  Output: (batch, time, ...).

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.TimeDistributed(hornbeam.layers.Dense(3))
    >>> layer(hornbeam.ops.ones((2, 10, 5))).shape
    (2, 10, 3)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Build the layer for one time step."""
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) < 3:
            raise InputError(
                f"Layer {self.path!r} (TimeDistributed) takes (batch, time, ...) with at least one more "
                f"axis, got shape {input_shape}."
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The layer of each time step."""
        batch, time, *rest = sizes(inputs)
        steps = ops.reshape(inputs, (batch * time, *rest))
        kwargs = {}
        signature = CallSignature.of(type(self.layer))
        if signature.takes_training:
            kwargs["training"] = training
        if mask is not None and len(mask.shape) > 2 and "mask" in signature.names:
            kwargs["mask"] = ops.reshape(mask, (batch * time, *sizes(mask)[2:]))
        outputs = self.layer(steps, **kwargs)
        return tree.map_structure(lambda y: ops.reshape(y, (batch, time, *sizes(y)[1:])), outputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the time steps."""
        if mask is None or len(mask.shape) <= 2:
            return mask
        return ops.any(mask, axis=tuple(range(2, len(mask.shape))))
