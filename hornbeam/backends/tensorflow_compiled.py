"""Compiled functions and control flow on TensorFlow: `tf.function`, and loops over nests."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context, record

from hornbeam import tree
from hornbeam.backends.tensorflow_base import asarray, has_gpu

Array = Any

_own_graph: ContextVar[bool] = ContextVar("hornbeam_tensorflow_own_graph", default=False)


def may_use_xla() -> bool:
    """Whether parts of what is computed here may be left to XLA: eagerly, and in graphs of `Compiled`.

    Other graphs may be saved, or vectorized.
    """
    return bool(tf.test.is_built_with_xla()) and (tf.executing_eagerly() or _own_graph.get())


LARGE = 2**16
"""Numbers; for arrays from here on XLA is worth the time that it takes to compile."""


LIGHT = 2**21
"""Numbers; programs that pass on fewer gain nothing from kernels that run at once."""


def one_kernel(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` by XLA for large first arguments in graphs of `Compiled`; see `Backend.one_kernel`."""
    if tf.executing_eagerly() or not may_use_xla():
        return fn
    programs: dict[Any, Any] = {}  # one for each shape, so that none of them is traced again

    def run(first: Array, *args: Any) -> Any:
        if (first.shape.num_elements() or 0) < LARGE:
            return fn(first, *args)
        kind = first.dtype, tuple(first.shape)
        if kind not in programs:
            programs[kind] = tf.function(fn, autograph=False, jit_compile=True)
        return programs[kind](first, *args)

    return run


def elementwise(fn: Callable[[Array], Array], x: Array) -> Array | None:
    """``fn(x)`` by XLA, and its gradient likewise, which computes anew what it needs besides `x`.

    None where that is not worth it, as for `one_kernel`.
    """
    large = x.dtype.is_floating and (x.shape.num_elements() or 0) >= LARGE
    if tf.executing_eagerly() or not (large and may_use_xla()):
        return None

    def slope(x: Array, upstream: Array) -> Array:
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = fn(x)
        return tape.gradient(out, x, upstream)

    forward, backward = (tf.function(f, autograph=False, jit_compile=True) for f in (fn, slope))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(x: Array) -> Any:
        return forward(x), lambda upstream: backward(x, upstream)

    return run(x)


class Compiled:
    """``tf.function`` for functions of nests.

    What decides the graph besides the shapes and dtypes of the tensors (the structure of the nests,
    numbers apart, and which `tf.Variable` stands where) is the key of a table of functions; so variables
    are captured and cost nothing at a call, where each tensor that is passed costs 10 us.

    Args:
        fn: the function.
        donate: whether variables in the first argument are to be overwritten by what `fn` returns for
            them in its first result: a list like it, or a dict from places in it to values.
        xla: whether XLA compiles it.
    """

    def __init__(self, fn: Callable[..., Any], donate: bool, xla: bool) -> None:
        self.fn = fn
        self.donate = donate
        self.xla = xla
        self._functions: dict[Any, _Function] = {}
        self._last: tuple[Any, Any] = (None, None)

    def __call__(self, *args: Any) -> Any:
        inputs: list[Any] = []
        statics: list[Any] = []
        leaves, spec = tree.flatten_with_spec(args)
        for leaf in leaves:
            if isinstance(leaf, tf.Tensor):
                inputs.append(leaf)
                statics.append(TENSOR)
            elif isinstance(leaf, tf.Variable):
                statics.append(id(leaf))
            elif isinstance(leaf, (np.ndarray, np.generic, int, float, complex)):
                inputs.append(asarray(leaf))
                statics.append(TENSOR)
            else:
                statics.append(leaf)
        key = (spec, *statics)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = _Function(self, args, leaves, statics)
        return found(inputs)

    def compilations(self) -> int:
        """How many signatures have been compiled so far."""
        return sum(f.traced for f in self._functions.values())


class _Tensor:
    """Marks a leaf that is passed at each call."""


TENSOR = _Tensor()


class _Function:
    """One entry of the table: a flat `tf.function` of tensors."""

    def __init__(self, owner: Compiled, args: Any, leaves: list[Any], statics: list[Any]) -> None:
        self.owner = owner
        self.traced = 0
        self.spec = tree.structure_of(args)
        self.fixed = [
            None if mark is TENSOR else leaf for leaf, mark in zip(leaves, statics, strict=True)
        ]
        self.places = [i for i, mark in enumerate(statics) if mark is TENSOR]
        self.outputs: Any = None
        self.run = tf.function(self.body, autograph=False, jit_compile=owner.xla or None)
        self.programs: dict[Any, Any] = {}

    def body(self, *tensors: Array) -> list[Array]:
        """Traced once per signature."""
        self.traced += 1
        leaves = list(self.fixed)
        for place, tensor in zip(self.places, tensors, strict=True):
            leaves[place] = tensor
        args = tree.unflatten(self.spec, leaves)
        token = _own_graph.set(True)
        try:
            out = self.owner.fn(*args)
        finally:
            _own_graph.reset(token)
        if self.owner.donate:
            out = (_overwritten(args[0], out[0]), *out[1:])
        flat = tree.flatten(out)
        kept = {i: leaf for i, leaf in enumerate(flat) if not _goes_out(leaf)}
        self.outputs = tree.structure_of(out), len(flat), kept
        return [asarray(leaf) for i, leaf in enumerate(flat) if i not in kept]

    def program(self, inputs: list[Any]) -> Any:
        """What has been traced for such tensors: `tf.function` takes 140 us longer to look it up."""
        kind = tuple([(x.dtype, x.shape) for x in inputs])
        found = self.programs.get(kind)
        if found is None:
            traced = self.run.get_concrete_function(*inputs)
            found = self.programs[kind] = _Program(traced, not self.owner.xla)
        return found

    def __call__(self, inputs: list[Any]) -> Any:
        found = self.program(inputs)(inputs)
        spec, count, kept = self.outputs
        if not kept:
            return tree.unflatten(spec, found)
        tensors = iter(found)
        return tree.unflatten(spec, [kept[i] if i in kept else next(tensors) for i in range(count)])


class _Program:
    """What has been traced, and how it is called.

    TensorFlow 2.21 computes functions in threads of its own, and the way there and back takes 200 us
    on 2 cores, where a step of a small model takes 20.  An operation that calls a function, though, is
    computed where it is called, one kernel after the other.  That is the way for light programs; heavy
    ones gain more from kernels that run at once: training 256-256-256-10 by Adam, 128 rows at a time
    (1.5 million numbers), takes 2.65 ms in threads and 2.4 here, 512-512-512-10, 32 rows (4.5
    million), 3.2 and 3.3.

    Args:
        traced: what was traced.
        kernels: whether it runs kernel by kernel (XLA's programs do not).
    """

    MAY_BE_LEFT: ClassVar[int] = 16
    left: ClassVar[int] = 0
    here = False

    def __init__(self, traced: Any, kernels: bool) -> None:
        self.traced = traced
        self.here = kernels and not has_gpu() and _numbers(traced.graph) < LIGHT
        self.dtypes = [output.dtype for output in traced.outputs]
        if self.left >= self.MAY_BE_LEFT:
            type(self).left = 0
            context.context().clear_kernel_cache()

    def __del__(self) -> None:
        """TensorFlow 2.21 keeps what it made to call it, 0.3 MB, until its cache is cleared."""
        type(self).left += self.here

    def __call__(self, inputs: list[Any]) -> list[Array]:
        traced = self.traced
        if self.here and tf.executing_eagerly() and not record.could_possibly_record():
            args = inputs + traced.captured_inputs
            try:
                found = tf.raw_ops.StatefulPartitionedCall(args=args, Tout=self.dtypes, f=traced)
                return found if self.dtypes else []
            except tf.errors.OpError:
                pass  # which does not say whose operation failed; once more in the way that does
        # a call of it takes 90 us longer to bind its arguments (TensorFlow 2.21)
        return traced._call_flat(inputs, traced.captured_inputs)  # type: ignore[no-any-return]


def _numbers(graph: Any) -> int:
    """How many numbers its operations pass on to one another, as far as their shapes are known."""
    outputs = [tensor for operation in graph.get_operations() for tensor in operation.outputs]
    return sum(t.shape.num_elements() or 0 for t in outputs)


def _goes_out(leaf: Any) -> bool:
    """Whether an output has to come out of the graph; variables and other objects are what they are."""
    return leaf is not None and not isinstance(leaf, (tf.Variable, str))


def _overwritten(state: Any, new: Any) -> Any:
    """`new` with the variables of `state` instead of the values, which have been assigned to them."""
    pairs = new.items() if isinstance(new, dict) else enumerate(new)
    if not isinstance(state, list) or not isinstance(new, (list, dict)):
        return new
    kept = {}
    for i, value in pairs:
        held = state[i]
        if isinstance(held, tf.Variable):
            if value is not held:
                held.assign(value)
            value = held
        kept[i] = value
    return kept if isinstance(new, dict) else list(kept.values())


# ----------------------------------------------------------------------------------- control flow


def apart(nest: Any) -> tuple[list[Array], Callable[[Any], Any]]:
    """(the arrays in `nest`, a function that puts others in their places); None stays None."""
    leaves, spec = tree.flatten_with_spec(nest)
    missing = [leaf is None for leaf in leaves]

    def joined(tensors: Any) -> Any:
        left = iter(tensors)
        return tree.unflatten(spec, [None if none else next(left) for none in missing])

    return [asarray(leaf) for leaf in leaves if leaf is not None], joined


def scan_eagerly(fn: Any, init: Any, xs: Any, length: int | None, reverse: bool) -> Any:
    """A loop that runs as it is written."""
    arrays, joined = apart(xs)
    columns = [tf.unstack(a) for a in arrays]
    steps = range(len(columns[0]) if columns else length or 0)
    carry, ys = init, []
    for i in reversed(steps) if reverse else steps:
        carry, y = fn(carry, joined(column[i] for column in columns))
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys:
        raise ValueError("scan() over zero steps: `xs` is empty, so the outputs have no shape.")
    stacked = tree.map_structure(lambda *y: None if y[0] is None else tf.stack(y), *ys)
    return carry, stacked


def scan_in_graph(fn: Any, init: Any, xs: Any, length: int | None, reverse: bool) -> Any:
    """A loop in the graph; the outputs are collected in tensor arrays."""
    arrays, row = apart(xs)
    start, carry = apart(init)
    count: Any = (arrays[0].shape[0] or tf.shape(arrays[0])[0]) if arrays else length
    sources = [tf.TensorArray(a.dtype, count, element_shape=a.shape[1:]).unstack(a) for a in arrays]
    outputs, ys = _outputs_of(lambda: fn(carry(start), row([a[0] for a in arrays]))[1])
    sinks = [tf.TensorArray(y.dtype, count, element_shape=y.shape) for y in outputs]

    def body(i: Array, state: list[Array], sinks: list[Any]) -> Any:
        place = count - 1 - i if reverse else i
        new, y = fn(carry(state), row([s.read(place) for s in sources]))
        filled = apart(y)[0]
        sinks = [s.write(place, leaf) for s, leaf in zip(sinks, filled, strict=True)]
        return i + 1, _like(apart(new)[0], state), sinks

    _, state, sinks = tf.while_loop(
        lambda i, *_: i < count, body, [tf.constant(0), start, sinks], maximum_iterations=count
    )
    return carry(state), ys([sink.stack() for sink in sinks])


def _outputs_of(fn: Callable[[], Any]) -> Any:
    """(the arrays that `fn` would return, as tensors of a throw-away graph; how to join such arrays)."""
    found: list[Any] = []
    probe = tf.function(lambda: found.append(apart(fn())), autograph=False)
    probe.get_concrete_function()
    return found[0]


def _like(values: list[Array], model: list[Array]) -> list[Array]:
    """`values` with the static shapes of `model`, which they must keep in a loop."""
    return [
        v if v.shape == m.shape else tf.ensure_shape(v, m.shape)
        for v, m in zip(values, model, strict=True)
    ]


def while_in_graph(cond: Any, body: Any, state: Any) -> Any:
    """A loop in the graph."""
    start, joined = apart(state)

    def flat(*tensors: Any) -> list[Any]:
        return apart(body(joined(tensors)))[0]

    run = _apart_from_the_loop(flat) if _is_training(state) else flat

    def step(*tensors: Any) -> list[Any]:
        return _like(run(*tensors), list(tensors))

    return joined(tf.while_loop(lambda *tensors: cond(joined(tensors)), step, start))


def _is_training(state: Any) -> bool:
    """Whether a loop carries variables, and so many that a call within it does not count."""
    boxes = [leaf for leaf in tree.flatten(state) if isinstance(leaf, tf.Variable)]
    return sum(box.shape.num_elements() or 0 for box in boxes) >= LARGE


def _apart_from_the_loop(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` as a graph of its own.

    Else TensorFlow makes one graph of it and the loop, and now and then it meets a gradient there before
    what it belongs to: of maximum pooling it then takes the slow kernel (10 ms in place of 1.5).
    """
    return tf.function(fn, autograph=False, experimental_attributes={"_noinline": True})  # type: ignore[no-any-return]


def cond_in_graph(predicate: Array, true_fn: Any, false_fn: Any) -> Any:
    """A branch in the graph."""
    found: list[Any] = []

    def flat(fn: Any) -> Any:
        def run() -> list[Array]:
            tensors, joined = apart(fn())
            found.append(joined)
            return tensors

        return run

    return _joined(found, tf.cond(predicate, flat(true_fn), flat(false_fn)))


def _joined(found: list[Any], tensors: Any) -> Any:
    """A flat result in the structure that was noted while it was traced."""
    return found[0](tf.nest.flatten(tensors))


def vectorized(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` for rows, by `tf.vectorized_map`, which loops over them for what it cannot vectorize."""

    def mapped(*args: Any) -> Any:
        arrays, joined = apart(args)
        found: list[Any] = []

        def row(tensors: list[Array]) -> list[Array]:
            token = _own_graph.set(False)
            try:
                out, put_back = apart(fn(*joined(tensors)))
            finally:
                _own_graph.reset(token)
            found.append(put_back)
            return out

        return _joined(found, tf.vectorized_map(row, arrays))

    return mapped
