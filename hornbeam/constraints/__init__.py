"""Projections that keep variables inside a set, applied after every update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.constraints.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from hornbeam.saving.identifiers import Lookup, names_of
from hornbeam.saving.objects import serialize_keras_object

ALL_CLASSES: tuple[type[Constraint], ...] = (Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
ALL_OBJECTS: dict[str, Any] = names_of(ALL_CLASSES)
"""Class or alias name -> class."""

max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

_lookup = Lookup("constraint", ALL_OBJECTS, Constraint)


def get(identifier: Any) -> Any:
    """The constraint that `identifier` stands for.

    Args:
        identifier: None, a name such as "non_neg", a config, an instance, a class or a function.

    Raises:
        UnknownNameError: for a string that names no constraint.

    Example:

    >>> import hornbeam
    >>> hornbeam.constraints.get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    return _lookup.get(identifier)


def serialize(constraint: Any) -> Any:
    """`constraint` as a config.

    Example:

    >>> import hornbeam
    >>> hornbeam.constraints.serialize(hornbeam.constraints.MaxNorm(2.0))["class_name"]
    'MaxNorm'
    """
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint that `serialize` made `config` of, or that a name stands for.

    Args:
        config: the config, or the name.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.constraints.serialize(hornbeam.constraints.MaxNorm(2.0))
    >>> type(hornbeam.constraints.deserialize(config)).__name__
    'MaxNorm'
    """
    return _lookup.deserialize(config, custom_objects)


__all__ = [
    "ALL_CLASSES",
    "ALL_OBJECTS",
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
