"""`ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D`: LSTMs whose products are convolutions."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, constraints, initializers, ops, regularizers
from hornbeam.backends.symbolic import KerasTensor, not_recording
from hornbeam.layers.conversion import sizes
from hornbeam.layers.convolutional.base import Windowed, checked_filters
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.recurrent.cell import DropoutCell
from hornbeam.layers.recurrent.lstm import UnitForget
from hornbeam.layers.recurrent.rnn import RNN, OfCell
from hornbeam.saving.objects import builtin


class ConvLSTMCell(Windowed, DropoutCell):
    """One step of a ConvLSTM over `ndim` spatial axes."""

    def __init__(
        self,
        ndim: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.ndim = ndim
        self.filters = checked_filters(filters, 1, "ConvLSTM")
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.unit_forget_bias = unit_forget_bias
        self._set_dropout(dropout, recurrent_dropout, seed)
        self.state_size = [filters, filters]

    def build(self, input_shape: Any) -> None:
        """Make the kernels and the bias."""
        channels = self._channels(input_shape)
        self._input_shape = tuple(input_shape)
        width = 4 * self.filters
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (*self.kernel_size, self.filters, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            start = self.bias_initializer
            self.bias = self.add_weight(
                (width,),
                UnitForget(start, self.filters) if self.unit_forget_bias else start,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _mask_shapes(self, batch: Any) -> tuple[Any, Any]:
        state = (batch, *self.state_shape(self._input_shape)[1:])
        return (batch, *self._input_shape[1:]), state

    def state_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The shape of a state, for inputs of that shape."""
        x = KerasTensor(input_shape, self.compute_dtype)
        kernel = KerasTensor(self.kernel.shape, self.compute_dtype)
        with not_recording():
            shape = list(self._convolved(x, kernel).shape)
        shape[-1 if self.data_format == "channels_last" else 1] = self.filters
        return tuple(shape)

    def _convolved(self, x: Any, kernel: Any) -> Any:
        return ops.conv(
            x,
            kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """(output, [output, cell state])."""
        h, c = states
        x, dropped_h = self._dropped(inputs, h, training)
        z = self._convolved(x, self.kernel)
        if self.bias is not None:
            bias = self.bias
            if self.data_format == "channels_first":
                bias = ops.reshape(bias, (1, -1, *(1,) * self.ndim))
            z = ops.add(z, bias)
        z = ops.add(
            z,
            ops.conv(
                dropped_h,
                self.recurrent_kernel,
                strides=1,
                padding="same",
                data_format=self.data_format,
            ),
        )
        axis = -1 if self.data_format == "channels_last" else 1
        i, f, g, o = ops.split(z, 4, axis=axis)
        kept = ops.multiply(self.recurrent_activation(f), c)
        c = ops.add(kept, ops.multiply(self.recurrent_activation(i), self.activation(g)))
        h = ops.multiply(self.recurrent_activation(o), self.activation(c))
        return h, [h, c]


class ConvLSTM(RNN):
    """A ConvLSTM over `ndim` spatial axes; the constructor of all three layers."""

    ndim: int
    _also_saved = ("zero_output_for_mask", "unroll")

    filters = OfCell()
    kernel_size = OfCell()
    strides = OfCell()
    padding = OfCell()
    data_format = OfCell()
    dilation_rate = OfCell()
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
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **kwargs: Any,
    ) -> None:
        cell = ConvLSTMCell(
            self.ndim,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
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
            name="conv_lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self.ndim + 3)

    def get_initial_state(self, batch_size: Any) -> Any:
        """Zeros of the shape of the convolved input."""
        shape = self.cell.state_shape(self.cell._input_shape)
        return [ops.zeros((batch_size, *shape[1:]), dtype=self.compute_dtype) for _ in range(2)]

    def _first_states(self, sequences: Any, initial_state: Any) -> Any:
        if initial_state is None and not self.stateful:
            batch = sizes(sequences)[0]
            shape = self.cell.state_shape((sequences.shape[0], *sequences.shape[2:]))
            zeros = ops.zeros((batch, *shape[1:]), dtype=self.compute_dtype)
            return [zeros, zeros]
        return super()._first_states(sequences, initial_state)


@builtin("keras.layers")
class ConvLSTM1D(ConvLSTM):
    """An LSTM over sequences of sequences, its products convolutions.

    Shi et al., 2015, https://arxiv.org/abs/1506.04214

    Args:
        filters: number of output channels, and of the state.
        kernel_size: size of the window, an int or one for each spatial axis.
        strides: steps between windows of the input.
        padding: "valid" or "same", for the input.
        data_format: "channels_last" for (batch, time, steps, channels), or "channels_first".
        dilation_rate: distance between the entries of a window of the input.
        activation: activation of the candidate and of the output.
        recurrent_activation: activation of the gates.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (*window, channels, 4 * filters).
        recurrent_initializer: how the recurrent kernel starts, (*window, filters, 4 * filters).
        bias_initializer: how the bias starts, (4 * filters,).
        unit_forget_bias: whether the bias of the forget gate starts with 1.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: probability with which an input value is dropped in training.
        recurrent_dropout: probability with which a value of the state is dropped in training.
        seed: an int, for the same dropout in every run.
        return_sequences: see `RNN`.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        **kwargs: see `Layer`.

    Input: (batch, time, steps, channels).
    Output: (batch, steps, filters), with a time axis if `return_sequences`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.ConvLSTM1D(8, 3)(hornbeam.ops.ones((2, 3, 6, 1))).shape
    (2, 4, 8)
    """

    ndim = 1


@builtin("keras.layers")
class ConvLSTM2D(ConvLSTM):
    """An LSTM over sequences of images, its products convolutions.

    Shi et al., 2015, https://arxiv.org/abs/1506.04214

    Args:
        filters: number of output channels, and of the state.
        kernel_size: size of the window, an int or one for each spatial axis.
        strides: steps between windows of the input.
        padding: "valid" or "same", for the input.
        data_format: "channels_last" for (batch, time, height, width, channels), or "channels_first".
        dilation_rate: distance between the entries of a window of the input.
        activation: activation of the candidate and of the output.
        recurrent_activation: activation of the gates.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (*window, channels, 4 * filters).
        recurrent_initializer: how the recurrent kernel starts, (*window, filters, 4 * filters).
        bias_initializer: how the bias starts, (4 * filters,).
        unit_forget_bias: whether the bias of the forget gate starts with 1.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: probability with which an input value is dropped in training.
        recurrent_dropout: probability with which a value of the state is dropped in training.
        seed: an int, for the same dropout in every run.
        return_sequences: see `RNN`.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        **kwargs: see `Layer`.

    Input: (batch, time, height, width, channels).
    Output: (batch, height, width, filters), with a time axis if `return_sequences`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.ConvLSTM2D(8, 3)(hornbeam.ops.ones((2, 3, 6, 6, 1))).shape
    (2, 4, 4, 8)
    """

    ndim = 2


@builtin("keras.layers")
class ConvLSTM3D(ConvLSTM):
    """An LSTM over sequences of volumes, its products convolutions.

    Shi et al., 2015, https://arxiv.org/abs/1506.04214

    Args:
        filters: number of output channels, and of the state.
        kernel_size: size of the window, an int or one for each spatial axis.
        strides: steps between windows of the input.
        padding: "valid" or "same", for the input.
        data_format: "channels_last" for (batch, time, depth, height, width, channels), or
            "channels_first".
        dilation_rate: distance between the entries of a window of the input.
        activation: activation of the candidate and of the output.
        recurrent_activation: activation of the gates.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (*window, channels, 4 * filters).
        recurrent_initializer: how the recurrent kernel starts, (*window, filters, 4 * filters).
        bias_initializer: how the bias starts, (4 * filters,).
        unit_forget_bias: whether the bias of the forget gate starts with 1.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: probability with which an input value is dropped in training.
        recurrent_dropout: probability with which a value of the state is dropped in training.
        seed: an int, for the same dropout in every run.
        return_sequences: see `RNN`.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        **kwargs: see `Layer`.

    Input: (batch, time, depth, height, width, channels).
    Output: (batch, depth, height, width, filters), with a time axis if `return_sequences`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.ConvLSTM3D(8, 3)(hornbeam.ops.ones((2, 3, 4, 4, 4, 1))).shape
    (2, 2, 2, 2, 8)
    """

    ndim = 3
