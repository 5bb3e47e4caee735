"""Running layers on another engine for the time of an export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hornbeam.backends import registry
from hornbeam.backends.protocol import Backend
from hornbeam.variables import Variable


@contextmanager
def on_engine(
    backend: Backend, layers: Sequence[Any], others: Sequence[Variable]
) -> Iterator[None]:
    """A context in which layers and variables are on `backend`; afterwards they are as they were.

    Args:
        backend: the engine.
        layers: layers and models, with all that they hold.
        others: further variables.
    """
    parts = {id(part): part for layer in layers for part in layer._flatten_layers()}
    parts |= {id(layer): layer for layer in layers}
    variables = {id(v): v for layer in layers for v in layer.variables}
    variables |= {id(v): v for v in others}
    boxes = [(v, v.backend, v._value) for v in variables.values()]
    places = [(part, part._backend, part._losses, part._lossy) for part in parts.values()]
    try:
        for variable, _, _ in boxes:
            variable.move(backend)
        for part, *_ in places:
            part._backend, part._losses, part._lossy = backend, [], []
        with registry.use_backend(backend.name):
            yield
    finally:
        for variable, engine, value in boxes:
            variable.backend, variable._value = engine, value
        for part, engine, losses, lossy in places:
            part._backend, part._losses, part._lossy = engine, losses, lossy


__all__ = ["on_engine"]
