"""Maxima and means over as many regions as asked for."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import config, ops
from hornbeam.backends import windows
from hornbeam.errors import InputError
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


class AdaptivePooling(Layer):
    """A maximum or mean over regions; the constructor of all six layers."""

    ndim: ClassVar[int]
    maximum: ClassVar[bool]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = windows.spread(output_size, self.ndim, "output_size")
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.ndim + 2)

    def call(self, inputs: Any) -> Any:
        """The maximum or mean of each region, one axis after the other."""
        reduce = ops.max if self.maximum else ops.mean
        first = 1 if self.data_format == "channels_last" else 2
        for axis, count in enumerate(self.output_size, first):
            size = inputs.shape[axis]
            if size is None:
                raise InputError(
                    f"Layer {self.path!r} ({type(self).__name__}) needs to know the size of axis "
                    f"{axis}; give it in `Input(shape=...)`."
                )
            before = (slice(None),) * axis
            bounds = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
            parts = [ops.get_item(inputs, (*before, slice(*pair))) for pair in bounds]
            inputs = ops.stack([reduce(part, axis=axis) for part in parts], axis=axis)
        return inputs


@builtin("keras.layers")
class AdaptiveMaxPooling1D(AdaptivePooling):
    """The maximum of each channel over a given number of regions of time series.

    Region i of n covers the positions from floor(i * size / n) to ceil((i + 1) * size / n).

    Args:
        output_size: how many regions.
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AdaptiveMaxPooling1D(2)(hornbeam.ops.ones((2, 6, 4))).shape
    (2, 2, 4)
    """

    ndim = 1
    maximum = True


@builtin("keras.layers")
class AdaptiveMaxPooling2D(AdaptivePooling):
    """The maximum of each channel over a given number of regions of images.

    Region i of n covers the positions from floor(i * size / n) to ceil((i + 1) * size / n).

    Args:
        output_size: (rows, columns) of regions, or one int for both.
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AdaptiveMaxPooling2D(2)(hornbeam.ops.ones((2, 6, 6, 4))).shape
    (2, 2, 2, 4)
    """

    ndim = 2
    maximum = True


@builtin("keras.layers")
class AdaptiveMaxPooling3D(AdaptivePooling):
    """The maximum of each channel over a given number of regions of volumes.

    Region i of n covers the positions from floor(i * size / n) to ceil((i + 1) * size / n).

    Args:
        output_size: regions along (depth, height, width), or one int for all.
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AdaptiveMaxPooling3D(2)(hornbeam.ops.ones((1, 4, 4, 4, 2))).shape
    (1, 2, 2, 2, 2)
    """

    ndim = 3
    maximum = True


@builtin("keras.layers")
class AdaptiveAveragePooling1D(AdaptivePooling):
    """The mean of each channel over a given number of regions of time series.

    Region i of n covers the positions from floor(i * size / n) to ceil((i + 1) * size / n).

    Args:
        output_size: how many regions.
        data_format: "channels_last" for (batch, time, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AdaptiveAveragePooling1D(2)(hornbeam.ops.ones((2, 6, 4))).shape
    (2, 2, 4)
    """

    ndim = 1
    maximum = False


@builtin("keras.layers")
class AdaptiveAveragePooling2D(AdaptivePooling):
    """The mean of each channel over a given number of regions of images.

    Region i of n covers the positions from floor(i * size / n) to ceil((i + 1) * size / n).

    Args:
        output_size: (rows, columns) of regions, or one int for both.
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AdaptiveAveragePooling2D(2)(hornbeam.ops.ones((2, 6, 6, 4))).shape
    (2, 2, 2, 4)
    """

    ndim = 2
    maximum = False


@builtin("keras.layers")
class AdaptiveAveragePooling3D(AdaptivePooling):
    """The mean of each channel over a given number of regions of volumes.

    Region i of n covers the positions from floor(i * size / n) to ceil((i + 1) * size / n).

    Args:
        output_size: regions along (depth, height, width), or one int for all.
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AdaptiveAveragePooling3D(2)(hornbeam.ops.ones((1, 4, 4, 4, 2))).shape
    (1, 2, 2, 2, 2)
    """

    ndim = 3
    maximum = False
