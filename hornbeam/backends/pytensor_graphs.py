"""Functions traced into PyTensor graphs: compiled, differentiated, looped over, or just computed."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.gradient import NullTypeGradError
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.traversal import graph_inputs
from pytensor.link.vm import VMLinker

from hornbeam import tree
from hornbeam.backends import pytensor_arrays as arrays
from hornbeam.backends.dims import TracedDim, common, pattern
from hornbeam.backends.pytensor_host import Host
from hornbeam.backends.pytensor_kernels import REWRITES, Kernels
from hornbeam.backends.pytensor_values import PyTensorArray
from hornbeam.errors import InputError, UnsupportedError

Array = Any
Variable = Any
Run = Callable[..., Sequence[Any]]


class _Tracing(threading.local):
    """What is going on in this thread."""

    depth = 0
    """How many functions are being traced, one inside the other."""
    interpreting = False
    """Whether a graph is being computed that has not been compiled."""
    make: Callable[..., Run] = staticmethod(lambda *given: compiled_function(*given))
    """How the compiled function that runs was made; constant loops are computed before any has run."""


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


def interpreted(inputs: list[Variable], outputs: list[Variable]) -> Run:
    """As `compiled_function`, but ready sooner and slower: nothing is rewritten."""
    graph = FunctionGraph(inputs, outputs)
    Kernels().apply(graph)
    run, cells, found = _LINKER.accept(graph).make_thunk()

    @np.errstate(all="ignore")
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


def runnable(inputs: list[Any], outputs: list[Any], made: Any, likewise: bool = False) -> Run:
    """A function of NumPy arrays, compiled where the graph around it is; `made`: those made before.

    With `likewise` by Numba if that is; Numba takes no number for an array, as rows of a scan may be.
    """
    compiled = _tracing.make if likewise else compiled_function
    make = interpreted if _tracing.interpreting else compiled
    if make not in made:
        made[make] = make(inputs, outputs)
    return made[make]  # type: ignore[no-any-return]


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
        return _called(built, given)  # type: ignore[no-any-return]
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


def compiled_function(inputs: list[Variable], outputs: list[Variable], numba: bool = False) -> Run:
    """A function of NumPy arrays, in PyTensor's mode if the user has set one.

    Setting ``pytensor.config.mode`` (``PYTENSOR_FLAGS=mode=NUMBA``, or "C", "FAST_RUN") or its linker
    chooses that.

    Args:
        inputs: what it takes.
        outputs: what it returns.
        numba: whether kernels are compiled, and fused, by Numba, which takes seconds or minutes.  Else
            NumPy's are called one by one.
    """
    mode = pytensor.config.mode  # while PyTensor computes constants that of what is being compiled
    chosen = (isinstance(mode, str) and mode != "Mode") or pytensor.config.linker != "auto"
    mode = None if chosen else "NUMBA" if numba else _MODE
    with tracing(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Numba will use object mode")  # for nodes of `Host`
        function = pytensor.function(
            inputs, outputs, mode=mode, on_unused_input="ignore", accept_inplace=True
        )
    function.trust_input = True
    # Numba's own function takes 7 us where PyTensor's takes 17, and warns of nothing
    quiet = np.errstate(all="ignore")(function)
    return getattr(function.vm, "jit_fn", quiet)  # type: ignore[no-any-return]


_LINKER = VMLinker(use_cloop=False, c_thunks=False)
_MODE = Mode(linker=_LINKER, optimizer=REWRITES)


class Compiled:
    """A function of nests, compiled for each structure and dtypes, but not for each size.

    The first of several arguments is state, whose sizes do not change.  Of all else the first axis is
    left open, the second one too of integers and of arrays with three axes (time), and every other one
    as soon as it is seen to change.  An axis of size 1 stays so: PyTensor decides while tracing what is
    broadcast.  When the function needs to know a size, it is compiled for each shape.

    Args:
        fn: the function.
        numba: see `compiled_function`.
    """

    def __init__(self, fn: Callable[..., Any], numba: bool = False) -> None:
        self.fn = fn
        self.numba = numba
        self.make = functools.partial(compiled_function, numba=numba)
        self._entries: dict[Any, _Entry] = {}
        self._ready: dict[Any, Any] = {}
        self._count = 0
        self._one_at_a_time = threading.Lock()  # PyTensor's functions keep arguments in themselves

    def __call__(self, *args: Any) -> Any:
        leaves, spec = tree.flatten_with_spec(args)
        inputs = [x.value if type(x) is PyTensorArray else _number(x) for x in leaves]
        key = (spec, *[(x.dtype, x.shape) if type(x) is np.ndarray else x for x in inputs])
        ready = self._ready.get(key)
        if ready is None:
            if any(arrays.is_variable(x) for x in inputs):
                return self.fn(*args)
            if len(self._ready) >= REMEMBERED:
                self._ready.clear()
            ready = self._ready[key] = self._found(spec, args, inputs)
        with self._one_at_a_time:
            _tracing.make = self.make
            return _called(ready, inputs)

    def _found(self, spec: Any, args: Any, inputs: list[Any]) -> Any:
        """What is compiled for these, see `_built`."""
        kinds = [
            (x.dtype, tuple([n == 1 for n in x.shape])) if type(x) is np.ndarray else x
            for x in inputs
        ]
        key = (spec, *kinds)
        if key not in self._entries:
            fixed = len(tree.flatten(args[0])) if len(args) > 1 else 0
            self._entries[key] = _Entry(self, inputs, fixed)
        return self._entries[key].built(args, inputs)

    def compilations(self) -> int:
        """How many functions have been compiled so far."""
        return self._count


REMEMBERED = 1000
"""Signatures, of which it is known at once what is compiled for them."""


def _number(leaf: Any) -> Any:
    """`leaf`, a number as an array."""
    if isinstance(leaf, (np.generic, int, float, complex)):
        return np.asarray(arrays.NUMPY.asarray(leaf))
    return leaf


class _Entry:
    """What has been compiled for one structure and dtypes."""

    def __init__(self, owner: Compiled, inputs: list[Any], fixed: int) -> None:
        self.owner = owner
        self.places = [i for i, x in enumerate(inputs) if type(x) is np.ndarray]
        self.patterns = tuple(
            inputs[i].shape if i < fixed else pattern(inputs[i]) for i in self.places
        )
        self.exact = False
        self.found: dict[Any, Any] = {}

    def built(self, args: Any, inputs: list[Any]) -> Any:
        """What is compiled for arrays of these shapes, see `_built`."""
        given = [inputs[i] for i in self.places]
        shapes = tuple([x.shape for x in given])
        if not self.exact:
            pairs = zip(self.patterns, shapes, strict=True)
            self.patterns = tuple([p if p == s else common(p, s) for p, s in pairs])
        key = shapes if self.exact else self.patterns
        if key not in self.found:
            fn, make = self.owner.fn, self.owner.make
            try:
                self.found[key] = _built(fn, args, self.places, given, key, make)
            except Exception:
                if self.exact:
                    raise
                self.exact = True  # if it is not for the open sizes, it comes again, and is told
                return self.built(args, inputs)
            self.owner._count += 1
        return self.found[key]


def _built(
    fn: Callable[..., Any],
    args: Any,
    places: Sequence[int],
    given: list[Any],
    patterns: Any,
    make: Callable[..., Any],
) -> Any:
    """(function, what of the inputs it takes, structure of the result, what is known of its leaves)."""
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
    seen = set(graph_inputs(outputs))
    used = [x for x in variables if x in seen]
    return make(used, outputs), [position[x] for x in used], tree.structure_of(out), plan


def _called(built: Any, inputs: list[Any]) -> Any:
    """The result of a function of `_built`."""
    function, used, spec, plan = built
    values = function(*[inputs[i] for i in used])
    leaves = []
    for what, where in plan:
        if what == "output":
            leaves.append(PyTensorArray(np.asarray(values[where])))
        else:
            leaves.append(where if what == "known" else PyTensorArray(inputs[where]))
    return tree.unflatten(spec, leaves)
