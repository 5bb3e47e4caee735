"""First values of variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.initializers.base import Initializer
from hornbeam.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from hornbeam.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from hornbeam.saving.identifiers import Lookup, names_of
from hornbeam.saving.objects import serialize_keras_object

ALL_CLASSES: tuple[type[Initializer], ...] = (
    Initializer,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    STFT,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)

IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

ALL_OBJECTS: dict[str, Any] = {
    **names_of(ALL_CLASSES),
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "STFTInitializer": STFT,
    "uniform": RandomUniform,
    "normal": RandomNormal,
    "one": Ones,
    "zero": Zeros,
}
"""Class or alias name -> class."""

_lookup = Lookup("initializer", ALL_OBJECTS, Initializer)


def get(identifier: Any) -> Any:
    """The initializer that `identifier` stands for.

    Args:
        identifier: None, a name such as "he_normal", a config, an instance, a class, an array (for a
            constant), or a function ``f(shape, dtype)``.

    Raises:
        UnknownNameError: for a string that names no initializer.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.get("zeros")((2,)).tolist()
    [0.0, 0.0]
    """
    if isinstance(identifier, Initializer):
        return identifier
    if hasattr(identifier, "shape") and hasattr(identifier, "dtype"):
        return Constant(identifier)
    return _lookup.get(identifier)


def serialize(initializer: Any) -> Any:
    """`initializer` as a config.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.serialize(hornbeam.initializers.Zeros())["class_name"]
    'Zeros'
    """
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer that `serialize` made `config` of, or that a name stands for.

    Args:
        config: the config, or the name.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.initializers.serialize(hornbeam.initializers.Zeros())
    >>> type(hornbeam.initializers.deserialize(config)).__name__
    'Zeros'
    """
    return _lookup.deserialize(config, custom_objects)


__all__ = [
    "ALL_CLASSES",
    "ALL_OBJECTS",
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
