"""Functions traced into PyTensor graphs: compiled, differentiated, looped over, or just computed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.gradient import NullTypeGradError
from pytensor.graph.fg import FunctionGraph
from pytensor.link.vm import VMLinker

from hornbeam import tree
from hornbeam.backends import pytensor_arrays as arrays
from hornbeam.backends.dims import TracedDim
from hornbeam.backends.pytensor_host import Host
from hornbeam.backends.pytensor_kernels import REWRITES, Kernels
from hornbeam.backends.pytensor_values import PyTensorArray
from hornbeam.errors import InputError, UnsupportedError

Array = Any
Variable = Any


class _Tracing(threading.local):
    """What is going on in this thread."""

    depth = 0
    """How many functions are being traced, one inside the other."""
    interpreting = False
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


def interpreted(inputs: list[Variable], outputs: list[Variable]) -> Callable[..., list[Any]]:
    """As `compiled_function`, but ready sooner and slower: nothing is rewritten."""
    graph = FunctionGraph(inputs, outputs)
    Kernels().apply(graph)
    run, cells, found = _LINKER.accept(graph).make_thunk()

    def call(*given: Any) -> list[Any]:
        for cell, value in zip(cells, given, strict=True):
            cell.storage[0] = value
        before, _tracing.interpreting = _tracing.interpreting, True
        try:
            run()
        finally:
            _tracing.interpreting = before
        values = [cell.storage[0] for cell in found]
        for cell in found:
            cell.storage[0] = None  # else the next call may write there
        return values

    return call


def runnable(
    inputs: list[Variable], outputs: list[Variable], made: dict[Any, Callable[..., list[Any]]]
) -> Callable[..., list[Any]]:
    """A function of NumPy arrays, compiled where the graph around it is; `made`: those made before."""
    key = _tracing.interpreting
    if key not in made:
        made[key] = (interpreted if key else compiled_function)(inputs, outputs)
    return made[key]


# ------------------------------------------------------------------------------------- derivatives


def value_and_grad(
    fn: Callable[[list[Array]], tuple[Array, Any]], values: list[Array]
) -> tuple[tuple[Array, Any], list[Array]]:
    """((value, aux), gradients); in a trace as a graph, else computed at once."""
    for value in values:
        if value.dtype.kind not in "fc":
            raise InputError(f"Gradients need floating numbers, got {value.dtype.name}.")
    if not is_tracing() and not any(value.traced for value in values):
        given = [value.value for value in values]
        shapes = [x.shape for x in given]
        fn = functools.partial(value_and_grad, fn)
        built = _built(fn, (values,), range(len(given)), given, shapes, interpreted)
        return _called(built, given, given)  # type: ignore[no-any-return]
    inputs = [pt.tensor_copy(variable_of(value)) for value in values]
    with tracing():
        result, aux = fn([PyTensorArray(x) for x in inputs])
        grads = gradients(array_of(result), inputs)
    return (result, aux), [PyTensorArray(g) for g in grads]


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
        pt.conj(g) if str(g.dtype).startswith("complex") else like(g, x)
        for g, x in zip(found, inputs, strict=True)
    ]


def like(g: Variable, x: Variable) -> Variable:
    """`g` in the dtype of `x`."""
    return g if g.dtype == x.dtype else pt.cast(g, x.dtype)


def _is_traced(x: Any) -> bool:
    return isinstance(x, PyTensorArray) and x.traced


def custom_gradient(fn: Callable[..., Any]) -> Callable[..., Any]:
    """See `Backend.custom_gradient`."""

    def with_gradient(*args: Any) -> Any:
        leaves = tree.flatten(args)
        inexact = [i for i, x in enumerate(leaves) if _is_traced(x) and x.dtype.kind in "fc"]
        value, backward = fn(*args)
        flat = tree.flatten(value)
        if not inexact or not any(map(_is_traced, flat)):
            return value

        def pull(inputs: Any, outputs: Any, upstream: Any) -> list[Any]:
            given = tree.pack_sequence_as(value, [PyTensorArray(g) for g in upstream])
            several = isinstance(value, (list, tuple))
            found = backward(*given) if several else backward(given)
            grads = tree.flatten(found)
            if len(grads) != len(leaves):
                raise InputError(
                    f"A custom gradient must return one gradient per argument: {len(leaves)}, "
                    f"got {len(grads)}."
                )
            pairs = zip((grads[i] for i in inexact), inputs, strict=False)
            found = [pt.zeros_like(x) if g is None else like(variable_of(g), x) for g, x in pairs]
            return found + [None] * len(flat)

        values = [variable_of(x) for x in flat]
        types = [(x.dtype, x.type.shape) for x in values]
        first = len(inexact)
        node = Host("custom", lambda *x: x[first:], types, pull, active=first, views=True)
        outputs = node(*[leaves[i].value for i in inexact], *values, return_list=True)
        return tree.pack_sequence_as(value, [PyTensorArray(x) for x in outputs])

    return with_gradient


# ------------------------------------------------------------------------------------ compilation


def default_mode() -> Any:
    """How functions are compiled: in PyTensor's mode if the user has set one, else by NumPy's kernels.

    Setting ``pytensor.config.mode`` (``PYTENSOR_FLAGS=mode=NUMBA``, or "C", "FAST_RUN") or its linker
    chooses another: None here.
    """
    chosen = pytensor.config.mode != "Mode" or pytensor.config.linker != "auto"
    return None if chosen else _MODE


_LINKER = VMLinker(use_cloop=False, c_thunks=False)
_MODE = Mode(linker=_LINKER, optimizer=REWRITES)


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
        self.patterns = tuple(
            inputs[i].shape if i < fixed else _pattern(inputs[i]) for i in self.places
        )
        self.exact = False
        self.found: dict[Any, Any] = {}

    def __call__(self, args: Any, inputs: list[Any]) -> Any:
        given = [inputs[i] for i in self.places]
        shapes = tuple([x.shape for x in given])
        if not self.exact:
            pairs = zip(self.patterns, shapes, strict=True)
            self.patterns = tuple([p if p == s else common(p, s) for p, s in pairs])
        key = shapes if self.exact else self.patterns
        if key not in self.found:
            make = compiled_function
            try:
                self.found[key] = _built(self.owner.fn, args, self.places, given, key, make)
            except Exception:
                if self.exact:
                    raise
                self.exact = True  # if it is not for the open sizes, it comes again, and is told
                return self(args, inputs)
            self.owner._count += 1
        return _called(self.found[key], inputs, given)


def common(first: Sequence[Any], second: Sequence[Any]) -> tuple[Any, ...]:
    """What two static shapes have in common."""
    return tuple([m if m == n else None for m, n in zip(first, second, strict=True)])


def _built(
    fn: Callable[..., Any],
    args: Any,
    places: Sequence[int],
    given: list[Any],
    patterns: Any,
    make: Callable[..., Any],
) -> Any:
    """(function, structure of the result, what is known of its leaves already)."""
    variables = [
        pt.tensor(dtype=x.dtype.name, shape=p) for x, p in zip(given, patterns, strict=True)
    ]
    leaves = tree.flatten(args)
    for place, x in zip(places, variables, strict=True):
        leaves[place] = PyTensorArray(x)
    with tracing():
        out = fn(*tree.pack_sequence_as(args, leaves))
    position = {x: i for i, x in zip(places, variables, strict=True)}
    outputs: list[Any] = []
    plan: list[Any] = []
    for leaf in tree.flatten(out):
        if not _is_traced(leaf):
            plan.append(("known", leaf))
        elif leaf.value in position:
            plan.append(("input", position[leaf.value]))
        else:
            plan.append(("output", len(outputs)))
            outputs.append(leaf.value)
    return make(variables, outputs), tree.structure_of(out), plan


def _called(built: Any, inputs: list[Any], given: list[Any]) -> Any:
    """The result of a function of `_built`."""
    function, spec, plan = built
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
