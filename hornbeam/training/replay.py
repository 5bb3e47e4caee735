"""Steps of an engine that runs eagerly, replayed without the Python between its kernels.

A step that has run `AFTER` times with batches of the same shapes and dtypes is recorded by the engine
(`Backend.recorded`) and replayed from then on, which computes the same, bit for bit; the first time,
what both give is compared.  Only if nothing but Hornbeam took part in it: code of others runs in every
step, as it is written.  So does all code where a debugger is watching, and with ``run_eagerly=True`` or
``jit_compile=False``.
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
        self._replays: dict[Any, _Replay | None] = {}

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
        leaves, spec = tree.flatten_with_spec(data)
        key = (spec, *map(self._kind, leaves))
        if key not in self._replays:
            if None in key or (len(self._seen) >= KINDS and key not in self._seen):
                return written()
            seen = self._seen[key] = self._seen.get(key, 0) + 1
            if seen < AFTER or sys.getprofile() is not None:
                return written()
            with _watching(self._backend.pip) as strangers:
                result = written()
            if strangers:
                self._replays[key] = None
            else:
                parts, b = self._parts, self._backend
                self._replays[key] = _Replay(parts, self._variables, b, spec, leaves)
            return result
        replay = self._replays[key]
        if replay is not None and not replay.agrees(leaves):
            replay = self._replays[key] = None
        return written() if replay is None else replay(leaves)

    def _kind(self, leaf: Any) -> Any:
        """What has to be equal for a recorded step to fit: of arrays, all but the values; else None."""
        if isinstance(leaf, np.ndarray) or self._backend.is_array(leaf):
            return type(leaf), leaf.shape, leaf.dtype, getattr(leaf, "device", None)
        return () if leaf is None else None


class _Replay:
    """A recorded step, for batches of one kind.

    Args:
        parts: the step.
        variables: the boxes that it may read and assign.
        backend: the engine.
        spec: the structure of the batches.
        leaves: the leaves of one of them.
    """

    def __init__(
        self,
        parts: Parts,
        variables: list[Variable],
        backend: Backend,
        spec: Any,
        leaves: list[Any],
    ) -> None:
        self._parts, self._variables, self._backend, self._spec = parts, variables, backend, spec
        self._size = len(leaves)
        self._places = [i for i, leaf in enumerate(leaves) if leaf is not None]
        made = backend.recorded(self._measure, self._inputs(leaves))
        self._run = None if made is None else made[1]
        needed = [] if made is None else made[0]
        count = len(variables)
        self._read = [variables[i] for i in needed if i < count]
        self._fed = [self._places[i - count] for i in needed if i >= count]
        self._trusted = False

    def __call__(self, leaves: list[Any]) -> Any:
        """Take the step."""
        assigned, (result, rest) = self._repeated(leaves)
        for i, value in assigned:
            self._variables[i]._set(value)
        self._parts.finish(rest)
        return result

    def agrees(self, leaves: list[Any]) -> bool:
        """Whether there is one, and it gave what the step gives, when it was first asked for.

        What is constant by mistake shows then, for nothing is as it was when the step was recorded.
        """
        if self._run is not None and not self._trusted:
            found = self._repeated(leaves), self._measure(self._inputs(leaves))
            self._trusted = self._equal(*map(tree.flatten, found))
        return self._trusted

    def _repeated(self, leaves: list[Any]) -> Any:
        assert self._run is not None
        b = self._backend
        return self._run(
            [*[v._value for v in self._read], *[b.asarray(leaves[i]) for i in self._fed]]
        )

    def _inputs(self, leaves: list[Any]) -> list[Any]:
        b = self._backend
        values = [b.unbox(v._value) for v in self._variables]
        return [*values, *[b.asarray(leaves[i]) for i in self._places]]

    def _measure(self, inputs: list[Any]) -> Any:
        """(the variables that are assigned, by number, with their values; the result and the rest)."""
        count = len(self._variables)
        fed = dict(zip(self._places, inputs[count:], strict=True))
        batch = tree.unflatten(self._spec, [fed.get(i) for i in range(self._size)])
        result, new = pure(self._parts.measure, self._variables, inputs[:count], batch)
        return [(i, n) for i, n in enumerate(new) if n is not inputs[i]], result

    def _equal(self, ours: list[Any], theirs: list[Any]) -> bool:
        """Whether two lists hold the same bits."""
        b = self._backend
        return len(ours) == len(theirs) and all(
            np.array_equal(b.to_numpy(x), b.to_numpy(y), equal_nan=True)
            if b.is_array(x) and b.is_array(y)
            else x == y
            for x, y in zip(ours, theirs, strict=True)
        )


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
