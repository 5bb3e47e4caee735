"""Steps on the batches of a stream: one after another, or while the next batch is prepared."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hornbeam.backends.protocol import Backend
from hornbeam.training.data import ArrayData


class Pace:
    """``pace(batch)`` is ``step(batch)``, after which the batch may be overwritten.

    Where steps take long, a call may return before it has computed, so that what brings the batches,
    often the user's code, goes on meanwhile.  The values are the same either way.

    Args:
        step: a compiled step.
        backend: the engine.
    """

    def __init__(self, step: Callable[[Any], Any], backend: Backend) -> None:
        self.step = step
        self.backend = backend
        self.takes = 0.0
        self._done = 0
        self._last: Any = None

    def __call__(self, batch: Any) -> Any:
        began = time.perf_counter()
        result = self.step(self.backend.handed_over(batch, self.takes, self._last))
        self._last = result
        self._done += 1
        if self._done == 2:  # the first may have been compiled, the others may return early
            self.takes = time.perf_counter() - began
        return result


def paced(model: Any, kind: str, data: Any) -> Callable[[Any], Any]:
    """The step of `model` for the batches of `data`; those from arrays in memory are our own already."""
    step: Callable[[Any], Any] = model._step(kind)
    return step if isinstance(data, ArrayData) else Pace(step, model._model_backend())
