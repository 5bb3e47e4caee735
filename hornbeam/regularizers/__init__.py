"""Penalties on variables and activations, to be added to the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.regularizers.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer
from hornbeam.saving.identifiers import Lookup, names_of
from hornbeam.saving.objects import serialize_keras_object

ALL_CLASSES: tuple[type[Regularizer], ...] = (Regularizer, L1, L1L2, L2, OrthogonalRegularizer)
ALL_OBJECTS: dict[str, Any] = {**names_of(ALL_CLASSES), "l1_l2": L1L2}
"""Class or alias name -> class."""

l1 = L1
l1_l2 = L1L2
l2 = L2
orthogonal_regularizer = OrthogonalRegularizer

_lookup = Lookup("regularizer", ALL_OBJECTS, Regularizer)


def get(identifier: Any) -> Any:
    """The regularizer that `identifier` stands for.

    Args:
        identifier: None, a name such as "l2", a config, an instance, a class or a function.

    Raises:
        UnknownNameError: for a string that names no regularizer.

    Example:

    >>> import hornbeam
    >>> hornbeam.regularizers.get("l2").get_config()
    {'l2': 0.01}
    """
    return _lookup.get(identifier)


def serialize(regularizer: Any) -> Any:
    """`regularizer` as a config.

    Example:

    >>> import hornbeam
    >>> hornbeam.regularizers.serialize(hornbeam.regularizers.L2(0.1))["class_name"]
    'L2'
    """
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer that `serialize` made `config` of, or that a name stands for.

    Args:
        config: the config, or the name.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.regularizers.serialize(hornbeam.regularizers.L2(0.1))
    >>> type(hornbeam.regularizers.deserialize(config)).__name__
    'L2'
    """
    return _lookup.deserialize(config, custom_objects)


__all__ = [
    "ALL_CLASSES",
    "ALL_OBJECTS",
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
