"""All ops in one table: a row is a call, a reference and what may be asked of it.

Array arguments are written as specs (`F(3, 4)`: floats of shape (3, 4)), so that each property can
draw them in the dtype, on the engine and with the unknown dimensions that it is about.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hornbeam import tree


@dataclass(frozen=True)
class Spec:
    """An array to be drawn: a shape, a kind of values, and whether its dtype may be varied."""

    shape: tuple[int, ...]
    kind: str = "normal"
    low: float = 0
    high: float = 1

    def draw(self, rng: np.random.Generator, dtype: Any = None) -> np.ndarray:
        if self.kind == "normal":
            return np.asarray(rng.normal(size=self.shape), dtype or np.float32)
        if self.kind == "uniform":
            return np.asarray(rng.uniform(self.low, self.high, self.shape), dtype or np.float32)
        if self.kind == "int":
            return np.asarray(rng.integers(self.low, self.high, self.shape), dtype or np.int32)
        if self.kind == "bool":
            return rng.integers(0, 2, self.shape).astype(bool)
        if self.kind == "complex":
            values = rng.normal(size=self.shape) + 1j * rng.normal(size=self.shape)
            return np.asarray(values, np.complex64 if dtype is None else np.complex128)
        if self.kind == "distinct":
            size = int(np.prod(self.shape))
            return np.asarray(rng.permutation(size).reshape(self.shape), dtype or np.float32) / 2
        raise AssertionError(self.kind)

    @property
    def varies(self) -> bool:
        """Whether the row makes sense with this array in other dtypes."""
        return self.kind in ("normal", "uniform", "distinct")


def F(*shape: int) -> Spec:
    """Floats of the normal distribution."""
    return Spec(shape)


def U(*shape: int, low: float = 0.05, high: float = 0.95) -> Spec:
    """Floats between two numbers."""
    return Spec(shape, "uniform", low, high)


def P(*shape: int) -> Spec:
    """Positive floats."""
    return Spec(shape, "uniform", 0.3, 3.0)


def D(*shape: int) -> Spec:
    """Floats no two of which are equal."""
    return Spec(shape, "distinct")


def N(*shape: int, low: int = -5, high: int = 6) -> Spec:
    """Integers from `low` to `high` - 1, always int32."""
    return Spec(shape, "int", low, high)


def B(*shape: int) -> Spec:
    """Bools."""
    return Spec(shape, "bool")


def C(*shape: int) -> Spec:
    """Complex numbers."""
    return Spec(shape, "complex")


@dataclass
class Row:
    """One call of one op."""

    op: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    reference: Callable[..., Any] | None = None  # None: Keras
    gradient: bool = True
    dtypes: bool = True
    unknown: bool | str = True  # "first": open only the first array's first dimension
    jit: bool = True
    rtol: float = 1e-5
    atol: float = 1e-5
    skip: dict[str, str] = field(default_factory=dict)  # engine -> why

    def inputs(self, dtype: Any = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, arrays drawn: the same ones each time."""
        rng = np.random.default_rng(zlib.crc32(repr((self.op, self.args, self.kwargs)).encode()))

        def draw(leaf: Any) -> Any:
            if not isinstance(leaf, Spec):
                return leaf
            return leaf.draw(rng, dtype if leaf.varies else None)

        return tree.map_structure(draw, (self.args, self.kwargs))

    def specs(self) -> list[Spec]:
        """The arrays among the arguments."""
        return [leaf for leaf in tree.flatten((self.args, self.kwargs)) if isinstance(leaf, Spec)]

    def __str__(self) -> str:
        def short(value: Any) -> str:
            return (
                "x".join(map(str, value.shape)) or "0d" if isinstance(value, Spec) else str(value)
            )

        parts = [short(a) for a in tree.flatten(self.args)]
        parts += [
            f"{k}={short(v) if not isinstance(v, (list, tuple)) else v}"
            for k, v in self.kwargs.items()
        ]
        text = f"{self.op}({','.join(parts)})"
        return text.replace(" ", "").replace("[", "<").replace("]", ">")


ROWS: list[Row] = []


def row(op: str, *args: Any, **kwargs: Any) -> None:
    """Enter a row.  Keywords that begin with "_" are fields of `Row`, the others go to the op."""
    fields = {k[1:]: v for k, v in kwargs.items() if k.startswith("_")}
    given = {k: v for k, v in kwargs.items() if not k.startswith("_")}
    ROWS.append(Row(op, args, given, **fields))
