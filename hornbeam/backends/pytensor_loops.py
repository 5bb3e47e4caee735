"""Control flow in PyTensor graphs: branches, loops over rows with their gradients, loops with a test.

PyTensor's own scan spends most of its time around the steps, and its gradient, as it comes, adds up whole
arrays at each step.  Here a loop is one `Host` node that calls a compiled step.  Its gradient is a loop
as well, backwards, over what the first one keeps for it; so it can be differentiated again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import NullTypeGradError
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import io_toposort
from pytensor.ifelse import ifelse
from pytensor.tensor.math import Dot

from hornbeam import tree
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


def _common(first: Sequence[Any], second: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(m if m == n else None for m, n in zip(first, second, strict=True))


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
    kept = [_common(static(a), static(b)) for a, b in zip(left, right, strict=True)]
    sides = [[opened(x, s) for x, s in zip(side, kept, strict=True)] for side in (left, right)]
    found = ifelse(variable_of(predicate), *sides)
    return _filled(first, found if isinstance(found, list) else [found])


def _split(
    outputs: Sequence[Variable], inner: Sequence[Variable]
) -> tuple[list[Variable], dict[Variable, bool]]:
    """(the variables that `outputs` use and that do not depend on `inner`, what does depend on them)."""
    depends: dict[Variable, bool] = dict.fromkeys(inner, True)
    for node in io_toposort([], list(outputs)):
        touched = any(depends.get(x, False) for x in node.inputs)
        for out in node.outputs:
            depends.setdefault(out, touched)
    found: dict[Variable, None] = {}
    stack, seen = list(outputs), set()
    while stack:
        x = stack.pop()
        if x in seen or isinstance(x, Constant):
            continue
        seen.add(x)
        if not depends.get(x, False):
            found[x] = None
        elif x.owner is not None and x not in inner:
            stack.extend(x.owner.inputs)
    return list(found), depends


class Loop(NamedTuple):
    """What a step computes, and of what: variables of a graph of its own."""

    carry: list[Variable]
    row: list[Variable]
    new: list[Variable]
    outs: list[Variable]
    reverse: bool

    @property
    def closed(self) -> list[Variable]:
        """The variables outside that the step uses too."""
        return _split([*self.new, *self.outs], [*self.row, *self.carry])[0]


def scan(
    fn: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: Any, reverse: bool
) -> tuple[Any, Any]:
    """The loop in the graph; what `fn` closes over is computed once, outside."""
    start, rows = _variables(init), _variables(xs)
    shapes, merged = None, [static(x) for x in start]
    while merged != shapes:  # until the carry has the type that it has after a step
        shapes = merged
        carry = [pt.tensor(dtype=x.dtype, shape=s) for x, s in zip(start, shapes, strict=True)]
        row = [pt.tensor(dtype=x.dtype, shape=static(x)[1:]) for x in rows]
        with tracing():
            new, y = fn(_filled(init, carry), _filled(xs, row))
        steps = [like(v, c) for v, c in zip(_variables(new), carry, strict=True)]
        merged = [_common(s, static(v)) for s, v in zip(shapes, steps, strict=True)]
    start, steps = ([opened(x, s) for x, s in zip(v, merged, strict=True)] for v in (start, steps))
    loop = Loop(carry, row, steps, _variables(y), reverse)
    found = looped(loop, start, rows, length)
    return _filled(init, found[: len(start)]), _filled(y, found[len(start) :])


def looped(loop: Loop, start: list[Variable], rows: list[Variable], length: Any) -> list[Variable]:
    """[*last carry, *outputs of all steps]."""
    slope, closed = _slope(loop), loop.closed
    kept = slope.kept if slope else []
    count = static(rows[0])[0] if rows else length
    types = [(x.dtype, static(x)) for x in loop.carry]
    types += [(x.dtype, (count, *static(x))) for x in (*loop.outs, *kept)]
    wanted: list[bool] = []  # whether anybody has asked for the gradient
    functions: dict[Any, Any] = {}

    def run(*values: Any) -> Any:
        outputs = [*loop.new, *loop.outs, *(kept if wanted else [])]
        step = runnable([*loop.carry, *loop.row, *closed], outputs, functions)
        found = _run(loop, step, values, length)
        unused = [] if wanted else [np.empty((0,) * (x.ndim + 1), x.dtype) for x in kept]
        return (*found, *unused)

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        wanted.append(True)
        assert slope is not None
        return slope.pull(loop, closed, inputs, outputs, upstream, length)

    node = Host("loop", run, types, pull if slope else None)
    found = node(*start, *rows, *closed, return_list=True)
    return list(found[: len(loop.new) + len(loop.outs)])


def _run(loop: Loop, step: Callable[..., Any], values: Sequence[Any], length: Any) -> list[Any]:
    width, inside = len(loop.carry), len(loop.carry) + len(loop.row)
    carry, rows, closed = values[:width], values[width:inside], values[inside:]
    count = len(rows[0]) if rows else int(length)
    if not count:
        raise ValueError("scan() over zero steps: `xs` is empty, so the outputs have no shape.")
    stacks: list[Any] = []
    for t in range(count - 1, -1, -1) if loop.reverse else range(count):
        found = step(*carry, *[x[t] for x in rows], *closed)
        carry = found[:width]
        stacks = stacks or [np.empty((count, *x.shape), x.dtype) for x in found[width:]]
        for stack, x in zip(stacks, found[width:], strict=True):
            stack[t] = x
    return [*map(np.array, carry), *stacks]


class _Slope(NamedTuple):
    """The gradient of a step, as a graph of what comes from above and of what the step has computed."""

    above: dict[Variable, Variable]
    grads: dict[Variable, Variable]
    kept: list[Variable]
    """What it needs that differs from step to step."""

    def pull(
        self, loop: Loop, closed: Any, inputs: Any, outputs: Any, upstream: Any, length: Any
    ) -> list[Variable | None]:
        """The gradients of the inputs of the whole loop: a loop the other way.

        What steps add to the gradient of a matrix as a product is one product after the loop.
        """
        width, inside = len(loop.carry), len(loop.carry) + len(loop.row)
        first_kept = width + len(loop.outs)
        fresh = {x: x.type() for x in (*loop.row, *self.kept)}
        swap = fresh | dict(zip(closed, inputs[inside:], strict=True))
        grads = dict(zip(self.grads, substituted(list(self.grads.values()), swap), strict=True))
        moving = [i for i, x in enumerate(loop.carry) if x in grads]
        seen = [i for i, x in enumerate(loop.outs, width) if is_inexact(x)]
        given = list(self.above)
        totals = {x: grads[x] for x in closed if x in grads}
        products = {x: g.owner.inputs for x, g in totals.items() if g.owner and g.owner.op == Dot()}
        sums = {x: x.type() for x in totals if x not in products}
        back = Loop(
            [*given[: len(moving)], *sums.values()],
            [*fresh.values(), *given[len(moving) :]],
            [*(grads[loop.carry[i]] for i in moving), *(s + totals[x] for x, s in sums.items())],
            [*(grads[x] for x in loop.row if x in grads), *itertools.chain(*products.values())],
            not loop.reverse,
        )
        start = [*(upstream[i] for i in moving), *(pt.zeros_like(x) for x in sums)]
        rows = [*inputs[width:inside], *outputs[first_kept:], *(upstream[i] for i in seen)]
        found = iter(looped(back, start, rows, length))
        keys = [*(loop.carry[i] for i in moving), *sums, *(x for x in loop.row if x in grads)]
        result = dict(zip(keys, found, strict=False))
        for x in products:
            left, right = next(found), next(found)
            result[x] = pt.dot(_side_by_side(left), right.reshape((-1, right.shape[-1])))
        return [result.get(x) for x in (*loop.carry, *loop.row, *closed)]


def _side_by_side(x: Variable) -> Variable:
    """Stacked matrices (count, rows, columns) as one of (rows, count * columns)."""
    return x.transpose((1, 0, 2)).reshape((x.shape[1], -1))


def substituted(outputs: list[Variable], swap: dict[Variable, Variable]) -> list[Variable]:
    """`outputs` with some of the variables that they are computed of replaced."""
    found = dict(swap)
    for node in io_toposort(list(swap), outputs):
        if any(x in found for x in node.inputs):
            inputs = [found.get(x, x) for x in node.inputs]
            new = node.clone_with_new_inputs(inputs, strict=False).outputs
            found = dict(zip(node.outputs, new, strict=True)) | found
    return [found.get(x, x) for x in outputs]


def _slope(loop: Loop) -> _Slope | None:
    """None if there is no gradient."""
    towards = [x for x in (*loop.carry, *loop.row, *loop.closed) if is_inexact(x)]
    heads = [pt.tensor_copy(x) for x in (*loop.new, *loop.outs) if is_inexact(x)]
    if not heads or not towards:
        return None
    above = {x.type(): x for x in heads}
    known = {head: x for x, head in above.items()}
    try:
        grads = pytensor.grad(
            None, towards, known_grads=known, disconnected_inputs="ignore", return_disconnected="zero"
        )
    except (NullTypeGradError, NotImplementedError):
        return None
    grads = [like(g, x) for g, x in zip(grads, towards, strict=True)]
    needed, _ = _split(grads, list(above))
    _, moving = _split(needed, [*loop.carry, *loop.row])
    kept = [x for x in needed if moving.get(x, False) and x not in loop.row]
    return _Slope(above, dict(zip(towards, grads, strict=True)), kept)


def while_loop(test: Callable[[Any], Array], body: Callable[[Any], Any], state: Any) -> Any:
    """A loop in the graph whose number of turns depends on values; it has no gradient."""
    start = _variables(state)
    shapes, merged = None, [static(x) for x in start]
    while merged != shapes:
        shapes = merged
        inner = [pt.tensor(dtype=x.dtype, shape=s) for x, s in zip(start, shapes, strict=True)]
        with tracing():
            given = _filled(state, inner)
            go_on = variable_of(test(given))
            new = [like(v, x) for v, x in zip(_variables(body(given)), inner, strict=True)]
        merged = [_common(s, static(v)) for s, v in zip(shapes, new, strict=True)]
    closed, _ = _split([go_on, *new], inner)
    functions: list[dict[Any, Any]] = [{}, {}]

    def run(*values: Any) -> Any:
        given = [*inner, *closed]
        go, turn = (runnable(given, o, f) for o, f in zip(([go_on], new), functions, strict=True))
        now, rest = values[: len(inner)], values[len(inner) :]
        while go(*now, *rest)[0]:
            now = turn(*now, *rest)
        return tuple(map(np.array, now))

    types = [(x.dtype, s) for x, s in zip(inner, shapes, strict=True)]
    return _filled(state, Host("while", run, types)(*start, *closed, return_list=True))
