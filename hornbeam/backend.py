"""Facts about the current engine and dtypes, under the names of ``keras.backend``."""

from __future__ import annotations

from typing import Any

from hornbeam import dtypes
from hornbeam.backends.registry import backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.dtypes import floatx, result_type, set_floatx
from hornbeam.naming import get_uid, reset_names
from hornbeam.settings import (
    epsilon,
    image_data_format,
    set_epsilon,
    set_image_data_format,
)


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a symbolic tensor.

    Example:

    >>> import hornbeam
    >>> hornbeam.backend.is_keras_tensor(hornbeam.Input((2,)))
    True
    """
    return isinstance(x, KerasTensor)


def is_float_dtype(dtype: Any) -> bool:
    """Whether `dtype` is a real floating type.

    Example:

    >>> import hornbeam
    >>> hornbeam.backend.is_float_dtype("bfloat16")
    True
    """
    return dtypes.is_float(dtypes.standardize(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Whether `dtype` is an integer type.

    Example:

    >>> import hornbeam
    >>> hornbeam.backend.is_int_dtype("uint8")
    True
    """
    return dtypes.is_int(dtypes.standardize(dtype))


def standardize_dtype(dtype: Any) -> str:
    """The name of `dtype`, however it is spelled; the default float dtype for None.

    Example:

    >>> import hornbeam
    >>> hornbeam.backend.standardize_dtype(int)
    'int32'
    """
    return dtypes.standardize(dtype)


def clear_session(free_memory: bool = True) -> None:
    """Start the numbering of automatic names again.

    There is no global state besides it: models free their arrays when they are deleted.

    Args:
        free_memory: whether to collect garbage as well.

    Example:

    >>> import hornbeam
    >>> hornbeam.backend.clear_session()
    """
    import gc

    reset_names()
    if free_memory:
        gc.collect()


__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
