"""`Conv1D`, `Conv2D`, `Conv3D`."""

from __future__ import annotations

from typing import Any

from hornbeam import constraints, initializers, ops, regularizers
from hornbeam.compat.renames import with_sizes_in_a_row
from hornbeam.errors import InputError
from hornbeam.layers.arguments import with_defaults
from hornbeam.layers.convolutional.base import Windowed, checked_filters
from hornbeam.layers.lora import LowRankAdaptable
from hornbeam.saving.objects import builtin


class Conv(LowRankAdaptable, Windowed):
    """A convolution over `ndim` axes; the constructor of all three layers."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = checked_filters(filters, groups, type(self).__name__)
        self.groups = groups
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self._adapt("kernel", None, None, None)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise InputError(
                f"Layer {self.path!r} ({type(self).__name__}): the number of input channels must be a "
                f"multiple of `groups`, got {channels} and {self.groups}."
            )
        self.kernel: Any = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """The convolution of `inputs` and the kernel, with bias and activation."""
        return self._finish(self.convolution_op(inputs, self.kernel))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution alone, for subclasses that change the kernel on its way."""
        inputs, padding = self._padded(inputs)
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )


@builtin("keras.layers")
class Conv1D(Conv):
    """Convolution over time.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: steps between windows.
        padding: "valid" (none), "same" (as many outputs as inputs, for stride 1), or "causal" (only
            before, so that no output sees later inputs).
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        groups: the channels are split in so many groups, each with filters of its own.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (kernel_size, channels / groups, filters).
        bias_initializer: how the bias starts, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Conv1D(8, 3)(hornbeam.ops.ones((2, 10, 4))).shape
    (2, 8, 8)
    """

    ndim = 1
    paddings = ("valid", "same", "causal")


@builtin("keras.layers")
class Conv2D(Conv):
    """Convolution over images.

    Args:
        filters: number of output channels.
        kernel_size: (height, width) of the window, or one int for both.
        strides: steps between windows, (vertical, horizontal) or one int.
        padding: "valid" (none) or "same" (as many outputs as inputs, for stride 1).
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        groups: the channels are split in so many groups, each with filters of its own.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (height, width, channels / groups, filters).
        bias_initializer: how the bias starts, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Conv2D(8, 3, padding="same")(hornbeam.ops.ones((2, 28, 28, 1))).shape
    (2, 28, 28, 8)
    """

    ndim = 2
    __init__ = with_defaults(Conv.__init__, strides=(1, 1), dilation_rate=(1, 1))


@builtin("keras.layers")
class Conv3D(Conv):
    """Convolution over volumes, or over space and time.

    Args:
        filters: number of output channels.
        kernel_size: (depth, height, width) of the window, or one int for all.
        strides: steps between windows, three ints or one.
        padding: "valid" (none) or "same" (as many outputs as inputs, for stride 1).
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        groups: the channels are split in so many groups, each with filters of its own.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (depth, height, width, channels / groups, filters).
        bias_initializer: how the bias starts, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Conv3D(2, 3)(hornbeam.ops.ones((1, 4, 5, 6, 1))).shape
    (1, 2, 3, 4, 2)
    """

    ndim = 3
    __init__ = with_defaults(Conv.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))


Convolution1D = Conv1D
Convolution2D = with_sizes_in_a_row(Conv2D, "Convolution2D")
Convolution3D = with_sizes_in_a_row(Conv3D, "Convolution3D")
