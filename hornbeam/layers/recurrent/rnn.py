"""`RNN`: any cell, step by step through time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from hornbeam import ops, tree
from hornbeam.errors import InputError
from hornbeam.layers.conversion import array_backend, raw, sizes
from hornbeam.layers.layer import Layer
from hornbeam.layers.recurrent.loops import recurrence
from hornbeam.layers.recurrent.stacked import StackedRNNCells
from hornbeam.naming import name_scope
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.layers")
class RNN(Layer):
    """Applies a cell to one time step after the other.

    A cell is a layer with ``call(inputs, states, training)`` that returns ``(output, new states)``, and
    with `state_size`: the size of its state, or a list of sizes.

    Args:
        cell: a cell, or a list of them, stacked.
        return_sequences: whether to return the outputs of all steps instead of the last one.
        return_state: whether to return the last states as well.
        go_backwards: whether to go from the last step to the first; outputs then come in that order.
        stateful: whether each call begins with the states in which the last one ended; the batch size
            must be known.
        unroll: whether to write the steps out instead of looping: faster for few steps, and larger.
        zero_output_for_mask: whether masked steps give 0 instead of the output before them.
        **kwargs: see `Layer`.

    Input: (batch, time, features), a mask (batch, time), False for the steps to be skipped, and
    optionally ``initial_state=``, a list of (batch, size).
    Output: (batch, units), or (batch, time, units) with `return_sequences`.

    Example:

    >>> import hornbeam
    >>> cell = hornbeam.layers.SimpleRNNCell(4)
    >>> hornbeam.layers.RNN(cell, return_sequences=True)(hornbeam.ops.ones((2, 10, 3))).shape
    (2, 10, 4)
    """

    _also_saved: ClassVar[tuple[str, ...]] = ("zero_output_for_mask",)
    _untracked = Layer._untracked | {"states"}

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "state_size") or not callable(getattr(cell, "call", None)):
            raise InputError(
                f"{type(self).__name__}: `cell` must be a layer with `call` and `state_size`, such as "
                f"`layers.LSTMCell(8)`, or a list of such; got {cell!r}."
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.states: Any = None

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell, and make the states of a stateful layer."""
        shape = tree.flatten(sequences_shape) if _is_nest(sequences_shape) else sequences_shape
        if not self.cell.built:
            self.cell.build((shape[0], *shape[2:]))
            self.cell.built = True
        if self.stateful:
            if shape[0] is None:
                raise InputError(
                    f"Layer {self.path!r} ({type(self).__name__}) is stateful, so it must know the "
                    "batch size: give it with `Input(batch_shape=...)`, or call it on data first."
                )
            self.states = self._state_variables(shape)

    def _state_variables(self, shape: Sequence[Any]) -> Any:
        with name_scope(self.name):
            return tree.map_structure(
                lambda value: Variable(value, trainable=False, autocast=False, name="rnn_state"),
                self.get_initial_state(int(shape[0])),
            )

    def _loop_states(self) -> list[Variable]:
        return [] if self.states is None else tree.flatten(self.states)

    def get_initial_state(self, batch_size: Any) -> Any:
        """Zeros, or what the cell's own `get_initial_state` says, in the structure of its states."""
        make = getattr(self.cell, "get_initial_state", None)
        if make is not None:
            found = make(batch_size=batch_size)
        else:
            found = tree.map_structure(
                lambda size: ops.zeros((batch_size, size), dtype=self.compute_dtype),
                self.cell.state_size,
            )
        return list(found) if isinstance(found, (list, tuple)) else [found]

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """The last output, or all of them, and the last states if asked for."""
        if self.unroll and sequences.shape[1] is None:
            raise InputError(
                f"Layer {self.path!r} ({type(self).__name__}) cannot be unrolled over an unknown number "
                "of time steps; give it in `Input(shape=(time, features))`, or leave `unroll` out."
            )
        states = self._first_states(sequences, initial_state)
        mask = tree.flatten(mask)[0] if mask is not None else None
        last, outputs, states = self.inner_loop(sequences, states, mask, training=training)
        if self.stateful:
            for variable, value in zip(
                tree.flatten(self.states), tree.flatten(states), strict=True
            ):
                if not array_backend(value).symbolic:
                    variable.assign(value)
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def _first_states(self, sequences: Any, initial_state: Any) -> Any:
        if initial_state is None:
            found = self.states if self.stateful else self.get_initial_state(sizes(sequences)[0])
        else:
            found = initial_state
            found = list(found) if isinstance(found, (list, tuple)) else [found]
        return tree.map_structure(lambda s: ops.cast(raw(s), self.compute_dtype), found)

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """(last output, all outputs, last states) of the steps one by one."""
        structure = tree.structure_of(initial_state)
        single = not isinstance(self.cell.state_size, (list, tuple))

        def step(x: Any, flat: list[Any]) -> tuple[Any, list[Any]]:
            states = tree.unflatten(structure, flat)
            kwargs = {"training": training} if _takes_training(self.cell) else {}
            output, new = self.cell(x, states[0] if single else states, **kwargs)
            return output, tree.flatten(new)

        hold = getattr(self.cell, "hold_dropout_masks", None)
        if hold is not None and training:
            hold(sequences)
        try:
            x, mask = self._in_time(sequences, mask)
            last, outputs, flat = recurrence(
                array_backend(x),
                step,
                x,
                tree.flatten(initial_state),
                mask,
                unroll=self.unroll,
                zero_output_for_mask=self.zero_output_for_mask,
            )
        finally:
            if hold is not None:
                self.cell.release_dropout_masks()
        return last, ops.swapaxes(outputs, 0, 1), tree.unflatten(structure, flat)

    def _in_time(self, sequences: Any, mask: Any) -> tuple[Any, Any]:
        """Inputs and mask with the time axis first, in the order in which they are gone through."""
        x = ops.swapaxes(sequences, 0, 1)
        mask = None if mask is None else ops.transpose(ops.cast(mask, "bool"))
        if self.go_backwards:
            x = ops.flip(x, axis=0)
            mask = None if mask is None else ops.flip(mask, axis=0)
        return x, mask

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # type: ignore[override]
        """The shape of the output, or of output and states."""
        return super().compute_output_shape(sequences_shape, initial_state_shape)

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        """The mask of the input for the outputs of all steps; None for the rest."""
        found = tree.flatten(mask)[0] if mask is not None else None
        output_mask = found if self.return_sequences else None
        if output_mask is not None and self.go_backwards:
            output_mask = ops.flip(output_mask, axis=1)
        if not self.return_state:
            return output_mask
        return [output_mask, *(None for _ in tree.flatten(self.cell.state_size))]

    def reset_state(self) -> None:
        """Let a stateful layer begin with its first states again."""
        if self.states is not None:
            first = self.get_initial_state(tree.flatten(self.states)[0].shape[0])
            for variable, value in zip(tree.flatten(self.states), tree.flatten(first), strict=True):
                variable.assign(value)

    reset_states = reset_state


def _is_nest(shape: Any) -> bool:
    return bool(shape) and isinstance(shape[0], (list, tuple))


def _takes_training(cell: Any) -> bool:
    from hornbeam.layers.shapes import CallSignature

    return CallSignature.of(type(cell)).takes_training


class OfCell:
    """An attribute of a recurrent layer that is its cell's."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return self if layer is None else getattr(layer.cell, self.name)
