"""Optimizers: how variables change by their gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.optimizers import legacy, schedules
from hornbeam.optimizers.adafactor import Adafactor
from hornbeam.optimizers.adam import Adam, Adamax, AdamW
from hornbeam.optimizers.adam_family import Lamb, Lion, Nadam
from hornbeam.optimizers.descent import SGD, Adadelta, Adagrad, RMSprop
from hornbeam.optimizers.ftrl import Ftrl
from hornbeam.optimizers.loss_scale import LossScaleOptimizer
from hornbeam.optimizers.multi import MultiOptimizer, OptimizerMap
from hornbeam.optimizers.muon import Muon
from hornbeam.optimizers.optimizer import Optimizer
from hornbeam.optimizers.schedule_free import ScheduleFreeAdamW
from hornbeam.saving.identifiers import Lookup
from hornbeam.saving.objects import serialize_keras_object

ALL_CLASSES: tuple[type[Optimizer], ...] = (
    Optimizer,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    LossScaleOptimizer,
    MultiOptimizer,
    Muon,
    Nadam,
    RMSprop,
    SGD,
    ScheduleFreeAdamW,
)

ALL_OBJECTS: dict[str, Any] = {
    **{kind.__name__: kind for kind in ALL_CLASSES},
    **{kind.__name__.lower(): kind for kind in ALL_CLASSES},
}
"""Class name, as it is or in lower case -> class."""

_lookup = Lookup("optimizer", ALL_OBJECTS, Optimizer, folded=True)


def get(identifier: Any) -> Any:
    """The optimizer that `identifier` stands for.

    Args:
        identifier: None, a name in any case such as "adam", a config, an instance or a class.

    Raises:
        UnknownNameError: for a string that names no optimizer.

    Example:

    >>> import hornbeam
    >>> type(hornbeam.optimizers.get("adamw")).__name__
    'AdamW'
    """
    return _lookup.get(identifier)


def serialize(optimizer: Any) -> Any:
    """`optimizer` as a config.

    Example:

    >>> import hornbeam
    >>> hornbeam.optimizers.serialize(hornbeam.optimizers.SGD())["class_name"]
    'SGD'
    """
    return serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The optimizer that `serialize` made `config` of, or that a name stands for.

    Args:
        config: the config, or the name.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.optimizers.serialize(hornbeam.optimizers.SGD())
    >>> type(hornbeam.optimizers.deserialize(config)).__name__
    'SGD'
    """
    return _lookup.deserialize(config, custom_objects)


__all__ = [
    "ALL_CLASSES",
    "ALL_OBJECTS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]
