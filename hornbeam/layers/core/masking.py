"""`Masking`: time steps that hold nothing are to be skipped."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.layers.call_context import set_mask
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Masking(Layer):
    """Marks the time steps whose features all equal `mask_value`, and sets them to zero.

    The mask travels with the output; layers further on (recurrent ones, attention, averages over time)
    leave the marked steps out.

    Args:
        mask_value: the value that stands for "nothing here".
        **kwargs: see `Layer`.

    Input and output: (batch, time, features).

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.convert_to_tensor([[[5.0], [0.0]]])
    >>> hornbeam.layers.Masking().compute_mask(x).tolist()
    [[True, False]]
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Whether a step holds anything, (batch, time)."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """`inputs` with the marked steps set to zero."""
        mask = self.compute_mask(inputs)
        outputs = ops.multiply(inputs, ops.cast(ops.expand_dims(mask, -1), inputs.dtype))
        set_mask(outputs, mask)
        return outputs
