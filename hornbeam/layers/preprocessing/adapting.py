"""What preprocessing layers have in common: learning from a stream of data, and encoding indices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.layers.preprocessing.data_layer import DataLayer

ENCODINGS = ("one_hot", "multi_hot", "count")


class Adapting(DataLayer):
    """A layer that learns its state by looking at data once, batch by batch, before training."""

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Forget what was learnt, and learn from `data`.

        Args:
            data: an array, a list, or an iterable of batches; of tuples the first item is taken.
            steps: how many batches to look at; by default all.
        """
        self.reset_state()
        for index, batch in enumerate(batches(data)):
            if steps is not None and index >= steps:
                break
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget what was learnt."""
        raise NotImplementedError

    def update_state(self, data: Any) -> None:
        """Learn from one batch."""
        raise NotImplementedError

    def finalize_state(self) -> None:
        """Put what was learnt to use."""
        raise NotImplementedError


def batches(data: Any) -> Iterator[Any]:
    """The batches of `data` as NumPy arrays; an array or list is one batch."""
    if isinstance(data, (list, tuple, np.ndarray)) or hasattr(data, "__array__"):
        yield to_host(data)
        return
    if hasattr(data, "shape") and registry.engine_of(type(data)) is not None:
        yield to_host(data)
        return
    if not hasattr(data, "__iter__"):
        raise InputError(
            f"adapt() takes an array, a list or an iterable of batches, got {type(data).__name__}."
        )
    for batch in data:
        yield to_host(batch[0] if isinstance(batch, tuple) else batch)


def to_host(x: Any) -> Any:
    """`x` as a NumPy array; bytes become text."""
    owner = registry.engine_of(type(x))
    array = owner.to_numpy(x) if owner is not None and not owner.symbolic else np.asarray(x)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    if array.dtype.kind == "O" and array.size:
        first = array.reshape(-1)[0]
        if isinstance(first, bytes):
            return np.vectorize(lambda b: b.decode("utf-8"), otypes=[str])(array)
        if isinstance(first, str):
            return array.astype(str)
    return array


def encode(indices: Any, mode: str, depth: int, weights: Any = None, dtype: Any = None) -> Any:
    """Indices as rows of a table with `depth` columns.

    Args:
        indices: ints (..., n) or (...).
        mode: "one_hot" (one row each; a last axis of size 1 goes), "multi_hot" (1 in the column of
            every index of an example) or "count" (how often, or the sum of the weights).
        depth: the number of columns.
        weights: for "count", what each index counts, in the shape of `indices`.
        dtype: dtype of the result.
    """
    shape = tuple(indices.shape)
    if mode == "one_hot":
        if len(shape) > 1 and shape[-1] == 1:
            indices = ops.squeeze(indices, -1)
        return ops.one_hot(indices, depth, dtype=dtype)
    if not shape:
        indices = ops.expand_dims(indices, 0)
    rows = ops.one_hot(indices, depth, dtype=dtype)
    if mode == "multi_hot":
        return ops.max(rows, axis=-2)
    if weights is not None:
        rows = ops.multiply(rows, ops.expand_dims(ops.cast(weights, rows.dtype), -1))
    return ops.sum(rows, axis=-2)
