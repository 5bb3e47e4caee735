"""Architectures as YAML text, as Keras 1 and 2 wrote them.  Needs PyYAML, and only its safe loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.errors import CorruptFileError, InputError, LimitExceededError, UnsafeFileError
from hornbeam.saving import json_format
from hornbeam.saving.objects import serialize_for_file


def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise InputError("YAML needs the package PyYAML: `pip install pyyaml`.") from None
    return yaml


def to_yaml(model: Any) -> str:
    """The architecture of a model (no weights) as YAML.

    Example:

    >>> import hornbeam
    >>> from hornbeam.saving import yaml_format
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> yaml_format.model_from_yaml(yaml_format.to_yaml(model)).output_shape
    (None, 2)
    """
    import json

    plain = json.loads(json.dumps(serialize_for_file(model)))
    return str(_yaml().safe_dump(plain, sort_keys=False))


def parse(text: str) -> Any:
    """YAML as plain data, within limits.

    Raises:
        UnsafeFileError: for tags other than YAML's own, and for aliases.
        LimitExceededError: if it is too large or nested too deeply.
        CorruptFileError: if it is not YAML, or has a key twice.
    """
    yaml = _yaml()
    if len(text) > json_format.MAX_CONFIG_BYTES:
        raise LimitExceededError(f"The YAML has {len(text)} characters; that is too many.")
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise UnsafeFileError("The YAML has aliases, which architectures do not need.")
            opens = isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent))
            closes = isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent))
            depth += opens - closes
            if depth > json_format.MAX_DEPTH:
                raise LimitExceededError("The YAML is nested too deeply.")
        _refuse_repeats(yaml.compose(text, Loader=yaml.SafeLoader), yaml)
        return yaml.safe_load(text)
    except yaml.constructor.ConstructorError as error:
        raise UnsafeFileError(f"The YAML asks for more than plain data: {error.problem}.") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, (CorruptFileError, UnsafeFileError, LimitExceededError)):
            raise
        raise CorruptFileError(f"The text is not valid YAML: {error}.") from None
    except RecursionError:
        raise LimitExceededError("The YAML is nested too deeply.") from None


def _refuse_repeats(node: Any, yaml: Any) -> None:
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, yaml.MappingNode):
            keys = [str(key.value) for key, _ in item.value]
            twice = next((key for key in keys if keys.count(key) > 1), None)
            if twice is not None:
                raise CorruptFileError(f"The YAML has the key {twice!r} twice in one mapping.")
            stack += [value for _, value in item.value]
        elif isinstance(item, yaml.SequenceNode):
            stack += item.value


def model_from_yaml(yaml_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model, without weights, from YAML of Keras 1, Keras 2 or `to_yaml`.

    Args:
        yaml_string: the text.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> layer = "{class_name: Dense, config: {output_dim: 2, input_dim: 3}}"
    >>> text = "{class_name: Sequential, config: [" + layer + "]}"
    >>> hornbeam.saving.model_from_yaml(text).output_shape
    (None, 2)
    """
    return json_format.model_from_data(parse(yaml_string), custom_objects)


__all__ = ["model_from_yaml", "to_yaml"]
