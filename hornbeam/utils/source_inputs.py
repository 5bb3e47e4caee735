"""Where a symbolic tensor comes from."""

from __future__ import annotations

from typing import Any

from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError


def get_source_inputs(tensor: KerasTensor) -> list[Any]:
    """The inputs that a symbolic tensor was computed from, each once.

    Args:
        tensor: a symbolic tensor of a functional model.

    Example:

    >>> import hornbeam
    >>> i = hornbeam.Input((3,))
    >>> hornbeam.utils.get_source_inputs(hornbeam.layers.Dense(2)(i))[0] is i
    True
    """
    if not isinstance(tensor, KerasTensor):
        raise InputError(
            f"get_source_inputs() needs a symbolic tensor, got {type(tensor).__name__}."
        )
    found: list[Any] = []
    seen: set[int] = set()
    pending = [tensor]
    while pending:
        current = pending.pop()
        node = current._node
        if id(current) in seen:
            continue
        seen.add(id(current))
        if node is None or node.is_input:
            found.append(current)
        else:
            pending += reversed(node.inputs)
    return found
