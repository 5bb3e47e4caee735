"""Programs that TensorFlow has saved (SavedModels), for a layer around one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from hornbeam import tree
from hornbeam.errors import InputError


class Program:
    """A SavedModel, loaded.

    Args:
        path: its folder.

    Raises:
        InputError: if there is none.
    """

    def __init__(self, path: str) -> None:
        if not tf.saved_model.contains_saved_model(path):
            raise InputError(
                f"There is no SavedModel in {path!r}: expected a folder with a file saved_model.pb, as "
                "`tf.saved_model.save` and `model.export` write it."
            )
        self.path = path
        self.loaded = tf.saved_model.load(path)
        held = getattr(self.loaded, "variables", None)
        if held is None:
            functions = self.loaded.signatures.values()
            held = {id(v): v for f in functions for v in f.variables}.values()
        self.variables: list[Any] = list(held)

    def endpoint(self, name: str) -> Callable[..., Any]:
        """The function, or else the signature, of that name.

        Raises:
            InputError: if there is none; it lists those that there are.
        """
        found = getattr(self.loaded, name, None)
        if callable(found):
            return found  # type: ignore[no-any-return]
        signatures = self.loaded.signatures
        if name in signatures:
            return _by_position(signatures[name])
        functions = [n for n in dir(self.loaded) if not n.startswith("_")]
        known = sorted({n for n in functions if callable(getattr(self.loaded, n))} | {*signatures})
        raise InputError(
            f"The SavedModel in {self.path!r} has no endpoint {name!r}; it has {known}."
        )


def _by_position(signature: Any) -> Callable[..., Any]:
    """A signature, whose arguments have names only, for a call with one array or with a dict of them."""
    names = list(signature.structured_input_signature[1])

    def call(inputs: Any, **kwargs: Any) -> Any:
        if isinstance(inputs, dict):
            return signature(**inputs, **kwargs)
        several = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        return signature(**dict(zip(names, several, strict=False)), **kwargs)

    return call


def save(
    path: str,
    endpoints: dict[str, tuple[Callable[..., Any], list[Any]]],
    collections: dict[str, list[Any]],
    options: Any = None,
) -> None:
    """Write functions as a SavedModel; see `Backend.save_program`.

    Each is a function of the loaded program and a signature; the one called "serve", else the first, is
    the signature "serving_default" too.
    """
    program = (
        tf.train.Checkpoint()
    )  # an object that keeps track of its attributes, and nothing more
    for name, held in collections.items():
        setattr(program, name, [v for v in held if isinstance(v, tf.Variable)])
    signatures = {}
    for name, (fn, specs) in endpoints.items():
        traced = tf.function(fn, input_signature=_specs(specs), autograph=False)
        setattr(program, name, traced)
        signatures[name] = traced.get_concrete_function()
    default = "serve" if "serve" in signatures else next(iter(signatures))
    signatures["serving_default"] = signatures[default]
    tf.saved_model.save(program, path, signatures, options)


def _specs(specs: list[Any]) -> list[Any]:
    """Specs as TensorFlow's, each with a name of its own."""
    names: set[str] = set()

    def one(spec: Any) -> Any:
        stem = spec.name or "inputs"
        name, number = stem, 1
        while name in names:
            name, number = f"{stem}_{number}", number + 1
        names.add(name)
        return tf.TensorSpec(spec.shape, spec.dtype, name)

    return [tree.map_structure(one, spec) for spec in specs]


def shapes_of(fn: Callable[..., Any], *specs: tuple[tuple[int, ...], str]) -> Any:
    """What `fn` returns for arrays of such shapes and dtypes, without computing it."""
    tensors = [tf.TensorSpec(shape, dtype) for shape, dtype in specs]
    traced = tf.function(fn, autograph=False).get_concrete_function(*tensors)
    return traced.structured_outputs
