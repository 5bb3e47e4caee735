"""`SimpleRNN` and `SimpleRNNCell`."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.layers.recurrent.cell import DenseCell, alike, only
from hornbeam.layers.recurrent.rnn import RNN, OfCell
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class SimpleRNNCell(DenseCell):
    """One step of `SimpleRNN`.

    Args:
        units: the size of the output and of the state.
        activation: activation of the output.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (features, units).
        recurrent_initializer: how the recurrent kernel starts, (units, units).
        bias_initializer: how the bias starts.
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
    >>> cell = hornbeam.layers.SimpleRNNCell(4)
    >>> output, states = cell(hornbeam.ops.ones((2, 3)), cell.get_initial_state(2))
    >>> output.shape, len(states)
    ((2, 4), 1)
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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

    def call(self, sequence: Any, states: Any, training: bool = False) -> Any:
        """(output, [output])."""
        x, h = self._dropped(sequence, only(states), training)
        z = ops.add(ops.matmul(x, self.kernel), ops.matmul(h, self.recurrent_kernel))
        if self.bias is not None:
            z = ops.add(z, self.bias)
        output = self.activation(z)
        return output, alike(states, output)


@builtin("keras.layers")
class SimpleRNN(RNN):
    """A recurrent layer whose output is its state: ``h = activation(x @ W + h @ U + b)``.

    Elman, 1990.

    Args:
        units: the size of the output and of the state.
        activation: activation of the output.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (features, units).
        recurrent_initializer: how the recurrent kernel starts, (units, units).
        bias_initializer: how the bias starts.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: probability with which an input feature is dropped in training.
        recurrent_dropout: probability with which an entry of the state is dropped in training.
        return_sequences: see `RNN`.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        unroll: see `RNN`.
        seed: an int, for the same dropout in every run.
        **kwargs: see `Layer`.

    Input: (batch, time, features).
    Output: (batch, units), or (batch, time, units) with `return_sequences`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.SimpleRNN(4)(hornbeam.ops.ones((2, 10, 3))).shape
    (2, 4)
    """

    units = OfCell()
    activation = OfCell()
    use_bias = OfCell()
    kernel_initializer = OfCell()
    recurrent_initializer = OfCell()
    bias_initializer = OfCell()
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
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
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
            name="simple_rnn_cell",
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
