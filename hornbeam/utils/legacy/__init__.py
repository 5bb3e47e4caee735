"""Configs as Keras 2 wrote them: ``{"class_name", "config"}``, without modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.errors import UnknownNameError, suggest
from hornbeam.saving.objects import CustomObjectScope, get_registered_name, get_registered_object


def serialize_keras_object(instance: Any) -> Any:
    """An object as ``{"class_name", "config"}``; a function as its name.

    Args:
        instance: something with ``get_config``, a function, or None.

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.legacy.serialize_keras_object(hornbeam.activations.relu)
    'relu'
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        name = get_registered_name(type(instance)).rsplit(">", 1)[-1].rsplit(".", 1)[-1]
        return {"class_name": name, "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance).rsplit(">", 1)[-1].rsplit(".", 1)[-1]
    raise UnknownNameError(
        f"Only functions and objects with `get_config` can be serialized, got {instance!r}."
    )


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object that a config or a name stands for; the inverse of `serialize_keras_object`.

    Args:
        identifier: ``{"class_name", "config"}``, a name, a function, or None.
        module_objects: name -> class or function: what may be chosen from.
        custom_objects: name -> class or function, which comes first.
        printable_module_name: what to call it in messages.

    Raises:
        UnknownNameError: (a ValueError) for an unknown name, listing the nearest.

    Example:

    >>> import hornbeam
    >>> config = {"class_name": "Dense", "config": {"units": 3}}
    >>> known = {"Dense": hornbeam.layers.Dense}
    >>> hornbeam.utils.legacy.deserialize_keras_object(config, known).units
    3
    """
    if identifier is None or callable(identifier):
        return identifier
    with CustomObjectScope(dict(custom_objects or {})):
        if isinstance(identifier, Mapping):
            kind = _find(identifier.get("class_name"), module_objects, printable_module_name)
            config = identifier.get("config", {})
            return kind.from_config(config) if hasattr(kind, "from_config") else kind(**config)
        found = _find(identifier, module_objects, printable_module_name)
        return found() if isinstance(found, type) else found


def _find(name: Any, module_objects: Mapping[str, Any] | None, what: str) -> Any:
    known = dict(module_objects or {})
    found = get_registered_object(str(name)) or known.get(str(name))
    if found is None:
        raise UnknownNameError(
            f"There is no {what} named {name!r}.{suggest(str(name), known)} Pass it in `custom_objects`."
        )
    return found


__all__ = ["deserialize_keras_object", "serialize_keras_object"]
