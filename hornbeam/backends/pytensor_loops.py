"""Control flow in PyTensor graphs: branches, loops over rows with their gradients, loops with a test.

PyTensor's own scan spends most of its time around the steps, and its gradient adds up whole arrays at
each step: it takes 20 times as long for an LSTM.  Here a loop is one `Host` node that calls a compiled
step.  Its gradient is a loop as well, backwards, which computes each step again; so it can be
differentiated any number of times.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import io_toposort
from pytensor.ifelse import ifelse
from pytensor.tensor.math import Dot

from hornbeam import tree
from hornbeam.backends.dims import common
from hornbeam.backends.pytensor_graphs import like, runnable, tracing, variable_of
from hornbeam.backends.pytensor_host import Host, is_inexact, static
from hornbeam.backends.pytensor_values import PyTensorArray

Array = Any
Variable = Any


def opened(x: Variable, shape: Any) -> Variable:
    """`x` as if only these sizes of it were known."""
    if x.type.shape == tuple(shape):
        return x

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return [pt.specify_shape(upstream[0], inputs[0].type.shape)]

    return Host("opened", lambda x: x, [(x.dtype, shape)], pull, views=True)(x)


def _variables(nest: Any) -> list[Variable]:
    return [variable_of(x) for x in tree.flatten(nest) if x is not None]


def _filled(structure: Any, values: Sequence[Any]) -> Any:
    """`structure` with `values` for the leaves that are not None."""
    rest = iter(values)
    leaves = [None if x is None else PyTensorArray(next(rest)) for x in tree.flatten(structure)]
    return tree.pack_sequence_as(structure, leaves)


def cond(predicate: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """A branch in the graph, of which one side is computed."""
    first, second = true_fn(), false_fn()
    left, right = _variables(first), _variables(second)
    kept = [common(static(a), static(b)) for a, b in zip(left, right, strict=True)]
    sides = [[opened(x, s) for x, s in zip(side, kept, strict=True)] for side in (left, right)]
    found = ifelse(variable_of(predicate), *sides)
    return _filled(first, found if isinstance(found, list) else [found])


def _closed(outputs: Sequence[Variable], inner: Sequence[Variable]) -> list[Variable]:
    """The variables that `outputs` use and that do not depend on `inner`: what a loop closes over.

    What is made of constants stays in the loop: the exponent of a power has a gradient otherwise, with
    the logarithm of what may be negative.
    """
    constant, outside, inside = range(3)
    places = dict.fromkeys(inner, inside)

    def place(x: Variable) -> int:
        return places.get(x, constant if isinstance(x, Constant) else outside)

    nodes = io_toposort([], list(outputs))
    for node in nodes:
        places.update(dict.fromkeys(node.outputs, max(map(place, node.inputs), default=constant)))
    within = [x for node in nodes if place(node.outputs[0]) == inside for x in node.inputs]
    return list(dict.fromkeys(x for x in [*outputs, *within] if place(x) == outside))


def _substituted(outputs: list[Variable], swap: dict[Variable, Variable]) -> list[Variable]:
    """`outputs` with some of the variables that they are computed of replaced."""
    found = dict(swap)
    for node in io_toposort(list(swap), outputs):
        inputs = [found.get(x, x) for x in node.inputs]
        if inputs != node.inputs:
            new = node.clone_with_new_inputs(inputs, strict=False).outputs
            found = dict(zip(node.outputs, new, strict=True)) | found
    return [found.get(x, x) for x in outputs]


class Loop(NamedTuple):
    """What a step computes, and of what: a graph of its own."""

    carry: list[Variable]
    row: list[Variable]
    closed: list[Variable]
    new: list[Variable]
    outs: list[Variable]
    reverse: bool
    length: Any
    """The number of steps, if there are no rows."""


def scan(
    fn: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: Any, reverse: bool
) -> tuple[Any, Any]:
    """The loop in the graph; what `fn` closes over is computed once, outside."""
    start, rows = _variables(init), _variables(xs)
    row = [pt.tensor(dtype=x.dtype, shape=static(x)[1:]) for x in rows]

    def step(carry: list[Variable]) -> tuple[list[Variable], Any]:
        new, y = fn(_filled(init, carry), _filled(xs, row))
        return _variables(new), y

    start, carry, new, y = _settled(step, start)
    outs = _variables(y)
    closed = _closed([*new, *outs], [*row, *carry])
    inner = [x.type() for x in closed]
    graph = _substituted([*new, *outs], dict(zip(closed, inner, strict=True)))
    loop = Loop(carry, row, inner, graph[: len(new)], graph[len(new) :], reverse, length)
    found = _looped(loop, [*start, *rows, *closed])
    return _filled(init, found[: len(new)]), _filled(y, found[len(new) :])


def _settled(step: Callable[..., tuple[list[Variable], Any]], start: list[Variable]) -> Any:
    """(start, carry, new carry, what else `step` gives), of the types that they have after any step."""
    shapes, merged = None, [static(x) for x in start]
    while merged != shapes:
        shapes = merged
        carry = [pt.tensor(dtype=x.dtype, shape=s) for x, s in zip(start, shapes, strict=True)]
        with tracing():
            new, rest = step(carry)
        new = [like(x, c) for x, c in zip(new, carry, strict=True)]
        merged = [common(s, static(x)) for s, x in zip(shapes, new, strict=True)]
    first, new = ([opened(x, s) for x, s in zip(v, merged, strict=True)] for v in (start, new))
    return first, carry, new, rest


def _looped(loop: Loop, given: list[Variable]) -> list[Variable]:
    """[*last carry, *outputs of all steps] for [*first carry, *rows, *what is closed over]."""
    width, inside = len(loop.carry), len(loop.carry) + len(loop.row)
    inputs, outputs = [*loop.carry, *loop.row, *loop.closed], [*loop.new, *loop.outs, *loop.carry]
    count = static(given[width])[0] if loop.row else loop.length
    many = [(x.dtype, (count, *static(x))) for x in outputs[width:]]
    functions: dict[Any, Any] = {}

    def run(*values: Any) -> Any:
        carry, rows, closed = values[:width], values[width:inside], values[inside:]
        step = runnable(inputs, outputs[: len(outputs) - width], functions)
        turns = range(len(rows[0]) if rows else int(loop.length))
        if not turns:
            raise ValueError("scan() over zero steps: `xs` is empty, so the outputs have no shape.")
        stacks: list[Any] = []
        for t in reversed(turns) if loop.reverse else turns:
            found = (*step(*carry, *[x[t] for x in rows], *closed), *carry)
            carry = found[:width]
            stacks = stacks or [np.empty((len(turns), *x.shape), x.dtype) for x in found[width:]]
            for stack, x in zip(stacks, found[width:], strict=True):
                stack[t] = x
        return (*map(np.array, carry), *stacks)

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return _gradients(loop, inputs, outputs[len(outputs) - width :], upstream)

    node = Host("loop", run, [(x.dtype, static(x)) for x in loop.carry] + many, pull)
    return list(node(*given, return_list=True)[: len(outputs) - width])


def _gradients(loop: Loop, inputs: Any, carries: Any, upstream: Any) -> list[Variable | None]:
    """The gradients of the inputs of a loop: a loop the other way, which computes each step again.

    What the steps add to the gradient of a matrix as products is one product after the loop.
    """
    width, inside = len(loop.carry), len(loop.carry) + len(loop.row)
    shown = [*loop.new, *loop.outs, *loop.carry]  # the carries are outputs for a second gradient
    places = [i for i, x in enumerate(shown) if is_inexact(x)]
    heads = [pt.tensor_copy(shown[i]) for i in places]
    above = [x.type() for x in heads]
    own = [*loop.carry, *loop.row, *loop.closed]
    towards = [x for x in own if is_inexact(x)]
    known = dict(zip(heads, above, strict=True))
    options = {"disconnected_inputs": "ignore", "return_disconnected": "zero"}
    slopes = pytensor.grad(None, towards, known_grads=known, **options)
    grads = {x: like(g, x) for x, g in zip(towards, slopes, strict=True)}
    moving, rows, closed = (
        [x for x in part if x in grads] for part in (loop.carry, loop.row, loop.closed)
    )
    products = {x: found for x in closed if (found := _product(grads[x]))}
    sums = {x: x.type() for x in closed if x not in products}
    back = Loop(
        [*above[: len(moving)], *sums.values()],
        [*loop.carry, *loop.row, *above[len(moving) :]],
        loop.closed,
        [*(grads[x] for x in moving), *(total + grads[x] for x, total in sums.items())],
        [*(grads[x] for x in rows), *itertools.chain(*products.values())],
        not loop.reverse,
        loop.length,
    )
    value_of = dict(zip(own, inputs, strict=True))
    given = [upstream[i] for i in places]
    start = [*given[: len(moving)], *(pt.zeros_like(value_of[x]) for x in sums)]
    stacked = [*carries, *inputs[width:inside], *given[len(moving) :]]
    results = iter(_looped(back, [*start, *stacked, *inputs[inside:]]))
    result = dict(zip([*moving, *sums, *rows], results, strict=False))
    for x in products:
        left, right = (y.reshape((-1, y.shape[-1])) for y in (next(results), next(results)))
        result[x] = pt.dot(left.T, right)
    return [result.get(x) for x in own]


def _product(g: Variable) -> list[Variable]:
    """[x, y] if `g` is the product of x transposed and y."""
    if g.owner is None or g.owner.op != Dot():
        return []
    turned, right = g.owner.inputs
    is_transpose = turned.owner is not None and getattr(turned.owner.op, "new_order", 0) == (1, 0)
    return [turned.owner.inputs[0], right] if is_transpose else []


def while_loop(test: Callable[[Any], Array], body: Callable[[Any], Any], state: Any) -> Any:
    """A loop in the graph whose number of turns depends on values; it has no gradient."""

    def step(state_of: list[Variable]) -> tuple[list[Variable], Any]:
        given = _filled(state, state_of)
        return _variables(body(given)), variable_of(test(given))

    start, inner, new, go_on = _settled(step, _variables(state))
    closed = _closed([go_on, *new], inner)
    first, again = (_substituted([go_on], dict(zip(inner, x, strict=True))) for x in (start, new))
    functions: dict[Any, Any] = {}

    def run(going: Any, *values: Any) -> Any:
        now, rest = list(values[: len(inner)]), values[len(inner) :]
        turn = runnable([*inner, *closed], [*new, *again], functions, likewise=True)
        while going:
            *now, going = turn(*now, *rest)
        return tuple(map(np.array, now))

    types = [(x.dtype, static(x)) for x in inner]
    return _filled(state, Host("while", run, types)(*first, *start, *closed, return_list=True))
