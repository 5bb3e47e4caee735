"""What a function computes, recorded as calls of PyTorch's kernels and repeated with little Python.

PyTorch's tape costs little, but the Python between two kernels takes longer than small kernels do: a
step of a 2x2 layer takes 520 us as it is written, of which 60 are kernels (torch 2.13, a core).  So the
calls that reach the kernels, those of the backward pass included, are noted down while the function runs
once, and become a list of them with numbered places for arguments and results.  The kernels are the
same, in the same order, and so are the bits, which are compared once.

A function that reads a value (for a branch, an error) cannot be recorded, nor one whose shapes depend on
values, nor one that draws from PyTorch's own generator or writes into its arguments.

What was tried besides: `torch.jit.trace` of the calls takes two thirds of the time, but is deprecated
and does not take all kernels; `torch.fx` takes more time, and `torch.compile` seconds and a compiler.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hornbeam import tree
from hornbeam.backends.recording import Call, Program, Unrecordable, needed_for

Array = Any

_READERS = frozenset(
    getattr(torch.Tensor, name)
    for name in "numpy tolist item __array__ __bool__ __float__ __int__ __index__ data_ptr".split()
)
_aten = torch.ops.aten
_FROM_SHAPES = {_aten.ones_like.default, _aten.zeros_like.default, _aten.full_like.default}
"""Kernels whose result depends on the shape and dtype of what they are given."""
_DEPEND_ON_VALUES = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


MOST = 64 * 2**20
"""Bytes that may be made while a function is recorded, which keeps all of them.  What makes more takes
milliseconds, and gains nothing."""


class _NoReading(TorchFunctionMode):
    """Refuses what would bring values to Python without a kernel's call."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _READERS and _running.tape is not None:
            raise Unrecordable(func.__name__)
        return func(*args, **(kwargs or {}))


class _Running(threading.local):
    """The tape of this thread that notes down calls now."""

    tape: _Tape | None = None


_running = _Running()


class _Tape(TorchDispatchMode):
    """Notes down the calls of kernels."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self._bytes = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch 2.13 would import its compiler, 0.7 s, to tell it that it is not wanted here."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if _running.tape is None:
            return func(*args, **kwargs)
        if not _DEPEND_ON_VALUES.isdisjoint(func.tags) or _is_random(func, args, kwargs):
            raise Unrecordable(str(func))
        out = func(*args, **kwargs)
        self.calls.append(_call(func, args, kwargs, out))
        if not any(result.alias_info for result in func._schema.returns):
            self._bytes += sum(x.nbytes for x in self.calls[-1].made)
            if self._bytes > MOST:
                raise Unrecordable("large arrays")
        return out


def whole(fn: Callable[..., Array]) -> Callable[..., Array]:
    """`fn`, whose calls are recorded as such: what it does in Python is done again each time.

    Args:
        fn: a method that takes arrays, besides other things by position, and returns a new array.
    """

    @functools.wraps(fn)
    def run(backend: Any, *args: Any) -> Array:
        tape, _running.tape = _running.tape, None
        try:
            out = fn(backend, *args)
        finally:
            _running.tape = tape
        if tape is not None:
            kernel = functools.partial(fn, backend)
            tape.calls.append(Call(kernel, args, {}, out, _tensors(args), [out], writes=False))
        return out

    return run


def _call(func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> Call:
    given, writes = _tensors((args, kwargs)), func._schema.is_mutable
    return Call(func, args, kwargs, out, given, _tensors(out), writes)


def _is_random(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a kernel draws random numbers; one of attention does only for a dropout."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return any(isinstance(x, torch.Generator) for x in (*args, *kwargs.values()))
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return "dropout_p" not in names or given.get("dropout_p", 0.0) != 0.0


def _tensors(x: Any) -> list[Array]:
    return [leaf for leaf in tree_leaves(x) if isinstance(leaf, torch.Tensor)]


def recorded(
    fn: Callable[[list[Array]], Any], inputs: Sequence[Array]
) -> tuple[list[int], Callable[[list[Array]], Any]]:
    """See `hornbeam.backends.protocol.Backend.recorded`.

    Raises:
        Unrecordable: if what `fn` does cannot be repeated.
    """
    given = [x.detach() for x in inputs]
    _running.tape = tape = _Tape()
    try:
        with _NoReading(), tape:
            result = fn(given)
    finally:
        _running.tape = None
    leaves, spec = tree.flatten_with_spec(result)
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    outputs = [leaves[i] for i in places]
    calls = needed_for(tape.calls, outputs)
    _check(calls, given)
    read = {id(x) for x in (*outputs, *(x for call in calls for x in call.given))}
    needed = [i for i, x in enumerate(given) if id(x) in read]
    calls, same = _simplified(calls, given, outputs)
    # the kernels themselves: a call of an OpOverload of torch 2.13 is a frame of Python around one
    calls = [call._replace(kernel=getattr(call.kernel, "_op", call.kernel)) for call in calls]
    program = Program(calls, [given[i] for i in needed], outputs, same)
    with torch.no_grad():
        again = program([given[i] for i in needed])
    if not all(map(_equal, again, outputs)):
        raise Unrecordable("a kernel that computes something else without a tape")

    def replay(values: list[Array]) -> Any:
        with torch.no_grad():
            found = program(values)
        filled = leaves.copy()
        for place, value in zip(places, found, strict=True):
            filled[place] = value
        return tree.unflatten(spec, filled)

    return needed, replay


def _equal(a: Array, b: Array) -> bool:
    """Whether the bits are equal; NaN is equal to itself."""
    return a.dtype is b.dtype and bool(torch.equal(a, b) or torch.allclose(a, b, 0, 0, True))


def _check(calls: list[Call], inputs: list[Array]) -> None:
    """Refuse calls with effects that outlast them, and tensors that may change unseen."""
    known, ours = {id(x) for x in inputs}, set[int]()
    for call in calls:
        if call.writes and not {id(x) for x in call.made} <= ours:
            raise Unrecordable(f"{call.kernel} writes into what was given")
        if any(x.requires_grad and x.is_leaf and id(x) not in known | ours for x in call.given):
            raise Unrecordable("a parameter that is no argument")
        ours |= {id(x) for x in call.made} - known


def _simplified(
    calls: list[Call], inputs: list[Array], outputs: list[Array]
) -> tuple[list[Call], dict[int, Array]]:
    """Without the calls that give the same each time, and (the calls, what is the same as what).

    A third of the calls of a small step: gradients begin with constants, tapes detach what they keep.
    """
    same: dict[int, Array] = {}
    if any(call.writes for call in calls):
        return calls, same
    returned = {id(x) for x in outputs}
    varying = {id(x) for x in inputs}
    kept = []
    for call in calls:
        escapes = any(id(x) in returned for x in call.made)
        if call.kernel is _aten.detach.default and not escapes:
            (x,) = call.given
            same[id(call.out)] = same.get(id(x), x)
            varying |= {id(call.out)} if id(x) in varying else set()
            continue
        varies = call.kernel not in _FROM_SHAPES and any(id(x) in varying for x in call.given)
        if varies or escapes:
            kept.append(call)
            varying |= {id(x) for x in call.made}
    return kept, same
