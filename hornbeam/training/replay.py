"""Steps of an engine that runs eagerly, replayed without the Python between its kernels.

A step that has run `AFTER` times with batches of the same shapes and dtypes is recorded by the engine
(`Backend.recorded`) and replayed from then on, which computes the same, bit for bit.  Only if nothing
but Hornbeam took part in it: code of others runs in every step, as it is written.  So does all code
where a debugger is watching, and with ``run_eagerly=True`` or ``jit_compile=False``.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from hornbeam import tree
from hornbeam.backends.protocol import Backend
from hornbeam.layers.stateful import attributes_version
from hornbeam.variables import Variable, pure

AFTER = 16
"""Recording takes some milliseconds; a step that is taken less often does not repay them."""

KINDS = 32
"""So many kinds of batches are told apart; of more, texts of any length say, none comes often."""

_OWN = frozenset({*sys.stdlib_module_names, "hornbeam", "numpy", "optree"})
"""Packages whose code does the same each time."""


class Parts(NamedTuple):
    """A step in two parts."""

    measure: Callable[[Any], Any]
    """``measure(data) -> (result, rest)``, which can be recorded."""
    finish: Callable[[Any], None]
    """``finish(rest)``, which runs as it is written: an optimizer's update."""


class Replays:
    """What has been recorded of a step.

    Args:
        parts: the step.
        variables: the boxes that it may read and assign.
        backend: the engine.
    """

    def __init__(self, parts: Parts, variables: Sequence[Variable], backend: Backend) -> None:
        self._parts = parts
        self._variables = list(variables)
        self._backend = backend
        self._version = attributes_version()
        self._seen: dict[Any, int] = {}  # by the kinds of a batch's leaves, as below
        self._replays: dict[Any, Callable[[list[Any]], Any] | None] = {}

    def take(self, data: Any, written: Callable[[], Any]) -> Any:
        """Take the step on `data`.

        Args:
            data: a batch.
            written: takes the step as it is written.
        """
        if sys.gettrace() is not None:
            return written()
        if self._version != attributes_version():
            self._version = attributes_version()
            self._seen, self._replays = {}, {}
        leaves, spec = tree.flatten(data), tree.structure_of(data)
        key = (spec, *map(self._kind, leaves))
        if key not in self._replays:
            if None in key or (len(self._seen) >= KINDS and key not in self._seen):
                return written()
            seen = self._seen[key] = self._seen.get(key, 0) + 1
            if seen < AFTER or sys.getprofile() is not None:
                return written()
            with _watching(self._backend.pip) as strangers:
                result = written()
            self._replays[key] = None if strangers else self._record(spec, leaves)
            return result
        replay = self._replays[key]
        return written() if replay is None else replay(leaves)

    def _kind(self, leaf: Any) -> Any:
        """What has to be equal for a recorded step to fit: of arrays, all but the values; else None."""
        if isinstance(leaf, np.ndarray) or self._backend.is_array(leaf):
            return type(leaf), leaf.shape, leaf.dtype, getattr(leaf, "device", None)
        return () if leaf is None else None

    def _record(self, spec: Any, leaves: list[Any]) -> Callable[[list[Any]], Any] | None:
        """A function of the leaves of a batch that takes the step; None if there cannot be one."""
        b, variables, count = self._backend, self._variables, len(self._variables)
        places = [i for i, leaf in enumerate(leaves) if leaf is not None]

        def measure(inputs: list[Any]) -> Any:
            filled = dict(zip(places, inputs[count:], strict=True))
            batch = tree.unflatten(spec, [filled.get(i, leaf) for i, leaf in enumerate(leaves)])
            result, new = pure(self._parts.measure, variables, inputs[:count], batch)
            return [(i, n) for i, n in enumerate(new) if n is not inputs[i]], result

        arrays = [b.asarray(leaves[i]) for i in places]
        made = b.recorded(measure, [*[v._value for v in variables], *arrays])
        if made is None:
            return None
        needed, replay = made
        read = [variables[i] for i in needed if i < count]
        fed = [places[i - count] for i in needed if i >= count]

        def run(leaves: list[Any]) -> Any:
            assigned, (result, rest) = replay(
                [*[v._value for v in read], *[b.asarray(leaves[i]) for i in fed]]
            )
            for i, value in assigned:
                variables[i]._set(value)
            self._parts.finish(rest)
            return result

        return run


@contextmanager
def _watching(engine: str) -> Iterator[list[str]]:
    """A context that lists the modules of others whose code runs in it."""
    strangers: list[str] = []
    own = _OWN | {engine}

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.partition(".")[0] not in own:
            strangers.append(name)

    collects = gc.isenabled()
    gc.disable()  # packages are called when it runs
    sys.setprofile(note)
    try:
        yield strangers
    finally:
        sys.setprofile(None)
        if collects:
            gc.enable()
