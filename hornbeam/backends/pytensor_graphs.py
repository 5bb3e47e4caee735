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
from pytensor.gradient import NullTypeGradError
from pytensor.graph.basic import Constant
from pytensor.graph.op import Op
from pytensor.graph.traversal import io_toposort
from pytensor.ifelse import IfElse
from pytensor.link.vm import VMLinker
from pytensor.tensor.elemwise import Elemwise

from hornbeam import tree
from hornbeam.backends import pytensor_arrays as arrays
from hornbeam.backends.dims import TracedDim
from hornbeam.backends.pytensor_host import Host
from hornbeam.backends.pytensor_kernels import REWRITES, kernel_of
from hornbeam.backends.pytensor_values import PyTensorArray
from hornbeam.errors import InputError, UnsupportedError

Array = Any
Variable = Any


class _Tracing(threading.local):
    """What is going on in this thread."""

    depth = 0
    """How many functions are being traced, one inside the other."""
    evaluating = False
    """Whether a graph is being computed that has not been compiled."""


_tracing = _Tracing()
_LIMIT = pytensor.config.traceback__limit


@contextmanager
def tracing() -> Iterator[None]:
    """A context in which a function is being traced.

    PyTensor writes down the lines that made each node, here always the same: a fifth of the time.
    """
    limit = pytensor.config.traceback__limit
    pytensor.config.traceback__limit = 0
    _tracing.depth += 1
    try:
        yield
    finally:
        _tracing.depth -= 1
        if not _tracing.depth:
            pytensor.config.traceback__limit = limit or _LIMIT  # another thread may have made it 0


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
    before, _tracing.evaluating = _tracing.evaluating, True
    try:
        return interpreted(list(given), outputs)(*given.values())
    finally:
        _tracing.evaluating = before


def interpreted(inputs: list[Variable], outputs: Sequence[Variable]) -> Callable[..., list[Any]]:
    """As `compiled_function`, but ready at once and slower."""
    nodes = list(io_toposort(inputs, list(outputs)))

    def run(*given: Any) -> list[Any]:
        values = dict(zip(inputs, given, strict=True))
        for node in nodes:
            args = [x.data if isinstance(x, Constant) else values[x] for x in node.inputs]
            if isinstance(node.op, IfElse):
                half = (len(args) - 1) // 2
                found = args[1 : 1 + half] if args[0] else args[1 + half :]
            else:
                storage: list[list[Any]] = [[None] for _ in node.outputs]
                _run_node(node, args, storage)
                found = [cell[0] for cell in storage]
            values.update(zip(node.outputs, found, strict=True))
        return [x.data if isinstance(x, Constant) else values[x] for x in outputs]

    return run


def runnable(
    inputs: list[Variable], outputs: list[Variable], made: dict[Any, Callable[..., list[Any]]]
) -> Callable[..., list[Any]]:
    """A function of NumPy arrays, compiled where the graph around it is; `made`: those made before."""
    key = (_tracing.evaluating, len(outputs))
    if key not in made:
        made[key] = (interpreted if _tracing.evaluating else compiled_function)(inputs, outputs)
    return made[key]


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
        return [pt.zeroslike(x) for x in inputs]
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
        pt.conj(g) if str(g.dtype).startswith("complex") else like(g, x)
        for g, x in zip(found, inputs, strict=True)
    ]


def like(g: Variable, x: Variable) -> Variable:
    """`g` in the dtype of `x`."""
    return g if g.dtype == x.dtype else pt.cast(g, x.dtype)


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

        def pull(inputs: Any, outputs: Any, upstream: Any) -> list[Any]:
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
            pairs = zip((grads[i] for i in inexact), inputs, strict=False)
            found = [pt.zeroslike(x) if g is None else like(variable_of(g), x) for g, x in pairs]
            return found + [None] * len(flat)

        values = [variable_of(x) for x in flat]
        types = [(x.dtype, x.type.shape) for x in values]
        node = Host("custom_gradient", _last(len(flat)), types, pull, len(inexact), views=True)
        outputs = node(*[leaves[i].value for i in inexact], *values, return_list=True)
        return tree.pack_sequence_as(value, [PyTensorArray(x) for x in outputs])

    return with_gradient


def _last(count: int) -> Callable[..., Any]:
    return lambda *inputs: inputs[-count:]


def _places(leaves: list[Any]) -> list[int]:
    """Which leaves a gradient can go to."""
    return [
        i
        for i, x in enumerate(leaves)
        if isinstance(x, PyTensorArray) and x.traced and x.dtype.kind in "fc"
    ]


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
    with tracing():
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
