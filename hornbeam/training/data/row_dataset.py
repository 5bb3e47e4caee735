"""`RowDataset`: rows that are made by number, in batches, in a new order each epoch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.errors import InputError
from hornbeam.random import streams
from hornbeam.training.data.py_dataset import PyDataset


class RowDataset(PyDataset):
    """Rows by number, in batches: what the functions of `hornbeam.utils` that make data sets return.

    It can be iterated, indexed by batch, and passed to `fit`, `evaluate` and `predict`.  `map`, `batch`,
    `take`, `cache` and `with_workers` return changed copies.

    Args:
        rows: how many there are.
        get: ``get(numbers)``, which returns these rows: a nested structure of NumPy arrays (or lists)
            whose first axis counts them.
        batch_size: rows per batch; None for single rows, without the first axis.
        shuffle: whether each epoch has a new order.
        seed: what decides the orders; by default the next of the stream of `set_random_seed`.
        **options: `workers`, `use_multiprocessing`, `max_queue_size` and `timeout` of `PyDataset`.

    Example:

    >>> import hornbeam, numpy
    >>> x = numpy.arange(5)
    >>> data = hornbeam.utils.RowDataset(5, lambda numbers: x[numbers], batch_size=2)
    >>> [batch.tolist() for batch in data.map(lambda batch: batch * 10)]
    [[0, 10], [20, 30], [40]]
    """

    def __init__(
        self,
        rows: int,
        get: Callable[[Any], Any],
        batch_size: int | None = None,
        shuffle: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
            raise InputError(f"`batch_size` must be a positive int or None, got {batch_size!r}.")
        self.rows = rows
        self.batch_size = batch_size
        self._get = get
        self._maps: list[Callable[..., Any]] = []
        self._limit: int | None = None
        self._epoch = 0
        self._cache: dict[int, Any] | None = None
        self._shuffle = bool(shuffle)
        self._seed = streams.next_seed() if shuffle and seed is None else int(seed or 0)
        self._orders: tuple[int, Any] | None = None

    def __len__(self) -> int:
        count = self.rows if self.batch_size is None else math.ceil(self.rows / self.batch_size)
        return count if self._limit is None else min(count, self._limit)

    def _order(self) -> Any:
        if self._orders is None or self._orders[0] != self._epoch:
            if self._shuffle:
                philox = np.random.Philox(key=self._seed, counter=self._epoch)
                self._orders = self._epoch, np.random.Generator(philox).permutation(self.rows)
            else:
                self._orders = self._epoch, np.arange(self.rows)
        return self._orders[1]

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"There is no batch {index}; there are {len(self)}.")
        size = self.batch_size or 1
        numbers = self._order()[index * size : (index + 1) * size]
        if self._cache is None:
            made = self._get(numbers)
        else:
            made = self._from_cache(numbers)
        if self.batch_size is None:
            made = tree.map_structure(lambda leaf: leaf[0], made)
        for function in self._maps:
            made = function(*made) if isinstance(made, tuple) else function(made)
        return made

    def _from_cache(self, numbers: Any) -> Any:
        assert self._cache is not None
        missing = [int(n) for n in numbers if int(n) not in self._cache]
        if missing:
            made = self._get(np.asarray(missing))
            for i, number in enumerate(missing):
                self._cache[number] = tree.map_structure(lambda leaf, i=i: leaf[i], made)
        rows = [self._cache[int(n)] for n in numbers]
        return tree.map_structure(lambda *leaves: np.stack(leaves), *rows)

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Go on to the order of the next epoch."""
        self._epoch += 1

    def get_state(self) -> dict[str, Any]:
        """Which epoch it is and what decides the orders."""
        return {"epoch": self._epoch, "seed": self._seed}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the state back."""
        self._epoch, self._seed = state["epoch"], state["seed"]

    # ------------------------------------------------------------------------------ changed copies

    def _changed(self, **attributes: Any) -> RowDataset:
        other = copy.copy(self)
        other.__dict__.update(attributes)
        return other

    def map(self, function: Callable[..., Any], **_: Any) -> RowDataset:
        """A copy whose batches go through `function`, which gets x and y as two arguments.

        Args:
            function: returns what takes the place of the batch.
        """
        return self._changed(_maps=[*self._maps, function])

    def batch(self, batch_size: int) -> RowDataset:
        """A copy in batches of `batch_size` rows."""
        if self.batch_size is not None or self._maps or self._limit is not None:
            raise InputError(
                "batch() comes first, and only for a data set made with batch_size=None."
            )
        return self._changed(batch_size=batch_size)

    def take(self, count: int) -> RowDataset:
        """A copy of the first `count` batches of each epoch."""
        return self._changed(_limit=count)

    def cache(self) -> RowDataset:
        """A copy that keeps the rows it has made in memory."""
        return self._changed(_cache={})

    def with_workers(
        self, workers: int, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> RowDataset:
        """A copy whose batches are made ahead; arguments as for `PyDataset`."""
        return self._changed(
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )
