"""One seed for everything."""

from __future__ import annotations

import random

import numpy as np

from hornbeam.errors import InputError
from hornbeam.random import streams
from hornbeam.random.seed_generator import restart_global_generators


def set_random_seed(seed: int) -> None:
    """Make everything random from here on a function of `seed`.

    Seeds Python's `random`, NumPy's legacy generator, first weights, the order of data, and all
    random functions and layers that are given no seed of their own.

    Args:
        seed: an int in [0, 2**32).

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.set_random_seed(1)
    >>> first = hornbeam.initializers.GlorotUniform()((2, 2)).tolist()
    >>> hornbeam.utils.set_random_seed(1)
    >>> hornbeam.initializers.GlorotUniform()((2, 2)).tolist() == first
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise InputError(f"set_random_seed() needs an int from 0 to 2**32 - 1, got {seed!r}.")
    random.seed(int(seed))
    np.random.seed(int(seed))
    streams.set_global_seed(int(seed))
    restart_global_generators()
