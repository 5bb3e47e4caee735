"""Threefry-2x32: a generator that is a function of (key, place), so that every place is on its own.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), 20 rounds.
Written with operators on uint32 arrays, so that a compiler can fuse it with what the bits are for.
"""

from __future__ import annotations

from typing import Any

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def threefry2x32(key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """The two words that `key` makes of `counter`.

    Args:
        key: two uint32 scalars.
        counter: two uint32 arrays (or scalars) of one shape.

    Example:

    >>> import numpy as np
    >>> zero = np.zeros(1, np.uint32)
    >>> [hex(word[0]) for word in threefry2x32((zero, zero), (zero, zero))]
    ['0x6b200159', '0x99ba4efe']
    """
    words = (key[0], key[1], key[0] ^ key[1] ^ key[0].dtype.type(PARITY))
    one = key[0].dtype.type
    x0, x1 = counter[0] + words[0], counter[1] + words[1]
    for group in range(5):
        for turn in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << one(turn)) | (x1 >> one(32 - turn))) ^ x0
        x0 = x0 + words[(group + 1) % 3]
        x1 = x1 + words[(group + 2) % 3] + one(group + 1)
    return x0, x1
