"""What the recurrent cells have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import activations, constraints, initializers, ops, random, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.layer import Layer
from hornbeam.random import SeedGenerator


class DropoutCell(Layer):
    """A cell with dropout of its input and of its state.

    One mask serves all time steps of a call (Gal and Ghahramani, 2015, https://arxiv.org/abs/1512.05287),
    so a recurrent layer draws the masks before it enters its loop.
    """

    dropout: float
    recurrent_dropout: float
    _held: list[Any]

    def _set_dropout(self, dropout: float, recurrent_dropout: float, seed: int | None) -> None:
        for name, rate in {"dropout": dropout, "recurrent_dropout": recurrent_dropout}.items():
            if not 0 <= rate <= 1:
                raise InputError(
                    f"{type(self).__name__}: `{name}` must be a probability in [0, 1], got {rate!r}."
                )
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.seed = seed
        self._held = [None, None]
        if dropout > 0 or recurrent_dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def _mask_shapes(self, batch: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    def draw_dropout_masks(self, batch: Any) -> None:
        """Draw the masks that all time steps of one call share."""
        self._held = [self._drawn(0, batch), self._drawn(1, batch)]

    def hold_dropout_masks(self, sequences: Any) -> None:
        """As `draw_dropout_masks`, for inputs (batch, time, ...)."""
        self.draw_dropout_masks(sizes(sequences)[0])

    def release_dropout_masks(self) -> None:
        """Forget the masks."""
        self._held = [None, None]

    def get_dropout_mask(self, step_input: Any) -> Any:
        """The mask of the input that is held, or a new one, which is not held; None for no dropout."""
        held = self._held[0]
        return self._drawn(0, sizes(step_input)[0]) if held is None else held

    def get_recurrent_dropout_mask(self, step_input: Any) -> Any:
        """The mask of the state that is held, or a new one, which is not held; None for no dropout."""
        held = self._held[1]
        return self._drawn(1, sizes(step_input)[0]) if held is None else held

    def reset_dropout_mask(self) -> None:
        """Forget the mask of the input."""
        self._held[0] = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Forget the mask of the state."""
        self._held[1] = None

    def _drawn(self, which: int, batch: Any) -> Any:
        rate = (self.dropout, self.recurrent_dropout)[which]
        if not rate > 0:
            return None
        ones = ops.ones(self._mask_shapes(batch)[which], dtype=self.compute_dtype)
        return random.dropout(ones, rate, seed=self.seed_generator)

    def _dropped(self, x: Any, h: Any, training: bool) -> tuple[Any, Any]:
        """Input and state, in training with zeros among them."""
        if not training:
            return x, h
        for_x, for_h = self.get_dropout_mask(x), self.get_recurrent_dropout_mask(x)
        x = x if for_x is None else ops.multiply(x, for_x)
        return x, h if for_h is None else ops.multiply(h, for_h)


class DenseCell(DropoutCell):
    """A cell whose gates are matrix products of its input and its state."""

    gates: ClassVar[int]
    units: int
    kernel: Any
    recurrent_kernel: Any
    bias: Any

    def _set_cell(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
    ) -> None:
        if isinstance(units, bool) or not isinstance(units, int) or units <= 0:
            raise InputError(
                f"{type(self).__name__}: `units` must be a positive int, got {units!r}."
            )
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.state_size: Any = units
        self.output_size = units

    def _mask_shapes(self, batch: Any) -> tuple[Any, Any]:
        return (batch, self.kernel.shape[0]), (batch, self.units)

    def build(self, input_shape: Any) -> None:
        """Make the kernels and the bias."""
        width = self.gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(width),
                self._bias_start(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (width,)

    def _bias_start(self) -> Any:
        return self.bias_initializer

    def get_initial_state(self, batch_size: Any = None) -> Any:
        """Zeros, one (batch, units) for each state."""
        states = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in states]


def only(states: Any) -> Any:
    """The state of a cell that has one, be it in a list or not."""
    return states[0] if isinstance(states, (list, tuple)) else states


def alike(states: Any, new: Any) -> Any:
    """`new` in a list if `states` was in one."""
    return [new] if isinstance(states, (list, tuple)) else new
