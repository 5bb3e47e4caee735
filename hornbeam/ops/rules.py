"""Dtype rules: from the dtypes of an op's arrays to (dtype to compute in, dtype of the result).

The executor casts the arrays to the first and the result to the second, on every engine, so that no
engine has a say.  None stands for "as it is".
"""

from __future__ import annotations

from collections.abc import Callable

from hornbeam import dtypes

Rule = Callable[..., tuple[str | None, str | None]]


def promote(*given: str) -> tuple[str | None, str | None]:
    """The joint dtype, for the computation and the result."""
    joint = dtypes.result_type(*given)
    return joint, joint


def arithmetic(*given: str) -> tuple[str | None, str | None]:
    """The joint dtype, where bools become int32."""
    joint = dtypes.result_type(*given)
    return ("int32", "int32") if joint == "bool" else (joint, joint)


def floating(*given: str) -> tuple[str | None, str | None]:
    """The joint dtype, where integers and bools become the default float."""
    joint = dtypes.to_float(dtypes.result_type(*given))
    return joint, joint


def comparison(*given: str) -> tuple[str | None, str | None]:
    """Compare in the joint dtype; the result is a bool."""
    return dtypes.result_type(*given), "bool"


def logical(*given: str) -> tuple[str | None, str | None]:
    """Everything is read as a bool, and the result is one."""
    return "bool", "bool"


def to_bool(*given: str) -> tuple[str | None, str | None]:
    """A bool about values of any dtype."""
    return None, "bool"


def to_index(*given: str) -> tuple[str | None, str | None]:
    """An int32 about values of any dtype."""
    return None, "int32"


def same(*given: str) -> tuple[str | None, str | None]:
    """The dtype of the first array."""
    joint = dtypes.result_type(given[0])
    return joint, joint


def first(*given: str) -> tuple[str | None, str | None]:
    """The dtype of the first array, to which the others are cast; bools become int32."""
    return arithmetic(given[0])


def unchecked(*given: str) -> tuple[str | None, str | None]:
    """The op itself says what it returns."""
    return None, None


def total(*given: str) -> tuple[str | None, str | None]:
    """Sums: small integers and bools in 32 bits; small floats are added up in float32."""
    joint = dtypes.result_type(*given)
    if joint in ("bool", "int8", "int16"):
        return "int32", "int32"
    if joint in ("uint8", "uint16"):
        return "uint32", "uint32"
    return _accumulator(joint), joint


def mean(*given: str) -> tuple[str | None, str | None]:
    """Averages: integers become floats; small floats are added up in float32."""
    joint = dtypes.to_float(dtypes.result_type(*given))
    return _accumulator(joint), joint


def _accumulator(dtype: str) -> str:
    small = dtypes.is_float(dtype) and dtypes.bits(dtype) < 32
    return "float32" if small else dtype


def real_floating(*given: str) -> tuple[str | None, str | None]:
    """As `floating`, with the real dtype of a complex one as the result."""
    joint = dtypes.to_float(dtypes.result_type(*given))
    return joint, {"complex64": "float32", "complex128": "float64"}.get(joint, joint)


def real(*given: str) -> tuple[str | None, str | None]:
    """As `promote`, with the real dtype of a complex one as the result."""
    joint = dtypes.result_type(*given)
    return joint, {"complex64": "float32", "complex128": "float64"}.get(joint, joint)


def cumulative(*given: str) -> tuple[str | None, str | None]:
    """Running sums: bools become int32; small floats are added up in float32."""
    joint = dtypes.result_type(*given)
    return ("int32", "int32") if joint == "bool" else (_accumulator(joint), joint)


def product(*given: str) -> tuple[str | None, str | None]:
    """Matrix products: the joint dtype, but int8 times int8 is int32."""
    joint = dtypes.result_type(*given)
    return ("int32", "int32") if joint == "int8" else (joint, joint)


def normalization(*given: str) -> tuple[str | None, str | None]:
    """Compute in the joint float dtype, at least float32; the result has the dtype of the first."""
    joint = dtypes.to_float(dtypes.result_type(*given))
    return _accumulator(joint), dtypes.to_float(dtypes.result_type(given[0]))


def order_index(*given: str) -> tuple[str | None, str | None]:
    """An int32 about values that are compared in their joint dtype."""
    return dtypes.result_type(*given), "int32"


def mean_of_all(*given: str) -> tuple[str | None, str | None]:
    """As `mean`, for several arrays."""
    joint = dtypes.to_float(dtypes.result_type(*given))
    return _accumulator(joint), joint


def real_mean(*given: str) -> tuple[str | None, str | None]:
    """As `mean`, with the real dtype of a complex one as the result."""
    compute, result = mean_of_all(*given)
    return compute, {"complex64": "float32", "complex128": "float64"}.get(str(result), result)


def correlation(*given: str) -> tuple[str | None, str | None]:
    """The joint dtype, with integers of any kind as the default float."""
    return mean_of_all(*given)
