"""Pure functions out of imperative steps, compiled and kept.

A step is a method of the model, ``train_step(data)`` say, that reads and assigns variables.  Here it
becomes ``(state, data) -> (state, result)``, which a backend can compile, and is driven either once per
batch (`Step`) or many times within one compiled loop (`FusedSteps`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.backends.protocol import Backend
from hornbeam.layers import call_context
from hornbeam.layers.call_context import CallContext
from hornbeam.layers.state import Memory, memory
from hornbeam.variables import Variable, pure


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
    values = [variable._value for variable in variables]
    if len({id(value) for value in values}) != len(values):
        seen: set[int] = set()
        for i, value in enumerate(values):
            if id(value) in seen:
                values[i] = backend.asarray(backend.to_numpy(value).copy())
            seen.add(id(values[i]))
    return values


class Step:
    """A step as a compiled pure function.

    Args:
        fn: ``fn(data) -> result``; it may assign `variables`.
        variables: all the state it may touch.
        backend: the engine.
        compiled: whether to compile (else it runs as it is written).
        donate: whether the engine may reuse the memory of the old state.  It is right for training,
            which replaces nearly everything; else only what was assigned comes back.
    """

    def __init__(
        self,
        fn: Callable[[Any], Any],
        variables: Sequence[Variable],
        backend: Backend,
        compiled: bool = True,
        donate: bool = True,
    ) -> None:
        self.fn = fn
        self.variables = list(variables)
        self.backend = backend
        self.donate = donate
        self.compiled = compiled and backend.compiled
        self._fuse: bool | None = None
        self._memory = Memory()
        self._keys: list[str] | None = None

        def body(values: list[Any], data: Any) -> Any:
            result, new = pure(fn, self.variables, values, data)
            self._keys = list(result) if isinstance(result, dict) else None
            pairs = enumerate(zip(values, new, strict=True))
            return {i: n for i, (v, n) in pairs if donate or n is not v}, result

        self._run = backend.compile(body, donate=donate) if self.compiled else None

    def worth_fusing(self, data: Any) -> bool:
        """Whether the engine gains from running many of these steps in one compiled loop."""
        if self._run is None:
            return False
        if self._fuse is None:
            values = [variable._value for variable in self.variables]
            self._fuse = self.backend.worth_fusing(self._run, (values, data))
        return self._fuse

    def __call__(self, data: Any) -> Any:
        if self._run is None:
            token = memory.set(self._memory)
            try:
                with nullcontext() if self.donate else self.backend.inference():
                    return self.fn(_on_engine(data, self.backend))
            finally:
                memory.reset(token)
        if self.donate:
            values = values_of(self.variables, self.backend)
        else:
            values = [variable._value for variable in self.variables]
        new, result = self._run(values, data)
        for i, value in new.items():
            self.variables[i]._set(value)
        return in_order(result, self._keys)


def in_order(result: Any, keys: list[str] | None) -> Any:
    """`result` with its keys as the step wrote them; compiled functions may sort dictionaries."""
    return result if keys is None else {key: result[key] for key in keys}


def _on_engine(data: Any, backend: Backend) -> Any:
    return tree.map_structure(
        lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, data
    )


class FusedSteps:
    """Many steps over data that is on the device, in one compiled loop.

    Args:
        fn: ``fn(batch) -> anything``, the step.
        finish: ``finish() -> result``, called once after the last step.
        variables: all the state that both may touch.
        backend: the engine.
        batch_size: rows per step.
    """

    def __init__(
        self,
        fn: Callable[[Any], Any],
        finish: Callable[[], Any],
        variables: Sequence[Variable],
        backend: Backend,
        batch_size: int,
    ) -> None:
        self.variables = list(variables)
        self.backend = backend
        self._keys: list[str] | None = None
        b = backend

        def many(values: list[Any], data: list[Any], order: Any, first: Any, last: Any) -> Any:
            def body(carry: Any) -> Any:
                i, state = carry
                rows = b.slice(order, (i * batch_size,), (batch_size,))
                batch = [None if leaf is None else b.take(leaf, rows, 0) for leaf in data]
                _, new = pure(fn, self.variables, state, batch)
                return i + 1, new

            _, values = b.while_loop(lambda carry: carry[0] < last, body, (first, values))
            result, values = pure(finish, self.variables, values)
            self._keys = list(result)
            return values, result

        self._run = b.compile(many, donate=True)

    def __call__(self, data: list[Any], order: Any, first: int, last: int) -> Any:
        b = self.backend
        values = values_of(self.variables, b)
        bounds = (b.asarray(first, "int32"), b.asarray(last, "int32"))
        new, result = self._run(values, data, order, *bounds)
        for variable, value in zip(self.variables, new, strict=True):
            variable._set(value)
        return in_order(result, self._keys)
