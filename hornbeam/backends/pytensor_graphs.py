"""Functions traced into PyTensor graphs: compiled, differentiated, looped over, or just computed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.gradient import DisconnectedType, NullTypeGradError, grad_not_implemented
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.op import Op
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import io_toposort
from pytensor.ifelse import IfElse, ifelse
from pytensor.link.vm import VMLinker
from pytensor.tensor.elemwise import Elemwise

from hornbeam import tree
from hornbeam.backends import pytensor_arrays as arrays
from hornbeam.backends.dims import TracedDim
from hornbeam.backends.pytensor_kernels import REWRITES, kernel_of
from hornbeam.backends.pytensor_values import PyTensorArray
from hornbeam.errors import InputError, UnsupportedError

Array = Any
Variable = Any


class _Tracing(threading.local):
    """How many functions are being traced in this thread, one inside the other."""

    depth = 0


_tracing = _Tracing()


@contextmanager
def tracing() -> Iterator[None]:
    """A context in which a function is being traced."""
    _tracing.depth += 1
    try:
        yield
    finally:
        _tracing.depth -= 1


def is_tracing() -> bool:
    """Whether a function is being traced in this thread."""
    return _tracing.depth > 0


def variable_of(x: Any) -> Variable:
    """The variable, or a constant, for an array."""
    if isinstance(x, PyTensorArray):
        return x.value if x.traced else pt.constant(x.value, dtype=x.dtype.name)
    if isinstance(x, TracedDim):
        return variable_of(x.scalar)
    return arrays.constant(x)


def array_of(x: Any) -> PyTensorArray:
    """`x`, a number or a NumPy array or an array, as an array."""
    if isinstance(x, PyTensorArray):
        return x
    if isinstance(x, TracedDim):
        return array_of(x.scalar)
    return PyTensorArray(x if arrays.is_variable(x) else np.asarray(arrays.NUMPY.asarray(x)))


# ------------------------------------------------------------------------------ computing a graph


def evaluate(outputs: Sequence[Variable], given: dict[Variable, Any]) -> list[Any]:
    """The values of `outputs`, node by node with NumPy, without compiling anything."""
    values = dict(given)
    roots = list(given)
    for node in io_toposort(roots, list(outputs)):
        inputs = [x.data if isinstance(x, Constant) else values[x] for x in node.inputs]
        if isinstance(node.op, IfElse):
            half = (len(inputs) - 1) // 2
            found = inputs[1 : 1 + half] if inputs[0] else inputs[1 + half :]
            values.update(zip(node.outputs, found, strict=True))
            continue
        storage: list[list[Any]] = [[None] for _ in node.outputs]
        _run_node(node, inputs, storage)
        values.update((out, cell[0]) for out, cell in zip(node.outputs, storage, strict=True))
    return [x.data if isinstance(x, Constant) else values[x] for x in outputs]


def _run_node(node: Any, inputs: list[Any], storage: list[list[Any]]) -> None:
    op = node.op
    with np.errstate(all="ignore"):
        kernel = kernel_of(node) if type(op) is Elemwise else None
        if kernel is not None:
            storage[0][0] = np.asarray(kernel(*inputs), node.outputs[0].dtype)
            return
        if type(op).prepare_node is Op.prepare_node and type(op).make_thunk is Op.make_thunk:
            op.perform(node, inputs, storage)
            return
        maps: dict[Any, Any] = {}
        for x, value in zip(node.inputs, inputs, strict=True):
            maps.setdefault(x, [value])
        maps.update(zip(node.outputs, storage, strict=True))
        computed = {x: [False] for x in maps}
        op.make_thunk(node, maps, computed, [], impl="py")()


# ------------------------------------------------------------------------------------- derivatives


def value_and_grad(
    fn: Callable[[list[Array]], tuple[Array, Any]], values: list[Array]
) -> tuple[tuple[Array, Any], list[Array]]:
    """((value, aux), gradients); in a trace as a graph, else computed at once."""
    for value in values:
        if value.dtype.kind not in "fc":
            raise InputError(f"Gradients need floating numbers, got {value.dtype.name}.")
    given: dict[Variable, Any] = {}
    inputs: list[Variable] = []
    outermost = not is_tracing() and not any(value.traced for value in values)
    for value in values:
        if outermost:
            inputs.append(pt.tensor(dtype=value.dtype.name, shape=value.shape))
            given[inputs[-1]] = value.value
        else:
            inputs.append(pt.tensor_copy(variable_of(value)))
    with tracing():
        result, aux = fn([PyTensorArray(x) for x in inputs])
        grads = gradients(array_of(result), inputs)
    if not outermost:
        return (result, aux), [PyTensorArray(g) for g in grads]
    leaves = tree.flatten((result, aux))
    traced = [leaf for leaf in leaves if isinstance(leaf, PyTensorArray) and leaf.traced]
    found = iter(evaluate([leaf.value for leaf in traced] + grads, given))
    computed = {id(leaf): PyTensorArray(np.asarray(next(found))) for leaf in traced}
    leaves = [computed.get(id(leaf), leaf) for leaf in leaves]
    result, aux = tree.pack_sequence_as((result, aux), leaves)
    return (result, aux), [PyTensorArray(np.asarray(g)) for g in found]


def gradients(cost: PyTensorArray, inputs: list[Variable]) -> list[Variable]:
    """The gradients of a scalar; of complex numbers JAX's, which are the conjugates of PyTensor's."""
    if not cost.traced:
        return [pt.zeros_like(x) for x in inputs]
    value = cost.value
    if cost.dtype.kind == "c":
        value = pt.real(value)
    if cost.dtype.kind not in "fc":
        raise InputError(f"Gradients are taken of floating numbers, got {cost.dtype.name}.")
    try:
        found = pytensor.grad(
            value, inputs, disconnected_inputs="ignore", return_disconnected="zero"
        )
    except (NullTypeGradError, NotImplementedError) as error:
        raise UnsupportedError(
            f"The engine 'pytensor' knows no gradient of something in this function ({error}). Use the "
            "'jax' engine: `hornbeam.config.set_backend('jax')` before the model is built."
        ) from error
    return [
        pt.conj(g) if str(g.dtype).startswith("complex") else _like(g, x)
        for g, x in zip(found, inputs, strict=True)
    ]


def _like(g: Variable, x: Variable) -> Variable:
    return g if g.dtype == x.dtype else pt.cast(g, x.dtype)


class CustomGradient(Op):  # type: ignore[misc]
    """Values as they are, with a gradient towards other arrays that a function gives."""

    def __init__(self, pull: Callable[..., Any], arguments: int) -> None:
        self.pull = pull
        self.arguments = arguments
        self.view_map: dict[int, list[int]] = {}

    def make_node(self, *inputs: Any) -> Apply[Any, Any]:
        """The arguments first, then the values."""
        node = Apply(self, list(inputs), [x.type() for x in inputs[self.arguments :]])
        self.view_map = {i: [self.arguments + i] for i in range(len(node.outputs))}
        return node

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        """Hands the values on."""
        for cell, value in zip(output_storage, inputs[self.arguments :], strict=True):
            cell[0] = value

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        """The values came from the arguments; the gradient does not go through the values."""
        return [[i < self.arguments] * len(node.outputs) for i in range(len(node.inputs))]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """What the function says."""
        upstream = [
            pt.zeros_like(y) if isinstance(g.type, DisconnectedType) else g
            for y, g in zip(outputs, cotangents, strict=True)
        ]
        found = self.pull(upstream)
        grads = [
            pt.zeros_like(x) if g is None else _like(variable_of(g), x)
            for g, x in zip(found, inputs[: self.arguments], strict=True)
        ]
        return [*grads, *[DisconnectedType()() for _ in outputs]]


def custom_gradient(fn: Callable[..., Any]) -> Callable[..., Any]:
    """See `Backend.custom_gradient`."""

    def with_gradient(*args: Any) -> Any:
        leaves = tree.flatten(args)
        traced = [x for x in leaves if isinstance(x, PyTensorArray) and x.traced]
        value, backward = fn(*args)
        flat = tree.flatten(value)
        if not traced or not any(isinstance(x, PyTensorArray) and x.traced for x in flat):
            return value
        inexact = _places(leaves)

        def pull(upstream: list[Variable]) -> list[Any]:
            given = tree.pack_sequence_as(value, [PyTensorArray(g) for g in upstream])
            several = isinstance(value, (list, tuple))
            found = backward(*given) if several else backward(given)
            parts = tuple(found) if isinstance(found, (list, tuple)) else (found,)
            grads = tree.flatten(parts)
            if len(grads) != len(leaves):
                raise InputError(
                    f"A custom gradient must return one gradient per argument: {len(leaves)}, "
                    f"got {len(grads)}."
                )
            return [grads[i] for i in inexact]

        op = CustomGradient(pull, len(inexact))
        outputs = op(
            *[leaves[i].value for i in inexact], *[variable_of(x) for x in flat], return_list=True
        )
        return tree.pack_sequence_as(value, [PyTensorArray(x) for x in outputs])

    return with_gradient


def _places(leaves: list[Any]) -> list[int]:
    """Which leaves a gradient can go to."""
    return [
        i
        for i, x in enumerate(leaves)
        if isinstance(x, PyTensorArray) and x.traced and x.dtype.kind in "fc"
    ]


# ----------------------------------------------------------------------------------- control flow


def cond(predicate: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """A branch in the graph, of which one side is computed."""
    first, second = true_fn(), false_fn()
    spec = tree.structure_of(first)
    pairs = list(zip(tree.flatten(first), tree.flatten(second), strict=True))
    places = [i for i, (a, _) in enumerate(pairs) if a is not None]
    left, right = [], []
    for i in places:
        a, b = (variable_of(x) for x in pairs[i])
        if a.type.shape != b.type.shape:
            kept = [m if m == n else None for m, n in zip(a.type.shape, b.type.shape, strict=True)]
            a, b = (opened(x, kept) for x in (a, b))
        left.append(a)
        right.append(b)
    found = ifelse(variable_of(predicate), left, right)
    found = found if isinstance(found, list) else [found]
    leaves: list[Any] = [None] * len(pairs)
    for i, x in zip(places, found, strict=True):
        leaves[i] = PyTensorArray(x)
    return tree.unflatten(spec, leaves)


class Opened(Op):  # type: ignore[misc]
    """An array of which less is known."""

    __props__ = ("shape",)
    view_map = {0: [0]}  # noqa: RUF012

    def __init__(self, shape: Any) -> None:
        self.shape = tuple(shape)

    def make_node(self, x: Any) -> Apply[Any, Any]:
        """One use of it."""
        return Apply(self, [x], [pt.TensorType(x.dtype, shape=self.shape)()])

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        """Hands it on."""
        output_storage[0][0] = inputs[0]

    def infer_shape(self, fgraph: Any, node: Any, shapes: Any) -> Any:
        """That of the input."""
        return shapes

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """The gradient goes through."""
        return [pt.specify_shape(cotangents[0], inputs[0].type.shape)]


def opened(x: Variable, shape: Any) -> Variable:
    """`x` as if only these sizes of it were known."""
    return x if x.type.shape == tuple(shape) else Opened(shape)(x)


def _outer(outputs: Sequence[Variable], inner: Sequence[Variable]) -> list[Variable]:
    """The variables that `outputs` use and that do not depend on `inner`: what a loop closes over."""
    depends: dict[Variable, bool] = dict.fromkeys(inner, True)
    found: dict[Variable, None] = {}
    for node in io_toposort([], list(outputs)):
        touched = any(depends.get(x, False) for x in node.inputs)
        for out in node.outputs:
            depends[out] = touched
    stack, seen = list(outputs), set()
    while stack:
        x = stack.pop()
        if x in seen or isinstance(x, Constant):
            continue
        seen.add(x)
        if not depends.get(x, False):
            found[x] = None
        elif x.owner is not None:
            stack.extend(x.owner.inputs)
    return list(found)


def scan(
    fn: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: Any, reverse: bool
) -> tuple[Any, Any]:
    """PyTensor's scan; what `fn` closes over is computed once, outside."""
    start = [variable_of(x) for x in tree.flatten(init) if x is not None]
    rows = [variable_of(x) for x in tree.flatten(xs) if x is not None]
    init_leaves, xs_leaves = tree.flatten(init), tree.flatten(xs)
    shapes: list[Any] = [x.type.shape for x in start]
    for _ in range(4):  # until the carry has the type that it has after a step
        carry = [pt.tensor(dtype=x.dtype, shape=s) for x, s in zip(start, shapes, strict=True)]
        row = [pt.tensor(dtype=x.dtype, shape=x.type.shape[1:]) for x in rows]
        with tracing():
            new, y = fn(
                _filled(init, init_leaves, [PyTensorArray(v) for v in carry]),
                _filled(xs, xs_leaves, [PyTensorArray(v) for v in row]),
            )
        steps = _next_carry(new, carry)
        merged = [
            tuple(m if m == n else None for m, n in zip(s, v.type.shape, strict=True))
            for s, v in zip(shapes, steps, strict=True)
        ]
        if merged == shapes:
            break
        shapes = merged
    start = [opened(x, s) for x, s in zip(start, shapes, strict=True)]
    steps = [opened(v, s) for v, s in zip(steps, shapes, strict=True)]
    y_leaves = tree.flatten(y)
    outs = [variable_of(leaf) for leaf in y_leaves if leaf is not None]
    dummies = [*row, *carry]
    outer = _outer([*steps, *outs], dummies)

    def step(*args: Any) -> list[Any]:
        swap = dict(zip([*row, *carry, *outer], args, strict=True))
        return list(clone_replace([*steps, *outs], swap, copy_inputs_over=True))

    found = pytensor.scan(
        step,
        sequences=rows,
        outputs_info=[*start, *[None] * len(outs)],
        non_sequences=outer,
        n_steps=None if rows else length,
        go_backwards=reverse,
        strict=True,
        mode=default_mode(),
        return_list=True,
        return_updates=False,
    )
    last = [PyTensorArray(pt.specify_shape(v[-1], s)) for v, s in zip(found, shapes, strict=False)]
    stacked = [v[::-1] if reverse else v for v in found[len(start) :]]
    return (
        _filled(init, init_leaves, last),
        _filled(y, y_leaves, [PyTensorArray(v) for v in stacked]),
    )


def _next_carry(new: Any, carry: list[Any]) -> list[Any]:
    """The leaves of a new carry, of the types of the old one."""
    leaves = [leaf for leaf in tree.flatten(new) if leaf is not None]
    return [_like(variable_of(v), c) for v, c in zip(leaves, carry, strict=True)]


def _filled(structure: Any, leaves: list[Any], values: list[Any]) -> Any:
    """`structure` with `values` for the leaves that are not None."""
    rest = iter(values)
    return tree.pack_sequence_as(structure, [None if x is None else next(rest) for x in leaves])


class While(Op):  # type: ignore[misc]
    """A loop whose number of turns depends on values; it has no gradient."""

    def __init__(self, state: list[Any], outer: list[Any], go_on: Any, new: list[Any]) -> None:
        self.types = [x.type for x in state]
        self.inner = (state, outer, go_on, new)
        self._functions: Any = None

    def make_node(self, *inputs: Any) -> Apply[Any, Any]:
        """The state first, then what the loop closes over."""
        return Apply(self, list(inputs), [kind() for kind in self.types])

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        """Turn by turn."""
        if self._functions is None:
            state, outer, go_on, new = self.inner
            self._functions = [
                compiled_function([*state, *outer], outputs) for outputs in ([go_on], new)
            ]
        test, body = self._functions
        values, outer = list(inputs[: len(self.types)]), inputs[len(self.types) :]
        while test(*values, *outer)[0]:
            values = body(*values, *outer)
        for cell, value in zip(output_storage, values, strict=True):
            cell[0] = np.array(value)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """No gradients."""
        return [grad_not_implemented(self, i, x) for i, x in enumerate(inputs)]


def while_loop(test: Callable[[Any], Array], body: Callable[[Any], Any], state: Any) -> Any:
    """A loop in the graph."""
    leaves = tree.flatten(state)
    start = [variable_of(x) for x in leaves if x is not None]
    inner = [x.type() for x in start]
    with tracing():
        given = _filled(state, leaves, [PyTensorArray(x) for x in inner])
        go_on = variable_of(test(given))
        new = [variable_of(x) for x in tree.flatten(body(given)) if x is not None]
    new = [_like(n, x) for n, x in zip(new, inner, strict=True)]
    kinds = [
        tuple(m if m == n else None for m, n in zip(a.type.shape, b.type.shape, strict=True))
        for a, b in zip(inner, new, strict=True)
    ]
    if kinds != [x.type.shape for x in inner]:
        start = [opened(x, s) for x, s in zip(start, kinds, strict=True)]
        return while_loop(test, body, _filled(state, leaves, [PyTensorArray(x) for x in start]))
    outer = _outer([go_on, *new], inner)
    found = While(inner, outer, go_on, new)(*start, *outer, return_list=True)
    return _filled(state, leaves, [PyTensorArray(x) for x in found])


# ------------------------------------------------------------------------------------ compilation


def default_mode() -> Any:
    """How functions are compiled: in PyTensor's mode if the user has set one, else by NumPy's kernels.

    Setting ``pytensor.config.mode`` (``PYTENSOR_FLAGS=mode=NUMBA``, or "C", "FAST_RUN") or its linker
    chooses another: None here.
    """
    if pytensor.config.mode != "Mode" or pytensor.config.linker != "auto":
        return None
    return _MODE


_MODE = Mode(linker=VMLinker(use_cloop=False, c_thunks=False), optimizer=REWRITES)


def compiled_function(inputs: list[Variable], outputs: list[Variable]) -> Callable[..., list[Any]]:
    """A function of NumPy arrays."""
    function = pytensor.function(
        inputs, outputs, mode=default_mode(), on_unused_input="ignore", accept_inplace=True
    )
    function.trust_input = True
    return function  # type: ignore[no-any-return]


class Compiled:
    """A function of nests, compiled for each structure and dtypes, but not for each size.

    The first of several arguments is state, whose sizes do not change.  Of all else the first axis is
    left open, the second one too of integers and of arrays with three axes (time), and every other one
    as soon as it is seen to change.  An axis of size 1 stays so: PyTensor decides while tracing what is
    broadcast.  When the function needs to know a size, it is compiled for each shape.

    Args:
        fn: the function.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self._entries: dict[Any, _Entry] = {}
        self._count = 0

    def __call__(self, *args: Any) -> Any:
        leaves = tree.flatten(args)
        fixed = len(tree.flatten(args[0])) if len(args) > 1 else 0
        inputs: list[Any] = []
        key: list[Any] = [tree.structure_of(args), fixed]
        for leaf in leaves:
            kind = type(leaf)
            if kind is PyTensorArray:
                value = leaf.value
                if type(value) is not np.ndarray:
                    return self.fn(*args)
            elif kind is np.ndarray:
                value = leaf
            elif isinstance(leaf, (np.generic, int, float, complex)):
                value = np.asarray(arrays.NUMPY.asarray(leaf))
            else:
                key.append(leaf)
                inputs.append(leaf)
                continue
            key.append((value.dtype, tuple([n == 1 for n in value.shape])))
            inputs.append(value)
        entry = self._entries.get(tuple(key))
        if entry is None:
            entry = self._entries[tuple(key)] = _Entry(self, args, inputs, fixed)
        return entry(args, inputs)

    def compilations(self) -> int:
        """How many functions have been compiled so far."""
        return self._count


class _Entry:
    """What has been compiled for one structure and dtypes."""

    def __init__(self, owner: Compiled, args: Any, inputs: list[Any], fixed: int) -> None:
        self.owner = owner
        self.places = [i for i, x in enumerate(inputs) if type(x) is np.ndarray]
        self.patterns = [inputs[i].shape if i < fixed else _pattern(inputs[i]) for i in self.places]
        self.exact: dict[Any, Any] | None = None
        self.found: Any = None

    def __call__(self, args: Any, inputs: list[Any]) -> Any:
        given = [inputs[i] for i in self.places]
        if self.exact is not None:
            shapes = tuple([x.shape for x in given])
            if shapes not in self.exact:
                self.exact[shapes] = self.trace(args, given, shapes)
            return self.run(self.exact[shapes], inputs, given)
        changed = False
        for turn, (x, pattern) in enumerate(zip(given, self.patterns, strict=True)):
            if x.shape != pattern:
                new = tuple([p if p == n else None for n, p in zip(x.shape, pattern, strict=True)])
                if new != pattern:
                    self.patterns[turn] = new
                    changed = True
        if changed or self.found is None:
            try:
                self.found = self.trace(args, given, self.patterns)
            except Exception:  # if it is not for the open sizes, it comes again, and is told then
                self.exact = {}
                return self(args, inputs)
        return self.run(self.found, inputs, given)

    def trace(self, args: Any, given: list[Any], patterns: Any) -> Any:
        """(function, structure of the result, what is known of its leaves already)."""
        variables = [
            pt.tensor(dtype=x.dtype.name, shape=p) for x, p in zip(given, patterns, strict=True)
        ]
        leaves = tree.flatten(args)
        for place, x in zip(self.places, variables, strict=True):
            leaves[place] = PyTensorArray(x)
        with tracing():
            out = self.owner.fn(*tree.pack_sequence_as(args, leaves))
        spec, flat = tree.structure_of(out), tree.flatten(out)
        position = {x: i for i, x in zip(self.places, variables, strict=True)}
        outputs: list[Any] = []
        plan: list[Any] = []
        for leaf in flat:
            if not isinstance(leaf, PyTensorArray) or not leaf.traced:
                plan.append(("known", leaf))
            elif leaf.value in position:
                plan.append(("input", position[leaf.value]))
            else:
                plan.append(("output", len(outputs)))
                outputs.append(leaf.value)
        self.owner._count += 1
        return compiled_function(variables, outputs), spec, plan

    def run(self, found: Any, inputs: list[Any], given: list[Any]) -> Any:
        """Call the compiled function."""
        function, spec, plan = found
        with np.errstate(all="ignore"):
            values = function(*given)
        leaves = []
        for what, where in plan:
            if what == "output":
                leaves.append(PyTensorArray(np.asarray(values[where])))
            else:
                leaves.append(where if what == "known" else PyTensorArray(inputs[where]))
        return tree.unflatten(spec, leaves)


def _pattern(x: Any) -> tuple[Any, ...]:
    """Which axes of an array are left open from the start."""
    time = x.ndim == 3 or (x.ndim == 2 and x.dtype.kind in "iub")
    return tuple(
        n if n == 1 or i > 1 or (i == 1 and not time) else None for i, n in enumerate(x.shape)
    )
