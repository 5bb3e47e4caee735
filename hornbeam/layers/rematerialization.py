"""Computing again instead of keeping: less memory for the gradient, for more time."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token, copy_context
from typing import Any

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers import call_context
from hornbeam.ops.record import owner_of
from hornbeam.variables import Variable, recording_writes, swapped

MODES = ("full", "activations", "larger_than", "list_of_layers", None)

_scope: ContextVar[RematScope | None] = ContextVar("hornbeam_remat_scope", default=None)


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` such that what it computes is not kept for the gradient but computed again.

    Values and gradients are the same.  This needs less memory and more time; engines that cannot do it
    keep everything, and so does the call that builds a layer.  Variables that `f` reads get their
    gradients, those that it assigns their new values.

    Args:
        f: a function of arrays, nested in any way, and other things; also a layer, or a method of one.
            What draws random numbers has to be one of these on some engines.

    Returns:
        A function of the same arguments.

    Example:

    >>> import hornbeam
    >>> from hornbeam import ops
    >>> cheap = hornbeam.remat(lambda x: ops.sum(ops.sin(x) ** 2))
    >>> float(hornbeam.grad(cheap)(ops.zeros((3,)))[0])
    0.0
    """

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves = tree.flatten((args, kwargs))
        layer: Any = f if hasattr(f, "rematerialized_call") else getattr(f, "__self__", None)
        unbuilt = not getattr(layer, "built", True)
        if unbuilt or any(isinstance(leaf, KerasTensor) for leaf in leaves):
            return f(*args, **kwargs)
        if hasattr(layer, "rematerialized_call"):
            return layer.rematerialized_call(f)(*args, **kwargs)
        places = [i for i, x in enumerate(leaves) if registry.engine_of(type(x)) is not None]
        backend = owner_of([leaves[i] for i in places]) or registry.current()
        assigned: list[Variable] = []
        before: list[tuple[Variable, Any]] = []

        def run(arrays: list[Any]) -> tuple[Any, list[Any]]:
            new = dict(zip(places, arrays, strict=True))
            mixed = [new.get(i, leaf) for i, leaf in enumerate(leaves)]
            again, named = tree.pack_sequence_as((args, kwargs), mixed)
            first = [list(column) for column in zip(*before, strict=True)] or [[], []]
            with swapped(*first), recording_writes() as writes:  # the seeds of the first time
                try:
                    outputs = f(*again, **named)
                    assigned[:], before[:] = writes.variables, writes.before
                    after = [variable._value for variable in assigned]
                finally:
                    writes.undo()
            return outputs, after

        outputs, after = backend.remat(as_now(run))([leaves[i] for i in places])
        for variable, value in zip(list(assigned), after, strict=True):
            variable._set(value)
        return outputs

    return wrapped


def as_now(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn`, which sees the settings and the call of layers of now, also when it is run again later.

    Args:
        fn: what an engine may run again in the backward pass.
    """
    now, call = copy_context(), copy.copy(call_context.current.get())

    def inside(args: tuple[Any, ...]) -> Any:
        call_context.current.set(call)  # of a context that is thrown away
        return fn(*args)

    return lambda *args: now.copy().run(inside, args)


class RematScope:
    """A context in which layers are made that compute again what the gradient needs of them.

    A layer keeps to the scope that was open when it was made, wherever it is called.

    Args:
        mode: "full" for all layers; "activations" for the functions in the attribute `activation` of
            layers only; "larger_than" for layers whose output has more numbers than
            `output_size_threshold`; "list_of_layers" for those whose names are in `layer_names`; None
            for none, also within another scope.
        output_size_threshold: how many numbers an output has at most without being computed again.
        layer_names: names of layers.

    Raises:
        InputError: if there is no such mode, or it needs names and there are none.

    Example:

    >>> import hornbeam
    >>> with hornbeam.RematScope(mode="list_of_layers", layer_names=["wide"]):
    ...     layer = hornbeam.layers.Dense(2, kernel_initializer="ones", name="wide")
    >>> layer(hornbeam.ops.ones((1, 3))).tolist()
    [[3.0, 3.0]]
    """

    def __init__(
        self,
        mode: str | None = "full",
        output_size_threshold: int = 1024,
        layer_names: Iterable[str] | None = None,
    ) -> None:
        if mode not in MODES:
            raise InputError(
                f"RematScope(mode={mode!r}): the modes are {', '.join(map(repr, MODES))}."
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or ())
        if mode == "list_of_layers" and not self.layer_names:
            raise InputError(
                "RematScope(mode='list_of_layers') needs `layer_names=`, the names of the layers."
            )
        self._tokens: list[Token[RematScope | None]] = []

    def __enter__(self) -> RematScope:
        self._tokens.append(_scope.set(self))
        return self

    def __exit__(self, *exc: object) -> None:
        _scope.reset(self._tokens.pop())

    def call(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What ``layer.call(*args, **kwargs)`` gives, computed as the scope says.

        Args:
            layer: a layer that was made in the scope.
            args, kwargs: arrays, and whatever else its `call` takes.
        """
        if self.mode == "activations":
            return _with_activation_again(layer, args, kwargs)
        if self._covers(layer, args, kwargs):
            return layer.rematerialized_call(layer.call)(*args, **kwargs)
        return layer.call(*args, **kwargs)

    def _covers(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if self.mode == "list_of_layers":
            return layer.name in self.layer_names
        if self.mode == "larger_than":
            return _output_size(layer, args, kwargs) > self.output_size_threshold
        return self.mode == "full"


def _with_activation_again(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    own = layer.__dict__.get("activation")
    if not callable(own) or getattr(own, "__name__", "") == "linear":
        return layer.call(*args, **kwargs)
    layer.activation = remat(own)
    try:
        return layer.call(*args, **kwargs)
    finally:
        layer.activation = own


def _output_size(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How many numbers the outputs of a call have; what is not known of their shapes counts as 1."""

    def as_symbol(leaf: Any) -> Any:
        owner = registry.engine_of(type(leaf))
        return leaf if owner is None else KerasTensor(owner.shape(leaf), owner.dtype(leaf))

    args, kwargs = tree.map_structure(as_symbol, (args, kwargs))
    kwargs.pop("training", None)
    token = call_context.current.set(None)  # in training, layers would assign what has no values
    try:
        outputs = tree.flatten(layer.compute_output_spec(*args, **kwargs))
    finally:
        call_context.current.reset(token)
    return sum(math.prod(d or 1 for d in output.shape) for output in outputs)


def remat_scope() -> RematScope | None:
    """The innermost `RematScope` that is open, or None."""
    return _scope.get()


__all__ = ["RematScope", "remat"]
