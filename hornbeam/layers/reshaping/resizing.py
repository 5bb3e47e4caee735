"""Cropping, zero padding and upsampling of 1, 2 or 3 spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import config, ops
from hornbeam.backends import windows
from hornbeam.errors import InputError
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


def _pairs(value: Any, ndim: int, name: str) -> tuple[tuple[int, int], ...]:
    """`value` as one (before, after) pair per axis; ints stand for both."""
    items = (value,) * ndim if isinstance(value, int) else tuple(value)
    if ndim == 1 and len(items) == 2 and all(isinstance(i, int) for i in items):
        items = (items,)
    pairs = [(i, i) if isinstance(i, int) else tuple(i) for i in items]
    good = len(pairs) == ndim and all(
        len(p) == 2 and all(isinstance(v, int) and v >= 0 for v in p) for p in pairs
    )
    if not good:
        raise InputError(
            f"`{name}` must be an int, or {ndim} of them or of (before, after) pairs (one per spatial "
            f"axis), none negative, got {value!r}."
        )
    return tuple((p[0], p[1]) for p in pairs)


def _first_axis(data_format: str) -> int:
    return 1 if data_format == "channels_last" else 2


class _Cropping(Layer):
    ndim: ClassVar[int]

    def __init__(self, cropping: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        pairs = _pairs(cropping, self.ndim, "cropping")
        self.cropping: Any = pairs[0] if self.ndim == 1 else pairs
        self._pairs = pairs
        self.input_spec = InputSpec(ndim=self.ndim + 2)

    def call(self, inputs: Any) -> Any:
        """`inputs` without its borders."""
        key = [slice(None)] * len(inputs.shape)
        for axis, (before, after) in enumerate(self._pairs, _first_axis(self.data_format)):
            size = inputs.shape[axis]
            if isinstance(size, int) and size <= before + after:
                raise InputError(
                    f"Layer {self.path!r} ({type(self).__name__}) would crop {before + after} entries "
                    f"from axis {axis} of size {size}, and leave nothing."
                )
            key[axis] = slice(before, -after if after else None)
        return ops.get_item(inputs, tuple(key))


@builtin("keras.layers")
class Cropping1D(_Cropping):
    """Leaves out time steps at both ends.

    Args:
        cropping: (at the start, at the end), or one int for both.
        **kwargs: see `Layer`.

    Input: (batch, time, features).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Cropping1D(1)(hornbeam.ops.ones((2, 5, 3))).shape
    (2, 3, 3)
    """

    ndim = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


@builtin("keras.layers")
class Cropping2D(_Cropping):
    """Leaves out rows and columns at the borders of images.

    Args:
        cropping: ((top, bottom), (left, right)), (vertical, horizontal), or one int for all.
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Cropping2D(((2, 2), (4, 4)))(hornbeam.ops.ones((2, 28, 28, 3))).shape
    (2, 24, 20, 3)
    """

    ndim = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


@builtin("keras.layers")
class Cropping3D(_Cropping):
    """Leaves out the borders of volumes.

    Args:
        cropping: three pairs (before, after), three ints, or one int for all.
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Cropping3D(2)(hornbeam.ops.ones((2, 8, 8, 8, 3))).shape
    (2, 4, 4, 4, 3)
    """

    ndim = 3

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class _ZeroPadding(Layer):
    ndim: ClassVar[int]

    def __init__(self, padding: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        pairs = _pairs(padding, self.ndim, "padding")
        self.padding: Any = pairs[0] if self.ndim == 1 else pairs
        self._pairs = pairs
        self.input_spec = InputSpec(ndim=self.ndim + 2)

    def call(self, inputs: Any) -> Any:
        """`inputs` with zeros around it."""
        widths = [(0, 0)] * len(inputs.shape)
        for axis, pair in enumerate(self._pairs, _first_axis(self.data_format)):
            widths[axis] = pair
        return ops.pad(inputs, widths)


@builtin("keras.layers")
class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence.

    Args:
        padding: (before, after), or one int for both.
        data_format: "channels_last" for (batch, time, features), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.ZeroPadding1D(2)(hornbeam.ops.ones((2, 3, 1))).shape
    (2, 7, 1)
    """

    ndim = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


@builtin("keras.layers")
class ZeroPadding2D(_ZeroPadding):
    """Zeros around images.

    Args:
        padding: ((top, bottom), (left, right)), (vertical, horizontal), or one int for all.
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.ZeroPadding2D(1)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 6, 6, 3)
    """

    ndim = 2

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(padding, data_format, **kwargs)


@builtin("keras.layers")
class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes.

    Args:
        padding: three pairs (before, after), three ints, or one int for all.
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.ZeroPadding3D(1)(hornbeam.ops.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 3)
    """

    ndim = 3

    def __init__(
        self,
        padding: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(padding, data_format, **kwargs)


def _repeated(inputs: Any, factors: tuple[int, ...], data_format: str) -> Any:
    for axis, factor in enumerate(factors, _first_axis(data_format)):
        if factor != 1:
            inputs = ops.repeat(inputs, factor, axis=axis)
    return inputs


@builtin("keras.layers")
class UpSampling1D(Layer):
    """Each time step repeated.

    Args:
        size: how many times.
        **kwargs: see `Layer`.

    Input: (batch, time, features).  Output: (batch, time * size, features).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.UpSampling1D(2)(hornbeam.ops.ones((2, 3, 4))).shape
    (2, 6, 4)
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.size,) = windows.spread(size, 1, "size")
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        """`inputs` with each step repeated."""
        return _repeated(inputs, (self.size,), "channels_last")


@builtin("keras.layers")
class UpSampling2D(Layer):
    """Larger images.

    Args:
        size: factors for (height, width), or one for both.
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.UpSampling2D((1, 2))(hornbeam.ops.ones((2, 3, 4, 1))).shape
    (2, 3, 8, 1)
    """

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.size = windows.spread(size, 2, "size")
        known = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        self.interpolation = str(interpolation).lower()
        if self.interpolation not in known:
            raise InputError(
                f"UpSampling2D: `interpolation` must be one of {known}, got {interpolation!r}."
            )
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """`inputs`, enlarged."""
        if self.interpolation == "nearest":
            return _repeated(inputs, self.size, self.data_format)
        first = _first_axis(self.data_format)
        height, width = inputs.shape[first : first + 2]
        if height is None or width is None:
            raise InputError(
                f"Layer {self.path!r} (UpSampling2D) needs the height and width of its input with "
                f"interpolation={self.interpolation!r}; give them in `Input(shape=...)`."
            )
        return ops.image.resize(
            inputs,
            (height * self.size[0], width * self.size[1]),
            interpolation=self.interpolation,
            data_format=self.data_format,
        )


@builtin("keras.layers")
class UpSampling3D(Layer):
    """Larger volumes: each entry repeated.

    Args:
        size: factors for (depth, height, width), or one for all.
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.UpSampling3D(2)(hornbeam.ops.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 3)
    """

    def __init__(
        self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.size = windows.spread(size, 3, "size")
        self.input_spec = InputSpec(ndim=5)

    def call(self, inputs: Any) -> Any:
        """`inputs` with each entry repeated."""
        return _repeated(inputs, self.size, self.data_format)
