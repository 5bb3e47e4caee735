"""`ExportArchive`: functions and the variables they use, as one program in a folder."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.export.places import on_engine
from hornbeam.export.signatures import signature, signature_of
from hornbeam.layers import Layer
from hornbeam.variables import Variable

SAVED_MODEL = "tf_saved_model"
INSTEAD = {
    "openvino": "export to 'onnx' or 'tf_saved_model' and give the result to `openvino.convert_model`",
    "litert": "export to 'tf_saved_model' and give the folder to "
    "`tf.lite.TFLiteConverter.from_saved_model`",
}
"""Formats that other programs make of ours -> how."""


class ExportArchive:
    """Functions of arrays, with the variables they use, to be written as one SavedModel.

    The functions are written for any engine; they are traced on the one whose format it is, on which the
    tracked models are put for that time.  A program keeps the values that the variables have when it is
    written.  Where a signature has None, it takes any size.

    Args:
        format: "saved_model" (or "tf_saved_model").
        **kwargs: nothing; unknown names raise TypeError.

    Raises:
        UnsupportedError: for other formats, saying what to do.

    Example:

    >>> import hornbeam, os, tempfile
    >>> model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(2)])
    >>> archive = hornbeam.export.ExportArchive()
    >>> archive.track(model)
    >>> _ = archive.add_endpoint("serve", lambda x: model(x), [hornbeam.InputSpec(shape=(None, 3))])
    >>> folder = os.path.join(tempfile.mkdtemp(), "program")
    >>> archive.write_out(folder, verbose=False)
    >>> sorted(os.listdir(folder))[-2:]
    ['saved_model.pb', 'variables']
    """

    def __init__(self, format: str = "saved_model", **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"ExportArchive() got unknown arguments {sorted(kwargs)}.")
        if format not in ("saved_model", SAVED_MODEL):
            raise UnsupportedError(
                f"An ExportArchive writes the format 'saved_model', got {format!r}. For a single model, "
                f"see `Model.export(filepath, format={format!r})`."
            )
        self.format = format
        self._resources: list[Any] = []
        self._loose: list[Variable] = []
        self._endpoints: dict[str, tuple[Callable[..., Any], list[Any]]] = {}
        self._collections: dict[str, list[Variable]] = {}

    def track(self, resource: Any) -> None:
        """Say that endpoints use a layer, a model or a variable.

        Args:
            resource: it; layers have to be built.

        Raises:
            InputError: if it is nothing of that kind, or has no variables yet.
        """
        if isinstance(resource, Variable):
            self._loose.append(resource)
            return
        if not isinstance(resource, Layer):
            raise InputError(
                f"track() takes layers, models and variables, got {type(resource).__name__}."
            )
        if not resource.built:
            raise InputError(
                f"{type(resource).__name__} {resource.name!r} has not been built, so it has no "
                "variables to export yet: build it, or call it on data, first."
            )
        self._resources.append(resource)

    def add_endpoint(
        self, name: str, fn: Callable[..., Any], input_signature: Any = None, **kwargs: Any
    ) -> Callable[..., Any]:
        """Add a function under a name.

        Args:
            name: what it is called in the program.
            fn: a function of arrays, or a tracked model.
            input_signature: a list with one entry for each argument: a symbolic tensor, an `InputSpec`,
                an array, or a nest of these. A tracked model need not say.
            **kwargs: nothing; unknown names raise TypeError.

        Returns:
            `fn`.

        Raises:
            InputError: if the name is taken or no name, or there is no signature.
        """
        if kwargs:
            raise TypeError(f"add_endpoint() got unknown arguments {sorted(kwargs)}.")
        if not name.isidentifier() or name.startswith("_") or name in self._taken():
            raise InputError(f"An endpoint needs a new name that is an identifier, got {name!r}.")
        if isinstance(fn, Layer) and fn not in self._resources:
            self.track(fn)
        if input_signature is None:
            if not isinstance(fn, Layer):
                raise InputError(
                    f"The endpoint {name!r} needs `input_signature=`: a list of "
                    "`hornbeam.InputSpec(shape=(None, 3), dtype='float32')`, one for each argument."
                )
            specs = signature_of(fn)
        else:
            specs = signature(input_signature)
        self._endpoints[name] = fn, specs
        return fn

    def track_and_add_endpoint(
        self, name: str, resource: Any, input_signature: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        """Track a layer or model, and add its call, without training, under a name.

        Args:
            name: what it is called in the program.
            resource: the layer or model.
            input_signature: see `add_endpoint`.
            **kwargs: nothing; unknown names raise TypeError.

        Returns:
            The function that was added.
        """
        self.track(resource)
        return self.add_endpoint(name, resource, input_signature, **kwargs)

    def add_variable_collection(self, name: str, variables: Sequence[Variable]) -> None:
        """Let the program have a list of variables under a name.

        Args:
            name: the name.
            variables: a list of `Variable`.

        Raises:
            InputError: if the name is taken or no name, or one is no variable.
        """
        if not name.isidentifier() or name.startswith("_") or name in self._taken():
            raise InputError(f"A collection needs a new name that is an identifier, got {name!r}.")
        wrong = [type(v).__name__ for v in variables if not isinstance(v, Variable)]
        if wrong:
            raise InputError(f"A collection is a list of variables, got {wrong}.")
        self._collections[name] = list(variables)

    def _taken(self) -> set[str]:
        return {*self._endpoints, *self._collections, "variables", "signatures"}

    def write_out(self, filepath: Any, options: Any = None, verbose: bool = True) -> None:
        """Write the program into a folder; one that is there is replaced as a whole.

        Args:
            filepath: the folder.
            options: the engine's own options for writing (``tf.saved_model.SaveOptions``).
            verbose: whether to print what was written.

        Raises:
            InputError: if there is no endpoint.
            EngineNotFoundError: if the package that writes the format is not installed.
        """
        if not self._endpoints:
            raise InputError("There is no endpoint to write: call add_endpoint() first.")
        backend = registry.exporter(SAVED_MODEL)
        extra = [*self._loose, *(v for held in self._collections.values() for v in held)]
        with on_engine(backend, self._resources, extra), _new_folder(filepath) as folder:
            weights = {id(v): v for part in self._resources for v in part.variables}
            weights |= {id(v): v for v in extra}
            collections = {"variables": list(weights.values()), **self._collections}
            backend.save_program(
                str(folder),
                {name: (_inference(fn), specs) for name, (fn, specs) in self._endpoints.items()},
                {name: [v._value for v in held] for name, held in collections.items()},
                options,
            )
        if verbose:
            names = ", ".join(f"{n}({_shown(specs)})" for n, (_, specs) in self._endpoints.items())
            sys.stdout.write(f"Wrote {str(filepath)!r} with the endpoints {names}.\n")


def _inference(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's call outside of training."""
    if not isinstance(fn, Layer):
        return fn
    return lambda *args: fn(*args, training=False)


def _shown(specs: list[Any]) -> str:
    return ", ".join(f"{spec.dtype}{list(spec.shape)}" for spec in tree.flatten(specs))


@contextmanager
def _new_folder(filepath: Any) -> Iterator[Path]:
    """A folder to write into, which takes its name when all of it is there."""
    target = Path(filepath)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield made
        if target.exists():
            old = made.with_suffix(".old")
            os.replace(target, old)
            os.replace(made, target)
            shutil.rmtree(old)
        else:
            os.replace(made, target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def export_model(
    model: Any,
    filepath: Any,
    format: str = SAVED_MODEL,
    verbose: bool | None = None,
    input_signature: Any = None,
    **kwargs: Any,
) -> None:
    """Write a model's inference as a program: what `Model.export` does.

    Args:
        model: a built model.
        filepath: the folder (for "tf_saved_model"), or the file.
        format: "tf_saved_model", "onnx" or "torch".
        verbose: whether to print what was written; None is True.
        input_signature: what the model is called with; by default what it was built for.
        **kwargs: options of the library that writes the format.

    Raises:
        UnsupportedError: for formats that are not written, saying what to do.
        EngineNotFoundError: if the package that writes the format is not installed.
        InputError: if the model is not built.
    """
    if format in INSTEAD:
        raise UnsupportedError(f"The format {format!r} is not written: {INSTEAD[format]}.")
    backend = registry.exporter(format)
    if input_signature is None:
        specs = signature_of(model)
    else:
        specs = _for_model(model, signature(input_signature))
    if format == SAVED_MODEL:
        options = kwargs.pop("options", None)
        if kwargs:
            raise TypeError(f"export() got unknown arguments {sorted(kwargs)}.")
        archive = ExportArchive()
        archive.track(model)
        archive._endpoints["serve"] = model, specs
        archive.write_out(filepath, options, verbose is not False)
        return
    with on_engine(backend, [model], []):
        backend.export_layer(model, specs, os.fspath(filepath), format, **kwargs)
    if verbose is not False:
        sys.stdout.write(f"Wrote {str(filepath)!r} for {_shown(specs)}.\n")


def _for_model(model: Any, specs: list[Any]) -> list[Any]:
    """Several arrays in a list are one argument of a model that takes a list."""
    struct = getattr(model, "_inputs_struct", None)
    if isinstance(struct, (list, tuple)) and len(specs) == len(struct) > 1:
        return [specs]
    return specs


__all__ = ["ExportArchive", "export_model"]
