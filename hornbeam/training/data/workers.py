"""Workers that make batches ahead, in threads or processes, and never let the caller wait for ever.

Each worker is a daemon thread; with processes it drives one child over a pipe.  Batches come in order.
What goes wrong in a worker, its death and its stalling become errors in the thread that trains.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from hornbeam.errors import HornbeamError


class WorkerError(HornbeamError, RuntimeError):
    """A worker died, stalled, or failed in a way that cannot be brought over as it was."""


class Pool:
    """The workers of one data set.

    Args:
        source: has items by number.
        workers: how many.
        processes: whether they are processes.
        timeout: how long one batch may take, in seconds.
    """

    def __init__(self, source: Any, workers: int, processes: bool, timeout: float) -> None:
        self.source = source
        self.count = workers
        self.processes = processes
        self.timeout = timeout
        self.name = type(source).__name__
        self._children: list[_Child] = []

    def begin(self, send_again: bool) -> None:
        """An epoch begins: start processes if need be, or send them what the data set has become."""
        if not self.processes:
            return
        if not self._children:
            content = _pickled(self.source)
            self._children = [_Child(self.name, content) for _ in range(self.count)]
        elif send_again:
            content = _pickled(self.source)
            for child in self._children:
                child.send_source(content)

    def fetch(self, worker: int, number: int) -> Any:
        """The item of that number, made by that worker."""
        if not self.processes:
            return self.source[number]
        return self._children[worker].fetch(number, self.timeout)

    def close(self) -> None:
        """End the processes."""
        for child in self._children:
            child.stop()
        self._children = []


class Ahead:
    """The items of `numbers`, in order, made ahead by the workers of a pool.

    Args:
        pool: the workers.
        numbers: the numbers of the items.
        room: at most so many items are made and not yet taken.
    """

    def __init__(self, pool: Pool, numbers: Sequence[int], room: int) -> None:
        self.pool = pool
        self.numbers = numbers
        self.room = room
        self._change = threading.Condition()
        self._next = 0  # the first place that nobody works on
        self._taken = 0
        self._began: dict[int, float] = {}
        self._made: dict[int, tuple[bool, Any]] = {}
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(i,), daemon=True, name=f"batches-{i}")
            for i in range(pool.count)
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[Any]:
        for place in range(len(self.numbers)):
            yield self._take(place)

    def _take(self, place: int) -> Any:
        with self._change:
            while place not in self._made:
                began = self._began.get(place, time.monotonic())
                left = self.pool.timeout - (time.monotonic() - began)
                if left <= 0 and not self.pool.processes:  # these are watched by their threads
                    number = int(self.numbers[place])
                    raise WorkerError(
                        f"{self.pool.name}: the worker that makes batch {number} has stalled: it takes "
                        f"longer than {self.pool.timeout:g} s. Mend what it waits for, or pass a larger "
                        "`timeout` to the PyDataset."
                    )
                self._change.wait(min(max(0.01, left), 1.0))
            fine, value = self._made.pop(place)
            self._began.pop(place, None)
            self._taken += 1
            self._change.notify_all()
        if fine:
            return value
        assert isinstance(value, BaseException)
        value.add_note(
            f"This happened while batch {int(self.numbers[place])} of the {self.pool.name} was made, in "
            "a worker."
        )
        raise value

    def _work(self, worker: int) -> None:
        while True:
            with self._change:
                while not self._closed and self._next - self._taken >= self.room:
                    self._change.wait()
                if self._closed or self._next >= len(self.numbers):
                    return
                place = self._next
                self._next += 1
                self._began[place] = time.monotonic()
                self._change.notify_all()
            try:
                made = True, self.pool.fetch(worker, int(self.numbers[place]))
            except BaseException as error:
                made = False, error
            with self._change:
                self._made[place] = made
                self._change.notify_all()
                if not made[0]:
                    return

    def close(self) -> None:
        """Make nothing more; threads end with what they are at."""
        with self._change:
            self._closed = True
            self._made.clear()
            self._change.notify_all()
        if self.pool.processes:
            for thread in self._threads:  # they share pipes with the next epoch's
                thread.join(self.pool.timeout)


class _Child:
    """A process that makes items, and the pipe to it."""

    def __init__(self, name: str, content: bytes) -> None:
        # a forked child of a process with threads (any engine has some) may wait for ever on a lock
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.send_source(content)

    def send_source(self, content: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(b"S" + content)  # a dead child is found out by fetch()

    def fetch(self, number: int, timeout: float) -> Any:
        try:
            self.pipe.send_bytes(b"I" + str(number).encode())
            start = 0.0 if self.ready else 60.0  # the first time it has modules to import
            if not self.pipe.poll(timeout + start):
                self.process.kill()
                raise WorkerError(
                    f"{self.name}: the worker process that makes batch {number} has stalled: it takes "
                    f"longer than {timeout:g} s. It was ended. Mend what it waits for, or pass a larger "
                    "`timeout` to the PyDataset."
                )
            kind, value, text = pickle.loads(self.pipe.recv_bytes())
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.process.join(5.0)
            raise WorkerError(
                f"{self.name}: the worker process died (exit code {self.process.exitcode}) while it "
                f"made batch {number}. It may have run out of memory."
            ) from None
        self.ready = True
        if kind == "item":
            return value
        error = value if isinstance(value, BaseException) else WorkerError(text.splitlines()[-1])
        error.add_note(f"In the worker process:\n{text}")
        raise error

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(0.5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


def _pickled(source: Any) -> bytes:
    try:
        return pickle.dumps(source, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise WorkerError(
            f"{type(source).__name__} cannot be sent to worker processes, because it cannot be pickled: "
            f"{error}. Define the class in a module, keep open files and locks out of it, or pass "
            "`use_multiprocessing=False`."
        ) from error


def _serve(pipe: Any) -> None:
    """What a child does: answer with items until the pipe is closed."""
    source: Any = None
    problem: tuple[Any, str] | None = None
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            if message[:1] == b"S":
                source, problem = pickle.loads(message[1:]), None
                continue
            if problem is not None:
                answer = ("error", *problem)
            else:
                answer = ("item", source[int(message[1:])], "")
        except BaseException as error:
            answer = ("error", error, traceback.format_exc())
            if message[:1] == b"S":
                problem = (error, answer[2])
                continue
        _answer(pipe, answer)


def _answer(pipe: Any, answer: tuple[str, Any, str]) -> None:
    try:
        content = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        pickle.loads(content)  # some exceptions can be written, but not read
    except Exception as error:
        text = answer[2] or f"The batch cannot be pickled: {error}"
        content = pickle.dumps(("error", None, text))
    pipe.send_bytes(content)
