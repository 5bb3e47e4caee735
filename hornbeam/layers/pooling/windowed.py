"""Maxima and means over moving windows."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import config, ops
from hornbeam.backends import windows
from hornbeam.errors import InputError
from hornbeam.layers.arguments import with_defaults
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


class Pooling(Layer):
    """A maximum or mean over windows; the constructor of all six layers."""

    ndim: ClassVar[int]
    maximum: ClassVar[bool]

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = windows.spread(pool_size, self.ndim, "pool_size")
        given = pool_size if strides is None else strides
        self.strides = windows.spread(given, self.ndim, "strides")
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise InputError(
                f"{type(self).__name__}: `padding` must be 'valid' or 'same', got {padding!r}."
            )
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.ndim + 2)

    def call(self, inputs: Any) -> Any:
        """The maximum or mean of each window."""
        pool = ops.max_pool if self.maximum else ops.average_pool
        return pool(
            inputs,
            self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )


@builtin("keras.layers")
class MaxPooling1D(Pooling):
    """The maximum of each channel over windows that move over time series.

    Args:
        pool_size: length of the window.
        strides: steps between windows; by default `pool_size`, so that they do not overlap.
        padding: "valid" (only whole windows) or "same" (``ceil(size / stride)`` outputs).
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.MaxPooling1D(2)(hornbeam.ops.ones((2, 6, 4))).shape
    (2, 3, 4)
    """

    ndim = 1
    maximum = True
    __init__ = with_defaults(Pooling.__init__, pool_size=2)


@builtin("keras.layers")
class MaxPooling2D(Pooling):
    """The maximum of each channel over windows that move over images.

    Args:
        pool_size: (height, width) of the window, or one int for both.
        strides: steps between windows; by default `pool_size`, so that they do not overlap.
        padding: "valid" (only whole windows) or "same" (``ceil(size / stride)`` outputs).
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.MaxPooling2D(2)(hornbeam.ops.ones((2, 6, 6, 4))).shape
    (2, 3, 3, 4)
    """

    ndim = 2
    maximum = True
    __init__ = with_defaults(Pooling.__init__, pool_size=(2, 2))


@builtin("keras.layers")
class MaxPooling3D(Pooling):
    """The maximum of each channel over windows that move over volumes.

    Args:
        pool_size: (depth, height, width) of the window, or one int for all.
        strides: steps between windows; by default `pool_size`, so that they do not overlap.
        padding: "valid" (only whole windows) or "same" (``ceil(size / stride)`` outputs).
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.MaxPooling3D(2)(hornbeam.ops.ones((1, 4, 4, 4, 2))).shape
    (1, 2, 2, 2, 2)
    """

    ndim = 3
    maximum = True
    __init__ = with_defaults(Pooling.__init__, pool_size=(2, 2, 2))


@builtin("keras.layers")
class AveragePooling1D(Pooling):
    """The mean of each channel over windows that move over time series.

    With padding "same" what lies outside does not count.

    Args:
        pool_size: length of the window.
        strides: steps between windows; by default `pool_size`, so that they do not overlap.
        padding: "valid" (only whole windows) or "same" (``ceil(size / stride)`` outputs).
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AveragePooling1D(2)(hornbeam.ops.ones((2, 6, 4))).shape
    (2, 3, 4)
    """

    ndim = 1
    maximum = False


@builtin("keras.layers")
class AveragePooling2D(Pooling):
    """The mean of each channel over windows that move over images.

    With padding "same" what lies outside does not count.

    Args:
        pool_size: (height, width) of the window, or one int for both.
        strides: steps between windows; by default `pool_size`, so that they do not overlap.
        padding: "valid" (only whole windows) or "same" (``ceil(size / stride)`` outputs).
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AveragePooling2D(2)(hornbeam.ops.ones((2, 6, 6, 4))).shape
    (2, 3, 3, 4)
    """

    ndim = 2
    maximum = False


@builtin("keras.layers")
class AveragePooling3D(Pooling):
    """The mean of each channel over windows that move over volumes.

    With padding "same" what lies outside does not count.

    Args:
        pool_size: (depth, height, width) of the window, or one int for all.
        strides: steps between windows; by default `pool_size`, so that they do not overlap.
        padding: "valid" (only whole windows) or "same" (``ceil(size / stride)`` outputs).
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AveragePooling3D(2)(hornbeam.ops.ones((1, 4, 4, 4, 2))).shape
    (1, 2, 2, 2, 2)
    """

    ndim = 3
    maximum = False


MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
