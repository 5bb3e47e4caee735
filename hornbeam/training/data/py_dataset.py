"""`PyDataset`: batches by number, made by threads or processes that cannot hang."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from hornbeam.errors import InputError
from hornbeam.training.data.streams import StreamData
from hornbeam.training.data.workers import Ahead, Pool


class PyDataset:
    """Data in batches by number: the base of data sets that are written in Python.

    A subclass defines ``__getitem__(index)``, which returns one batch (x, (x, y) or
    (x, y, sample_weight)), and ``__len__()``, how many batches an epoch has; a data set without an end
    leaves the latter out.  With several workers, batches are made ahead of training and still come in
    order.  An exception in a worker, its death and its stalling end training with an error that names
    the batch.

    Args:
        workers: how many threads or processes make batches; with 0 or 1 and no processes, the
            training thread makes them itself.
        use_multiprocessing: whether the workers are processes.  They get a pickled copy of the data set
            (a new one for each epoch if the class has `on_epoch_begin` or `on_epoch_end`).
        max_queue_size: at most so many batches are made ahead.
        timeout: a worker that takes longer over one batch has stalled, in seconds.

    Example:

    >>> import hornbeam, numpy
    >>> class Squares(hornbeam.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = numpy.arange(4.0).reshape(4, 1) + 4 * index
    ...         return x, x**2
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile(hornbeam.optimizers.SGD(1e-4), "mse")
    >>> len(model.fit(Squares(workers=2), epochs=2, verbose=0).history["loss"])
    2
    """

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10
    timeout: float = 300.0

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
        timeout: float = 300.0,
    ) -> None:
        if workers < 0 or max_queue_size < 1 or not timeout > 0:
            raise InputError(
                "PyDataset: `workers` cannot be negative, `max_queue_size` and `timeout` must be "
                f"positive, got {workers}, {max_queue_size} and {timeout}."
            )
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size
        self.timeout = timeout

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define `__getitem__(index)`, which returns one batch."
        )

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        return (self[i] for i in (itertools.count() if count is None else range(count)))

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has, or None if there is no end."""
        if not hasattr(self, "__len__"):
            return None
        try:
            return len(self)
        except NotImplementedError:
            return None

    def on_epoch_begin(self) -> None:
        """An epoch begins; it does nothing unless it is overridden."""

    def on_epoch_end(self) -> None:
        """An epoch has ended; it does nothing unless it is overridden."""


class PyDatasetData(StreamData):
    """The batches of a `PyDataset`."""

    def __init__(self, source: PyDataset, **options: Any) -> None:
        self._pool: Pool | None = None
        super().__init__(source, **options)

    def _length(self) -> int | None:
        return self.source.num_batches  # type: ignore[no-any-return]

    def _kind(self) -> tuple[bool, bool]:
        endless = self.source.num_batches is None
        return not endless, False

    def _begin(self, epoch: int, first: int = 0) -> Iterator[Any]:
        self.source.on_epoch_begin()
        if self.indexable:
            return super()._begin(epoch, first)
        self._taken = first
        return self._fetch(range(first, 2**62))

    def _fetch(self, numbers: Any) -> Iterator[Any]:
        data = self.source
        if data.workers <= 1 and not data.use_multiprocessing:
            yield from (data[int(i)] for i in numbers)
            return
        if self._pool is None:
            self._pool = Pool(data, max(1, data.workers), data.use_multiprocessing, data.timeout)
        changes = any(
            getattr(type(data), hook) is not getattr(PyDataset, hook)
            for hook in ("on_epoch_begin", "on_epoch_end")
        )
        self._pool.begin(send_again=changes)
        ahead = Ahead(self._pool, numbers, data.max_queue_size)
        try:
            yield from ahead
        finally:
            ahead.close()

    def _skip_to(self, taken: int) -> None:
        self._iterator = self._begin(0, taken)

    def close(self) -> None:
        """Stop the workers."""
        super().close()
        if self._pool is not None:
            self._pool.close()
            self._pool = None
