"""What layers are called with and built for: signatures of `call`, and nests of shapes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from hornbeam import tree
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError

SHAPE_ARGUMENTS = ("input_shape", "batch_input_shape", "batch_shape", "input_dim", "batch_size")
"""Constructor arguments that say what a first layer of a `Sequential` takes."""


class CallSignature(NamedTuple):
    """What the ``call`` method of a class takes."""

    signature: inspect.Signature
    names: tuple[str, ...]
    takes_training: bool
    mask_names: dict[str, str]

    @classmethod
    def of(cls, kind: Any) -> CallSignature:
        """The signature of ``kind.call``."""
        return _call_signature(kind)


@functools.cache
def _call_signature(kind: Any) -> CallSignature:
    signature = inspect.signature(kind.call)
    parameters = list(signature.parameters.values())[1:]
    names = tuple(p.name for p in parameters)
    keywords = any(p.kind is p.VAR_KEYWORD for p in parameters)
    masks = {n[:-5]: n for n in names if n.endswith("_mask") and n[:-5] in names}
    if "mask" in names and names[0] != "mask":
        masks.setdefault(names[0], "mask")
    takes_training = "training" in names or keywords
    return CallSignature(inspect.Signature(parameters), names, takes_training, masks)


@functools.cache
def build_parameters(kind: Any) -> tuple[inspect.Parameter, ...]:
    """What ``kind.build`` takes, without `self`."""
    return tuple(inspect.signature(kind.build).parameters.values())[1:]


def input_shape_of(kind: str, kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The batch input shape that constructor arguments of the first layer ask for."""
    given = {key: kwargs.pop(key) for key in SHAPE_ARGUMENTS if key in kwargs}
    batch = given.get("batch_size")
    for key in ("batch_input_shape", "batch_shape"):
        if given.get(key) is not None:
            return tuple(given[key])
    if given.get("input_shape") is not None:
        shape = given["input_shape"]
        return (batch, *((shape,) if isinstance(shape, int) else shape))
    if given.get("input_dim") is not None:
        if not isinstance(given["input_dim"], int):
            raise InputError(f"{kind}: `input_dim` must be an int, got {given['input_dim']!r}.")
        return (batch, given["input_dim"])
    return None


def shapes_by_name(
    signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The shapes of the array arguments of a call, by parameter."""
    bound = {**dict(zip(signature.names, args, strict=False)), **kwargs}
    shapes: dict[str, Any] = {}
    for name, value in bound.items():
        if type(value) is KerasTensor:  # nearly always
            if not name.endswith("mask"):
                shapes[name] = value.shape
            continue
        leaves = tree.flatten(value)
        if leaves and any(hasattr(leaf, "shape") for leaf in leaves) and not name.endswith("mask"):
            shapes[name] = tree.map_structure(
                lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else None, value
            )
    return shapes


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape, rather than a nest of shapes."""
    return isinstance(value, (list, tuple)) and all(d is None or isinstance(d, int) for d in value)


def map_shapes(fn: Callable[[Any], Any], shapes: Any) -> Any:
    """`fn` of every shape in a nest of shapes."""
    if shapes is None:
        return None
    if is_shape(shapes):
        return fn(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(fn, value) for key, value in shapes.items()}
    return type(shapes)(map_shapes(fn, value) for value in shapes)


def as_shapes(value: Any) -> Any:
    """Shapes read from JSON, where tuples are lists."""
    return map_shapes(lambda shape: shape, value)
