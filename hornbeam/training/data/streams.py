"""Data that comes in batches: generators, iterables, and objects with a length and items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.random import streams
from hornbeam.training.data.arrays import Batch
from hornbeam.training.data.batches import unpack_x_y_sample_weight
from hornbeam.training.data.convert import to_array
from hornbeam.training.data.weights import check_class_weight, with_class_weight


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
        owner = registry.engine_behind(source)
        self._batches = source if owner is None else owner.batches_of(source)
        self.class_weight = class_weight
        self.steps = steps
        self.what = what
        self.indexable, self.one_shot = self._kind()
        self.shuffle = bool(shuffle) and self.indexable
        self.seed = streams.next_seed() if self.shuffle else 0
        self._iterator: Iterator[Any] | None = None
        self._peeked: list[Any] = []
        self._taken = 0  # batches that training got from the current iterator
        if self._length() == 0:
            raise InputError(
                f"{what}() got empty data: the {type(source).__name__} has no batches."
            )

    def _kind(self) -> tuple[bool, bool]:
        """(whether batches can be asked for by number, whether they come only once)."""
        indexable = hasattr(self.source, "__getitem__") and hasattr(self.source, "__len__")
        return indexable, not indexable and iter(self.source) is self.source

    def _length(self) -> int | None:
        try:
            return len(self.source)
        except TypeError:
            return None

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has, None if nobody knows before its end."""
        return self.steps or (None if self.one_shot else self._length())

    def _order(self, epoch: int) -> Any:
        """The numbers of the batches of an indexable source in the order of that epoch."""
        count = len(self.source)
        if not self.shuffle:
            return np.arange(count)
        return np.random.Generator(np.random.Philox(key=self.seed, counter=epoch)).permutation(
            count
        )

    def _begin(self, epoch: int, first: int = 0) -> Iterator[Any]:
        """An iterator over the batches of that epoch, from number `first` on."""
        self._taken = first
        if self.indexable:
            return self._fetch(self._order(epoch)[first:])
        iterator: Iterator[Any] = iter(self._batches)
        self._skip(iterator, first)
        return iterator

    def _skip(self, iterator: Iterator[Any], count: int) -> None:
        for done in range(count):
            if next(iterator, self) is self:
                raise InputError(
                    f"{self.what}(): the {type(self.source).__name__} ended after {done} of the {count} "
                    "batches that were read before the checkpoint. It must yield the same ones again."
                )

    def _fetch(self, numbers: Any) -> Iterator[Any]:
        """The batches of an indexable source of these numbers."""
        return (self.source[int(i)] for i in numbers)

    def description(self) -> dict[str, Any]:
        """What must be the same for a run to go on from a checkpoint."""
        return {"source": type(self.source).__name__, "batches": self.num_batches}

    def get_state(self) -> dict[str, Any]:
        """What decides the order of the batches, and how many were taken."""
        state: dict[str, Any] = {"seed": self.seed, "taken": self._taken}
        if hasattr(self.source, "get_state"):
            state["source"] = self.source.get_state()
        return state

    def set_state(self, state: dict[str, Any], epoch: int, step: int) -> None:
        """Go to the place of a checkpoint.

        A source with ``set_state`` is put into its state; the epochs that another one has behind it are
        announced to it again (``on_epoch_end``).  Batches of iterables are read again up to the place.
        """
        self.seed = state["seed"]
        read = len(self._peeked) if self.one_shot else 0
        self._peeked = []
        self._close_iterator()
        if "source" in state:
            self.source.set_state(state["source"])
        else:
            for _ in range(epoch):
                self.on_epoch_end()
        if self._goes_on:
            self._skip_to(state["taken"] - read)
            self._taken = state["taken"]

    def _skip_to(self, taken: int) -> None:
        if self._iterator is None:
            self._iterator = iter(self._batches)
        self._skip(self._iterator, taken)

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

    @property
    def _goes_on(self) -> bool:
        """Whether an epoch begins where the one before has ended, rather than at the beginning."""
        return self.one_shot or (self.steps is not None and not self.indexable)

    def close(self) -> None:
        """Stop what works ahead."""
        self._close_iterator()

    def _close_iterator(self) -> None:
        if not self.one_shot and self._iterator is not None:
            if hasattr(self._iterator, "close"):
                self._iterator.close()
            self._iterator = None

    def epoch(self, epoch: int = 0, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from `first_step` on."""
        goes_on = self._goes_on
        if self._iterator is None or not (goes_on or self._peeked):
            self._close_iterator()
            self._iterator = self._begin(epoch, 0 if goes_on else first_step)
        done = first_step
        while self.steps is None or done < self.steps:
            if self._peeked:
                raw = self._peeked.pop()
            else:
                assert self._iterator is not None
                try:
                    raw = next(self._iterator)
                except StopIteration:
                    if self.steps is not None and done and not self.one_shot:
                        self._iterator = self._begin(epoch + 1)
                        continue
                    break
            done += 1
            self._taken += 1
            yield self._batch(raw)
        if not goes_on:
            self._close_iterator()
        if done == 0:
            raise InputError(
                f"{self.what}(): the {type(self.source).__name__} ran out of data before epoch "
                f"{epoch + 1}. A generator can be read only once: pass `steps_per_epoch`, or an object "
                "that can be iterated again (a list of batches, a `PyDataset`)."
            )

    def _batch(self, raw: Any) -> Batch:
        x, y, sample_weight = unpack_x_y_sample_weight(raw)
        x, y = _batch_arrays(x, "x"), _batch_arrays(y, "y")
        sample_weight = _batch_arrays(sample_weight, "sample_weight")
        return x, y, with_class_weight(y, sample_weight, self.class_weight)

    def on_epoch_end(self) -> None:
        """Tell the source, if it wants to know."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


def _batch_arrays(part: Any, name: str) -> Any:
    """A part of a batch with arrays that training can use as its leaves."""
    if part is None or hasattr(part, "shape"):  # mostly; a tree takes 20 us
        return to_array(_host(part), name)
    return tree.map_structure(lambda leaf: to_array(_host(leaf), name), part)


def _host(leaf: Any) -> Any:
    """Tensors of data loaders as NumPy arrays; what loaders hand out is in the host's memory."""
    if isinstance(leaf, np.ndarray) or not hasattr(leaf, "__array__"):
        return leaf
    return leaf if registry.engine_of(type(leaf)) is not None else np.asarray(leaf)
