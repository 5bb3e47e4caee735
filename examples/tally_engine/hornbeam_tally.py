"""An engine for Hornbeam that counts what a model computes, on NumPy's arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import ARRAY_PRIMITIVES, Backend

_counts: Counter[str] = Counter()


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """What is computed within: primitive -> products of a matrix product, else numbers made."""
    before = Counter(_counts)
    counts: Counter[str] = Counter()
    yield counts
    counts.update(_counts - before)


class Tallied(NDArrayOperatorsMixin):
    """An array whose arithmetic is counted."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.values.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.values.ndim

    @property
    def dtype(self) -> Any:
        """NumPy's dtype."""
        return self.values.dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return counted(ufunc.__name__, getattr(ufunc, method))(*inputs, **kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.values, dtype, copy=copy)

    def __getitem__(self, key: Any) -> Tallied:
        return Tallied(self.values[bare(key)])

    def __bool__(self) -> bool:
        return bool(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __float__(self) -> float:
        return float(self.values)

    def __int__(self) -> int:
        return int(self.values)

    def __repr__(self) -> str:
        return f"Tallied({self.values!r})"


def bare(nest: Any) -> Any:
    """`nest` with NumPy's arrays for ours."""
    return tree.map_structure(lambda x: x.values if isinstance(x, Tallied) else x, nest)


def dressed(nest: Any) -> Any:
    """`nest` with our arrays for NumPy's."""
    return tree.map_structure(
        lambda x: Tallied(x) if isinstance(x, (np.ndarray, np.generic)) else x, nest
    )


def counted(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's as one of ours."""

    def count(*args: Any, **kwargs: Any) -> Any:
        inputs = bare(args)
        result = fn(*inputs, **bare(kwargs))
        made = sum(np.size(leaf) for leaf in tree.flatten(result) if leaf is not None)
        _counts[name] += made * (np.shape(inputs[0])[-1] if name == "matmul" else 1)
        return dressed(result)

    return count


def inward(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function on our arrays as one on NumPy's."""
    return lambda *args: bare(fn(*dressed(args)))


class TallyBackend(Backend):
    """The protocol on `Tallied` arrays."""

    name: ClassVar[str] = "tally"
    pip: ClassVar[str] = "hornbeam-tally"
    differentiable: ClassVar[bool] = False
    compiled: ClassVar[bool] = False

    def __init__(self) -> None:
        self.numpy = registry.get("numpy")

    def __getattr__(self, name: str) -> Any:
        if name in ARRAY_PRIMITIVES:
            return counted(name, getattr(self.numpy, name))
        return super().__getattr__(name)

    def array_types(self) -> tuple[type, ...]:
        return (Tallied,)

    def asarray(self, x: Any, dtype: str | None = None) -> Any:
        return Tallied(self.numpy.asarray(bare(x), dtype))

    def to_numpy(self, x: Any) -> Any:
        return x.values

    def native_dtype(self, dtype: str) -> Any:
        return self.numpy.native_dtype(dtype)

    def cast(self, x: Any, dtype: str) -> Any:
        return dressed(self.numpy.cast(bare(x), dtype))

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: fn(*args)[0]

    def scan(
        self, fn: Any, init: Any, xs: Any, length: int | None = None, reverse: bool = False
    ) -> Any:
        return dressed(self.numpy.scan(inward(fn), bare(init), bare(xs), length, reverse))

    def cond(self, predicate: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
        return true_fn() if predicate else false_fn()

    def while_loop(self, cond: Callable[[Any], Any], body: Callable[[Any], Any], state: Any) -> Any:
        while cond(state):
            state = body(state)
        return state

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: dressed(self.numpy.vmap(inward(fn))(*bare(args)))

    def random_uniform(self, key: Any, shape: Sequence[int], dtype: str) -> Any:
        return dressed(self.numpy.random_uniform(bare(key), shape, dtype))

    def random_normal(self, key: Any, shape: Sequence[int], dtype: str) -> Any:
        return dressed(self.numpy.random_normal(bare(key), shape, dtype))

    def random_integers(self, key: Any, shape: Sequence[int], low: int, high: int) -> Any:
        return dressed(self.numpy.random_integers(bare(key), shape, low, high))

    def random_permutation(self, key: Any, n: int) -> Any:
        return dressed(self.numpy.random_permutation(bare(key), n))


def make() -> TallyBackend:
    """The backend: what the entry point names."""
    return TallyBackend()
