"""When a recurrent layer is the textbook one, which engines have a kernel for."""

from __future__ import annotations

from typing import Any

from hornbeam import activations
from hornbeam.layers.conversion import array_backend, raw


def is_plain(layer: Any, training: bool) -> bool:
    """Whether the layer has tanh and sigmoid, no dropout now, and a loop."""
    cell = layer.cell
    dropping = training and (cell.dropout > 0 or cell.recurrent_dropout > 0)
    return (
        cell.activation is activations.get("tanh")
        and cell.recurrent_activation is activations.get("sigmoid")
        and not dropping
        and not layer.unroll
    )


def like(x: Any, *weights: Any) -> list[Any]:
    """The values of the weights as arrays of the kind of `x` (symbolic if it is); None stays None."""
    backend = array_backend(x)
    values = [None if w is None else raw(w) for w in weights]
    return [v if v is None or backend.is_array(v) else backend.asarray(v) for v in values]
