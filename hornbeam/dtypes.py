"""Data types: their names, and the one promotion table that every engine obeys.

A dtype is spelled as a string everywhere inside Hornbeam ("float32").  The table is a lattice, the
same one on all engines:

    bool -> int* -> the integers -> float* -> float8, bfloat16, float16 -> float32 -> float64 -> complex

``int*`` and ``float*`` are *weak*: they stand for Python numbers, which take the dtype of the array
they meet, and become int32 and ``config.floatx()`` when they meet nothing stronger.
"""

from __future__ import annotations

import functools
from typing import Any

WEAK_INT = "int"
WEAK_FLOAT = "float"

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
FLOAT8 = ("float8_e4m3fn", "float8_e5m2")
FLOATS = (*FLOAT8, "bfloat16", "float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
ALL = ("bool", *INTEGERS, *FLOATS, *COMPLEX, "string")

_BITS = {name: int("".join(c for c in name if c.isdigit()) or 8) for name in INTEGERS}
_BITS |= {"bool": 8, "float8_e4m3fn": 8, "float8_e5m2": 8, "bfloat16": 16, "float16": 16}
_BITS |= {"float32": 32, "float64": 64, "complex64": 64, "complex128": 128}
_PYTHON = {bool: "bool", int: "int32", float: None, complex: "complex64", str: "string"}

_floatx = "float32"


def floatx() -> str:
    """The default float dtype, as a string: "float32" unless changed.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.floatx()
    'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Make `value` the default float dtype.

    Args:
        value: "bfloat16", "float16", "float32" or "float64".

    Raises:
        ValueError: for any other.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.set_floatx("float64")
    >>> str(hornbeam.ops.zeros(2).dtype)
    'float64'
    >>> hornbeam.config.set_floatx("float32")
    """
    global _floatx
    if value not in ("bfloat16", "float16", "float32", "float64"):
        raise ValueError(
            f"set_floatx() got {value!r}; expected 'bfloat16', 'float16', 'float32' or 'float64'."
        )
    if value != _floatx:
        _floatx = value
        for forget in _on_change:
            forget()


_on_change: list[Any] = []  # caches that depend on floatx


@functools.lru_cache(maxsize=512)
def _standardize(dtype: Any) -> str | None:
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _PYTHON[dtype] or "float"
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    name = name.rsplit(".", 1)[-1]
    name = {"half": "float16", "float": "float32", "double": "float64", "bool_": "bool"}.get(
        name, name
    )
    if name.startswith(("str", "<U")):
        name = "string"
    return name if name in ALL else None


def standardize(dtype: Any) -> str:
    """The name of `dtype`, however it is spelled.

    Args:
        dtype: a string, a Python type, a NumPy or engine dtype, an object with a ``dtype``
            attribute or a ``compute_dtype``, or None for the default float dtype.

    Returns:
        One of the names in ``hornbeam.dtypes.ALL``.

    Raises:
        ValueError: if there is no such dtype.

    Example:

    >>> standardize(int), standardize(None)
    ('int32', 'float32')
    """
    if dtype is None or dtype is float:
        return _floatx
    if type(dtype) is str and dtype in _BITS:
        return dtype
    try:
        name = _standardize(dtype)
    except TypeError:  # not hashable
        name = None
    if name is None and hasattr(dtype, "compute_dtype"):
        return standardize(dtype.compute_dtype)
    if name == WEAK_FLOAT:
        return _floatx
    if name is None:
        import difflib

        near = difflib.get_close_matches(str(dtype), ALL, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(f"Unknown dtype {dtype!r}; expected one of {', '.join(ALL)}.{hint}")
    return name


def is_float(dtype: str) -> bool:
    """Whether `dtype` is a real floating type."""
    return dtype in FLOATS


def is_int(dtype: str) -> bool:
    """Whether `dtype` is an integer type (bool is not)."""
    return dtype in INTEGERS


def is_complex(dtype: str) -> bool:
    """Whether `dtype` is a complex type."""
    return dtype in COMPLEX


def bits(dtype: str) -> int:
    """How many bits one value of `dtype` takes (a bool takes 8)."""
    return _BITS[dtype]


def is_wide(dtype: str) -> bool:
    """Whether one part of a value takes 64 bits."""
    return dtype in ("int64", "uint64", "float64", "complex128")


def _join_integers(a: str, b: str) -> str:
    if (a in SIGNED) == (b in SIGNED):
        return a if _BITS[a] >= _BITS[b] else b
    signed, unsigned = (a, b) if a in SIGNED else (b, a)
    if _BITS[signed] > _BITS[unsigned]:
        return signed
    return WEAK_FLOAT if unsigned == "uint64" else f"int{_BITS[unsigned] * 2}"


def _join_floats(a: str, b: str) -> str:
    if a in FLOAT8 and b in FLOAT8:
        return "bfloat16"
    if {a, b} == {"bfloat16", "float16"}:
        return "float32"
    return a if _BITS[a] >= _BITS[b] else b


def _rank(dtype: str) -> int:
    if dtype == "bool":
        return 0
    if dtype == WEAK_INT:
        return 1
    if dtype in INTEGERS:
        return 2
    if dtype == WEAK_FLOAT:
        return 3
    return 4 if dtype in FLOATS else 5


@functools.cache
def _join(a: str, b: str) -> str:
    if a == b:
        return a
    low, high = (a, b) if _rank(a) <= _rank(b) else (b, a)
    if _rank(low) == _rank(high):
        if high in INTEGERS:
            return _join_integers(low, high)
        if high in FLOATS:
            return _join_floats(low, high)
        return "complex128"
    if high == "complex64" and low == "float64":
        return "complex128"
    return high


def _as_lattice(dtype: Any) -> str:
    if dtype is int or dtype == WEAK_INT:
        return WEAK_INT
    if dtype is float or dtype == WEAK_FLOAT:
        return WEAK_FLOAT
    return standardize(dtype)


def result_type(*dtypes: Any) -> str:
    """The dtype in which values of all these dtypes are combined.

    Args:
        *dtypes: dtypes in any spelling; the Python types ``int`` and ``float`` are weak.

    Returns:
        The name of the joint dtype.

    Example:

    >>> result_type("int32", "bfloat16"), result_type("int8", float), result_type("uint8", "int8")
    ('bfloat16', 'float32', 'int16')
    """
    if not dtypes:
        return _floatx
    joined = functools.reduce(_join, map(_as_lattice, dtypes))
    if joined == WEAK_INT:
        return "int32"
    return _floatx if joined == WEAK_FLOAT else joined


def to_float(dtype: str) -> str:
    """`dtype` if it is a float or complex one, else what an integer becomes in a float function."""
    return dtype if dtype in FLOATS or dtype in COMPLEX else result_type(dtype, float)
