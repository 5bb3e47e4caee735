"""`Progbar`: the progress bar of `fit`, for loops of one's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

from hornbeam.errors import InputError
from hornbeam.training.logs import to_host
from hornbeam.training.progress import Bar, LinePerEpoch, Progress


class Progbar:
    """A progress bar.

    Args:
        target: how many steps there will be, or None if nobody knows.
        width: how wide the bar is, in characters.
        verbose: 0 shows nothing, 1 a bar, 2 one line at the end.
        interval: the bar is drawn anew at most so often, in seconds.
        stateful_metrics: names of values to show as they are; of the others the mean is shown.
        stateless_metrics: names of values to show the mean of; all others are shown as they are.
        unit_name: what a step is called.

    Example:

    >>> import hornbeam
    >>> bar = hornbeam.utils.Progbar(2, verbose=0)
    >>> bar.update(1, [("loss", 1.0)])
    >>> bar.add(1, [("loss", 2.0)])
    >>> bar.values()
    {'loss': 1.5}
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if verbose not in (0, 1, 2):
            raise InputError(f"Progbar: `verbose` must be 0, 1 or 2, got {verbose!r}.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = set(stateless_metrics or ())
        self.unit_name = unit_name
        self._sums: dict[str, tuple[float, float]] = {}
        self._seen = 0
        self._drawn = 0.0
        kinds: tuple[type[LinePerEpoch], ...] = (LinePerEpoch, Bar)
        self._progress: Progress = (
            Progress() if not verbose else kinds[verbose == 1](target, 1, sys.stdout)
        )
        if isinstance(self._progress, Bar):
            self._progress.WIDTH = width
            self._progress.began = time.perf_counter()
        else:
            self._progress.begin_epoch(0)

    def values(self) -> dict[str, float]:
        """Name -> what is shown."""
        return {
            name: total / count if count else 0.0 for name, (total, count) in self._sums.items()
        }

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Say that `current` steps are done.

        Args:
            current: how many, from the beginning.
            values: (name, value) pairs.
            finalize: whether this is the end; by default when `target` is reached.
        """
        steps = max(current - self._seen, 0)
        for name, value in values or ():
            number = float(to_host(value))
            as_is = name in self.stateful_metrics or (
                self.stateless_metrics and name not in self.stateless_metrics
            )
            total, count = (0.0, 0.0) if as_is else self._sums.get(name, (0.0, 0.0))
            weight = 1 if as_is else max(steps, 1)
            self._sums[name] = total + number * weight, count + weight
        self._seen = current
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        if finalize:
            if self.target is None and isinstance(self._progress, LinePerEpoch):
                self._progress.total = current
            self._progress.update(current, {})
            self._progress.end_epoch(self.values())
        elif time.perf_counter() - self._drawn >= self.interval:
            self._drawn = time.perf_counter()
            self._progress.update(current, self.values())

    def add(self, n: int, values: Any = None) -> None:
        """Say that `n` more steps are done; `values` as for `update`."""
        self.update(self._seen + n, values)
