"""What a layer does to its arguments: arrays of its engine, floats in its compute dtype."""

from __future__ import annotations

from typing import Any

from hornbeam import dtypes, tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import MixedEnginesError
from hornbeam.layers.call_context import CallContext
from hornbeam.ops.record import owner_of


def raw(value: Any) -> Any:
    """The array of a variable; anything else as it is."""
    return value.__hornbeam_array__() if hasattr(value, "__hornbeam_array__") else value


def as_array_if_numbers(value: Any) -> Any:
    """A nested list of numbers as a NumPy array; anything else as it is."""
    import numpy as np

    leaf = value
    while isinstance(leaf, (list, tuple)) and leaf:
        leaf = leaf[0]
    if isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
        return np.asarray(value, dtypes.floatx() if isinstance(leaf, float) else None)
    return value


def engine_of_any(arguments: Any) -> Backend | None:
    """The engine of the first array among the arguments that has one, symbolic ones aside."""
    for leaf in tree.flatten(arguments):
        if leaf is not None:
            owner = owner_of(leaf)
            if owner is not None and not owner.symbolic:
                return owner
    return None


def convert_leaf(
    layer: Any, context: CallContext, backend: Backend, leaf: Any, target: str | None
) -> Any:
    """`leaf`, if it is an array: one of `backend`, floats in the dtype `target`, with its mask."""
    if leaf is None or isinstance(leaf, (bool, int, float, str)):
        return leaf
    owner = registry.engine_of(type(leaf))
    if owner is None:
        if hasattr(leaf, "__hornbeam_array__") or not hasattr(leaf, "__array__"):
            return leaf
        if getattr(getattr(leaf, "dtype", None), "kind", "f") in "OSUT":
            return leaf
        leaf = backend.asarray(leaf)
        owner = backend
    elif owner is not backend and not owner.symbolic:
        raise MixedEnginesError(
            f"Layer {layer.path!r} lives on the engine {backend.name!r} but got an array of "
            f"{owner.name!r}. Pass `ops.convert_to_numpy(x)`, or move the model to that engine."
        )
    if target is None:
        return leaf
    dtype = owner.dtype(leaf)
    if dtype == target or not dtypes.is_float(dtype):
        return leaf
    return _cast_with_mask(context, owner, leaf, target)


def _cast_with_mask(context: CallContext, owner: Backend, leaf: Any, target: str) -> Any:
    from hornbeam import ops

    cast = ops.cast(leaf, target) if isinstance(leaf, KerasTensor) else owner.cast(leaf, target)
    context.set_mask(cast, context.mask_of(leaf))
    return cast


def sizes(x: Any) -> tuple[Any, ...]:
    """The shape of `x` to compute with: ints, and where a size is not known, a stand-in for it."""
    owner = registry.engine_of(type(x)) or registry.current()
    return owner.shape(x)


def array_backend(x: Any) -> Backend:
    """The backend that an array, symbolic ones included, belongs to."""
    return registry.engine_of(type(x)) or registry.current()
