"""`keras.utils.generic_utils` of Keras 1 and 2: what a function takes, and other small questions."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hornbeam.errors import InputError, suggest


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Whether a function takes an argument of that name.

    Args:
        fn: the function or class.
        name: the argument.
        accept_all: whether ``**kwargs`` counts, too.

    Example:

    >>> has_arg(lambda a, **rest: a, "b"), has_arg(lambda a, **rest: a, "b", accept_all=True)
    (False, True)
    """
    parameters = inspect.signature(fn).parameters
    if accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    found = parameters.get(name)
    return found is not None and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY)


def getargspec(fn: Callable[..., Any]) -> inspect.FullArgSpec:
    """`inspect.getfullargspec`, under its old name.

    Args:
        fn: the function.

    Example:

    >>> getargspec(lambda a, b=1: a).args
    ['a', 'b']
    """
    return inspect.getfullargspec(fn)


def check_for_unexpected_keys(
    name: str, input_dict: Mapping[str, Any], expected_values: Any
) -> None:
    """Raise if a dict has keys that are not expected.

    Args:
        name: what the dict is called in the message.
        input_dict: the dict.
        expected_values: the keys it may have.

    Raises:
        InputError: naming those it has besides.

    Example:

    >>> check_for_unexpected_keys("targets", {"a": 1}, ["a", "b"])
    """
    unknown = sorted(set(input_dict) - set(expected_values))
    if unknown:
        raise InputError(
            f"`{name}` has unknown keys {unknown}; it may have {sorted(expected_values)}."
        )


def transpose_shape(shape: Any, target_format: str, spatial_axes: Any) -> Any:
    """A shape with its channels last, brought to another data format.

    Args:
        shape: sizes with the channels last, a tuple or list.
        target_format: "channels_first" or "channels_last".
        spatial_axes: the axes of space in `shape`.

    Returns:
        The sizes, as a tuple or list as `shape` was.

    Example:

    >>> transpose_shape((32, 28, 30, 3), "channels_first", (1, 2))
    (32, 3, 28, 30)
    """
    if target_format == "channels_last":
        return shape
    if target_format != "channels_first":
        raise InputError(
            f'`target_format` must be "channels_first" or "channels_last", got {target_format!r}.'
        )
    moved = [*shape[: spatial_axes[0]], shape[-1], *(shape[axis] for axis in spatial_axes)]
    return type(shape)(moved)


def get_from_module(
    identifier: Any,
    module_params: Mapping[str, Any],
    module_name: str,
    instantiate: bool = False,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The thing of that name in a module's `globals()`; anything but a string as it is.

    Args:
        identifier: a name, a dict ``{"name": ..., its arguments}``, or the thing itself.
        module_params: name -> thing.
        module_name: what to call the module in messages.
        instantiate: whether to call what was found.
        kwargs: the arguments of that call.

    Raises:
        InputError: if there is no such name.

    Example:

    >>> get_from_module("f", {"f": len}, "functions") is len
    True
    """
    words = dict(kwargs or {})
    if isinstance(identifier, Mapping):
        words |= {key: value for key, value in identifier.items() if key != "name"}
        identifier, instantiate = identifier["name"], True
    if not isinstance(identifier, str):
        return identifier
    if identifier not in module_params:
        raise InputError(
            f"There is no {module_name} named {identifier!r}.{suggest(identifier, module_params)}"
        )
    found = module_params[identifier]
    return found(**words) if instantiate else found


def make_tuple(*args: Any) -> tuple[Any, ...]:
    """The arguments, as a tuple.

    Args:
        *args: anything.

    Example:

    >>> make_tuple(1, 2)
    (1, 2)
    """
    return args


def ask_to_proceed_with_overwrite(filepath: Any) -> bool:
    """Ask on the terminal whether a file may be overwritten.

    Args:
        filepath: the file.

    Returns:
        Whether the answer was yes.

    Example:

    >>> import builtins
    >>> builtins.input, before = lambda question: "n", builtins.input
    >>> ask_to_proceed_with_overwrite("model.keras")
    False
    >>> builtins.input = before
    """
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"{filepath} exists already. Overwrite it? [y/n] ").strip().lower()
    return answer == "y"


def validate_file(
    fpath: Any, file_hash: str, algorithm: str = "auto", chunk_size: int = 65535
) -> bool:
    """Whether a file has that hash.

    Args:
        fpath: the file.
        file_hash: its SHA-256 (64 hexadecimal digits) or MD5 (32).
        algorithm: "sha256", "md5", or "auto" to go by the length.
        chunk_size: how many bytes to read at a time.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = path.write_text("hello")
    >>> validate_file(path, "5d41402abc4b2a76b9719d911017c592")
    True
    """
    if algorithm not in ("auto", "md5", "sha256"):
        raise InputError(f'`algorithm` must be "auto", "md5" or "sha256", got {algorithm!r}.')
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    digest = hashlib.new(algorithm)
    with Path(fpath).open("rb") as file:
        while piece := file.read(chunk_size):
            digest.update(piece)
    return digest.hexdigest() == file_hash.lower()


def is_model(layer: Any) -> bool:
    """Whether a layer is a model.

    Args:
        layer: a layer.

    Example:

    >>> import hornbeam
    >>> is_model(hornbeam.Sequential()), is_model(hornbeam.layers.Dense(1))
    (True, False)
    """
    from hornbeam.models import Model

    return isinstance(layer, Model)


def is_wrapped_model(layer: Any) -> bool:
    """Whether a layer is a wrapper around a model, as `TimeDistributed` may be.

    Args:
        layer: a layer.

    Example:

    >>> import hornbeam
    >>> is_wrapped_model(hornbeam.layers.TimeDistributed(hornbeam.Sequential()))
    True
    """
    from hornbeam.layers import Wrapper

    return isinstance(layer, Wrapper) and is_model(layer.layer)


__all__ = [
    "ask_to_proceed_with_overwrite",
    "check_for_unexpected_keys",
    "get_from_module",
    "getargspec",
    "has_arg",
    "is_model",
    "is_wrapped_model",
    "make_tuple",
    "transpose_shape",
    "validate_file",
]
