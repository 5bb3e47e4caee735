"""Pure functions out of imperative steps, compiled and kept.

A step is a method of the model, ``train_step(data)`` say, that reads and assigns variables.  Here it
becomes ``(state, data) -> (state, result)``, which a backend can compile, and is driven either once per
batch (`Step`) or many times within one compiled loop (`FusedSteps`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.backends.protocol import Backend
from hornbeam.layers import call_context
from hornbeam.layers.call_context import CallContext
from hornbeam.layers.state import Memory, memory
from hornbeam.random.seed_generator import SeedNotCarried, global_seed_generator
from hornbeam.training.replay import Replays
from hornbeam.variables import Variable, held, lent, pure


def in_context(fn: Callable[..., Any], model: Any, training: bool) -> Callable[..., Any]:
    """`fn` within one call context, so that masks travel from the model to losses and metrics."""

    def run(*args: Any) -> Any:
        context = CallContext()
        context.training = training
        token = call_context.current.set(context)
        try:
            return fn(*args)
        finally:
            call_context.current.reset(token)
            for layer in context.loss_layers:
                layer._losses = []

    return run


def values_of(variables: Sequence[Variable], backend: Backend) -> list[Any]:
    """What the boxes hold, each array once (an engine may reuse the memory of each)."""
    values = held(variables)
    if len({id(value) for value in values}) != len(values):
        seen: set[int] = set()
        for i, value in enumerate(values):
            if id(value) in seen:
                values[i] = backend.asarray(backend.to_numpy(value).copy())
            seen.add(id(values[i]))
    return values


class _Compiled:
    """What carries the state of its variables through a compiled function.

    The state of the global seed generator is added when a step turns out to draw from it.  All models
    share it, so steps that do not draw from it stay clear of it.
    """

    variables: list[Variable]
    backend: Backend

    def _compile(self) -> Any:
        raise NotImplementedError

    def _alone(self) -> AbstractContextManager[None]:
        """Keeps other threads from values whose memory a call takes."""
        return lent(self.variables) if self.backend.donates else nullcontext()

    def _carrying(self, run: Callable[[], Any]) -> Any:
        """``run()``; once more, if it drew from the global seed generator without carrying it."""
        try:
            return run()
        except SeedNotCarried as error:
            state = global_seed_generator(self.backend).state
            if not error.is_global or any(state is v for v in self.variables):
                raise
        self.variables.append(state)
        self._run = self._compile()
        return run()


class Step(_Compiled):
    """A step as a compiled pure function.

    Args:
        fn: ``fn(data) -> result``; it may assign `variables`.
        variables: all the state it may touch.
        backend: the engine.
        compiled: whether to compile (else it runs as it is written).
        donate: whether the engine may reuse the memory of the old state.  It is right for training,
            which replaces nearly everything; else only what was assigned comes back.
        jit_compile: for an engine whose graphs can be compiled further.
    """

    def __init__(
        self,
        fn: Callable[[Any], Any],
        variables: Sequence[Variable],
        backend: Backend,
        compiled: bool = True,
        donate: bool = True,
        jit_compile: bool | str = "auto",
    ) -> None:
        self.fn = fn
        self.given = list(variables)
        self.variables = list(variables)
        self.backend = backend
        self.donate = donate
        self.jit_compile = jit_compile
        wanted = backend.compiled or (jit_compile is True and backend.compiles_on_request)
        self.compiled = compiled and wanted
        self.replays: Replays | None = None
        self._fuse: bool | None = None
        self._memory = Memory()
        self._keys: list[str] | None = None
        self._run = self._compile() if self.compiled else None

    def _compile(self) -> Any:
        def body(values: list[Any], data: Any) -> Any:
            result, new = pure(self.fn, self.variables, values, data)
            self._keys = list(result) if isinstance(result, dict) else None
            pairs = enumerate(zip(values, new, strict=True))
            return {i: n for i, (v, n) in pairs if self.donate or n is not v}, result

        return self.backend.compile(body, donate=self.donate, jit_compile=self.jit_compile)

    def worth_fusing(self, peek: Callable[[], Any]) -> bool:
        """Whether the engine gains from running many of these steps in one compiled loop.

        Args:
            peek: returns a first batch, which is looked at the first time only.
        """
        if self._run is None:
            return False
        if self._fuse is None:
            self._fuse = self._carrying(
                lambda: self.backend.worth_fusing(self._run, (held(self.variables), peek()))
            )
        return bool(self._fuse)

    def __call__(self, data: Any) -> Any:
        if self._run is None:
            token = memory.set(self._memory)
            try:
                if self.replays is not None:
                    return self.replays.take(data, lambda: self._written(data))
                return self._written(data)
            finally:
                memory.reset(token)
        with self._alone() if self.donate else nullcontext():
            new, result = self._carrying(lambda: self._ran(data))
            for i, value in new.items():
                self.variables[i]._set(value)
        return in_order(result, self._keys)

    def within(self, values: list[Any], data: Any) -> list[Any]:
        """The values of `variables` after a step, in a function that is being compiled."""
        new, _ = self._run(values, data)
        return [new.get(i, value) for i, value in enumerate(values)]

    def _ran(self, data: Any) -> Any:
        values = self._values()
        try:
            return self._run(values, data)
        except Exception:
            if self.donate or not self.backend.overwritten(values):
                raise
        return self._ran(data)  # a step of another thread came between

    def _written(self, data: Any) -> Any:
        with nullcontext() if self.donate else self.backend.inference():
            return self.fn(_on_engine(data, self.backend))

    def _values(self) -> list[Any]:
        if self.donate:
            return values_of(self.variables, self.backend)
        return held(self.variables)


def in_order(result: Any, keys: list[str] | None) -> Any:
    """`result` with its keys as the step wrote them; compiled functions may sort dictionaries."""
    return result if keys is None else {key: result[key] for key in keys}


def _on_engine(data: Any, backend: Backend) -> Any:
    return tree.map_structure(
        lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, data
    )


class FusedSteps(_Compiled):
    """Many steps over data that is on the device, in one compiled loop; the last may have fewer rows.

    Args:
        step: the step, compiled for one batch at a time.
        finish: ``finish() -> result``, called once after the last step.
        spec: the structure of the batches.
        batch_size: rows per step.
    """

    def __init__(self, step: Step, finish: Callable[[], Any], spec: Any, batch_size: int) -> None:
        self.step = step
        self.finish = finish
        self.spec = spec
        self.variables = list(step.variables)
        self.backend = step.backend
        self.batch_size = batch_size
        self.quick: dict[float, int] = {}  # seconds -> how many steps at once take no longer
        self._keys: list[str] | None = None
        self._run = self._compile()

    def _compile(self) -> Any:
        b, size = self.backend, self.batch_size

        def many(values: list[Any], data: list[Any], order: Any, first: Any, last: Any) -> Any:
            def step(state: list[Any], rows: Any) -> list[Any]:
                batch = [None if leaf is None else b.take(leaf, rows, 0) for leaf in data]
                return self._after(state, tree.unflatten(self.spec, batch))

            loop = _sized_loop if isinstance(b.shape(order)[0], int) else _open_loop
            values = loop(b, step, values, order, size, first, last)
            result, values = pure(self.finish, self.variables, values)
            self._keys = list(result)
            return values, result

        return b.compile(many, donate=True, jit_compile=self.step.jit_compile)

    def _after(self, values: list[Any], batch: Any) -> list[Any]:
        """The values of the variables after a step, which has been traced to see how small it is."""
        if self.backend.keeps_traces and len(self.variables) == len(self.step.variables):
            return self.step.within(values, batch)
        return pure(self.step.fn, self.variables, values, batch)[1]

    def __call__(self, data: list[Any], order: Any, first: int, last: int) -> Any:
        b = self.backend
        bounds = (np.asarray(first, np.int32), np.asarray(last, np.int32))
        with self._alone():
            new, result = self._carrying(
                lambda: self._run(values_of(self.variables, b), data, order, *bounds)
            )
            for variable, value in zip(self.variables, new, strict=True):
                variable._set(value)
        return in_order(result, self._keys)


_Stepped = Callable[[list[Any], Any], list[Any]]


def _sized_loop(
    b: Backend, step: _Stepped, state: list[Any], order: Any, size: int, first: Any, last: Any
) -> list[Any]:
    """The state after the steps from `first` to `last` where all sizes are known while tracing."""

    def steps_of(count: int) -> Callable[[Any], Any]:
        def body(carry: Any) -> Any:
            i, state = carry
            return i + 1, step(state, b.slice(order, (i * size,), (count,)))

        return body

    whole, rest = divmod(b.shape(order)[0], size)
    until = b.minimum(last, np.int32(whole)) if rest else last
    carry = b.while_loop(lambda carry: carry[0] < until, steps_of(size), (first, state))
    if rest:  # once or not at all; engines treat state in loops alike, in branches not
        carry = b.while_loop(lambda carry: carry[0] < last, steps_of(rest), carry)
    return carry[1]  # type: ignore[no-any-return]


def _open_loop(
    b: Backend, step: _Stepped, state: list[Any], order: Any, size: int, first: Any, last: Any
) -> list[Any]:
    """The same where sizes are left open: one loop, compiled once for any number of rows.

    Each turn hands the next one its rows, so that their number is to the step a size like any other.  If
    a step took its own, an engine that infers sizes would put into it how the number came about.
    """
    total = b.asarray(b.shape(order)[0])

    def rows_of(i: Any) -> Any:
        count = b.minimum(b.maximum(total - i * size, 0), size)
        return b.slice(order, (i * size,), (count,))

    def body(carry: Any) -> Any:
        i, state, rows = carry
        return i + 1, step(state, rows), rows_of(i + 1)

    carry = (first, state, rows_of(first))
    return b.while_loop(lambda carry: carry[0] < last, body, carry)[1]  # type: ignore[no-any-return]
