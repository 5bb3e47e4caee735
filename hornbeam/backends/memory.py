"""Memory that steps give back to the C library stays with the process, for engines that gain from it.

XLA asks the C library for the memory of a step's intermediate values, and frees it after each step; so
do PyTorch's kernels, and NumPy's, which PyTensor calls.  glibc takes pieces of that size from the system
and gives them back, so every step begins with memory that the system has to clear, page by page: with
JAX 18,000 page faults in a step of a small convolutional network, which take 30 of its 120 ms of CPU
time (2 cores), and 10,000 in one of an LSTM, 14 of 65 ms.

So, where glibc is, JAX's threads share one heap, and from the first training step on that heap is used
for pieces of any size and keeps up to `KEPT` bytes that are free at its end.  ``HORNBEAM_KEEP_MEMORY=0``
leaves all this as it is, and so does any setting of glibc's own in the environment.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable

VARIABLE = "HORNBEAM_KEEP_MEMORY"
KEPT = 2**30
"""Bytes; what is freed beyond them goes back to the system."""

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # as in malloc.h


def one_heap() -> bool:
    """Let threads that begin from now on share the main heap; whether that was done.

    Only that one can hold more than 64 MB in one piece.
    """
    tell = _mallopt()
    return tell is not None and bool(tell(_ARENA_MAX, 1))


@functools.cache
def keep() -> bool:
    """Keep the memory that steps free; whether that was done."""
    tell = _mallopt()
    return tell is not None and bool(tell(_TRIM_THRESHOLD, KEPT)) and bool(tell(_MMAP_MAX, 0))


def _mallopt() -> Callable[[int, int], int] | None:
    """The function of glibc, None where there is none or where the user has decided."""
    decided = (
        os.environ.get(VARIABLE, "") == "0"
        or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
        or any(name.startswith("MALLOC_") for name in os.environ)
    )
    if decided or sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    return library.mallopt
