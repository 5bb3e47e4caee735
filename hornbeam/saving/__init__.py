"""Saving and loading: objects as configs, weights and whole models as files."""

import importlib

from hornbeam.saving.objects import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

_LATER = {
    **dict.fromkeys(("load_model", "load_weights", "save_model", "save_weights"), "files"),
    "KerasFileEditor": "editor",
    "LoadReport": "matching",
    "model_from_yaml": "yaml_format",
}


def __getattr__(name: str) -> object:
    """What works on files, which needs the layers, and so comes when it is first asked for."""
    if name in _LATER:
        return getattr(importlib.import_module(f"hornbeam.saving.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "LoadReport",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "model_from_yaml",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
