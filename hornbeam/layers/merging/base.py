"""Layers that join inputs of equal shape value by value."""

from __future__ import annotations

import functools
from typing import Any

from hornbeam import ops
from hornbeam.backends.symbolic import broadcast
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer


class Merge(Layer):
    """The base of the layers that join several inputs into one.

    Inputs of lower rank get axes of size 1 behind the batch axis; then shapes broadcast.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check that there are several inputs, and that their shapes go together."""
        shapes = _checked_list(self, input_shape)
        rank = max(len(s) for s in shapes)
        widened = [(*s[:1], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        try:
            broadcast(*widened)
        except InputError as error:
            raise InputError(
                f"Layer {self.path!r} ({type(self).__name__}) got inputs of shapes "
                f"{', '.join(map(str, shapes))}, which do not broadcast. {error}"
            ) from None

    def call(self, inputs: Any) -> Any:
        """All inputs, joined."""
        inputs = _checked_list(self, inputs)
        rank = max(len(x.shape) for x in inputs)
        return self._merge([_widened(x, rank) for x in inputs])

    def _merge(self, inputs: list[Any]) -> Any:
        return functools.reduce(self._join, inputs)

    def _join(self, x: Any, y: Any) -> Any:
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """A step is masked where it is masked in all inputs; one without a mask has no such steps."""
        if not mask or any(m is None for m in mask):
            return None
        return functools.reduce(ops.logical_or, mask)


def _widened(x: Any, rank: int) -> Any:
    missing = rank - len(x.shape)
    return ops.expand_dims(x, tuple(range(1, 1 + missing))) if missing else x


def _checked_list(layer: Layer, inputs: Any) -> list[Any]:
    shapes_or_arrays = isinstance(inputs, (list, tuple)) and not (
        inputs and all(d is None or isinstance(d, int) for d in inputs)
    )
    if not shapes_or_arrays or not inputs:
        raise InputError(
            f"Layer {layer.path!r} ({type(layer).__name__}) joins a list of inputs, got "
            f"{'an empty list' if isinstance(inputs, (list, tuple)) and not inputs else 'one input'}. "
            "Call it as `layer([a, b])`."
        )
    return list(inputs)
