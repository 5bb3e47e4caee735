"""Contexts in which code means something else: state that is put in from outside, symbols for arrays."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.variables import Variable, Writes, recording_writes, swapped

_stateless: ContextVar[StatelessScope | None] = ContextVar("hornbeam_stateless", default=None)


class StatelessScope:
    """A context in which variables have other values, and assignments leave them alone.

    In it a variable of `state_mapping` reads as the value it is mapped to; all others read as they are.
    What is assigned is read from then on, and kept by the scope; when the scope ends, every variable
    is what it was before, and so are the losses of layers.  So any code becomes a function of the values
    that are put in, which an engine can trace and differentiate.

    A scope inside of another one sees the values of the outer one, and keeps its own to itself.

    Args:
        state_mapping: pairs of a variable and the value that it has in the scope, of the variable's
            shape; it is cast to the variable's dtype.
        collect_losses: whether the losses that layers add are kept in `losses`.
        initialize_variables: has no effect: a variable that is made in the scope has its first value at
            once, and keeps it.

    Raises:
        InputError: if `state_mapping` holds something else than such pairs.

    Example:

    >>> import hornbeam
    >>> v = hornbeam.Variable([1.0, 2.0])
    >>> with hornbeam.StatelessScope([(v, [10.0, 20.0])]) as scope:
    ...     v.assign(v + 1.0).numpy().tolist()
    [11.0, 21.0]
    >>> scope.get_current_value(v).tolist(), v.numpy().tolist()
    ([11.0, 21.0], [1.0, 2.0])
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = bool(collect_losses)
        self.initialize_variables = bool(initialize_variables)
        self.losses: list[Array] = []
        self._held: dict[int, tuple[Variable, Array]] = {}
        for pair in state_mapping or ():
            variable, value = _checked(pair)
            self._held[id(variable)] = variable, value
        self._writes: Writes | None = None
        self._layers: dict[int, tuple[Any, list[Any], list[Any]]] = {}

    @property
    def state_mapping(self) -> dict[int, Array]:
        """The id of each variable that was mapped or assigned -> its value in the scope."""
        held = dict(self._held)
        if self._writes is not None:
            for variable in [*(v for v, _ in held.values()), *self._writes.variables]:
                held[id(variable)] = variable, variable._value
        return {key: variable.backend.read(value) for key, (variable, value) in held.items()}

    def get_current_value(self, variable: Variable) -> Array | None:
        """The value of a variable in the scope, or None if it was neither mapped nor assigned.

        It can be asked for when the scope has ended, too.

        Args:
            variable: the variable.
        """
        if self._writes is not None and (id(variable) in self._held or variable in self._writes):
            return variable.array
        found = self._held.get(id(variable))
        return None if found is None else variable.backend.read(found[1])

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Give a variable a new value in the scope, as ``variable.assign(value)`` does there.

        Args:
            update: the variable and its value.
        """
        variable, value = _checked(update)
        if self._writes is not None:
            variable._set(value)
        else:
            self._held[id(variable)] = variable, value

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to `losses`; what layers add gets there with `collect_losses`.

        Args:
            loss: the scalar.
        """
        self.losses.append(loss)

    def keep(self, layer: Any) -> None:
        """Give a layer's losses back when the scope ends; it is about to change them.

        Args:
            layer: a layer.
        """
        if id(layer) not in self._layers:
            self._layers[id(layer)] = layer, layer._losses, layer._lossy

    def __enter__(self) -> StatelessScope:
        if self._writes is not None:
            raise InputError("This StatelessScope is open already: make another one to go inside.")
        pairs = list(self._held.values())
        self._stack = ExitStack()
        self._writes = self._stack.enter_context(recording_writes())
        self._stack.enter_context(swapped([v for v, _ in pairs], [value for _, value in pairs]))
        self._token = _stateless.set(self)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._writes is not None
        writes, self._writes = self._writes, None
        for variable in writes.variables:
            self._held[id(variable)] = variable, variable._value
        writes.undo()
        _stateless.reset(self._token)
        self._stack.close()
        for layer, losses, lossy in self._layers.values():
            layer._losses, layer._lossy = losses, lossy
        self._layers.clear()


class SymbolicScope:
    """A context for code that runs only to find shapes and dtypes.

    Symbolic tensors are computed with as everywhere.  What else such code does is undone at the end:
    variables that it assigned, seeds that it drew and losses that it added are what they were before.

    Example:

    >>> import hornbeam
    >>> dropout = hornbeam.layers.Dropout(0.5)
    >>> with hornbeam.SymbolicScope():
    ...     y = dropout(hornbeam.ops.ones((2, 3)), training=True)
    >>> y.shape, int(dropout.seed_generator.state[1])
    ((2, 3), 0)
    """

    def __enter__(self) -> SymbolicScope:
        self._stack = ExitStack()
        self._stack.enter_context(StatelessScope())
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()


def _checked(pair: Any) -> tuple[Variable, Array]:
    """A variable and a value for it, as an array of its engine, shape and dtype."""
    is_pair = isinstance(pair, (tuple, list)) and len(pair) == 2
    if not is_pair or not isinstance(pair[0], Variable):
        raise InputError(
            "StatelessScope takes pairs (variable, value), such as `zip(model.variables, values)`; "
            f"got {pair!r}."
        )
    variable, value = pair
    new = variable._own(value, variable._dtype)
    if tuple(new.shape) != variable.shape:
        raise InputError(
            f"StatelessScope got a value of shape {tuple(new.shape)} for the variable "
            f"{variable.path!r} of shape {variable.shape}."
        )
    return variable, new


def stateless_scope() -> StatelessScope | None:
    """The innermost `StatelessScope` that is open, or None."""
    return _stateless.get()


__all__ = ["StatelessScope", "SymbolicScope"]
