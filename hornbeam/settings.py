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
