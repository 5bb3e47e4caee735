"""Single arrays, however they come, as NumPy arrays or arrays of the model's engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.numpy import native_dtype
from hornbeam.errors import InputError
from hornbeam.training.data.tables import is_sparse


def to_array(x: Any, name: str = "x") -> Any:
    """`x` as an array that training can use.

    Arrays of an engine stay as they are, everything else becomes NumPy: float64 in the default float
    dtype (what models compute in), int64 in int32 where every value fits (half the memory).

    Args:
        x: a list of numbers, NumPy array, data frame or column, or an array of an engine.
        name: what to call it in messages.

    Raises:
        InputError: for strings and other objects that are no numbers.
    """
    if x is None:
        return None
    owner = registry.engine_of(type(x))
    if owner is not None and not owner.symbolic:
        if owner is registry.current():
            return x
        x = owner.on_host(x)  # another engine's: by way of the host
    if hasattr(x, "__hornbeam_array__"):
        return x.__hornbeam_array__()
    if is_sparse(x):
        x = x.toarray()
    elif hasattr(x, "to_numpy"):
        x = x.to_numpy()
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise InputError(
            f"`{name}` cannot be read as one array: {error}. All its rows must have the same shape; "
            "pad sequences to one length first (`hornbeam.utils.pad_sequences`)."
        ) from None
    return narrowed(array, name)


def narrowed(array: Any, name: str) -> Any:
    """`array` in the dtype that training uses."""
    kind = array.dtype.kind
    if kind in "OSUT":
        raise InputError(_not_numbers(array, name))
    if kind == "f" and array.dtype == np.float64:
        return array.astype(native_dtype(dtypes.floatx()))
    if array.dtype == np.int64 and array.size and array.min() >= -(2**31) and array.max() < 2**31:
        return array.astype(np.int32)
    return array


def _not_numbers(array: Any, name: str) -> str:
    text = array.dtype.kind in "SUT" or any(isinstance(v, str) for v in array.ravel()[:100])
    if text:
        example = next((v for v in array.ravel()[:100] if isinstance(v, str)), array.ravel()[0])
        return (
            f"`{name}` holds strings (such as {str(example)!r}), which a model cannot compute with. "
            f"Turn labels into class numbers with `classes, {name} = numpy.unique({name}, "
            "return_inverse=True)`, text with a `TextVectorization` layer."
        )
    return (
        f"`{name}` is an array of Python objects (such as {type(array.ravel()[0]).__name__}), which a "
        "model cannot compute with. Its rows probably differ in length: pad them first "
        "(`hornbeam.utils.pad_sequences`)."
    )
