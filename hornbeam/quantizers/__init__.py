"""Weights and activations in few bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.quantizers.configs import (
    AbsMaxQuantizer,
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
    Quantizer,
)
from hornbeam.quantizers.functions import (
    abs_max_quantize,
    abs_max_quantize_grouped_with_zero_point,
    compute_float8_amax_history,
    compute_float8_scale,
    fake_quant_with_min_max_vars,
    pack_int4,
    quantize_and_dequantize,
    unpack_int4,
)
from hornbeam.saving.identifiers import Lookup, names_of
from hornbeam.saving.objects import deserialize_keras_object, serialize_keras_object

ALL_CLASSES: tuple[type[Any], ...] = (
    Quantizer,
    AbsMaxQuantizer,
    QuantizationConfig,
    Int8QuantizationConfig,
    Int4QuantizationConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    AWQConfig,
)
ALL_OBJECTS: dict[str, Any] = names_of(ALL_CLASSES)

_lookup = Lookup("quantizer", ALL_OBJECTS, Quantizer)


def get(identifier: Any, **kwargs: Any) -> Any:
    """The quantizer that `identifier` stands for.

    Args:
        identifier: None, a name such as "abs_max_quantizer", a config or an instance.
        **kwargs: arguments of the class that a name stands for.

    Raises:
        UnknownNameError: for a string that names no quantizer.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.get("abs_max_quantizer", axis=-1).axis
    (-1,)
    """
    if kwargs and isinstance(identifier, str):
        return _lookup.named(identifier)(**kwargs)
    return _lookup.get(identifier)


def serialize(initializer: Any) -> Any:
    """A quantizer, or a configuration of quantization, as a config.

    Args:
        initializer: the quantizer.

    Example:

    >>> import hornbeam
    >>> hornbeam.quantizers.serialize(hornbeam.quantizers.AbsMaxQuantizer())["class_name"]
    'AbsMaxQuantizer'
    """
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """What `serialize` made `config` of.

    Args:
        config: the config, or a name.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.quantizers.serialize(hornbeam.quantizers.Int8QuantizationConfig())
    >>> hornbeam.quantizers.deserialize(config).mode
    'int8'
    """
    if isinstance(config, str):
        return _lookup.get(config)
    return deserialize_keras_object(config, custom_objects)


__all__ = [
    "AWQConfig",
    "AbsMaxQuantizer",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "Quantizer",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
    "compute_float8_amax_history",
    "compute_float8_scale",
    "deserialize",
    "fake_quant_with_min_max_vars",
    "get",
    "pack_int4",
    "quantize_and_dequantize",
    "serialize",
    "unpack_int4",
]
