"""Layers as configs, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import deserialize_keras_object, serialize_keras_object


def serialize(layer: Layer) -> Any:
    """A layer as plain data.

    Args:
        layer: the layer; its weights are not part of it.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.serialize(hornbeam.layers.Dense(3))["class_name"]
    'Dense'
    """
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer that `serialize` made `config` of.

    Args:
        config: plain data.
        custom_objects: name -> class or function, for names that are not registered.

    Raises:
        InputError: if the config describes something that is no layer.

    Example:

    >>> import hornbeam
    >>> saved = hornbeam.layers.serialize(hornbeam.layers.Dense(3))
    >>> hornbeam.layers.deserialize(saved).units
    3
    """
    found = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(found, Layer):
        raise InputError(f"The config does not describe a layer, but {found!r}.")
    return found
