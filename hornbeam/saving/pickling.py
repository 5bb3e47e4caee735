"""Pickled models: the file of `save_model` as bytes, and the user's classes by reference.

Only `pickle` itself, or what uses it (joblib, multiprocessing), comes here; like all pickles these are
for data from one's own hands.  For files, use `Model.save`.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from hornbeam.saving import files
from hornbeam.saving.objects import CustomObjectScope


def reduced(model: Any) -> tuple[Any, tuple[Any, ...]]:
    """What ``model.__reduce__`` returns: `restored` and its arguments.

    Args:
        model: a model.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        files.save_model(model, path)
        with open(path, "rb") as file:
            content = file.read()
    return restored, (content, _own_classes(model), model._model_backend().name)


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

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        with open(path, "wb") as file:
            file.write(content)
        with CustomObjectScope(classes), registry.use_backend(engine):
            return files.load_model(path)


__all__ = ["reduced", "restored"]
