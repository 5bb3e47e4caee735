"""Output shapes of what cannot be run on symbolic tensors: from two runs without values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hornbeam import dtypes, tree
from hornbeam.backends.protocol import Backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.naming import reset_path, set_path


@contextmanager
def within(layer: Any) -> Iterator[None]:
    """A context in which variables get paths within `layer`, whether it is being built or made."""
    layer._path = layer._path or layer.name
    token = set_path(layer._path)
    try:
        yield
    finally:
        reset_path(token)


STAND_INS = (2, 3)
"""What an unknown size is in the first and the second run."""


def infer(backend: Backend, fn: Callable[..., Any], inputs: Sequence[KerasTensor]) -> Any:
    """The outputs of `fn` as symbolic tensors.

    Sizes that differ between the two runs are unknown.

    Args:
        backend: the engine of `fn`.
        fn: a function of the engine's arrays, in the order of `inputs`.
        inputs: symbolic tensors, unknown sizes among theirs.
    """

    def run(size: int) -> Any:
        specs = [(tuple(size if d is None else d for d in x.shape), x.dtype) for x in inputs]
        return backend.shapes_of(fn, *specs)

    def joined(one: Any, other: Any) -> Any:
        if not hasattr(one, "shape"):
            return one
        pairs = zip(one.shape, other.shape, strict=True)
        shape = tuple(int(a) if a == b else None for a, b in pairs)
        return KerasTensor(shape, dtypes.standardize(one.dtype))

    first, second = (run(size) for size in STAND_INS)
    return tree.map_structure(joined, first, second)
