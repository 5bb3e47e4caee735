"""Compiled functions and control flow on TensorFlow: `tf.function`, and loops over nests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from hornbeam import tree
from hornbeam.backends.tensorflow_arrays import asarray

Array = Any


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
        leaves = tree.flatten(args)
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
        key = (tree.structure_of(args), *statics)
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

    def body(self, *tensors: Array) -> list[Array]:
        """Traced once per signature."""
        self.traced += 1
        leaves = list(self.fixed)
        for place, tensor in zip(self.places, tensors, strict=True):
            leaves[place] = tensor
        args = tree.unflatten(self.spec, leaves)
        out = self.owner.fn(*args)
        if self.owner.donate:
            out = (_overwritten(args[0], out[0]), *out[1:])
        flat = tree.flatten(out)
        kept = {i: leaf for i, leaf in enumerate(flat) if not _goes_out(leaf)}
        self.outputs = tree.structure_of(out), len(flat), kept
        return [asarray(leaf) for i, leaf in enumerate(flat) if i not in kept]

    def __call__(self, inputs: list[Any]) -> Any:
        found = self.run(*inputs)
        spec, count, kept = self.outputs
        if not kept:
            return tree.unflatten(spec, found)
        tensors = iter(found)
        return tree.unflatten(spec, [kept[i] if i in kept else next(tensors) for i in range(count)])


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


def rows_of(xs: Any) -> tuple[Callable[[Any], Any], Any]:
    """(i -> the i-th rows of the arrays in `xs`, how many there are, None if there are no arrays)."""
    leaves = tree.flatten(xs)
    spec = tree.structure_of(xs)
    arrays = [None if leaf is None else asarray(leaf) for leaf in leaves]
    first = next((a for a in arrays if a is not None), None)
    count = None if first is None else first.shape[0]
    if first is not None and count is None:
        count = tf.shape(first)[0]

    def rows(i: Any) -> Any:
        return tree.unflatten(spec, [None if a is None else a[i] for a in arrays])

    return rows, count


def scan_eagerly(fn: Any, init: Any, xs: Any, length: int | None, reverse: bool) -> Any:
    """A loop that runs as it is written."""
    rows, count = rows_of(xs)
    steps = range(length or 0) if count is None else range(int(count))
    carry, ys = init, []
    for i in reversed(steps) if reverse else steps:
        carry, y = fn(carry, rows(i))
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys:
        raise ValueError("scan() over zero steps: `xs` is empty, so the outputs have no shape.")
    stacked = tree.map_structure(lambda *y: None if y[0] is None else tf.stack(y), *ys)
    return carry, stacked


def scan_in_graph(fn: Any, init: Any, xs: Any, length: int | None, reverse: bool) -> Any:
    """A loop in the graph; the outputs are collected in tensor arrays."""
    leaves = [None if leaf is None else asarray(leaf) for leaf in tree.flatten(xs)]
    xs_spec = tree.structure_of(xs)
    arrays = [a for a in leaves if a is not None]
    count: Any = (arrays[0].shape[0] or tf.shape(arrays[0])[0]) if arrays else length
    sources = [
        None if a is None else tf.TensorArray(a.dtype, count, element_shape=a.shape[1:]).unstack(a)
        for a in leaves
    ]
    state, spec = [asarray(leaf) for leaf in tree.flatten(init)], tree.structure_of(init)
    probe, ys_spec = _outputs_of(fn, spec, state, xs_spec, leaves)
    sinks = [tf.TensorArray(y.dtype, count, element_shape=y.shape) for y in probe if y is not None]

    def body(i: Array, state: list[Array], sinks: list[Any]) -> Any:
        place = count - 1 - i if reverse else i
        row = tree.unflatten(xs_spec, [None if s is None else s.read(place) for s in sources])
        carry, y = fn(tree.unflatten(spec, state), row)
        filled = [asarray(leaf) for leaf in tree.flatten(y) if leaf is not None]
        sinks = [s.write(place, leaf) for s, leaf in zip(sinks, filled, strict=True)]
        return i + 1, _like(tree.flatten(carry), state), sinks

    _, state, sinks = tf.while_loop(
        lambda i, *_: i < count, body, [tf.constant(0), state, sinks], maximum_iterations=count
    )
    stacked = iter([sink.stack() for sink in sinks])
    ys = tree.unflatten(ys_spec, [None if y is None else next(stacked) for y in probe])
    return tree.unflatten(spec, state), ys


def _outputs_of(fn: Any, spec: Any, state: Any, xs_spec: Any, leaves: Any) -> Any:
    """(what a step returns besides the state, as tensors of a throw-away graph, and its structure)."""
    found: list[Any] = []

    def probe() -> None:
        row = [None if a is None else a[0] for a in leaves]
        _, y = fn(tree.unflatten(spec, state), tree.unflatten(xs_spec, row))
        flat = [None if leaf is None else asarray(leaf) for leaf in tree.flatten(y)]
        found.append((flat, tree.structure_of(y)))

    tf.function(probe, autograph=False).get_concrete_function()
    return found[0]


def _like(values: list[Any], model: list[Array]) -> list[Array]:
    """`values` with the static shapes of `model`, which they must keep in a loop."""
    return [
        tf.ensure_shape(asarray(v), m.shape) if asarray(v).shape != m.shape else asarray(v)
        for v, m in zip(values, model, strict=True)
    ]


def while_in_graph(cond: Any, body: Any, state: Any) -> Any:
    """A loop in the graph."""
    spec = tree.structure_of(state)
    start = [None if leaf is None else asarray(leaf) for leaf in tree.flatten(state)]
    places = [i for i, leaf in enumerate(start) if leaf is not None]

    def joined(tensors: Any) -> Any:
        leaves: list[Any] = [None] * len(start)
        for place, tensor in zip(places, tensors, strict=True):
            leaves[place] = tensor
        return tree.unflatten(spec, leaves)

    def step(*tensors: Any) -> list[Any]:
        new = tree.flatten(body(joined(tensors)))
        return _like([new[i] for i in places], list(tensors))

    first = [start[i] for i in places]
    return joined(tf.while_loop(lambda *t: cond(joined(t)), step, first))


def cond_in_graph(predicate: Array, true_fn: Any, false_fn: Any) -> Any:
    """A branch in the graph."""
    specs: list[Any] = []

    def flat(fn: Any) -> Any:
        def run() -> list[Array]:
            out = fn()
            leaves = tree.flatten(out)
            specs.append((tree.structure_of(out), [leaf is None for leaf in leaves]))
            return [asarray(leaf) for leaf in leaves if leaf is not None]

        return run

    tensors = iter(tf.nest.flatten(tf.cond(predicate, flat(true_fn), flat(false_fn))))
    spec, missing = specs[0]
    return tree.unflatten(spec, [None if none else next(tensors) for none in missing])
