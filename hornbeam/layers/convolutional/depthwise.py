"""`DepthwiseConv1D`, `DepthwiseConv2D`, `SeparableConv1D`, `SeparableConv2D`."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import constraints, initializers, ops, regularizers
from hornbeam.compat.renames import with_sizes_in_a_row
from hornbeam.errors import InputError
from hornbeam.layers.arguments import with_defaults
from hornbeam.layers.convolutional.base import Windowed, checked_filters
from hornbeam.saving.objects import builtin


def _checked_multiplier(value: Any, kind: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise InputError(f"{kind}: `depth_multiplier` must be a positive int, got {value!r}.")
    return value


class DepthwiseConv(Windowed):
    """A convolution of each channel on its own; the constructor of both layers."""

    paddings: ClassVar[tuple[str, ...]] = ("valid", "same", "causal")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = _checked_multiplier(depth_multiplier, type(self).__name__)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        channels = self._channels(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        """The convolution of each channel with its filters, with bias and activation."""
        inputs, padding = self._padded(inputs)
        outputs = ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self._finish(outputs)


@builtin("keras.layers")
class DepthwiseConv1D(DepthwiseConv):
    """Convolution over time, of each channel on its own.

    Args:
        kernel_size: length of the window.
        strides: steps between windows.
        padding: "valid", "same" or "causal", as in `Conv1D`.
        depth_multiplier: number of filters, and outputs, per channel.
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        depthwise_initializer: how the kernel starts, (kernel_size, channels, depth_multiplier).
        bias_initializer: how the bias starts, (channels * depth_multiplier,).
        depthwise_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.DepthwiseConv1D(3, depth_multiplier=2)(hornbeam.ops.ones((2, 10, 4))).shape
    (2, 8, 8)
    """

    ndim = 1


@builtin("keras.layers")
class DepthwiseConv2D(DepthwiseConv):
    """Convolution over images, of each channel on its own.

    Args:
        kernel_size: (height, width) of the window, or one int for both.
        strides: steps between windows, (vertical, horizontal) or one int.
        padding: "valid" or "same".
        depth_multiplier: number of filters, and outputs, per channel.
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        depthwise_initializer: how the kernel starts, (height, width, channels, depth_multiplier).
        bias_initializer: how the bias starts, (channels * depth_multiplier,).
        depthwise_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.DepthwiseConv2D(3)(hornbeam.ops.ones((2, 8, 8, 4))).shape
    (2, 6, 6, 4)
    """

    ndim = 2
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    __init__ = with_defaults(DepthwiseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


class SeparableConv(Windowed):
    """A depthwise convolution and a product over the channels; the constructor of both layers."""

    paddings: ClassVar[tuple[str, ...]] = ("valid", "same", "causal")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = checked_filters(filters, 1, type(self).__name__)
        self.depth_multiplier = _checked_multiplier(depth_multiplier, type(self).__name__)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        channels = self._channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.ndim, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """The depthwise, then the pointwise convolution, with bias and activation."""
        inputs, padding = self._padded(inputs)
        outputs = ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self._finish(outputs)


@builtin("keras.layers")
class SeparableConv1D(SeparableConv):
    """A depthwise convolution over time, then a product over the channels.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: steps between windows.
        padding: "valid", "same" or "causal", as in `Conv1D`.
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        depth_multiplier: number of depthwise filters per channel.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        depthwise_initializer: how the depthwise kernel starts, (kernel_size, channels, multiplier).
        pointwise_initializer: how the pointwise kernel starts, (1, channels * multiplier, filters).
        bias_initializer: how the bias starts, (filters,).
        depthwise_regularizer: penalty on the depthwise kernel.
        pointwise_regularizer: penalty on the pointwise kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the depthwise kernel after each update.
        pointwise_constraint: projection of the pointwise kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.SeparableConv1D(8, 3)(hornbeam.ops.ones((2, 10, 4))).shape
    (2, 8, 8)
    """

    ndim = 1


@builtin("keras.layers")
class SeparableConv2D(SeparableConv):
    """A depthwise convolution over images, then a product over the channels.

    Args:
        filters: number of output channels.
        kernel_size: (height, width) of the window, or one int for both.
        strides: steps between windows, (vertical, horizontal) or one int.
        padding: "valid" or "same".
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        depth_multiplier: number of depthwise filters per channel.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        depthwise_initializer: how the depthwise kernel starts, (height, width, channels, multiplier).
        pointwise_initializer: how the pointwise kernel starts, (1, 1, channels * multiplier, filters).
        bias_initializer: how the bias starts, (filters,).
        depthwise_regularizer: penalty on the depthwise kernel.
        pointwise_regularizer: penalty on the pointwise kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the depthwise kernel after each update.
        pointwise_constraint: projection of the pointwise kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.SeparableConv2D(8, 3)(hornbeam.ops.ones((2, 8, 8, 4))).shape
    (2, 6, 6, 8)
    """

    ndim = 2
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    __init__ = with_defaults(SeparableConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = with_sizes_in_a_row(SeparableConv2D, "SeparableConvolution2D")
