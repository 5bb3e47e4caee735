"""Saving and loading: objects as configs, weights and whole models as files."""

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

_FROM_FILES = ("load_model", "load_weights", "save_model", "save_weights")


def __getattr__(name: str) -> object:
    """The functions on files, which need the layers, and so come when they are first asked for."""
    if name in _FROM_FILES:
        from hornbeam.saving import files

        return getattr(files, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
