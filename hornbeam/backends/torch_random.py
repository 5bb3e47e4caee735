"""Random numbers of the PyTorch backend: from its generators, or from a key that is being traced.

A generator has to know its seed when it is made, so what is compiled draws from Threefry, written out in
tensors, like the JAX backend.  The numbers are others then, of the same distributions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from hornbeam.backends.threefry import PARITY, ROTATIONS
from hornbeam.backends.torch_arrays import DTYPES

Array = Any
WORD = 0xFFFFFFFF
COARSE = 16  # bits that decide about a bool


def generator(key: Array) -> torch.Generator:
    """A generator that starts from both words of the key."""
    high, low = (int(word) for word in key.tolist())
    made = torch.Generator(torch.get_default_device())
    return made.manual_seed(_mixed((high << 32) | low))


def _mixed(seed: int) -> int:
    """splitmix64's finalizer: neighbouring keys start far apart."""
    seed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    seed = (seed ^ (seed >> 27)) * 0x94D049BB133111EB % 2**64
    return seed ^ (seed >> 31)


def bernoulli(key: Array, shape: Sequence[int], probability: float) -> Array:
    """Bools, four to a word of 64 random bits: half of the time of comparing floats (128x512, CPU)."""
    edge = round(probability * 2**COARSE)
    size = math.prod(shape)
    words = torch.empty((size + 3) // 4, dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator(key))
    return (words.view(torch.int16)[:size] < edge - 2 ** (COARSE - 1)).reshape(tuple(shape))


def is_coarse_enough(probability: float) -> bool:
    """Whether `bernoulli` can express the probability to four digits."""
    return 0.05 <= probability <= 0.95


# ----------------------------------------------------------------------------------- from traced keys


def words(key: Array, size: int, stream: int = 0) -> Array:
    """int64 numbers in [0, 2**32), one per place: Threefry-2x32 of (place, stream)."""
    keys = key.to(torch.int64)
    k0, k1 = keys[0], keys[1]
    schedule = (k0, k1, k0 ^ k1 ^ PARITY)
    x0 = (torch.arange(size, dtype=torch.int64) + k0) & WORD
    x1 = (torch.full((size,), stream, dtype=torch.int64) + k1) & WORD
    for group in range(5):
        for turn in ROTATIONS[group % 2]:
            x0 = (x0 + x1) & WORD
            x1 = (((x1 << turn) | (x1 >> (32 - turn))) & WORD) ^ x0
        x0 = (x0 + schedule[(group + 1) % 3]) & WORD
        x1 = (x1 + schedule[(group + 2) % 3] + group + 1) & WORD
    return x0


def traced_uniform(key: Array, shape: Sequence[int], dtype: str, stream: int = 0) -> Array:
    """Uniform numbers in [0, 1), of as many bits as the dtype can hold, 32 at most."""
    kept = {"float64": 32, "float32": 24, "float16": 11, "bfloat16": 8}[dtype]
    bits = words(key, math.prod(shape), stream) >> (32 - kept)
    return (bits.to(DTYPES[dtype]) * 2.0**-kept).reshape(tuple(shape))


def traced_normal(key: Array, shape: Sequence[int], dtype: str) -> Array:
    """Box and Muller's pairs: a radius and an angle from two streams."""
    inside = 1.0 - traced_uniform(key, shape, "float32", 0)
    angle = 2 * math.pi * traced_uniform(key, shape, "float32", 1)
    return (torch.sqrt(-2.0 * torch.log(inside)) * torch.cos(angle)).to(DTYPES[dtype])


def traced_integers(key: Array, shape: Sequence[int], low: int, high: int) -> Array:
    """int32 numbers in [low, high): the remainder of 32 bits."""
    drawn = words(key, math.prod(shape)) % (high - low) + low
    return drawn.to(torch.int32).reshape(tuple(shape))


def traced_permutation(key: Array, n: int) -> Array:
    """The order of n random words."""
    return torch.argsort(words(key, n), stable=True).to(torch.int32)
