"""Progress: a bar that moves in a terminal or a notebook, one line per epoch in a log file."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO

from hornbeam import settings
from hornbeam.errors import InputError
from hornbeam.training.logs import to_host

REDRAW_SECONDS = 0.1


class Progress:
    """Shows nothing; the base of the ways of showing something."""

    verbose = 0
    live = False

    def begin_epoch(self, epoch: int) -> None:
        """An epoch begins."""

    def update(self, done: int, logs: Any) -> None:
        """So many batches are done."""

    def pause(self) -> None:
        """Validation begins."""

    def end_epoch(self, logs: Any) -> None:
        """The epoch has ended with these logs."""


class LinePerEpoch(Progress):
    """One line per epoch: what a log file should hold."""

    verbose = 2

    def __init__(self, total: int | None, epochs: int, stream: TextIO | None = None) -> None:
        self.total = total
        self.epochs = epochs
        self.stream = stream or sys.stdout
        self.began = 0.0
        self.epoch = 0
        self.done = 0

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.began = time.perf_counter()
        self.done = 0

    def update(self, done: int, logs: Any) -> None:
        self.done = done

    def end_epoch(self, logs: Any) -> None:
        parts = [f"Epoch {self.epoch + 1}/{self.epochs}"] if self.epochs > 1 else []
        parts.append(self._time(max(self.done, self.total or 0)))
        parts += _shown(logs)
        print(" - ".join(parts), file=self.stream, flush=True)

    def _time(self, steps: int) -> str:
        spent = time.perf_counter() - self.began
        each = spent / steps if steps else 0.0
        return f"{steps} steps in {_duration(spent)} ({_duration(each)} each)"


class Bar(LinePerEpoch):
    """A bar that is drawn over itself, and stays as one line when the epoch is over."""

    verbose = 1
    live = True
    WIDTH = 20

    def __init__(self, total: int | None, epochs: int, stream: TextIO | None = None) -> None:
        super().__init__(total, epochs, stream)
        self._drawn = 0.0
        self._logs: Any = {}
        self._length = 0

    def begin_epoch(self, epoch: int) -> None:
        super().begin_epoch(epoch)
        self._drawn = 0.0
        self._logs = {}
        self._draw([])

    def update(self, done: int, logs: Any) -> None:
        self.done = done
        now = time.perf_counter()
        if (
            now - self._drawn >= REDRAW_SECONDS
        ):  # reading the logs waits for the device: not each step
            self._drawn = now
            self._logs = {key: to_host(value) for key, value in logs.items()}
            self._draw(_shown(self._logs))

    def pause(self) -> None:
        if self.total:
            self.done = self.total
        self._draw([*_shown(self._logs), "validating"])

    def end_epoch(self, logs: Any) -> None:
        self.done = max(self.done, self.total or 0)
        self._draw([self._time(self.done), *_shown(logs)], keep=True)

    def _draw(self, parts: list[str], keep: bool = False) -> None:
        head = f"Epoch {self.epoch + 1}/{self.epochs} " if self.epochs > 1 else ""
        if self.total:
            filled = int(self.WIDTH * min(self.done, self.total) / self.total)
            head += f"{'━' * filled}{'╌' * (self.WIDTH - filled)} {self.done}/{self.total}"
            if not keep and 0 < self.done < self.total:
                rate = (time.perf_counter() - self.began) / self.done
                parts = [f"{_duration(rate * (self.total - self.done))} left", *parts]
        else:
            head += f"step {self.done}"
        line = " - ".join([head, *parts])
        width = _columns()
        if not keep and width and len(line) > width:
            line = line[: width - 1] + "…"
        padding = " " * max(0, self._length - len(line))
        self._length = 0 if keep else len(line)
        self.stream.write(f"\r{line}{padding}" + ("\n" if keep else ""))
        self.stream.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return 0


def _shown(logs: Any) -> list[str]:
    return [f"{key}: {_number(value)}" for key, value in logs.items()]


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"


def _duration(seconds: float) -> str:
    """A time that a person can read at a glance.

    >>> _duration(0.0042), _duration(75)
    ('4.2 ms', '1 min 15 s')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _is_interactive() -> bool:
    if "ipykernel" in sys.modules:
        return True
    return bool(getattr(sys.stdout, "isatty", lambda: False)())


def make_progress(verbose: str | int, total: int | None, epochs: int) -> Progress:
    """The way of showing progress that `verbose` stands for.

    Args:
        verbose: 0 or False, 1 or True, 2, or "auto" (1 where somebody watches, else 2).
        total: batches per epoch, if known.
        epochs: how many epochs there will be.
    """
    if verbose == "auto":
        verbose = 1 if settings.is_interactive_logging_enabled() and _is_interactive() else 2
    if verbose not in (0, 1, 2):
        raise InputError(f"`verbose` must be 'auto', 0, 1 or 2, got {verbose!r}.")
    if not verbose:
        return Progress()
    return Bar(total, epochs) if verbose == 1 else LinePerEpoch(total, epochs)
