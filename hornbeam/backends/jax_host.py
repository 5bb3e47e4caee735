"""NumPy arrays on their way to JAX, and the thread that computes on a CPU.

Three facts about jaxlib 0.10.2 on a CPU (two cores), on which this rests:

- A call computes in the thread that makes it, if JAX was told so before it made its first array and the
  arguments are there.  By default another thread does, which takes 70 us there and back: `predict` on a
  row 110 us and not 30, `train_on_batch` of a 2x2 Dense 400 and not 215.
- While an argument is still on its way, such a call returns at once, and another thread computes when
  the argument has come.  So a long step can go on while the next batch is prepared.
- NumPy arrays of 100 KiB and more are copied by another thread, after the call that was given them has
  returned; those that begin at a multiple of 64 bytes are not copied but read where they lie.  Writing
  into such an array after the call changes what is computed, without a word: a generator that fills the
  same array again and again trains on the wrong batches.  `jax.numpy.asarray` and `jax.numpy.array` are
  no safer.  So arrays become JAX's by way of a copy of our own, and the batches of a stream are either
  read before the call returns or copied before it.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# JAX has no public way to ask whether it is in use already.
from jax._src.xla_bridge import backends_are_initialized

from hornbeam import tree
from hornbeam.backends.jax_windows import on_cpu
from hornbeam.backends.numpy import ALIGNMENT, copied, empty_array

ASYNC = "HORNBEAM_ASYNC"
"""Set to 1, JAX computes in another thread always, as it does by itself."""
COPIED_LATER = 100 * 1024
"""Bytes; JAX copies shorter arrays before a call returns."""
LONG = 2e-4
"""Seconds; what takes less is quicker in the thread that asks, even if arrays have to be copied."""
VERY_LONG = 5e-3
"""Seconds; what takes less is quicker there if all arrays can be read where they lie."""

_told = False


def compute_here() -> None:
    """Tell JAX to compute in the thread that asks, unless it is in use already or the user objects."""
    global _told
    if os.environ.get(ASYNC) != "1" and not backends_are_initialized():
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        _told = True


def computes_here() -> bool:
    """Whether calls compute in the thread that makes them."""
    return _told and on_cpu()


def handed_over(data: Any, takes: float, after: Any) -> Any:
    """See `Backend.handed_over`."""
    leaves, spec = tree.flatten_with_spec(data)
    here = computes_here()
    arrays = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]
    large = [i for i in arrays if leaves[i].nbytes >= COPIED_LATER]
    late = [i for i in large if _read_later(leaves[i])]
    ahead = here and takes > (LONG if late else VERY_LONG)
    # what follows a call that still computes waits for it in the other thread, whatever it was given
    for i in late if here and not ahead and _computed(after) else arrays:
        leaves[i] = copied(leaves[i], aligned=not (ahead and i in large))
    if ahead and arrays and not large:
        first = arrays[0]
        with jax.enable_x64(leaves[first].dtype.itemsize >= 8):
            leaves[first] = _when_it_has_come(leaves[first], _slow())
    return tree.unflatten(spec, leaves)


def _computed(result: Any) -> bool:
    """Whether the call that returned `result` has computed it; None tells nothing."""
    arrays: list[Any] = [leaf for leaf in tree.flatten(result) if isinstance(leaf, jax.Array)]
    return bool(arrays) and all(array.is_ready() for array in arrays)


def _read_later(leaf: Any) -> bool:
    """Whether JAX reads a large array in another thread, and computes there when it has done so."""
    return not leaf.flags.c_contiguous or leaf.__array_interface__["data"][0] % ALIGNMENT != 0


@functools.partial(jax.jit, keep_unused=True)
def _when_it_has_come(x: Any, slow: Any) -> Any:
    return jnp.copy(x)


@functools.cache
def _slow() -> Any:
    """An array that JAX takes 0.2 ms to copy in another thread, longer than a call takes to begin."""
    return empty_array((2**21,), np.dtype(np.uint8), zeros=True, aligned=False)
