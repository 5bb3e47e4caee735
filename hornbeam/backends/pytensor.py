"""PyTensor, Theano's maintained successor: graphs, rewritten and compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from hornbeam import tree
from hornbeam.backends import pytensor_arrays as arrays
from hornbeam.backends import pytensor_graphs as graphs
from hornbeam.backends import pytensor_layers as layers
from hornbeam.backends import pytensor_loops as loops
from hornbeam.backends import windows
from hornbeam.backends.dims import TracedDim, UnknownDim
from hornbeam.backends.protocol import ARRAY_PRIMITIVES, COMPOSITIONS, Array, Backend
from hornbeam.backends.pytensor_arrays import NUMPY, native_dtype
from hornbeam.backends.pytensor_graphs import array_of, variable_of
from hornbeam.backends.pytensor_host import Host
from hornbeam.backends.pytensor_primitives import GRAPH
from hornbeam.backends.pytensor_values import PyTensorArray, composed, dispatched


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
                found = composed(getattr(NUMPY, name), found)
        self.__dict__[name] = found
        return found

    # ------------------------------------------------------------------ arrays and their properties

    def array_types(self) -> tuple[type, ...]:
        return (PyTensorArray,)

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        if isinstance(x, PyTensorArray):
            return x if dtype is None else self.cast(x, dtype)
        if isinstance(x, UnknownDim) and not isinstance(x, TracedDim):
            x = int(x)  # an error that says what is missing
        if isinstance(x, TracedDim) or arrays.is_variable(x):
            x = array_of(x)
            return x if dtype is None else self.cast(x, dtype)
        if isinstance(x, (list, tuple)) and any(isinstance(i, PyTensorArray) for i in x):
            x = self.stack([self.asarray(item) for item in x], 0)
            return x if dtype is None else self.cast(x, dtype)
        if dtype is not None:
            native_dtype(dtype)
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
        """A rewritten graph, run by NumPy's kernels; see `pytensor_graphs.default_mode`."""
        return graphs.Compiled(fn)

    # ---------------------------------------------------------------------------------- control flow

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """PyTensor's scan in a trace, else a loop."""
        if graphs.is_tracing():
            return loops.scan(fn, init, xs, length, reverse)
        leaves = [leaf for leaf in tree.flatten(xs) if leaf is not None]
        steps = range(len(leaves[0]) if leaves else length or 0)
        carry, ys = init, []
        for i in reversed(steps) if reverse else steps:
            carry, y = fn(carry, tree.map_structure(lambda leaf, i=i: _row(leaf, i), xs))
            ys.append(y)
        if reverse:
            ys.reverse()
        if not ys:
            raise ValueError("scan() over zero steps: `xs` is empty, so the outputs have no shape.")
        return carry, tree.map_structure(self._stacked, *ys)

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
        while cond(state):
            state = body(state)
        return state

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A loop over the rows."""

        def mapped(*args: Any) -> Any:
            return self.scan(lambda carry, row: (carry, fn(*row)), None, args)[1]

        return mapped

    def _stacked(self, *leaves: Any) -> Any:
        return None if leaves[0] is None else self.stack([array_of(x) for x in leaves], 0)

    # ------------------------------------------------------------- overrides, each with its reason

    def conv(
        self,
        inputs: Array,
        kernel: Array,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Array:
        """Products of windows that fit the cache; the composition makes one array of all windows."""
        plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
        channels, per_group = inputs.shape[plan.channel_axis], kernel.shape[-2]
        if channels != per_group or inputs.dtype.kind != "f" or inputs.dtype.itemsize < 4:
            more = (strides, padding, data_format, dilation_rate)
            return COMPOSITIONS["conv"](self, inputs, kernel, *more)
        window = tuple(int(n) for n in kernel.shape[: plan.ndim])
        x = self._padded(inputs, window, plan, padding, 0)
        out = self._node(layers.conv, x, kernel, (window, plan.strides, plan.dilations))
        return self._channels_back(out, plan)

    def max_pool(
        self,
        inputs: Array,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        """One node for all places of the window, forwards and backwards."""
        if inputs.dtype.kind != "f":
            return COMPOSITIONS["max_pool"](self, inputs, pool_size, strides, padding, data_format)
        size = windows.spread(pool_size, inputs.ndim - 2, "pool_size")
        plan = windows.plan(inputs.ndim - 2, strides or size, 1, data_format)
        x = self._padded(inputs, size, plan, padding, -np.inf)
        out = self._node(layers.max_pool, x, (size, plan.strides, plan.dilations))
        return self._channels_back(out, plan)

    def sigmoid(self, x: Array) -> Array:
        """One node: the composition is eight, and its gradient 20 more."""
        return _SIGMOID(x)

    def lstm(
        self,
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        zero_output_for_mask: bool = False,
    ) -> tuple[Array, Array, Array, Array]:
        """One node for all steps, with its backward pass: PyTensor's scan takes 20 times as long."""
        projected = self.matmul(x, kernel) if bias is None else self.matmul(x, kernel) + bias
        valid = self.asarray(True) if mask is None else mask
        states, c = self._node(layers.lstm, projected, h, c, recurrent_kernel, valid)
        last, outputs = self._shown(states, mask, zero_output_for_mask)
        return last, outputs, states[-1], c

    def gru(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        zero_output_for_mask: bool = False,
    ) -> tuple[Array, Array, Array]:
        """As for `lstm`."""
        projected = self.matmul(x, kernel) if bias is None else self.matmul(x, kernel) + bias[0]
        inner = self.zeros(self.shape(kernel)[1:], self.dtype(kernel)) if bias is None else bias[1]
        valid = self.asarray(True) if mask is None else mask
        states = self._node(layers.gru, projected, h, recurrent_kernel, inner, valid)
        last, outputs = self._shown(states, mask, zero_output_for_mask)
        return last, outputs, states[-1]

    def _shown(self, states: Array, mask: Array | None, zero_output: bool) -> tuple[Array, Array]:
        """(last output, all outputs): before the first valid step there is no output to repeat."""
        if mask is None:
            return states[-1], states
        seen = self.cumsum(self.cast(mask, "int32"), 0) > 0
        shown = self.expand_dims(mask if zero_output else seen, -1)
        zero = self.zeros((), self.dtype(states))
        last = self.where(self.expand_dims(seen[-1], -1), states[-1], zero)
        return last, self.where(shown, states, zero)

    def _node(self, make: Callable[..., Any], *args: Any) -> Any:
        """What `make` makes of variables, or its value if all the arguments have values."""
        given = [variable_of(x) if isinstance(x, PyTensorArray) else x for x in args]
        out = make(*given)
        several = isinstance(out, list)
        if not any(isinstance(x, PyTensorArray) and x.traced for x in args):
            values = graphs.evaluate(out if several else [out], {})
            arrays_of = [PyTensorArray(np.asarray(value)) for value in values]
            return arrays_of if several else arrays_of[0]
        return [PyTensorArray(x) for x in out] if several else PyTensorArray(out)

    def _padded(self, x: Array, window: Any, plan: windows.Plan, padding: str, fill: Any) -> Array:
        """`x` with its channels last and its ends filled."""
        if not plan.channels_last:
            x = self.transpose(x, (0, *range(2, x.ndim), 1))
        pads = windows.pads(x.shape[1:-1], window, plan, padding)
        if all(p == (0, 0) for p in pads):
            return x
        return self.pad(x, ((0, 0), *pads, (0, 0)), "constant", fill)

    def _channels_back(self, x: Array, plan: windows.Plan) -> Array:
        if plan.channels_last:
            return x
        return self.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))

    # ---------------------------------------------------------------------------------------- random

    def _drawn(self, name: str, key: Array, shape: Sequence[Any], dtype: str, *more: Any) -> Array:
        """NumPy's numbers: Philox, keyed; in a graph too."""
        run = getattr(NUMPY, name)
        if not key.traced and not any(isinstance(n, TracedDim) for n in shape):
            wanted = [int(n) for n in shape]
            return PyTensorArray(np.asarray(run(key.value, wanted, *more)))
        static = _known(shape)
        counts = pt.stack([pt.cast(variable_of(n), "int64") for n in shape] or [0])
        rank = len(shape)

        def drawn(key: Any, counts: Any) -> Any:
            return run(key, [int(n) for n in counts[:rank]], *more)

        return PyTensorArray(Host(name, drawn, [(dtype, static)])(variable_of(key), counts))

    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        return self._drawn("random_uniform", key, shape, dtype, dtype)

    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        return self._drawn("random_normal", key, shape, dtype, dtype)

    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        return self._drawn("random_integers", key, shape, "int32", int(low), int(high))

    def threefry(self, key: Array, shape: Sequence[Any], stream: int) -> Array:
        """One node: the composition is 350, and an image layer of several others draws 20 times."""
        return self._drawn("threefry", key, shape, "int64", stream)

    def random_permutation(self, key: Array, n: Any) -> Array:
        def permuted(key: Array, shape: Sequence[int]) -> Array:
            return NUMPY.random_permutation(key, shape[0])

        if not key.traced and not isinstance(n, TracedDim):
            return PyTensorArray(permuted(key.value, [int(n)]))
        counts = pt.stack([pt.cast(variable_of(n), "int64")])
        node = Host("random_permutation", permuted, [("int32", _known([n]))])
        return PyTensorArray(node(variable_of(key), counts))


_SIGMOID = dispatched(lambda x: NUMPY.sigmoid(x), pt.sigmoid)


def _known(shape: Sequence[Any]) -> tuple[Any, ...]:
    """The sizes with None for those that are not known, as PyTensor's types have them."""
    return tuple(None if isinstance(n, TracedDim) else int(n) for n in shape)


def _row(leaf: Any, i: int) -> Any:
    return None if leaf is None else leaf[i]


pt.TensorVariable.__hornbeam_array__ = lambda self: PyTensorArray(self)


def make() -> Backend:
    """The backend, for the registry."""
    return PyTensorBackend()
