"""What the convolution layers have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import activations, config, constraints, initializers, ops, regularizers
from hornbeam.backends import windows
from hornbeam.errors import InputError
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer


class Windowed(Layer):
    """A layer with a window that moves over `ndim` spatial axes, a bias and an activation."""

    ndim: int
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    bias: Any

    def _set_window(
        self, kernel_size: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any
    ) -> None:
        self.kernel_size = windows.spread(kernel_size, self.ndim, "kernel_size")
        self.strides = windows.spread(strides, self.ndim, "strides")
        self.dilation_rate = windows.spread(dilation_rate, self.ndim, "dilation_rate")
        self.data_format = config.standardize_data_format(data_format)
        self.padding = str(padding).lower()
        if self.padding not in self.paddings:
            raise InputError(
                f"{type(self).__name__}: `padding` must be one of {self.paddings}, got {padding!r}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise InputError(
                f"{type(self).__name__}: strides > 1 and dilation_rate > 1 exclude each other, got "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}."
            )
        self.input_spec = InputSpec(ndim=self.ndim + 2)

    def _set_output(
        self,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        bias_constraint: Any,
    ) -> None:
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    def _channels(self, input_shape: Any) -> int:
        """The number of input channels, which from now on must stay the same."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise InputError(
                f"Layer {self.path!r} ({type(self).__name__}) needs to know the number of channels, "
                f"axis {axis} of its input shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(ndim=self.ndim + 2, axes={axis: channels})
        return int(channels)

    def _add_bias(self, filters: int) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _finish(self, outputs: Any) -> Any:
        """`outputs` with the bias, through the activation."""
        if self.bias is not None:
            bias = self.bias
            if self.data_format == "channels_first":
                bias = ops.reshape(bias, (1, -1, *(1,) * self.ndim))
            outputs = ops.add(outputs, bias)
        return self.activation(outputs)

    def _padded(self, inputs: Any) -> tuple[Any, str]:
        """`inputs` and the padding still to be done: causal padding is done here."""
        if self.padding != "causal":
            return inputs, self.padding
        widths = [(0, 0)] * len(inputs.shape)
        axis = 1 if self.data_format == "channels_last" else 2
        widths[axis] = ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)
        return ops.pad(inputs, widths), "valid"


def checked_filters(filters: Any, groups: Any, kind: str) -> int:
    """`filters`, if it is a positive multiple of `groups`."""
    if isinstance(filters, bool) or not isinstance(filters, int) or filters <= 0:
        raise InputError(f"{kind}: `filters` must be a positive int, got {filters!r}.")
    if isinstance(groups, bool) or not isinstance(groups, int) or groups <= 0:
        raise InputError(f"{kind}: `groups` must be a positive int, got {groups!r}.")
    if filters % groups:
        raise InputError(
            f"{kind}: `filters` must be a multiple of `groups`, got {filters} and {groups}."
        )
    return filters
