"""Random numbers made on the host: first weights, first seeds and the order of data.

They come from Philox, a counter-based generator, so that they are the same on every engine.  The n-th
draw since `set_random_seed` has its own key; without `set_random_seed` the process has a random seed.
"""

from __future__ import annotations

import secrets
import threading

import numpy as np

_lock = threading.Lock()
_seed: int = secrets.randbits(63)
_draws = 0
_chosen = False
_source: tuple[tuple[int, int], np.random.Philox] | None = None
"""What makes the next draw, and the seed and number of draws that it is at: making it takes 20 us."""


def set_global_seed(seed: int | None) -> None:
    """Start the stream of draws again from `seed` (None: from a random one)."""
    global _seed, _draws, _chosen
    with _lock:
        _seed = secrets.randbits(63) if seed is None else int(seed)
        _draws = 0
        _chosen = seed is not None


def get_global_seed() -> int | None:
    """The seed given to `set_global_seed`, or None if nobody gave one."""
    return _seed if _chosen else None


def next_seed() -> int:
    """A fresh seed in [0, 2**31), the next of the stream."""
    global _draws, _source
    with _lock:
        place = (_seed, _draws)
        if _source is not None and _source[0] == place:
            source = _source[1]
        else:
            source = np.random.Philox(key=_seed, counter=_draws)
        words = source.random_raw(4)  # all that one value of the counter gives; the first counts
        _draws += 1
        _source = (_seed, _draws), source
    return int(words[0] >> np.uint64(33))


def standing_seed() -> int:
    """A seed in [0, 2**31) that depends on the global seed alone, not on what was drawn since."""
    words = np.random.Philox(key=_seed, counter=2**64 - 1).random_raw(1)
    return int(words[0] >> np.uint64(33))


def get_state() -> tuple[int, int, bool]:
    """Where the stream is, for `set_state`."""
    return _seed, _draws, _chosen


def set_state(state: tuple[int, int, bool]) -> None:
    """Go to where the stream was at `get_state`."""
    global _seed, _draws, _chosen
    with _lock:
        _seed, _draws, _chosen = int(state[0]), int(state[1]), bool(state[2])


def generator(seed: int) -> np.random.Generator:
    """A NumPy generator whose numbers depend on `seed` alone."""
    return np.random.Generator(np.random.Philox(key=int(seed)))
