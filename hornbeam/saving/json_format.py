"""Architectures as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hornbeam.errors import CorruptFileError, LimitExceededError
from hornbeam.saving.objects import CustomObjectScope, deserialize_keras_object

MAX_CONFIG_BYTES = 64 * 2**20
MAX_DEPTH = 200


def parse(text: str | bytes) -> Any:
    """JSON as data, within limits.

    Raises:
        LimitExceededError: if it is larger than 64 MiB or nested deeper than 200 levels.
        CorruptFileError: if it is not JSON, or has a key twice.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise LimitExceededError(
            f"The config has {len(text)} bytes; at most {MAX_CONFIG_BYTES} are accepted."
        )
    try:
        config = json.loads(text, object_pairs_hook=_no_repeats)
    except RecursionError:
        raise LimitExceededError("The config is nested too deeply to be read.") from None
    except (ValueError, UnicodeDecodeError) as error:
        if isinstance(error, CorruptFileError):
            raise
        raise CorruptFileError(f"The config is not valid JSON: {error}.") from None
    _check_depth(config)
    return config


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise CorruptFileError(f"The config has the key {twice!r} twice in one object.")
    return made


def _check_depth(value: Any) -> None:
    level, depth = [value], 1
    while level:
        if depth > MAX_DEPTH:
            raise LimitExceededError(f"The config is nested deeper than {MAX_DEPTH} levels.")
        children = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        level, depth = children, depth + 1


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model, without weights, from the result of ``model.to_json()``.

    Args:
        json_string: the text.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> hornbeam.models.model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    return model_from_data(parse(json_string), custom_objects)


def model_from_data(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model, without weights, from parsed JSON or YAML of any Keras."""
    from hornbeam.models import Model
    from hornbeam.saving import legacy
    from hornbeam.saving.files import _reported
    from hornbeam.variables import AllocationBudget

    with CustomObjectScope(custom_objects or {}), _reported("the text"):
        if legacy.is_legacy(config):
            config = legacy.modern_config(config)
        with AllocationBudget(_memory(), "The text", has_values=False):
            model = deserialize_keras_object(config)
    if not isinstance(model, Model):
        raise CorruptFileError(f"The text describes a {type(model).__name__} and no model.")
    return model


def _memory() -> int:
    """How much memory this machine has, in bytes."""
    import os

    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 2**36
