"""Data that comes in batches: generators, iterables, and objects with a length and items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.errors import InputError
from hornbeam.random import streams
from hornbeam.training.data.arrays import Batch
from hornbeam.training.data.convert import to_array
from hornbeam.training.data.weights import check_class_weight, with_class_weight
from hornbeam.utils.batches import unpack_x_y_sample_weight


class StreamData:
    """Batches from an iterable, or from an object with ``__len__`` and ``__getitem__``.

    Args:
        source: yields x, (x, y) or (x, y, sample_weight) per batch.
        class_weight: class -> weight.
        steps: how many batches make an epoch, if not all of them.
        shuffle: whether to take the batches of an indexable source in a new order each epoch.
        what: the function that the user called, for messages.
    """

    in_memory = False
    batch_size = None

    def __init__(
        self,
        source: Any,
        *,
        class_weight: Any = None,
        steps: int | None = None,
        shuffle: bool | str = False,
        what: str = "fit",
    ) -> None:
        check_class_weight(class_weight)
        self.source = source
        self.class_weight = class_weight
        self.steps = steps
        self.what = what
        self.indexable = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        self.shuffle = bool(shuffle) and self.indexable
        self.seed = streams.next_seed() if self.shuffle else 0
        self.one_shot = not self.indexable and iter(source) is source
        self._iterator: Iterator[Any] | None = None
        self._peeked: list[Any] = []
        if self._length() == 0:
            raise InputError(
                f"{what}() got empty data: the {type(source).__name__} has no batches."
            )

    def _length(self) -> int | None:
        try:
            return len(self.source)
        except TypeError:
            return None

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has, None if nobody knows before its end."""
        return self.steps or (None if self.one_shot else self._length())

    def _begin(self, epoch: int) -> Iterator[Any]:
        if self.indexable:
            count = len(self.source)
            order = np.arange(count)
            if self.shuffle:
                order = np.random.Generator(
                    np.random.Philox(key=self.seed, counter=epoch)
                ).permutation(count)
            return (self.source[int(i)] for i in order)
        return iter(self.source)

    def peek(self) -> Batch:
        """A first batch, to build the model with; it comes again in the first epoch."""
        if not self._peeked:
            if self._iterator is None:
                self._iterator = self._begin(0)
            try:
                self._peeked.append(next(self._iterator))
            except StopIteration:
                raise InputError(
                    f"{self.what}() got empty data: the {type(self.source).__name__} yielded no batch."
                ) from None
        return self._batch(self._peeked[0])

    def epoch(self, epoch: int = 0) -> Iterator[Batch]:
        """The batches of an epoch."""
        goes_on = self.one_shot or (self.steps is not None and not self.indexable)
        if self._iterator is None or not (goes_on or self._peeked):
            self._iterator = self._begin(epoch)
        done = 0
        while self.steps is None or done < self.steps:
            if self._peeked:
                raw = self._peeked.pop()
            else:
                try:
                    raw = next(self._iterator)
                except StopIteration:
                    if self.steps is not None and done and not self.one_shot:
                        self._iterator = self._begin(epoch + 1)
                        continue
                    break
            done += 1
            yield self._batch(raw)
        if not goes_on:
            self._iterator = None
        if done == 0:
            raise InputError(
                f"{self.what}(): the {type(self.source).__name__} ran out of data before epoch "
                f"{epoch + 1}. A generator can be read only once: pass `steps_per_epoch`, or an object "
                "that can be iterated again (a list of batches, a `PyDataset`)."
            )

    def _batch(self, raw: Any) -> Batch:
        x, y, sample_weight = unpack_x_y_sample_weight(raw)
        x, y, sample_weight = (
            tree.map_structure(lambda leaf, n=name: to_array(_host(leaf), n), part)
            if part is not None
            else None
            for name, part in (("x", x), ("y", y), ("sample_weight", sample_weight))
        )
        return x, y, with_class_weight(y, sample_weight, self.class_weight)

    def on_epoch_end(self) -> None:
        """Tell the source, if it wants to know."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


def _host(leaf: Any) -> Any:
    """Tensors of data loaders as NumPy arrays; what loaders hand out is in the host's memory."""
    if isinstance(leaf, np.ndarray) or not hasattr(leaf, "__array__"):
        return leaf
    from hornbeam.backends import registry

    return leaf if registry.engine_of(type(leaf)) is not None else np.asarray(leaf)
