"""Calls of an engine's kernels that were noted down, as a program.

How they are noted down, and what may be, is the engine's to know (`Backend.recorded`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Array = Any


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
    """Calls as a function of Python, a line for each, which takes an eighth less than a loop over them.

    Arrays are forgotten after the line that needs them last, as a tape frees what it has used.

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
        self._same = same
        self._names = {id(x): f"x{i}" for i, x in enumerate(inputs)}
        self._constants: dict[str, Any] = {}
        uses = [[same.get(id(x), x) for x in (*call.made, *call.given)] for call in calls]
        last = {id(x): i for i, used in enumerate(uses) for x in used}
        self._arrays = last.keys() | same.keys()
        kept = {id(same.get(id(x), x)) for x in outputs}
        lines = [f"[{', '.join(f'x{i}' for i in range(len(inputs)))}] = values"]
        for i, call in enumerate(calls):
            lines.append(self._line(call))
            ended = {id(x) for x in uses[i] if last[id(x)] == i} - kept
            names = [self._names[key] for key in ended if key in self._names]
            lines += [f"del {name}" for name in names if name not in self._constants]
        lines.append(f"return [{', '.join(map(self._word, outputs))}]")
        made: dict[str, Any] = {}
        head = f"def run({', '.join(['values', *(f'{name}={name}' for name in self._constants)])}):"
        exec("\n    ".join([head, *lines]), self._constants, made)
        self._run: Callable[[list[Array]], list[Array]] = made["run"]

    def __call__(self, values: list[Array]) -> list[Array]:
        return self._run(values)

    def _line(self, call: Call) -> str:
        """A call, and where its results go."""
        words = [*map(self._word, call.args)]
        if any(id(x) in self._arrays or self._lists_arrays(x) for x in call.kwargs.values()):
            raise Unrecordable(f"{call.kernel} takes an array by keyword")
        if call.kwargs:
            words.append(f"**{self._word(call.kwargs)}")
        called = f"{self._word(call.kernel)}({', '.join(words)})"
        ours = {id(x) for x in call.made}
        if id(call.out) in ours:
            return f"{self._result(call.out)} = {called}"
        out = call.out if isinstance(call.out, (list, tuple)) else ()
        if sum(id(x) in ours for x in out) != len(call.made):
            raise Unrecordable(f"{call.kernel} returns lists of lists")
        return f"[{', '.join(self._result(x) if id(x) in ours else '_' for x in out)}] = {called}"

    def _result(self, x: Array) -> str:
        """The name of what a call has made, or has written into."""
        return self._names.setdefault(id(x), f"y{len(self._names)}")

    def _word(self, x: Any) -> str:
        """An argument as it is written: arrays by their names, what is not known as a constant."""
        if self._lists_arrays(x):
            return f"[{', '.join(map(self._word, x))}]"
        x = self._same.get(id(x), x)
        if id(x) not in self._names:
            self._names[id(x)] = name = f"c{len(self._constants)}"
            self._constants[name] = x
        return self._names[id(x)]

    def _lists_arrays(self, x: Any) -> bool:
        return isinstance(x, (list, tuple)) and any(id(one) in self._arrays for one in x)
