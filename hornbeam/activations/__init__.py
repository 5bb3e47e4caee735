"""Activation functions, by name or as functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.activations.functions import (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
from hornbeam.saving.identifiers import Lookup
from hornbeam.saving.objects import get_registered_name, serialize_keras_object

hard_swish = hard_silu
swish = silu

ALL_FUNCTIONS: dict[str, Any] = {
    fn.__name__: fn
    for fn in (
        celu,
        elu,
        exponential,
        gelu,
        glu,
        hard_shrink,
        hard_sigmoid,
        hard_silu,
        hard_tanh,
        leaky_relu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        soft_shrink,
        softmax,
        softplus,
        softsign,
        sparse_plus,
        sparse_sigmoid,
        sparsemax,
        squareplus,
        tanh,
        tanh_shrink,
        threshold,
    )
} | {"hard_swish": hard_silu, "swish": silu}
"""Name or alias -> function."""

_lookup = Lookup("activation function", ALL_FUNCTIONS)


def get(identifier: Any) -> Any:
    """The activation function that `identifier` stands for.

    Args:
        identifier: None for `linear`, a name, a config, a function, or a layer.

    Raises:
        UnknownNameError: for a string that names no activation function.

    Example:

    >>> import hornbeam
    >>> hornbeam.activations.get("relu").__name__, hornbeam.activations.get(None).__name__
    ('relu', 'linear')
    """
    return linear if identifier is None else _lookup.get(identifier)


def serialize(activation: Any) -> Any:
    """`activation` as data for a config: the name of a built-in function, else a config.

    Example:

    >>> import hornbeam
    >>> hornbeam.activations.serialize(hornbeam.activations.relu)
    'relu'
    """
    name = getattr(activation, "__name__", None)
    if name in ALL_FUNCTIONS and ALL_FUNCTIONS[name] is activation:
        return name
    config = serialize_keras_object(activation)
    if isinstance(config, dict) and config.get("class_name") == "function":
        return get_registered_name(activation)
    return config


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The function that `serialize` made `config` of, or that a name stands for.

    Args:
        config: the config, or the name.
        custom_objects: name -> function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> hornbeam.activations.deserialize("relu").__name__
    'relu'
    """
    return linear if config is None else _lookup.deserialize(config, custom_objects)


__all__ = [
    "ALL_FUNCTIONS",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]
