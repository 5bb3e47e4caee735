"""What a program is called with: shapes and dtypes of its arguments, from whatever describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hornbeam import dtypes, tree
from hornbeam.errors import InputError


@dataclass(frozen=True)
class Spec:
    """One array that a program takes.

    Args:
        shape: its shape, None where any size will do.
        dtype: its dtype, by name.
        name: what to call it.
    """

    shape: tuple[int | None, ...]
    dtype: str
    name: str | None


def spec_of(given: Any) -> Spec:
    """A `Spec` of a symbolic tensor, an `InputSpec`, an engine's own spec, or an array.

    Raises:
        InputError: if it has no shape, or its rank is not known.

    Example:

    >>> import hornbeam
    >>> spec_of(hornbeam.Input((3,), name="x"))
    Spec(shape=(None, 3), dtype='float32', name='x')
    """
    shape = getattr(given, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:
        raise InputError(
            "A signature is made of symbolic tensors, `InputSpec`s with a shape, or arrays, got "
            f"{given!r}."
        )
    name = getattr(given, "name", None)
    sizes = tuple(None if size is None else int(size) for size in shape)
    return Spec(sizes, dtypes.standardize(getattr(given, "dtype", None)), _plain(name))


def _plain(name: Any) -> str | None:
    if not isinstance(name, str) or not name:
        return None
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name)


def signature(given: Any) -> list[Any]:
    """The positional arguments of a program as nests of `Spec`.

    Args:
        given: a list or tuple of arguments, or the only one.
    """
    arguments = list(given) if type(given) in (list, tuple) else [given]
    return [tree.map_structure(spec_of, argument) for argument in arguments]


def signature_of(model: Any) -> list[Any]:
    """The signature of a model's call: of its symbolic inputs, or of the shapes it was built for.

    Raises:
        InputError: if neither is known.
    """
    struct = getattr(model, "_inputs_struct", None)
    graph = getattr(model, "_graph", None)
    if struct is None and graph is not None:
        struct = model.input
    if struct is None and getattr(model, "_layers", None) and model.built:
        struct = model.input
    if struct is not None:
        return [tree.map_structure(spec_of, struct)]
    shapes = (model.get_build_config() or {}).get("input_shape") if model.built else None
    if shapes is None:
        raise InputError(
            f"{type(model).__name__} {model.name!r} does not say what it is called with. Pass "
            "`input_signature=[hornbeam.InputSpec(shape=(None, ...), dtype=...)]`, or call the model on "
            "data first."
        )
    return [_of_shapes(shapes, model.compute_dtype)]


def _of_shapes(shapes: Any, dtype: str) -> Any:
    if isinstance(shapes, dict):
        return {key: _of_shapes(value, dtype) for key, value in shapes.items()}
    if shapes and all(size is None or isinstance(size, int) for size in shapes):
        return Spec((None, *shapes[1:]), dtype, None)
    return [_of_shapes(value, dtype) for value in shapes]


__all__ = ["Spec", "signature", "signature_of", "spec_of"]
