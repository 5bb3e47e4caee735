"""Settings: the engine, the default float dtype, epsilon and the layout of images.

They hold for the process.  Before anything is set, the environment variable ``HORNBEAM_BACKEND``, and
then the file ``~/.hornbeam/hornbeam.json`` (``{"backend": "numpy"}``), say which engine is current.
"""

from __future__ import annotations

from hornbeam import tracebacks
from hornbeam.backends.registry import backend, set_backend, use_backend
from hornbeam.dtype_policies.policy import dtype_policy, set_dtype_policy
from hornbeam.dtypes import floatx, set_floatx
from hornbeam.errors import UnsafeFileError
from hornbeam.settings import (
    disable_flash_attention,
    disable_interactive_logging,
    disable_portable_random,
    enable_flash_attention,
    enable_interactive_logging,
    enable_portable_random,
    epsilon,
    image_data_format,
    is_flash_attention_enabled,
    is_interactive_logging_enabled,
    is_portable_random_enabled,
    max_epochs,
    max_steps_per_epoch,
    set_epsilon,
    set_image_data_format,
    set_max_epochs,
    set_max_steps_per_epoch,
    standardize_data_format,
)


def enable_traceback_filtering() -> None:
    """Leave Hornbeam's own frames out of tracebacks; so it is at first.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.enable_traceback_filtering()
    """
    tracebacks.set_filtering(True)


def disable_traceback_filtering() -> None:
    """Show tracebacks whole.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.disable_traceback_filtering()
    >>> hornbeam.config.is_traceback_filtering_enabled()
    False
    >>> hornbeam.config.enable_traceback_filtering()
    """
    tracebacks.set_filtering(False)


def is_traceback_filtering_enabled() -> bool:
    """Whether tracebacks leave out Hornbeam's own frames.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.is_traceback_filtering_enabled()
    True
    """
    return tracebacks.is_filtering()


def enable_unsafe_deserialization() -> None:
    """Refused: a file is data, and code in it is never run.

    Raises:
        UnsafeFileError: always; it says what to do instead.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.enable_unsafe_deserialization()
    Traceback (most recent call last):
    hornbeam.errors.UnsafeFileError: Loading never runs code from a file...
    """
    raise UnsafeFileError(
        "Loading never runs code from a file, and no setting changes that. Pass the functions and "
        "classes that a file names as `custom_objects={...}` to `load_model`."
    )


def is_nnx_enabled() -> bool:
    """Whether layers are modules of Flax NNX: never.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.is_nnx_enabled()
    False
    """
    return False


__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_portable_random",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_portable_random",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_portable_random_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "standardize_data_format",
    "use_backend",
]
