"""Dropout, noise and penalties on activations: layers that leave inference alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from hornbeam import config, ops, random, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.random import SeedGenerator
from hornbeam.saving.objects import builtin


def checked_rate(rate: Any, kind: str, name: str = "rate", below_one: bool = False) -> float:
    """`rate` as a float, if it is a probability."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise InputError(f"{kind}: `{name}` must be a probability in [0, 1], got {rate!r}.")
    if below_one and rate == 1:
        raise InputError(f"{kind}: `{name}` must be below 1, got {rate!r}.")
    return rate


@builtin("keras.layers")
class Dropout(Layer):
    """Sets values to zero at random in training, and scales the others by ``1 / (1 - rate)``.

    Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html

    Args:
        rate: probability with which a value is dropped, in [0, 1].
        noise_shape: shape of what is drawn, broadcast over the input; None for sizes of the input.  With
            (batch, 1, features) whole time series of a feature are dropped.
        seed: an int, for the same draws in every run.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Dropout(0.5, seed=0)
    >>> x = hornbeam.ops.ones((4, 100))
    >>> float(hornbeam.ops.max(layer(x, training=True))), float(hornbeam.ops.max(layer(x)))
    (2.0, 1.0)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = checked_rate(rate, type(self).__name__)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """`inputs`, in training with zeros among them."""
        if not training or self.rate == 0:
            return inputs
        return random.dropout(
            inputs, self.rate, noise_shape=self._noise_shape(inputs), seed=self.seed_generator
        )

    def _noise_shape(self, inputs: Any) -> Any:
        return filled(self.noise_shape, inputs)


def filled(shape: Sequence[int | None] | None, inputs: Any) -> Any:
    """`shape` with its None replaced by the sizes of `inputs`; None stays None."""
    if shape is None:
        return None
    return tuple(s if d is None else d for d, s in zip(shape, sizes(inputs), strict=True))


class _SpatialDropout(Dropout):
    ndim: ClassVar[int]
    data_format: str

    def __init__(
        self,
        rate: float,
        data_format: str | None,
        seed: int | None,
        name: str | None,
        dtype: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.ndim + 2)

    def _noise_shape(self, inputs: Any) -> Any:
        shape = sizes(inputs)
        ones = (1,) * self.ndim
        if self.data_format == "channels_last":
            return (shape[0], *ones, shape[-1])
        return (*shape[:2], *ones)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        base = super().get_config()
        extra = {} if self.ndim == 1 else {"data_format": self.data_format}
        return {
            "rate": self.rate,
            "seed": self.seed,
            **extra,
            "name": self.name,
            "dtype": base["dtype"],
        }


@builtin("keras.layers")
class SpatialDropout1D(_SpatialDropout):
    """Drops whole feature channels of a sequence.

    Args:
        rate: probability with which a channel is dropped, in [0, 1].
        seed: an int, for the same draws in every run.
        name: see `Layer`.
        dtype: see `Layer`.

    Input: (batch, time, features).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.SpatialDropout1D(0.5)(hornbeam.ops.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    ndim = 1

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, "channels_last", seed, name, dtype)


@builtin("keras.layers")
class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of images.

    Args:
        rate: probability with which a channel is dropped, in [0, 1].
        data_format: "channels_last" for (batch, height, width, channels), or "channels_first".
        seed: an int, for the same draws in every run.
        name: see `Layer`.
        dtype: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.SpatialDropout2D(0.5)(hornbeam.ops.ones((2, 3, 3, 4))).shape
    (2, 3, 3, 4)
    """

    ndim = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, data_format, seed, name, dtype)


@builtin("keras.layers")
class SpatialDropout3D(_SpatialDropout):
    """Drops whole channels of volumes.

    Args:
        rate: probability with which a channel is dropped, in [0, 1].
        data_format: "channels_last" for (batch, depth, height, width, channels), or "channels_first".
        seed: an int, for the same draws in every run.
        name: see `Layer`.
        dtype: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.SpatialDropout3D(0.5)(hornbeam.ops.ones((1, 2, 2, 2, 4))).shape
    (1, 2, 2, 2, 4)
    """

    ndim = 3

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, data_format, seed, name, dtype)


@builtin("keras.layers")
class GaussianNoise(Layer):
    """Adds normal noise in training.

    Args:
        stddev: standard deviation of the noise, not negative.
        seed: an int, for the same draws in every run.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GaussianNoise(0.1)(hornbeam.ops.ones((2, 3)), training=True).shape
    (2, 3)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not stddev >= 0:
            raise InputError(f"GaussianNoise: `stddev` must not be negative, got {stddev!r}.")
        self.stddev = stddev
        self.seed = seed
        if stddev > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """`inputs`, in training with noise."""
        if not training or self.stddev == 0:
            return inputs
        noise = random.normal(
            sizes(inputs), stddev=self.stddev, dtype=self.compute_dtype, seed=self.seed_generator
        )
        return ops.add(inputs, noise)


@builtin("keras.layers")
class GaussianDropout(Layer):
    """Multiplies by normal noise around 1 in training.

    The standard deviation is ``sqrt(rate / (1 - rate))``, that of dropout with the same rate.
    Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html

    Args:
        rate: drop probability of the dropout it stands for, in [0, 1).
        seed: an int, for the same draws in every run.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GaussianDropout(0.1)(hornbeam.ops.ones((2, 3)), training=True).shape
    (2, 3)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = checked_rate(rate, "GaussianDropout", below_one=True)
        self.seed = seed
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """`inputs`, in training times noise."""
        if not training or self.rate == 0:
            return inputs
        noise = random.normal(
            sizes(inputs),
            mean=1.0,
            stddev=math.sqrt(self.rate / (1 - self.rate)),
            dtype=self.compute_dtype,
            seed=self.seed_generator,
        )
        return ops.multiply(inputs, noise)


_SELU_LOW = -1.0507009873554805 * 1.6732632423543772


@builtin("keras.layers")
class AlphaDropout(Layer):
    """Dropout for SELU networks: mean and variance stay what they are.

    Dropped values are set to SELU's limit for very negative inputs, and all are then scaled and shifted
    back to mean 0 and variance 1.  Klambauer et al., 2017, https://arxiv.org/abs/1706.02515

    Args:
        rate: probability with which a value is dropped, in [0, 1).
        noise_shape: as in `Dropout`.
        seed: an int, for the same draws in every run.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AlphaDropout(0.1)(hornbeam.ops.ones((2, 3)), training=True).shape
    (2, 3)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = checked_rate(rate, "AlphaDropout", below_one=True)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """`inputs`, in training with values at SELU's lower limit among them."""
        if not training or self.rate == 0:
            return inputs
        shape = filled(self.noise_shape, inputs) or sizes(inputs)
        kept = ops.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate)
        scale = ((1 - self.rate) * (1 + self.rate * _SELU_LOW**2)) ** -0.5
        shift = -scale * _SELU_LOW * self.rate
        mixed = ops.where(kept, inputs, _SELU_LOW)
        return ops.cast(ops.add(ops.multiply(mixed, scale), shift), inputs.dtype)


@builtin("keras.layers")
class ActivityRegularization(Layer):
    """Returns what it is given, and adds a penalty on it to the losses.

    Args:
        l1: weight of the sum of absolute values.
        l2: weight of the sum of squares.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.ActivityRegularization(l1=0.1)
    >>> _ = layer(hornbeam.ops.ones((2, 5)))
    >>> round(float(layer.losses[0]), 4)
    0.5
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """`inputs`."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        config.pop("activity_regularizer")
        return {**config, "l1": self.l1, "l2": self.l2}
