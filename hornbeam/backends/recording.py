"""Calls of an engine's kernels that were noted down, as a program over numbered slots.

How they are noted down, and what may be, is the engine's to know (`Backend.recorded`).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

Array = Any
Slots = list[Any]


class Unrecordable(Exception):
    """What is recorded depends on values, or on something that cannot be repeated."""


class Call(NamedTuple):
    """A call of a kernel.

    Attributes:
        kernel: the function.
        args: its arguments.
        kwargs: those by keyword.
        out: what it returned.
        given: the arrays among the arguments.
        made: the arrays that it returned.
        writes: whether it overwrites an argument, which it returns.
    """

    kernel: Any
    args: Any
    kwargs: dict[str, Any]
    out: Any
    given: list[Array]
    made: list[Array]
    writes: bool


def needed_for(calls: list[Call], outputs: list[Array]) -> list[Call]:
    """The calls that the outputs depend on."""
    wanted = {id(x) for x in outputs}
    kept = []
    for call in reversed(calls):
        if call.writes or any(id(x) in wanted for x in call.made):
            kept.append(call)
            wanted.update(id(x) for x in call.given)
    return kept[::-1]


class Program:
    """Calls as steps over numbered slots: the inputs come first, constants have slots as well.

    Slots are emptied where they are needed no more, as a tape frees what it has used.

    Args:
        calls: the calls, in order.
        inputs: the arrays that `__call__` takes others for.
        outputs: the arrays that it returns others of.
        same: id of an array -> another one that stands for it.

    Raises:
        Unrecordable: for a call whose arguments or results are not flat enough.
    """

    def __init__(
        self,
        calls: list[Call],
        inputs: list[Array],
        outputs: list[Array],
        same: dict[int, Array],
    ) -> None:
        self._blank: Slots = [None] * len(inputs)
        self._slots = {id(x): i for i, x in enumerate(inputs)}
        self._same = same
        uses = [[same.get(id(x), x) for x in (*call.made, *call.given)] for call in calls]
        last = self._arrays = {id(x): i for i, used in enumerate(uses) for x in used}
        kept = {id(x) for x in outputs}
        self._steps = []
        for i, call in enumerate(calls):
            get = self._getter(call.args)
            if any(id(x) in last or self._lists_arrays(x) for x in call.kwargs.values()):
                raise Unrecordable(f"{call.kernel} takes an array by keyword")
            place = self._place(call)
            ended = [id(x) for x in uses[i] if last[id(x)] == i and id(x) not in kept]
            over = [self._slots[key] for key in ended if key in self._slots]
            self._steps.append((call.kernel, get, call.kwargs, place, over))
        self._outputs = [self._slot(x) for x in outputs]

    def __call__(self, values: list[Array]) -> list[Array]:
        r = [*values, *self._blank[len(values) :]]
        for kernel, get, kwargs, place, over in self._steps:
            out = kernel(*get(r), **kwargs)
            if type(place) is int:
                r[place] = out
            else:
                for i, value in zip(place, out, strict=True):
                    r[i] = value
            for i in over:
                r[i] = None
        return [r[i] for i in self._outputs]

    def _slot(self, x: Any, now: bool = True) -> int:
        """Where `x` is; something new is a constant if it is there `now`."""
        x = self._same.get(id(x), x)
        place = self._slots.get(id(x))
        if place is None:
            place = len(self._blank)
            self._blank.append(x if now else None)
            if not now:
                self._slots[id(x)] = place
        return place

    def _place(self, call: Call) -> Any:
        """Where results go."""
        ours = {id(x) for x in call.made}
        if id(call.out) in ours:
            return self._slot(call.out, now=False)
        out = call.out if isinstance(call.out, (list, tuple)) else ()
        if sum(id(x) in ours for x in out) != len(call.made):
            raise Unrecordable(f"{call.kernel} returns lists of lists")
        return [self._slot(x, now=False) if id(x) in ours else self._slot(x) for x in out]

    def _getter(self, args: Any) -> Callable[[Slots], Any]:
        """What takes the arguments of a call out of the slots."""
        if any(map(self._lists_arrays, args)):
            parts = [
                self._getter(x) if self._lists_arrays(x) else itemgetter(self._slot(x))
                for x in args
            ]
            return lambda r: [part(r) for part in parts]
        places = [self._slot(x) for x in args]
        return itemgetter(*places) if len(places) > 1 else lambda r: [r[i] for i in places]

    def _lists_arrays(self, x: Any) -> bool:
        known = self._arrays.keys() | self._same.keys()
        return isinstance(x, (list, tuple)) and any(id(one) in known for one in x)
