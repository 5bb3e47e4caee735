"""Nodes of a PyTensor graph that NumPy computes, for what PyTensor itself has no operation for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

Array = Any
Static = tuple[Any, ...]
Pull = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]


class Host(Op):  # type: ignore[misc]
    """A function of NumPy arrays as an operation of the graph.

    Args:
        name: what graphs and errors call it.
        run: ``run(*arrays)`` -> an array, or a tuple of them; new ones, that share no memory with those
            given.
        types: the (dtype, static shape) of each output.
        pull: ``pull(inputs, outputs, upstream)`` -> the gradient of each input as a graph, None for one
            that has none.  Without it, asking for a gradient is an error.
        active: how many of the inputs, from the first one, have gradients; all if left out.
        views: whether the outputs are the last inputs as they are.
    """

    def __init__(
        self,
        name: str,
        run: Callable[..., Any],
        types: Sequence[tuple[str, Static]],
        pull: Pull | None = None,
        active: int | None = None,
        views: bool = False,
    ) -> None:
        self.name = name
        self.run = run
        self.types = [pt.TensorType(dtype, shape=tuple(shape)) for dtype, shape in types]
        self.pull = pull
        self.active = active
        self.views = views
        self.view_map: dict[int, list[int]] = {}

    def __str__(self) -> str:
        return f"Host{{{self.name}}}"

    def make_node(self, *inputs: Any) -> Apply[Any, Any]:
        """One use of it."""
        if self.views:
            first = len(inputs) - len(self.types)
            self.view_map = {i: [first + i] for i in range(len(self.types))}
        return Apply(self, [pt.as_tensor_variable(x) for x in inputs], [t() for t in self.types])

    def perform(self, node: Any, inputs: Sequence[Any], output_storage: Any) -> None:
        """Run it."""
        with np.errstate(all="ignore"):
            found = self.run(*inputs)
        outputs = found if isinstance(found, tuple) else (found,)
        for storage, kind, value in zip(output_storage, self.types, outputs, strict=True):
            storage[0] = np.asarray(value, kind.dtype)

    def _has_gradient(self, inputs: Sequence[Any]) -> list[bool]:
        count = len(inputs) if self.active is None else self.active
        return [i < count and is_inexact(x) for i, x in enumerate(inputs)]

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        """Which inputs have gradients."""
        return [[has] * len(node.outputs) for has in self._has_gradient(node.inputs)]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """The gradients of the inputs."""
        upstream = [
            pt.zeros_like(y) if isinstance(g.type, DisconnectedType) else g
            for y, g in zip(outputs, cotangents, strict=True)
        ]
        if self.pull is None:
            found: Any = [grad_not_implemented(self, i, x) for i, x in enumerate(inputs)]
        else:
            found = self.pull(inputs, outputs, upstream)
        rows = zip(found, self._has_gradient(inputs), strict=True)
        return [g if has else DisconnectedType()() for g, has in rows]


def is_inexact(x: Any) -> bool:
    """Whether a variable holds floats or complex numbers."""
    return str(x.dtype).startswith(("float", "complex"))


def static(x: Any) -> Static:
    """The sizes of `x` that are known while tracing, None for the others."""
    return tuple(x.type.shape)


def summed_to(g: Any, like: Any) -> Any:
    """`g`, which has the shape that `like` was broadcast to, added up to the shape of `like`."""
    extra = g.ndim - like.ndim
    if extra:
        g = g.sum(axis=tuple(range(extra)), acc_dtype=g.dtype)
    ones = [i for i, n in enumerate(static(like)) if n == 1 and static(g)[i] != 1]
    return g.sum(axis=ones, keepdims=True, acc_dtype=g.dtype) if ones else g
