"""Layers as programs of PyTorch's: an ``ExportedProgram`` in a file, or ONNX by way of one."""

from __future__ import annotations

import importlib.util
import os
import secrets
from contextlib import suppress
from typing import Any

import torch

from hornbeam import tree
from hornbeam.backends.torch_arrays import DTYPES
from hornbeam.errors import EngineNotFoundError, UnsupportedError

EXAMPLE = 2
"""Size of the examples along axes of any size; 0 and 1 would be taken for constants."""


class _Inference(torch.nn.Module):
    """A layer's call outside of training, whose parameters and buffers are named and its own."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self._of = (layer,)
        self._places: list[tuple[Any, str]] = []
        for number, box in enumerate({id(v): v for v in layer.variables}.values()):
            name = f"v{number}_{''.join(c if c.isalnum() else '_' for c in box.path)}"
            self.register_buffer(name, box._value.detach())
            self._places.append((box, name))

    def forward(self, *args: Any) -> Any:
        """The outputs, computed from the module's own tensors, which tracing replaces."""
        before = [(box, box._value) for box, _ in self._places]
        try:
            for box, name in self._places:
                box._value = getattr(self, name)
            return self._of[0](*args, training=False)
        finally:
            for box, value in before:
                box._value = value


def export_layer(layer: Any, specs: list[Any], path: str, format: str, **options: Any) -> None:
    """Write a layer's inference to a file; see `Backend.export_layer`.

    Args:
        layer: a layer or model on this engine.
        specs: its arguments, nests of objects with ``shape`` and ``dtype``.
        path: the file.
        format: "torch" or "onnx".
        **options: for "onnx", those of ``torch.onnx.export``.

    Raises:
        UnsupportedError: if the model does something for arrays of one size only.
        EngineNotFoundError: if a package that writes ONNX is missing.
    """
    if format == "onnx":
        _need("onnx", "onnxscript")
    elif options:
        raise TypeError(f"export() got unknown arguments {sorted(options)}.")
    with torch.inference_mode(False), torch.no_grad():
        program = _program(layer, specs)
        temporary = f"{path}.{secrets.token_hex(8)}.tmp"
        try:
            if format == "onnx":
                options = {"dynamo": True, "verbose": False, **_names(specs), **options}
                torch.onnx.export(program, (), **options).save(temporary)  # type: ignore[union-attr]
            else:
                with open(temporary, "wb") as file:
                    torch.export.save(program, file)
            os.replace(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)


def _program(layer: Any, specs: list[Any]) -> Any:
    module = _Inference(layer).eval()
    examples = tuple(tree.map_structure(_example, spec) for spec in specs)
    sizes = tree.map_structure(_sizes, tuple(specs))
    try:
        return torch.export.export(module, examples, dynamic_shapes=(sizes,), strict=False)
    except (RuntimeError, ValueError) as error:
        raise UnsupportedError(
            f"PyTorch could not trace {layer.name!r} for arrays of any size: {error} Pass "
            "`input_signature=` with the sizes that are meant, or export to 'tf_saved_model'."
        ) from error


def _names(specs: list[Any]) -> dict[str, Any]:
    """The names of the inputs, if each has one of its own."""
    names = [spec.name for spec in tree.flatten(specs)]
    return {"input_names": names} if all(names) and len(set(names)) == len(names) else {}


def _example(spec: Any) -> Any:
    shape = [EXAMPLE if size is None else size for size in spec.shape]
    return torch.zeros(shape, dtype=DTYPES[spec.dtype])


def _sizes(spec: Any) -> Any:
    return {i: torch.export.Dim.DYNAMIC for i, size in enumerate(spec.shape) if size is None}


def _need(*packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineNotFoundError(
            f"Writing ONNX needs {' and '.join(missing)}. Run `pip install {' '.join(packages)}`."
        )
