"""PyTensor's elementwise operations by NumPy's kernels: how functions run unless C is asked for.

PyTensor compiles each elementwise operation with a C compiler, about a second for each that it has not
seen; a training step has dozens.  Its own way without a compiler (`Elemwise.perform`) calls a Python
function per *number* for casts and sums of more than two terms, and spends its time on checks: a step of
a 2x2 Dense took 5.6 ms with it and takes 1.1 ms with plain calls of NumPy's and SciPy's ufuncs, which
`Kernels` puts in their place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import (
    GraphRewriter,
    MergeOptimizer,
    SequentialGraphRewriter,
    SequentialNodeRewriter,
    WalkingGraphRewriter,
)
from pytensor.scalar import basic as scalars
from pytensor.scalar import math as scalar_math
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.rewriting.basic import (
    constant_folding,
    local_second_sink,
    local_useless_elemwise,
    local_useless_fill,
)

Array = Any
Kernel = Callable[..., Any]

_VIEWS = ("real", "imag", "conj", "positive")
"""Those of NumPy's functions that may return what they are given."""


def _second(x: Array, y: Array) -> Array:
    return np.array(np.broadcast_to(y, np.broadcast_shapes(x.shape, y.shape)))


def _softplus(x: Array) -> Array:
    return np.logaddexp(np.zeros((), x.dtype), x)


_OWN: dict[type, Kernel] = {
    scalars.Second: _second,
    scalars.Identity: np.array,
    scalars.Clip: np.clip,
    scalars.Complex: lambda x, y: x + 1j * y,
    scalar_math.Softplus: _softplus,
}


@functools.cache
def _named(path: str) -> Kernel | None:
    if path in _VIEWS:
        return None
    if path.startswith("scipy."):
        from scipy import special

        return getattr(special, path.rpartition(".")[2], None)
    return getattr(np, path, None)


def _of_many(ufunc: Kernel) -> Kernel:
    return lambda *inputs: functools.reduce(ufunc, inputs)


def kernel_of(node: Any) -> Kernel | None:
    """A function of NumPy arrays that does what an elementwise node does, if there is one."""
    op = node.op.scalar_op
    if isinstance(op, scalars.Cast):
        target = np.dtype(op.o_type.dtype)
        return lambda x: x.astype(target)
    if type(op) in _OWN:
        return _OWN[type(op)]
    spec = getattr(op, "nfunc_spec", None)
    if spec is None or len(node.outputs) != 1:
        return None
    found = _named(spec[0])
    if found is None or spec[1] == len(node.inputs):
        return found
    variadic = isinstance(op, (scalars.Add, scalars.Mul, scalars.AND, scalars.OR, scalars.XOR))
    return _of_many(found) if variadic and len(node.inputs) > 1 else None


class Plain(Op):  # type: ignore[misc]
    """An elementwise operation as a call of a kernel."""

    def __init__(self, like: Any, kernel: Kernel, dtype: str) -> None:
        self.like = like
        self.kernel = kernel
        self.out = np.dtype(dtype)

    def __str__(self) -> str:
        return f"Plain{{{self.like}}}"

    def make_node(self, *inputs: Any) -> Apply[Any, Any]:
        """The outputs have the types that the elementwise operation gives them."""
        return Apply(self, list(inputs), [x.type() for x in self.like.make_node(*inputs).outputs])

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        """Call it."""
        found = self.kernel(*inputs)
        if type(found) is not np.ndarray or found.dtype != self.out:
            found = np.asarray(found, self.out)
        output_storage[0][0] = found


class Kernels(GraphRewriter):  # type: ignore[misc]
    """The rewrite that makes `Plain` of elementwise operations, after all others."""

    def apply(self, fgraph: Any) -> None:
        """Replace the operations of the nodes: nothing else changes, so nobody need be told."""
        for node in fgraph.toposort():
            kernel = kernel_of(node) if type(node.op) is Elemwise else None
            if kernel is not None:
                node.op = Plain(node.op, kernel, node.outputs[0].dtype)


REWRITES = SequentialGraphRewriter(
    MergeOptimizer(),
    WalkingGraphRewriter(
        SequentialNodeRewriter(
            local_useless_elemwise, local_second_sink, local_useless_fill, constant_folding
        )
    ),
    MergeOptimizer(),
    Kernels(),
)
"""What is done to a graph: equal nodes become one, constants are computed, fills and copies go.

Steps are as fast after PyTensor's "fast_compile", which took 5 s for a training step of two blocks of a
small transformer, and these 0.9 s: its record of all shapes costs most, then algebra.
"""
