"""TensorFlow: `tf.function` graphs, with XLA where it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import hornbeam.backends.tensorflow_import  # noqa: F401

# isort: split
import tensorflow as tf
from tensorflow.python.autograph.core import config as autograph

from hornbeam import tree
from hornbeam.backends import (
    tensorflow_arrays,
    tensorflow_base,
    tensorflow_compiled,
    tensorflow_recurrent,
    tensorflow_windows,
)
from hornbeam.backends.bridges import tensorflow_programs
from hornbeam.backends.dims import TracedDim
from hornbeam.backends.protocol import COMPOSITIONS, Array, Backend
from hornbeam.backends.recurrent import lstm_of_states
from hornbeam.backends.tensorflow_base import DTYPES, NAMES, has_gpu, sizes
from hornbeam.errors import InputError

raw = tf.raw_ops

SMALL = 2**15
"""Numbers; below it a kernel of one thread is the quickest."""


class TensorFlowBackend(Backend):
    """The protocol on TensorFlow's tensors, eager and in graphs."""

    name = "tensorflow"
    pip = "tensorflow"
    graphs = True
    xp: ClassVar[Any] = tensorflow_arrays.NAMESPACE

    # ------------------------------------------------------------------ arrays and their properties

    def array_types(self) -> tuple[type, ...]:
        return (tf.Tensor,)

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        return tensorflow_base.asarray(x, dtype)

    def to_numpy(self, x: Array) -> Any:
        return tensorflow_base.to_numpy(x)

    def on_host(self, x: Array) -> Any:
        return tensorflow_base.on_host(x)

    def is_concrete(self, x: Array) -> bool:
        return not tf.is_symbolic_tensor(x)

    def dtype(self, x: Array) -> str:
        return NAMES[x.dtype]

    def native_dtype(self, dtype: str) -> Any:
        return DTYPES.get(dtype, dtype)

    def shape(self, x: Array) -> tuple[Any, ...]:
        return tensorflow_base.shape(x)

    def cast(self, x: Array, dtype: str) -> Array:
        return tensorflow_base.cast(x, dtype)

    def getitem(self, x: Array, key: Any) -> Array:
        return tensorflow_arrays.getitem(x, key)

    def devices(self) -> list[str]:
        found = [
            d.name.removeprefix("/physical_device:") for d in tf.config.list_physical_devices()
        ]
        return [name.lower() for name in found]

    def on_device(self, name: str) -> AbstractContextManager[Any]:
        return tf.device(name)  # type: ignore[no-any-return]

    # --------------------------------------------------------------------------------- what boxes hold

    def box(self, value: Array, trainable: bool) -> Array:
        """A `tf.Variable`, which tapes watch when it is read, and which a graph can assign."""
        return value if isinstance(value, tf.Variable) else tf.Variable(value)

    def read(self, held: Array) -> Array:
        return held.value() if isinstance(held, tf.Variable) else held

    def store(self, held: Array, new: Array) -> Array:
        if held is None:
            return tf.Variable(new, trainable=False)
        if not isinstance(held, tf.Variable):
            return new
        if new is not held:
            held.assign(new)
        return held

    def unbox(self, held: Array) -> Array:
        return self.read(held)

    def save_program(
        self,
        path: str,
        endpoints: dict[str, tuple[Callable[..., Any], list[Any]]],
        collections: dict[str, list[Array]],
        options: Any = None,
    ) -> None:
        tensorflow_programs.save(path, endpoints, collections, options)

    def load_program(self, path: str) -> tensorflow_programs.Program:
        return tensorflow_programs.Program(path)

    def shapes_of(self, fn: Callable[..., Any], *specs: tuple[tuple[int, ...], str]) -> Any:
        return tensorflow_programs.shapes_of(fn, *specs)

    def outside(self) -> AbstractContextManager[Any]:
        return tf.init_scope()  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------ autodiff, compilation

    def value_and_grad(
        self, fn: Callable[[list[Array]], tuple[Array, Any]], values: list[Array]
    ) -> tuple[tuple[Array, Any], list[Array]]:
        """Of complex numbers the gradient is JAX's, the conjugate of TensorFlow's."""
        for value in values:
            if not (value.dtype.is_floating or value.dtype.is_complex):
                raise InputError(f"Gradients need floating numbers, got {NAMES[value.dtype]}.")
        if len({id(value) for value in values}) < len(values):
            values = [tf.identity(value) for value in values]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            result, aux = fn(values)
        found = tape.gradient(result, values, unconnected_gradients="zero")
        grads = [tf.convert_to_tensor(g) for g in found]
        return (result, aux), [tf.math.conj(g) if g.dtype.is_complex else g for g in grads]

    def stop_gradient(self, x: Array) -> Array:
        return tf.stop_gradient(x)

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def with_gradient(*args: Any) -> Any:
            leaves, spec = tree.flatten_with_spec(args)
            places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, tf.Tensor)]
            outputs: list[Any] = []

            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def flat(*tensors: Array) -> Any:
                full = list(leaves)
                for place, tensor in zip(places, tensors, strict=True):
                    full[place] = tensor
                value, pull = fn(*tree.unflatten(spec, full))
                outputs.append(tree.structure_of(value))
                backward = _backward(pull, outputs[-1], places, len(leaves))
                return [tf.identity(leaf) for leaf in tree.flatten(value)], backward

            found = flat(*[leaves[i] for i in places])
            return tree.unflatten(outputs[-1], list(found))

        return with_gradient

    def compile(
        self, fn: Callable[..., Any], donate: bool = False, jit_compile: bool | str = "auto"
    ) -> Callable[..., Any]:
        """A graph, with XLA only where the user says ``jit_compile=True``.

        Measured on 2 cores, time of a step with XLA / without: MLP 0.8, CNN 2.5, LSTM 1.0; and XLA
        compiles for seconds, for each shape of a batch.
        """
        return tensorflow_compiled.Compiled(fn, donate, jit_compile is True)

    def worth_fusing(self, compiled: Callable[..., Any], args: tuple[Any, ...]) -> bool:
        """Always, but with XLA on a CPU, whose convolutions are slow inside of loops.

        Measured on 2 cores, time of a step fused / alone: 2x2 Dense 0.2, MLP 0.9, CNN 0.6, LSTM 1.0.
        """
        xla = compiled.xla  # type: ignore[attr-defined]
        return not xla or has_gpu()

    # ---------------------------------------------------------------------------------- control flow

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        if tf.executing_eagerly():
            return tensorflow_compiled.scan_eagerly(fn, init, xs, length, reverse)  # type: ignore[no-any-return]
        return tensorflow_compiled.scan_in_graph(fn, init, xs, length, reverse)  # type: ignore[no-any-return]

    def cond(
        self, predicate: Array, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
    ) -> Any:
        if not tf.is_symbolic_tensor(predicate):
            return true_fn() if predicate else false_fn()
        return tensorflow_compiled.cond_in_graph(predicate, true_fn, false_fn)

    def while_loop(
        self, cond: Callable[[Any], Array], body: Callable[[Any], Any], state: Any
    ) -> Any:
        if not tf.executing_eagerly():
            return tensorflow_compiled.while_in_graph(cond, body, state)
        while cond(state):
            state = body(state)
        return state

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return tensorflow_compiled.vectorized(fn)

    # ------------------------------------------------------------- overrides, each with its reason

    def threefry(self, key: Array, shape: Sequence[Any], stream: int) -> Array:
        """One call in a graph, not 300 operations: pipelines of images are built in half the time."""
        if tf.executing_eagerly():
            return COMPOSITIONS["threefry"](self, key, shape, stream)
        found = _threefry(self, key, sizes(shape), stream)
        return tf.ensure_shape(found, [n if isinstance(n, int) else None for n in shape])

    def rsqrt(self, x: Array) -> Array:
        """One kernel instead of two."""
        return tf.math.rsqrt(x)

    def relu(self, x: Array) -> Array:
        """One kernel with a gradient of its own, as for the activations below."""
        if not x.dtype.is_floating:
            return COMPOSITIONS["relu"](self, x)
        return raw.Relu(features=x)

    def sigmoid(self, x: Array) -> Array:
        """One kernel with a gradient of its own."""
        return raw.Sigmoid(x=x)

    def softplus(self, x: Array) -> Array:
        """One kernel with a gradient of its own."""
        return raw.Softplus(features=x)

    def softmax(self, x: Array, axis: Any = -1) -> Array:
        """One kernel instead of five, but for small arrays on a CPU.

        oneDNN's kernel (TensorFlow 2.21) wakes a second thread for more than one row: 180 us for 32x10
        where the five take 15, 230 and 57 for 32x1000; 320 and 670 for 16x4x32x32.
        """
        if isinstance(axis, int) and ((x.shape.num_elements() or SMALL) >= SMALL or has_gpu()):
            return tf.nn.softmax(x, axis)
        return COMPOSITIONS["softmax"](self, x, axis)

    def log_softmax(self, x: Array, axis: Any = -1) -> Array:
        """One kernel instead of five."""
        if isinstance(axis, int):
            return tf.nn.log_softmax(x, axis)
        return COMPOSITIONS["log_softmax"](self, x, axis)

    def gelu(self, x: Array, approximate: bool = True) -> Array:
        """XLA for large arrays: 14 ms of CPU forward and backward for 16x128x1024 become 6."""

        def composed(x: Array) -> Array:
            return COMPOSITIONS["gelu"](self, x, approximate)

        found = tensorflow_compiled.elementwise(composed, x)
        return composed(x) if found is None else found

    def add(self, x1: Any, x2: Any) -> Array:
        """A bias is added by a way whose gradient is quicker; see `tensorflow_arrays.plus_bias`."""
        if tensorflow_arrays.is_bias(x1, x2):
            return tensorflow_arrays.plus_bias(x1, x2)
        return tensorflow_arrays.NAMESPACE.add(x1, x2)

    def top_k(self, x: Array, k: int, sorted: bool = True) -> Any:
        """A partial sort instead of a whole one."""
        if not isinstance(k, int) or x.dtype is tf.bool:
            return COMPOSITIONS["top_k"](self, x, k, sorted)
        return tuple(tf.math.top_k(x, k, sorted))

    def conv(
        self,
        inputs: Array,
        kernel: Array,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Array:
        """oneDNN's convolution instead of shifted products."""
        args = (inputs, kernel, strides, padding, data_format, dilation_rate)
        found = tensorflow_windows.conv(*args)
        return COMPOSITIONS["conv"](self, *args) if found is None else found

    def max_pool(
        self,
        inputs: Array,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        """One kernel instead of a maximum over shifted slices."""
        args = (inputs, pool_size, strides, padding, data_format)
        found = tensorflow_windows.pool("MAX", *args)
        return COMPOSITIONS["max_pool"](self, *args) if found is None else found

    def average_pool(
        self,
        inputs: Array,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        """As for `max_pool`."""
        args = (inputs, pool_size, strides, padding, data_format)
        found = tensorflow_windows.pool("AVG", *args)
        return COMPOSITIONS["average_pool"](self, *args) if found is None else found

    def one_kernel(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """XLA for large arrays: a rule of ten operations is ten passes through memory else.

        Milliseconds of Adam for 20,000x128 numbers on 2 cores 10.2 and 2.7, of RMSprop 7.3 and 2.0.
        It is compiled once per shape, in 50 to 100 ms, so small arrays are not worth it.
        """
        return tensorflow_compiled.one_kernel(fn)

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
        """XLA, with a backward pass by hand: half the time, see `tensorflow_recurrent`.

        The composition for other dtypes and unknown sizes, and where the graph is not Hornbeam's own: it
        may be saved, and what reads it need not have XLA.
        """
        known = None not in (*x.shape, *h.shape, *kernel.shape)
        exact = x.dtype is h.dtype is kernel.dtype and x.dtype in (tf.float32, tf.float64)
        args = (x, h, c, kernel, recurrent_kernel, bias, mask, zero_output_for_mask)
        if known and exact and tensorflow_compiled.may_use_xla():
            return lstm_of_states(self, tensorflow_recurrent.lstm_states, *args)
        return COMPOSITIONS["lstm"](self, *args)  # type: ignore[no-any-return]

    # ---------------------------------------------------------------------------------------- random

    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        return tf.random.stateless_uniform(sizes(shape), _seed(key), dtype=DTYPES[dtype], alg=ALG)

    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        return tf.random.stateless_normal(sizes(shape), _seed(key), dtype=DTYPES[dtype], alg=ALG)

    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        bounds = tf.cast(low, tf.int64), tf.cast(high, tf.int64)
        drawn = tf.random.stateless_uniform(sizes(shape), _seed(key), *bounds, tf.int64, alg=ALG)
        return tf.cast(drawn, tf.int32)

    def random_permutation(self, key: Array, n: int) -> Array:
        full = tf.random.stateless_uniform(sizes((n,)), _seed(key), None, None, tf.int64, alg=ALG)
        return tf.argsort(full, stable=True)


ALG = "philox"
"""The generator, named so that no version of TensorFlow chooses another."""


def _seed(key: Array) -> Array:
    return tf.bitcast(key, tf.int32)


def _backward(pull: Any, spec: Any, places: list[int], count: int) -> Callable[..., Any]:
    """The gradients of the tensors among the arguments, out of what a custom gradient returns."""

    def backward(*upstream: Array) -> list[Array]:
        found = pull(tree.unflatten(spec, list(upstream)))
        several = isinstance(found, (list, tuple))
        grads = tree.flatten(tuple(found) if several else (found,))
        if len(grads) != count:
            raise InputError(
                f"A custom gradient must return one gradient per argument: {count}, "
                f"got {len(grads)}."
            )
        return [grads[i] for i in places]

    return backward


tf.Variable.__hornbeam_array__ = lambda self: self.value()  # ops take them as they take our boxes
# A user's `tf.function` rewrites the source of what it calls, but shall leave ours alone, as it leaves
# Keras's: there is no public way to say so for a whole package.
autograph.CONVERSION_RULES = (autograph.DoNotConvert("hornbeam"), *autograph.CONVERSION_RULES)


@tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
def _threefry(backend: Backend, key: Array, shape: Array, stream: int) -> Array:
    size = TracedDim(tf.convert_to_tensor(shape)[0])
    return COMPOSITIONS["threefry"](backend, key, (size,), stream)


def make() -> Backend:
    """The backend, for the registry."""
    return TensorFlowBackend()
