"""`GRU` and `GRUCell`."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, ops
from hornbeam.layers.conversion import array_backend
from hornbeam.layers.recurrent.cell import DenseCell, alike, only
from hornbeam.layers.recurrent.plain import is_plain, like
from hornbeam.layers.recurrent.rnn import RNN, OfCell
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class GRUCell(DenseCell):
    """One step of `GRU`.

    Args:
        units: the size of the output and of the state.
        activation: activation of the candidate.
        recurrent_activation: activation of the gates.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (features, 3 * units).
        recurrent_initializer: how the recurrent kernel starts, (units, 3 * units).
        bias_initializer: how the bias starts.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        kernel_constraint: projection of the kernel after each update.
        recurrent_constraint: projection of the recurrent kernel after each update.
        bias_constraint: projection of the bias after each update.
        dropout: probability with which an input feature is dropped in training.
        recurrent_dropout: probability with which an entry of the state is dropped in training.
        reset_after: whether the reset gate acts behind the recurrent product, not before it.
        seed: an int, for the same dropout in every run.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> cell = hornbeam.layers.GRUCell(4)
    >>> output, states = cell(hornbeam.ops.ones((2, 3)), cell.get_initial_state(2))
    >>> output.shape, len(states)
    ((2, 4), 1)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = reset_after
        self.recurrent_activation = activations.get(recurrent_activation)

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (2, width) if self.reset_after else (width,)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """(output, [output])."""
        h = only(states)
        x, dropped_h = self._dropped(inputs, h, training)
        z, candidate = self._gates(x, dropped_h)
        kept = ops.multiply(z, h)
        output = ops.add(kept, ops.multiply(ops.subtract(1.0, z), candidate))
        return output, alike(states, output)

    def _gates(self, x: Any, h: Any) -> tuple[Any, Any]:
        """The update gate and the candidate."""
        zx = ops.matmul(x, self.kernel)
        if self.bias is not None:
            zx = ops.add(zx, self.bias[0] if self.reset_after else self.bias)
        xz, xr, xn = ops.split(zx, 3, axis=-1)
        if self.reset_after:
            zh = ops.matmul(h, self.recurrent_kernel)
            if self.bias is not None:
                zh = ops.add(zh, self.bias[1])
            hz, hr, hn = ops.split(zh, 3, axis=-1)
            r = self.recurrent_activation(ops.add(xr, hr))
            hn = ops.multiply(r, hn)
        else:
            uz, ur, un = ops.split(self.recurrent_kernel, 3, axis=-1)
            hz, hr = ops.matmul(h, uz), ops.matmul(h, ur)
            r = self.recurrent_activation(ops.add(xr, hr))
            hn = ops.matmul(ops.multiply(r, h), un)
        z = self.recurrent_activation(ops.add(xz, hz))
        return z, self.activation(ops.add(xn, hn))


@builtin("keras.layers")
class GRU(RNN):
    """Gated recurrent unit: a state of which gates decide what is kept.

    Cho et al., 2014, https://arxiv.org/abs/1406.1078.

    Args:
        units: the size of the output and of the state.
        activation: activation of the candidate.
        recurrent_activation: activation of the gates.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (features, 3 * units).
        recurrent_initializer: how the recurrent kernel starts, (units, 3 * units).
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
        seed: an int, for the same dropout in every run.
        return_sequences: see `RNN`.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        unroll: see `RNN`.
        reset_after: whether the reset gate acts behind the recurrent product, not before it.
        use_cudnn: has no effect: an engine takes its best kernel where that fits.
        **kwargs: see `Layer`.

    Input: (batch, time, features).
    Output: (batch, units), or (batch, time, units) with `return_sequences`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GRU(4)(hornbeam.ops.ones((2, 10, 3))).shape
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
    kernel_regularizer = OfCell()
    recurrent_regularizer = OfCell()
    bias_regularizer = OfCell()
    kernel_constraint = OfCell()
    recurrent_constraint = OfCell()
    bias_constraint = OfCell()
    dropout = OfCell()
    recurrent_dropout = OfCell()
    reset_after = OfCell()
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
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
            reset_after=reset_after,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
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
        if not (self.reset_after and is_plain(self, training)):
            return super().inner_loop(sequences, initial_state, mask, training)
        x, mask = self._in_time(sequences, mask)
        cell = self.cell
        last, outputs, h = array_backend(x).gru(
            x,
            initial_state[0],
            *like(x, cell.kernel, cell.recurrent_kernel, cell.bias),
            mask,
            zero_output_for_mask=self.zero_output_for_mask,
        )
        return last, ops.swapaxes(outputs, 0, 1), [h]
