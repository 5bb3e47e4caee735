"""What is known during one outermost call of a layer: training or not, masks, where we are.

Masks travel here rather than on the arrays, because arrays of most engines take no attributes.  The
table keeps each array alive for as long as the call lasts, so that its ``id`` stays its own.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

from hornbeam.backends.symbolic import KerasTensor


class CallContext:
    """The state of one outermost call."""

    __slots__ = ("_known", "layers", "loss_layers", "masks", "path", "training")

    def __init__(self) -> None:
        self.training: bool | None = None
        self.masks: dict[int, tuple[Any, Any]] = {}
        self.path: list[str] = []
        self.loss_layers: list[Any] = []
        self.layers: list[Any] = []  # those that are running, the outermost first
        self._known: WeakValueDictionary[int, Any] = WeakValueDictionary()

    def mask_of(self, x: Any) -> Any:
        """The mask that came with `x`, or None."""
        if isinstance(x, KerasTensor):
            return x._mask
        found = self.masks.get(id(x))
        return None if found is None else found[1]

    def know(self, x: Any) -> None:
        """Remember the array `x` for as long as it lives; see `lost_masks`."""
        self._known[id(x)] = x

    def knows(self, x: Any) -> bool:
        """Whether `x` was given to `know`."""
        return self._known.get(id(x)) is x

    def set_mask(self, x: Any, mask: Any) -> None:
        """Let `mask` travel with `x`."""
        if isinstance(x, KerasTensor):
            x._mask = mask
        elif mask is not None:
            self.masks[id(x)] = (x, mask)


current: ContextVar[CallContext | None] = ContextVar("hornbeam_call_context", default=None)


def get_mask(x: Any) -> Any:
    """The mask that travels with `x` in the call that is going on, or None."""
    if isinstance(x, KerasTensor):
        return x._mask
    context = current.get()
    return None if context is None else context.mask_of(x)


def set_mask(x: Any, mask: Any) -> None:
    """Let `mask` travel with `x`: a KerasTensor for good, an array for the call that is going on."""
    context = current.get()
    if context is not None:
        context.set_mask(x, mask)
    elif isinstance(x, KerasTensor):
        x._mask = mask
