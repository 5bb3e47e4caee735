"""The settings that the lowest parts read: epsilon, and the layout of images.

`hornbeam.config` is where users find them.
"""

from __future__ import annotations

from hornbeam.errors import InputError

_epsilon = 1e-7
_image_data_format = "channels_last"


def epsilon() -> float:
    """The small number that divisions and logarithms are kept away from zero by: 1e-7 at first.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.epsilon()
    1e-07
    """
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set `epsilon`.

    Args:
        value: a positive number.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.set_epsilon(1e-7)
    """
    global _epsilon
    if not value > 0:
        raise InputError(f"set_epsilon() needs a positive number, got {value!r}.")
    _epsilon = float(value)


def image_data_format() -> str:
    """The default layout of images: "channels_last" or "channels_first".

    Example:

    >>> import hornbeam
    >>> hornbeam.config.image_data_format()
    'channels_last'
    """
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default layout of images.

    Args:
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first" for
            (batch, channels, height, width).

    Example:

    >>> import hornbeam
    >>> hornbeam.config.set_image_data_format("channels_last")
    """
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """`data_format` in lower case, checked; the default for None.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.standardize_data_format("Channels_First")
    'channels_first'
    """
    if data_format is None:
        return _image_data_format
    lowered = str(data_format).lower()
    if lowered not in ("channels_last", "channels_first"):
        raise InputError(
            f"`data_format` must be 'channels_last' or 'channels_first', got {data_format!r}."
        )
    return lowered


_portable_random = False


def enable_portable_random() -> None:
    """Draw the same random numbers on every engine from now on, also in dropout and noise.

    Each engine has its own generator, which is faster; so the same seed gives different numbers on
    different engines until this is called. Compiled steps keep the generator they were compiled with.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.enable_portable_random()
    >>> hornbeam.random.randint((4,), 0, 100, seed=1).tolist()
    [86, 90, 24, 63]
    >>> hornbeam.config.disable_portable_random()
    """
    global _portable_random
    _portable_random = True


def disable_portable_random() -> None:
    """Let each engine draw from its own generator; so it is at first.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.disable_portable_random()
    >>> hornbeam.config.is_portable_random_enabled()
    False
    """
    global _portable_random
    _portable_random = False


def is_portable_random_enabled() -> bool:
    """Whether random numbers are the same on every engine.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.is_portable_random_enabled()
    False
    """
    return _portable_random


_flash_attention = True


def enable_flash_attention() -> None:
    """Let engines use a kernel that never stores all logits, where they have one; so it is at first.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.enable_flash_attention()
    """
    global _flash_attention
    _flash_attention = True


def disable_flash_attention() -> None:
    """Keep flash attention out of all calls that do not ask for it by `flash_attention=True`.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.disable_flash_attention()
    >>> hornbeam.config.is_flash_attention_enabled()
    False
    >>> hornbeam.config.enable_flash_attention()
    """
    global _flash_attention
    _flash_attention = False


def is_flash_attention_enabled() -> bool:
    """Whether engines may use flash attention of their own accord, where they have it.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.is_flash_attention_enabled()
    True
    """
    return _flash_attention


_interactive = True
_max_epochs: int | None = None
_max_steps_per_epoch: int | None = None


def enable_interactive_logging() -> None:
    """Let ``verbose="auto"`` draw progress bars where somebody watches; so it is at first.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.enable_interactive_logging()
    """
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Let ``verbose="auto"`` print one line per epoch everywhere, as in a log file.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.disable_interactive_logging()
    >>> hornbeam.config.is_interactive_logging_enabled()
    False
    >>> hornbeam.config.enable_interactive_logging()
    """
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether ``verbose="auto"`` may draw progress bars.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.is_interactive_logging_enabled()
    True
    """
    return _interactive


def max_epochs() -> int | None:
    """The most epochs that any `fit` trains for, or None: a limit for trying programs out.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.max_epochs()
    """
    return _max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Set `max_epochs`.

    Args:
        max_epochs: a positive int, or None for no limit.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.set_max_epochs(None)
    """
    global _max_epochs
    _max_epochs = _limit(max_epochs, "set_max_epochs")


def max_steps_per_epoch() -> int | None:
    """The most steps that any epoch of `fit`, `evaluate` or `predict` takes, or None.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.max_steps_per_epoch()
    """
    return _max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Set `max_steps_per_epoch`.

    Args:
        max_steps_per_epoch: a positive int, or None for no limit.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.set_max_steps_per_epoch(None)
    """
    global _max_steps_per_epoch
    _max_steps_per_epoch = _limit(max_steps_per_epoch, "set_max_steps_per_epoch")


def _limit(value: int | None, what: str) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 1):
        raise InputError(f"{what}() needs a positive int or None, got {value!r}.")
    return value


def limited(given: int | None, limit: int | None) -> int | None:
    """The smaller of two numbers, where None means no number.

    >>> limited(5, None), limited(None, 3), limited(5, 3)
    (5, 3, 3)
    """
    if given is None or limit is None:
        return limit if given is None else given
    return min(given, limit)
