"""`Conv1DTranspose`, `Conv2DTranspose`, `Conv3DTranspose`."""

from __future__ import annotations

from typing import Any

from hornbeam import constraints, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.arguments import with_defaults
from hornbeam.layers.convolutional.base import Windowed, checked_filters
from hornbeam.saving.objects import builtin


class ConvTranspose(Windowed):
    """A transposed convolution; the shared half of all three layers."""

    filters: int
    kernel_initializer: Any
    kernel_regularizer: Any
    kernel_constraint: Any
    output_padding: tuple[int, ...] | None

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        channels = self._channels(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, channels),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """The transposed convolution of `inputs` and the kernel, with bias and activation."""
        outputs = ops.conv_transpose(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self._finish(outputs)

    def _set_output_padding(self, output_padding: Any) -> None:
        self.output_padding = None
        if output_padding is None:
            return
        given = output_padding
        values = (given,) * self.ndim if isinstance(given, int) else tuple(given)
        fits = len(values) == self.ndim and all(isinstance(v, int) and v >= 0 for v in values)
        if not fits or any(v >= s for v, s in zip(values, self.strides, strict=True)):
            raise InputError(
                f"{type(self).__name__}: `output_padding` must be an int or {self.ndim} of them, none "
                f"negative and each smaller than its stride {self.strides}, got {given!r}."
            )
        self.output_padding = values


class _PlanarTranspose(ConvTranspose):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.filters = checked_filters(filters, 1, type(self).__name__)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_output_padding(output_padding)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)


@builtin("keras.layers")
class Conv1DTranspose(_PlanarTranspose):
    """Transposed convolution over time: each input step is spread over a window of outputs.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: outputs per input step.
        padding: "valid" or "same" (``time * strides`` outputs).
        output_padding: how many outputs to add at the end; by default as `padding` says.
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (kernel_size, filters, channels).
        bias_initializer: how the bias starts, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Conv1DTranspose(8, 3, strides=2)(hornbeam.ops.ones((2, 10, 4))).shape
    (2, 21, 8)
    """

    ndim = 1


@builtin("keras.layers")
class Conv2DTranspose(_PlanarTranspose):
    """Transposed convolution over images: each input pixel is spread over a window of outputs.

    Args:
        filters: number of output channels.
        kernel_size: (height, width) of the window, or one int for both.
        strides: outputs per input, (vertical, horizontal) or one int.
        padding: "valid" or "same" (``size * stride`` outputs).
        output_padding: how many outputs to add at the end; by default as `padding` says.
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        dilation_rate: distance between the entries of a window.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (height, width, filters, channels).
        bias_initializer: how the bias starts, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Conv2DTranspose(8, 3, strides=2, padding="same")
    >>> layer(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 8, 8, 8)
    """

    ndim = 2
    __init__ = with_defaults(_PlanarTranspose.__init__, strides=(1, 1), dilation_rate=(1, 1))


@builtin("keras.layers")
class Conv3DTranspose(ConvTranspose):
    """Transposed convolution over volumes: each input is spread over a window of outputs.

    Args:
        filters: number of output channels.
        kernel_size: (depth, height, width) of the window, or one int for all.
        strides: outputs per input, three ints or one.
        padding: "valid" or "same" (``size * stride`` outputs).
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        output_padding: how many outputs to add at the end; by default as `padding` says.
        dilation_rate: distance between the entries of a window.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (depth, height, width, filters, channels).
        bias_initializer: how the bias starts, (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Conv3DTranspose(2, 3)(hornbeam.ops.ones((1, 2, 3, 4, 1))).shape
    (1, 4, 5, 6, 2)
    """

    ndim = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
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
        self.filters = checked_filters(filters, 1, type(self).__name__)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_output_padding(output_padding)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
