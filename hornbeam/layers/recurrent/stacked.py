"""`StackedRNNCells`: several cells as one."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, tree
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.layer import Layer
from hornbeam.layers.shapes import CallSignature
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next.

    Args:
        cells: a list of cells.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> cells = hornbeam.layers.StackedRNNCells([hornbeam.layers.LSTMCell(n) for n in (8, 4)])
    >>> hornbeam.layers.RNN(cells)(hornbeam.ops.ones((2, 10, 3))).shape
    (2, 4)
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = list(cells)
        for cell in self.cells:
            if not hasattr(cell, "state_size") or not callable(getattr(cell, "call", None)):
                raise InputError(
                    f"StackedRNNCells: each cell must be a layer with `call` and `state_size`, got "
                    f"{cell!r}."
                )

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of all cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return _output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """Build each cell for the output of the one before it."""
        shape = tuple(input_shape)
        for cell in self.cells:
            if not cell.built:
                cell.build(shape)
                cell.built = True
            shape = (shape[0], _output_size(cell))

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The first states of all cells."""
        states = []
        for cell in self.cells:
            make = getattr(cell, "get_initial_state", None)
            if make is not None:
                states.append(make(batch_size=batch_size))
            else:
                states.append(
                    tree.map_structure(
                        lambda size: ops.zeros((batch_size, size), dtype=self.compute_dtype),
                        cell.state_size,
                    )
                )
        return states

    def call(self, inputs: Any, states: Any, training: bool = False, **kwargs: Any) -> Any:
        """(output of the last cell, new states of all)."""
        new = []
        for cell, state in zip(self.cells, states, strict=True):
            nested = isinstance(state, (list, tuple))
            single = not isinstance(cell.state_size, (list, tuple))
            extra = {"training": training} if CallSignature.of(type(cell)).takes_training else {}
            inputs, after = cell(inputs, state[0] if nested and single else state, **extra)
            if nested:
                new.append(list(after) if isinstance(after, (list, tuple)) else [after])
            else:
                new.append(after[0] if isinstance(after, (list, tuple)) else after)
        return inputs, new

    def hold_dropout_masks(self, sequences: Any) -> None:
        """Draw the masks that all time steps of one call share."""
        batch = sizes(sequences)[0]
        for cell in self.cells:
            if hasattr(cell, "draw_dropout_masks"):
                cell.draw_dropout_masks(batch)

    def release_dropout_masks(self) -> None:
        """Forget those masks."""
        for cell in self.cells:
            if hasattr(cell, "release_dropout_masks"):
                cell.release_dropout_masks()


def _output_size(cell: Any) -> Any:
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size
