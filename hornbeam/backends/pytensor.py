"""PyTensor, Theano's maintained successor: graphs, rewritten and compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from hornbeam import tree
from hornbeam.backends import memory, numpy_layers
from hornbeam.backends import pytensor_arrays as arrays
from hornbeam.backends import pytensor_graphs as graphs
from hornbeam.backends import pytensor_layers as layers
from hornbeam.backends import pytensor_loops as loops
from hornbeam.backends.dims import TracedDim, UnknownDim
from hornbeam.backends.protocol import ARRAY_PRIMITIVES, COMPOSITIONS, Array, Backend
from hornbeam.backends.pytensor_arrays import NUMPY, native_dtype
from hornbeam.backends.pytensor_graphs import array_of, variable_of
from hornbeam.backends.pytensor_host import Host
from hornbeam.backends.pytensor_primitives import GRAPH
from hornbeam.backends.pytensor_values import PyTensorArray, dispatched, lift

FUSED_NUMBERS = 2**20
"""The numbers of the state times those of a batch: larger steps take far longer than what is around."""


class PyTensorBackend(Backend):
    """The protocol on values and on PyTensor's variables."""

    name = "pytensor"
    pip = "pytensor"
    graphs = True

    def __getattr__(self, name: str) -> Any:
        """A primitive or a composition: by NumPy for values, by PyTensor in a trace."""
        if name in ARRAY_PRIMITIVES and name in GRAPH:
            found = dispatched(getattr(NUMPY, name), GRAPH[name])
        else:
            found = super().__getattr__(name)
            if name in COMPOSITIONS and name not in ARRAY_PRIMITIVES:
                found = dispatched(getattr(NUMPY, name), found, True)
        self.__dict__[name] = found
        return found

    # ------------------------------------------------------------------ arrays and their properties

    def array_types(self) -> tuple[type, ...]:
        return (PyTensorArray,)

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        if isinstance(x, UnknownDim) and not isinstance(x, TracedDim):
            x = int(x)  # an error that says what is missing
        if isinstance(x, (list, tuple)) and any(isinstance(i, PyTensorArray) for i in x):
            x = self.stack([self.asarray(item) for item in x], 0)
        if isinstance(x, (PyTensorArray, TracedDim)) or arrays.is_variable(x):
            x = array_of(x)
            return x if dtype is None else self.cast(x, dtype)
        array = np.asarray(NUMPY.asarray(x, dtype))
        native_dtype(array.dtype.name)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        return PyTensorArray(np.array(array) if array is x or array.base is not None else array)

    def to_numpy(self, x: Array) -> Any:
        return np.array(x.numpy())

    def is_concrete(self, x: Array) -> bool:
        return not x.traced

    def dtype(self, x: Array) -> str:
        return x.dtype.name  # type: ignore[no-any-return]

    def native_dtype(self, dtype: str) -> Any:
        return native_dtype(dtype)

    def cast(self, x: Array, dtype: str) -> Array:
        value, target = x.value, native_dtype(dtype)
        if x.dtype is target:
            return x
        if x.traced:
            return PyTensorArray(arrays.cast(value, dtype))
        with np.errstate(all="ignore"):
            if x.dtype.kind == "c" and target.kind not in "cb":
                value = value.real
            return PyTensorArray(value.astype(target))

    def getitem(self, x: Array, key: Any) -> Array:
        return x[key]

    # ------------------------------------------------------------------------ autodiff, compilation

    def value_and_grad(
        self, fn: Callable[[list[Array]], tuple[Array, Any]], values: list[Array]
    ) -> tuple[tuple[Array, Any], list[Array]]:
        """Outside of a trace the graph is computed node by node: nothing is compiled."""
        return graphs.value_and_grad(fn, values)

    def stop_gradient(self, x: Array) -> Array:
        return PyTensorArray(disconnected_grad(x.value)) if x.traced else x

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return graphs.custom_gradient(fn)

    def compile(
        self, fn: Callable[..., Any], donate: bool = False, jit_compile: bool | str = "auto"
    ) -> Callable[..., Any]:
        """A rewritten graph, run by NumPy's kernels, or by Numba's if `jit_compile` is True.

        Each kernel makes a new array: a step of a 784-512-512-10 network takes 13.9 ms of CPU if glibc
        gives such memory back to the system, and 12.1 if it keeps it (2 cores; by Numba 7.6); where
        others used the machine, 31 to 40 and 12 to 24.
        """
        if donate:  # a training step
            memory.keep()
        return graphs.Compiled(fn, jit_compile is True)

    def worth_fusing(self, compiled: Callable[..., Any], args: tuple[Any, ...]) -> bool:
        """For small steps that Numba compiles: of a 2x2 Dense at batch 32, 34 us each become 9.

        Numba compiles 2 s longer for it (15 s for a tiny model), once for any number of rows; of that
        1 s again in each process, though PyTensor keeps what is compiled on disk.
        """
        leaves = [[x for x in tree.flatten(part) if x is not None] for part in args]
        state, batch = (sum(math.prod(x.shape) for x in part) for part in leaves)
        return bool(compiled.numba and state * batch < FUSED_NUMBERS)  # type: ignore[attr-defined]

    # ---------------------------------------------------------------------------------- control flow

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """One node in a trace, else a loop."""
        if graphs.is_tracing():
            return loops.scan(fn, init, xs, length, reverse)
        carry, ys = NUMPY.scan(fn, init, xs, length, reverse)
        return carry, tree.map_structure(lift, ys)

    def cond(
        self, predicate: Array, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
    ) -> Any:
        if isinstance(predicate, PyTensorArray) and predicate.traced:
            return loops.cond(predicate, true_fn, false_fn)
        return true_fn() if predicate else false_fn()

    def while_loop(
        self, cond: Callable[[Any], Array], body: Callable[[Any], Any], state: Any
    ) -> Any:
        """In a trace it has no gradient, as on JAX."""
        if graphs.is_tracing():
            return loops.while_loop(cond, body, state)
        return NUMPY.while_loop(cond, body, state)

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A loop over the rows."""
        return lambda *args: self.scan(lambda carry, row: (carry, fn(*row)), None, args)[1]

    # ------------------------------------------------------------- overrides, each with its reason

    def conv(self, *args: Any, **options: Any) -> Array:
        """Products of windows that fit the cache; the composition makes one array of all windows."""
        return self._layer("conv")(*args, **options)

    def max_pool(self, *args: Any, **options: Any) -> Array:
        """One node for all places of the window, forwards and backwards."""
        return self._layer("max_pool")(*args, **options)

    def lstm(self, *args: Any, **options: Any) -> Any:
        """One node for all steps, with its backward pass: 1.5 times as fast as the composition."""
        return self._layer("lstm")(*args, **options)

    def sigmoid(self, x: Array) -> Array:
        """One node: the composition is eight, and its gradient 20 more."""
        return dispatched(NUMPY.sigmoid, pt.sigmoid)(x)

    def _layer(self, name: str) -> Callable[..., Any]:
        """An op of `numpy_layers`: NumPy's on values, one node in a graph."""
        make = getattr(layers, name)

        def node(*args: Any) -> Any:
            return lift(make(*[variable_of(x) if self.is_array(x) else x for x in args]))

        whole = partial(getattr(numpy_layers, name), self, node)
        return dispatched(getattr(NUMPY, name), whole, True)

    # ---------------------------------------------------------------------------------------- random

    def _drawn(
        self, run: Callable[..., Any], key: Array, shape: Sequence[Any], dtype: str, *more: Any
    ) -> Array:
        """NumPy's numbers: Philox, keyed; in a graph too."""

        def drawn(key: Any, *sizes: Any) -> Any:
            return np.asarray(run(key, [int(n) for n in sizes], *more))

        if not key.traced and not any(isinstance(n, TracedDim) for n in shape):
            return PyTensorArray(drawn(key.value, *shape))
        static = tuple(None if isinstance(n, TracedDim) else int(n) for n in shape)
        node = Host("random", drawn, [(dtype, static)])
        return PyTensorArray(node(variable_of(key), *map(variable_of, shape)))

    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        return self._drawn(NUMPY.random_uniform, key, shape, dtype, dtype)

    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        return self._drawn(NUMPY.random_normal, key, shape, dtype, dtype)

    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        return self._drawn(NUMPY.random_integers, key, shape, "int32", int(low), int(high))

    def threefry(self, key: Array, shape: Sequence[Any], stream: int) -> Array:
        """One node: the composition is 350, and an image layer of several others draws 20 times."""
        return self._drawn(NUMPY.threefry, key, shape, "int64", stream)

    def random_permutation(self, key: Array, n: Any) -> Array:
        run = NUMPY.random_permutation
        return self._drawn(lambda key, shape: run(key, shape[0]), key, [n], "int32")


pt.TensorVariable.__hornbeam_array__ = lambda self: PyTensorArray(self)


def make() -> Backend:
    """The backend, for the registry."""
    return PyTensorBackend()
