"""`keras.utils.data_utils` of Keras 2: batches made ahead, by threads.

`fit` does not need these: it takes generators, and `PyDataset(workers=...)`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from hornbeam.errors import UnsupportedError

POLL = 0.1
"""How often, in seconds, a thread that waits looks whether it is to stop."""


class SequenceEnqueuer:
    """Makes batches in threads, and hands them out in order.

    Args:
        sequence: a source of batches.
        use_multiprocessing: processes are not supported here.

    Raises:
        UnsupportedError: with `use_multiprocessing`.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        if use_multiprocessing:
            raise UnsupportedError(
                f"{type(self).__name__} works in threads; for processes give `fit` a "
                "`PyDataset(workers=..., use_multiprocessing=True)`."
            )
        self.sequence = sequence
        self.queue: queue.Queue[Any] | None = None
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, workers: int = 1, max_queue_size: int = 10, **kwargs: Any) -> None:
        """Begin to make batches.

        Args:
            workers: how many threads.
            max_queue_size: how many batches may wait.
            **kwargs: the words of Keras 1, ``nb_worker`` and ``max_q_size``; others are ignored.
        """
        workers = kwargs.get("nb_worker", workers)
        self.queue = queue.Queue(kwargs.get("max_q_size", max_queue_size))
        self._stopped.clear()
        self._threads = [
            threading.Thread(target=self._run, daemon=True) for _ in range(self._count(workers))
        ]
        for thread in self._threads:
            thread.start()

    def _count(self, workers: int) -> int:
        return max(1, workers)

    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return bool(self._threads) and not self._stopped.is_set()

    def stop(self, timeout: float | None = None) -> None:
        """Stop the threads.

        Args:
            timeout: how many seconds to wait for each.
        """
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout)
        self._threads = []

    def _put(self, item: Any) -> None:
        while not self._stopped.is_set():
            try:
                assert self.queue is not None
                self.queue.put(item, timeout=POLL)
            except queue.Full:
                continue
            return

    def _items(self) -> Iterable[Any]:
        raise NotImplementedError

    def _run(self) -> None:
        try:
            for item in self._items():
                self._put((item, None))
                if self._stopped.is_set():
                    return
        except BaseException as error:  # it belongs to whoever asks for the batch
            self._put((None, error))
            return
        self._put((None, StopIteration()))

    def get(self) -> Iterator[Any]:
        """The batches, one after the other."""
        while self.is_running():
            assert self.queue is not None
            try:
                item, error = self.queue.get(timeout=POLL)
            except queue.Empty:
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                self.stop()
                raise error
            yield item


class OrderedEnqueuer(SequenceEnqueuer):
    """Makes the batches of a `Sequence` (today `PyDataset`) over and over, in order.

    Args:
        sequence: has ``__len__`` and ``__getitem__``.
        use_multiprocessing: not supported, see `SequenceEnqueuer`.
        shuffle: whether to take the batches of each epoch in a random order.

    Example:

    >>> enqueuer = OrderedEnqueuer(["a", "b"])
    >>> enqueuer.start()
    >>> batches = enqueuer.get()
    >>> [next(batches) for _ in range(3)]
    ['a', 'b', 'a']
    >>> enqueuer.stop()
    """

    def __init__(
        self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False
    ) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _count(self, workers: int) -> int:
        return 1  # one thread keeps the order

    def _items(self) -> Iterator[Any]:
        while True:
            order = np.arange(len(self.sequence))
            if self.shuffle:
                np.random.shuffle(order)
            for i in order:
                yield self.sequence[int(i)]
            if hasattr(self.sequence, "on_epoch_end"):
                self.sequence.on_epoch_end()

    def join_end_of_epoch(self) -> None:
        """Wait until the batches that were made have been taken."""
        while self.is_running() and self.queue is not None and not self.queue.empty():
            self._stopped.wait(POLL)


class GeneratorEnqueuer(SequenceEnqueuer):
    """Takes batches from a generator ahead of time.

    Args:
        sequence: a generator; it is asked by one thread at a time.
        use_multiprocessing: not supported, see `SequenceEnqueuer`.
        wait_time: without effect.
        random_seed: without effect, since there are no processes.

    Example:

    >>> enqueuer = GeneratorEnqueuer(iter([1, 2]))
    >>> enqueuer.start()
    >>> list(enqueuer.get())
    [1, 2]
    >>> enqueuer.stop()
    """

    def __init__(
        self,
        sequence: Any,
        use_multiprocessing: bool = False,
        wait_time: float | None = None,
        random_seed: int | None = None,
    ) -> None:
        super().__init__(sequence, use_multiprocessing)

    def _count(self, workers: int) -> int:
        return 1  # a generator cannot be asked by two threads at once

    def _items(self) -> Iterable[Any]:
        yield from self.sequence


__all__ = ["GeneratorEnqueuer", "OrderedEnqueuer", "SequenceEnqueuer"]
