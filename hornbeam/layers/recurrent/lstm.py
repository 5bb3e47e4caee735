"""`LSTM` and `LSTMCell`."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, ops
from hornbeam.layers.conversion import array_backend
from hornbeam.layers.recurrent.cell import DenseCell
from hornbeam.layers.recurrent.plain import is_plain, like
from hornbeam.layers.recurrent.rnn import RNN, OfCell
from hornbeam.saving.objects import builtin


class UnitForget:
    """An initializer of the bias, with ones for the forget gate."""

    def __init__(self, initializer: Any, units: int) -> None:
        self.initializer, self.units = initializer, units

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Values of the shape (4 * units,)."""
        rest = [self.initializer((n,), dtype=dtype) for n in (self.units, 2 * self.units)]
        ones = ops.ones((self.units,), dtype=dtype)
        return ops.concatenate([rest[0], ones, rest[1]], axis=0)


@builtin("keras.layers")
class LSTMCell(DenseCell):
    """One step of `LSTM`.

    Args:
        units: the size of the output and of the state.
        activation: activation of the candidate and of the output.
        recurrent_activation: activation of the gates.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (features, 4 * units).
        recurrent_initializer: how the recurrent kernel starts, (units, 4 * units).
        bias_initializer: how the bias starts.
        unit_forget_bias: whether the bias of the forget gate starts with 1.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: probability with which an input feature is dropped in training.
        recurrent_dropout: probability with which an entry of the state is dropped in training.
        seed: an int, for the same dropout in every run.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> cell = hornbeam.layers.LSTMCell(4)
    >>> output, states = cell(hornbeam.ops.ones((2, 3)), cell.get_initial_state(2))
    >>> output.shape, len(states)
    ((2, 4), 2)
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_cell(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
        )
        self._set_dropout(dropout, recurrent_dropout, seed)
        self.unit_forget_bias = unit_forget_bias
        self.recurrent_activation = activations.get(recurrent_activation)
        self.state_size = [units, units]

    def _bias_start(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer
        return UnitForget(self.bias_initializer, self.units)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """(output, [output, cell state])."""
        h, c = states
        x, dropped_h = self._dropped(inputs, h, training)
        z = ops.add(ops.matmul(x, self.kernel), ops.matmul(dropped_h, self.recurrent_kernel))
        if self.bias is not None:
            z = ops.add(z, self.bias)
        i, f, g, o = ops.split(z, 4, axis=-1)
        kept = ops.multiply(self.recurrent_activation(f), c)
        c = ops.add(kept, ops.multiply(self.recurrent_activation(i), self.activation(g)))
        h = ops.multiply(self.recurrent_activation(o), self.activation(c))
        return h, [h, c]


@builtin("keras.layers")
class LSTM(RNN):
    """Long short-term memory: a state that gates write, keep and show.

    Hochreiter and Schmidhuber, 1997.

    Args:
        units: the size of the output and of the state.
        activation: activation of the candidate and of the output.
        recurrent_activation: activation of the gates.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (features, 4 * units).
        recurrent_initializer: how the recurrent kernel starts, (units, 4 * units).
        bias_initializer: how the bias starts.
        unit_forget_bias: whether the bias of the forget gate starts with 1.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: probability with which an input feature is dropped in training.
        recurrent_dropout: probability with which an entry of the state is dropped in training.
        seed: an int, for the same dropout in every run.
        return_sequences: see `RNN`.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        unroll: see `RNN`.
        use_cudnn: has no effect: an engine takes its best kernel where that fits.
        **kwargs: see `Layer`.

    Input: (batch, time, features).
    Output: (batch, units), or (batch, time, units) with `return_sequences`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.LSTM(4)(hornbeam.ops.ones((2, 10, 3))).shape
    (2, 4)
    """

    _unsaved = frozenset({"use_cudnn"})

    units = OfCell()
    activation = OfCell()
    recurrent_activation = OfCell()
    use_bias = OfCell()
    kernel_initializer = OfCell()
    recurrent_initializer = OfCell()
    bias_initializer = OfCell()
    unit_forget_bias = OfCell()
    kernel_regularizer = OfCell()
    recurrent_regularizer = OfCell()
    bias_regularizer = OfCell()
    kernel_constraint = OfCell()
    recurrent_constraint = OfCell()
    bias_constraint = OfCell()
    dropout = OfCell()
    recurrent_dropout = OfCell()
    seed = OfCell()

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """(last output, all outputs, last states), in one piece where that is the same."""
        if not is_plain(self, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        x, mask = self._in_time(sequences, mask)
        cell = self.cell
        last, outputs, h, c = array_backend(x).lstm(
            x,
            *initial_state,
            *like(x, cell.kernel, cell.recurrent_kernel, cell.bias),
            mask,
            zero_output_for_mask=self.zero_output_for_mask,
        )
        return last, ops.swapaxes(outputs, 0, 1), [h, c]
