"""Whole steps compiled by ``torch.compile``, for whoever asks for it with ``jit_compile=True``.

A step is run once on tensors without values, which records what it computes, gradients and updates
included, as one graph; ``torch.compile(fullgraph=True)`` compiles the graph.  There is nothing in it
that the graph could break at.  What depends on values (a loop that ends when something has converged)
cannot be recorded so, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensor

from hornbeam import tree
from hornbeam.errors import UnsupportedError

Array = Any
COMPILER = "inductor"
"""The backend of ``torch.compile``."""


def is_traced(x: Any) -> bool:
    """Whether `x` is a tensor without values, as while a step is recorded."""
    return isinstance(x, FakeTensor)


class Compiled:
    """A function of nests of arrays, compiled anew for each set of structures, shapes and dtypes.

    Args:
        fn: the function; what it returns is a nest of tensors and anything else.
        asarray: makes tensors of NumPy arrays.
    """

    def __init__(self, fn: Callable[..., Any], asarray: Callable[[Any], Array]) -> None:
        self._fn = fn
        self._asarray = asarray
        self._made: dict[Any, tuple[Callable[..., Any], Callable[[Any], Any]]] = {}

    def __call__(self, *args: Any) -> Any:
        leaves = [self._asarray(x) if isinstance(x, np.ndarray) else x for x in tree.flatten(args)]
        tensors = [x.detach() for x in leaves if isinstance(x, torch.Tensor)]
        key = (tree.structure_of(args), tuple(_kind(x) for x in leaves))
        if key not in self._made:
            self._made[key] = self._compile(tree.structure_of(args), leaves, tensors)
        run, restore = self._made[key]
        with torch.no_grad():
            return restore(run(*tensors))

    def _compile(
        self, spec: Any, leaves: list[Any], tensors: list[Array]
    ) -> tuple[Callable[..., Any], Callable[[Any], Any]]:
        """(the compiled graph from tensors to tensors, what makes the result of its outputs)."""
        from torch.fx.experimental.proxy_tensor import make_fx  # brings SymPy along, in 0.25 s
        from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

        shape: list[Any] = []

        def flat(*values: Array) -> tuple[Array, ...]:
            given = iter(values)
            full = [next(given) if isinstance(x, torch.Tensor) else x for x in leaves]
            result = self._fn(*tree.unflatten(spec, full))
            outputs = tree.flatten(result)
            shape[:] = [tree.structure_of(result), [_unless_tensor(x) for x in outputs]]
            return tuple(x for x in outputs if isinstance(x, torch.Tensor))

        try:
            with torch.no_grad():
                graph = make_fx(flat, tracing_mode="fake", _allow_non_fake_inputs=True)(*tensors)
        except (DataDependentOutputException, GuardOnDataDependentSymNode) as error:
            reason = str(error).splitlines()[0]
            raise UnsupportedError(
                "With `jit_compile=True` a step on the engine 'torch' is recorded without values, but "
                f"this one needs a value in Python ({reason}). Compile the model with "
                "`jit_compile='auto'`, which runs the step as it is written."
            ) from error
        spec_out, fixed = shape

        def restore(outputs: Any) -> Any:
            found = iter(outputs)
            return tree.unflatten(spec_out, [next(found) if x is _TENSOR else x for x in fixed])

        return torch.compile(graph, backend=COMPILER, fullgraph=True, dynamic=False), restore


_TENSOR = object()


def _unless_tensor(x: Any) -> Any:
    return _TENSOR if isinstance(x, torch.Tensor) else x


def _kind(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return tuple(x.shape), x.dtype, x.device
    return x


def both(predicate: Array, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """`cond` on a value that is not known yet: both branches, and a choice."""
    return tree.map_structure(
        lambda x, y: x if x is y else torch.where(predicate, x, y), true_fn(), false_fn()
    )
