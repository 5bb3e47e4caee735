"""Pickled models: the file of `save_model` as bytes, and the user's classes by reference.

Only `pickle` itself, or what uses it (joblib, multiprocessing), comes here; like all pickles these are
for data from one's own hands.  For files, use `Model.save`.
"""

from __future__ import annotations

import io
from typing import Any

from hornbeam.saving import files
from hornbeam.saving.objects import CustomObjectScope, serialize_for_file


def reduced(model: Any) -> tuple[Any, tuple[Any, ...]]:
    """What ``model.__reduce__`` returns: `restored` and its arguments.

    Args:
        model: a model.
    """
    buffer = io.BytesIO()
    files.write_archive(buffer, model, serialize_for_file(model))
    return restored, (buffer.getvalue(), _own_classes(model), model._model_backend().name)


def _own_classes(model: Any) -> dict[str, type]:
    """The classes of layers, optimizer and metrics that are not Hornbeam's, by name."""
    parts = [*model._flatten_layers(), model.optimizer, *model.metrics]
    kinds = {type(part) for part in parts if part is not None}
    return {kind.__name__: kind for kind in kinds if not kind.__module__.startswith("hornbeam.")}


def restored(content: bytes, classes: dict[str, type], engine: str) -> Any:
    """The model that `reduced` made these of.

    Args:
        content: the bytes of a file in Keras's format.
        classes: the user's classes by name.
        engine: the name of the engine to make it on.
    """
    from hornbeam.backends import registry

    with CustomObjectScope(classes), registry.use_backend(engine):
        return files.read_archive(io.BytesIO(content), "the copy")


__all__ = ["reduced", "restored"]
