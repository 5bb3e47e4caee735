"""Random numbers that are the same on every engine, and slower than an engine's own.

The words are Threefry's (`hornbeam.backends.threefry`), computed in 64-bit integers, which every engine
has, where 32-bit words would wrap around.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import settings
from hornbeam.backends.protocol import COMPOSITIONS, Array, Backend
from hornbeam.backends.threefry import PARITY, ROTATIONS

WORD = 0xFFFFFFFF


def drawing(b: Backend) -> Backend:
    """What draws for engine `b`: itself, or the same numbers everywhere, as the settings say."""
    return Portable(b) if settings.is_portable_random_enabled() else b  # type: ignore[return-value]


def words(b: Backend, key: Array, size: int, stream: int = 0) -> Array:
    """int64 numbers in [0, 2**32), one per place: Threefry-2x32 of (place, stream)."""
    return b.threefry(key, (size,), stream)


def threefry(b: Backend, key: Array, shape: Sequence[int], stream: int) -> Array:
    """The composition of `words`, on (key, (size,), stream)."""
    (size,) = shape
    keys = b.cast(key, "int64")
    k0, k1 = keys[0], keys[1]
    schedule = (k0, k1, b.bitwise_xor(b.bitwise_xor(k0, k1), b.full((), PARITY, "int64")))
    mask = b.full((), WORD, "int64")

    def plus(x: Array, y: Array) -> Array:
        return b.bitwise_and(b.add(x, y), mask)

    x0 = plus(b.arange(0, size, 1, "int64"), k0)
    x1 = plus(b.full((size,), stream, "int64"), k1)
    for group in range(5):
        for turn in ROTATIONS[group % 2]:
            x0 = plus(x0, x1)
            left = b.multiply(x1, b.full((), 2**turn, "int64"))
            right = b.floor_divide(x1, b.full((), 2 ** (32 - turn), "int64"))
            x1 = b.bitwise_xor(b.bitwise_and(b.bitwise_or(left, right), mask), x0)
        x0 = plus(x0, schedule[(group + 1) % 3])
        x1 = plus(plus(x1, schedule[(group + 2) % 3]), b.full((), group + 1, "int64"))
    return x0


COMPOSITIONS["threefry"] = threefry


class Portable:
    """An engine whose random numbers are the portable ones; all else is the engine's."""

    def __init__(self, engine: Backend) -> None:
        self.engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def _words(self, key: Array, shape: Sequence[Any], stream: int = 0) -> Array:
        # A size may be known only when the engine runs, as the batch in a pipeline of data.
        sizes = tuple(int(s) if isinstance(s, (int, np.integer)) else s for s in shape)
        return self.engine.reshape(words(self.engine, key, math.prod(sizes), stream), sizes)

    def _fractions(self, key: Array, shape: Sequence[int], kept: int) -> Array:
        """float64 numbers k / 2**kept."""
        b = self.engine
        bits = self._words(key, shape)
        if kept > 32:
            more = b.multiply(self._words(key, shape, 1), b.full((), 2 ** (kept - 32), "int64"))
            bits = b.add(more, b.floor_divide(bits, b.full((), 2 ** (64 - kept), "int64")))
        else:
            bits = b.floor_divide(bits, b.full((), 2 ** (32 - kept), "int64"))
        return b.multiply(b.cast(bits, "float64"), b.full((), 2.0**-kept, "float64"))

    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        """Numbers in [0, 1), with as many bits as the dtype can hold."""
        kept = {"float32": 24, "float16": 11, "bfloat16": 8, "float64": 53}[dtype]
        with self.engine.wide():
            return self.engine.cast(self._fractions(key, shape, kept), dtype)

    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        """The inverse of the distribution function in the middle of one of equal intervals."""
        b, kept = self.engine, 52 if dtype == "float64" else 24
        with b.wide():
            middle = b.add(
                self._fractions(key, shape, kept), b.full((), 2.0 ** -(kept + 1), "float64")
            )
            between = b.subtract(b.add(middle, middle), b.full((), 1.0, "float64"))
            drawn = b.multiply(b.erfinv(between), b.full((), math.sqrt(2.0), "float64"))
            return b.cast(drawn, dtype)

    def random_bernoulli(self, key: Array, shape: Sequence[int], probability: float) -> Array:
        """True where the word is below `probability` of its range."""
        b = self.engine
        with b.wide():
            return b.less(self._words(key, shape), b.full((), int(probability * 2**32), "int64"))

    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        """int32 numbers in [low, high): of 62 bits, so that no number is noticeably likelier."""
        b = self.engine
        with b.wide():
            upper = b.floor_divide(self._words(key, shape, 1), b.full((), 4, "int64"))
            wide = b.add(b.multiply(upper, b.full((), 2**32, "int64")), self._words(key, shape))
            drawn = b.mod(wide, b.full((), int(high) - int(low), "int64"))
            return b.cast(b.add(drawn, b.full((), int(low), "int64")), "int32")

    def random_permutation(self, key: Array, n: int) -> Array:
        """The order in which words of 62 bits sort."""
        b = self.engine
        with b.wide():
            upper = b.floor_divide(words(b, key, n, 1), b.full((), 4, "int64"))
            wide = b.add(b.multiply(upper, b.full((), 2**32, "int64")), words(b, key, n))
            return b.cast(b.argsort(wide), "int32")
