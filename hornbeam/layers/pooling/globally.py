"""Maxima and means over all positions."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import config, ops
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


class GlobalPooling(Layer):
    """A maximum or mean over all positions; the constructor of all six layers."""

    ndim: ClassVar[int]
    maximum: ClassVar[bool]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.ndim + 2)

    @property
    def _axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.ndim))

    def call(self, inputs: Any) -> Any:
        """The maximum or mean of each channel."""
        reduce = ops.max if self.maximum else ops.mean
        return reduce(inputs, axis=self._axes, keepdims=self.keepdims)


@builtin("keras.layers")
class GlobalMaxPooling1D(GlobalPooling):
    """The maximum of each channel over time series.

    Args:
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GlobalMaxPooling1D()(hornbeam.ops.ones((2, 6, 4))).shape
    (2, 4)
    """

    ndim = 1
    maximum = True


@builtin("keras.layers")
class GlobalMaxPooling2D(GlobalPooling):
    """The maximum of each channel over images.

    Args:
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GlobalMaxPooling2D()(hornbeam.ops.ones((2, 6, 6, 4))).shape
    (2, 4)
    """

    ndim = 2
    maximum = True


@builtin("keras.layers")
class GlobalMaxPooling3D(GlobalPooling):
    """The maximum of each channel over volumes.

    Args:
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GlobalMaxPooling3D()(hornbeam.ops.ones((1, 4, 4, 4, 2))).shape
    (1, 2)
    """

    ndim = 3
    maximum = True


@builtin("keras.layers")
class GlobalAveragePooling1D(GlobalPooling):
    """The mean of each channel over time series.

    Masked time steps do not count.

    Args:
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GlobalAveragePooling1D()(hornbeam.ops.ones((2, 6, 4))).shape
    (2, 4)
    """

    ndim = 1
    maximum = False

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The mean of each channel over the steps that are not masked."""
        if mask is None:
            return super().call(inputs)
        (axis,) = self._axes
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), 3 - axis)
        total = ops.sum(ops.multiply(inputs, weights), axis=axis, keepdims=self.keepdims)
        count = ops.sum(weights, axis=axis, keepdims=self.keepdims)
        return ops.divide(total, ops.maximum(count, 1))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: there is no time axis any more."""
        return None


@builtin("keras.layers")
class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel over images.

    Args:
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GlobalAveragePooling2D()(hornbeam.ops.ones((2, 6, 6, 4))).shape
    (2, 4)
    """

    ndim = 2
    maximum = False


@builtin("keras.layers")
class GlobalAveragePooling3D(GlobalPooling):
    """The mean of each channel over volumes.

    Args:
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GlobalAveragePooling3D()(hornbeam.ops.ones((1, 4, 4, 4, 2))).shape
    (1, 2)
    """

    ndim = 3
    maximum = False


GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
