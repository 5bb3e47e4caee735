"""Noticing that a mask got lost within a `call` that somebody wrote by hand.

Masks follow values through layers, and through ops of symbolic tensors.  In a hand-written `call` an
engine's own operators (``x * 2``) make arrays that nobody sees being made, and no mask can follow.  What
can be seen is a layer that would use a mask, gets none, and gets an array that neither came into the
`call` nor out of a layer, while a mask for the same batch and time is around.  Going on would take the
padding for data, so that is an error; whoever passes any mask by hand has thought of it.
"""

from __future__ import annotations

from typing import Any

from hornbeam import tree
from hornbeam.errors import InputError
from hornbeam.layers.call_context import CallContext


def is_handwritten(kind: type) -> bool:
    """Whether the class is a user's."""
    return kind.__module__.partition(".")[0] != "hornbeam"


def parent_is_handwritten(context: CallContext) -> bool:
    """Whether the layer that is running was called from a hand-written `call`."""
    return len(context.layers) > 1 and is_handwritten(type(context.layers[-2]))


def enter(context: CallContext, layer: Any, arguments: Any) -> None:
    """Take note of what comes into an outer hand-written `call`."""
    if is_handwritten(type(layer)) and not parent_is_handwritten(context):
        know(context, arguments)


def leave(context: CallContext, outputs: Any) -> None:
    """Take note of what a layer returned to a hand-written `call`."""
    if parent_is_handwritten(context):
        know(context, outputs)


def know(context: CallContext, values: Any) -> None:
    """Remember, as long as they live, arrays whose masks are not in doubt."""
    for leaf in tree.flatten(values):
        if hasattr(leaf, "shape"):
            context.know(leaf)


def given_by_hand(mask_name: str, kwargs: dict[str, Any]) -> bool:
    """Whether the caller has thought of masks: passed this one, be it None, or an array as another."""
    return mask_name in kwargs or any(
        name.endswith("mask") and hasattr(value, "shape") for name, value in kwargs.items()
    )


def watch(context: CallContext, layer: Any, name: str, value: Any, mask_name: str) -> None:
    """Raise if a mask for `value`, an argument of a layer that uses masks, was probably lost.

    Args:
        context: the call that is going on.
        layer: the layer.
        name: the argument.
        value: its value, an array or a nest of them, for which there is no mask.
        mask_name: the argument that the mask would be.

    Raises:
        InputError: if so; it names the layer, the argument and the two ways out.
    """
    if not context.masks or not parent_is_handwritten(context):
        return
    for leaf in tree.flatten(value):
        if not hasattr(leaf, "shape") or context.knows(leaf):
            continue
        shape = tuple(leaf.shape)
        for _, mask in context.masks.values():
            size = tuple(getattr(mask, "shape", ()))
            if 1 < len(size) < len(shape) and shape[: len(size)] == size:
                parent = context.layers[-2]
                raise InputError(
                    f"Layer {layer.path!r} ({type(layer).__name__}) uses masks, but none came with its "
                    f"`{name}` of shape {shape}, although the call of {parent.path!r} "
                    f"({type(parent).__name__}) has a mask of shape {size}. Operators such as `x * 2` "
                    f"make arrays that masks do not follow: pass `{mask_name}=` (what `compute_mask()` "
                    f"of the masking layer gives), or `{mask_name}=None` if there is nothing to mask."
                )


__all__ = [
    "enter",
    "given_by_hand",
    "is_handwritten",
    "know",
    "leave",
    "parent_is_handwritten",
    "watch",
]
