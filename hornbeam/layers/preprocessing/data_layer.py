"""`DataLayer`: a layer that may also stand outside of the model, where data is loaded."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.layers.layer import Layer


class DataLayer(Layer):
    """A layer without an engine of its own: it computes on that of its inputs.

    NumPy arrays go to the current engine, so the same layer serves in a model, in a loader of another
    framework and on its own.
    """

    def convert_weight(self, weight: Any) -> Any:
        """`weight`, a variable or an array, as an array of the engine that is computing.

        Args:
            weight: a variable, an array or numbers.
        """
        value = weight.numpy() if hasattr(weight, "__hornbeam_array__") else weight
        return ops.convert_to_tensor(value)


__all__ = ["DataLayer"]
