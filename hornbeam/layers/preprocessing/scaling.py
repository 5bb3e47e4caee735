"""`Rescaling` and `Normalization`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.layers.preprocessing.adapting import Adapting, batches
from hornbeam.layers.preprocessing.data_layer import DataLayer
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Rescaling(DataLayer):
    """``inputs * scale + offset``.

    Args:
        scale: a number, or an array that broadcasts; ``1 / 255`` brings bytes into [0, 1].
        offset: a number, or an array that broadcasts.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Rescaling(1 / 127.5, offset=-1)
    >>> layer(hornbeam.ops.convert_to_tensor([0.0, 255.0])).tolist()
    [-1.0, 1.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """``inputs * scale + offset``, in the compute dtype."""
        inputs = ops.cast(inputs, self.compute_dtype)
        scale, offset = (_number(v, self.compute_dtype) for v in (self.scale, self.offset))
        return ops.add(ops.multiply(inputs, scale), offset)


def _number(value: Any, dtype: str) -> Any:
    return float(value) if np.ndim(value) == 0 else ops.cast(ops.convert_to_tensor(value), dtype)


@builtin("keras.layers")
class Normalization(Adapting):
    """``(inputs - mean) / sqrt(variance)``, with mean and variance of data seen before training.

    Args:
        axis: the axes that keep a mean and variance of their own; None for one of all values.
        mean: the mean, if it is known; else `adapt` finds it.
        variance: the variance, if it is known.
        invert: whether to undo a normalization: ``inputs * sqrt(variance) + mean``.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam, numpy
    >>> layer = hornbeam.layers.Normalization()
    >>> layer.adapt(numpy.array([[1.0], [3.0]]))
    >>> layer(numpy.array([[1.0], [5.0]])).tolist()
    [[-1.0], [3.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.axis = axes
        if (mean is None) != (variance is None):
            raise InputError("Normalization: give both `mean` and `variance`, or neither.")
        self.mean = mean
        self.variance = variance
        self.invert = invert
        self._given = mean is not None
        self._sums: tuple[Any, Any, Any] | None = None
        self.supports_masking = True

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the mean and variance only if they were given."""
        base = Layer.get_config(self)
        given = {"mean": self.mean, "variance": self.variance} if self._given else {}
        plain = {k: np.asarray(v).tolist() for k, v in given.items()}
        return {
            **base,
            "axis": self.axis,
            "invert": self.invert,
            "mean": plain.get("mean"),
            "variance": plain.get("variance"),
        }

    def build(self, input_shape: Any) -> None:
        """Make room for mean and variance, unless they were given."""
        rank = len(input_shape)
        kept = {a % rank for a in self.axis}
        if any(input_shape[a] is None for a in kept):
            raise InputError(
                f"Layer {self.path!r} (Normalization) keeps a mean for each entry along the axes "
                f"{self.axis}, so their sizes must be known, got shape {tuple(input_shape)}."
            )
        self._wide = tuple(input_shape[a] if a in kept else 1 for a in range(rank))
        self._reduced = tuple(a for a in range(rank) if a not in kept)
        if not self._given:
            shape = tuple(input_shape[a] for a in sorted(kept))
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find mean and variance of `data`; see `Adapting.adapt`."""
        if self._given:
            raise InputError(
                "Normalization: adapt() has nothing to find, since `mean` and `variance` were given."
            )
        super().adapt(data, steps)

    def reset_state(self) -> None:
        """Forget what was learnt."""
        self._sums = None

    def update_state(self, data: Any) -> None:
        """Learn from one batch, in float64: mean and squared deviations are joined exactly."""
        (x,) = batches(data)
        x = np.asarray(x, "float64")
        if not self.built:
            self.build((None, *x.shape[1:]) if x.ndim else x.shape)
        count = np.prod([x.shape[a] for a in self._reduced])
        mean, square = x.mean(self._reduced), x.var(self._reduced) * count
        if self._sums is not None:
            n, old_mean, old_square = self._sums
            total = n + count
            shift = mean - old_mean
            square = old_square + square + shift**2 * n * count / total
            mean = old_mean + shift * count / total
            count = total
        self._sums = (count, mean, square)

    def finalize_state(self) -> None:
        """Put mean and variance to use."""
        if self._sums is not None:
            count, mean, square = self._sums
            self.mean.assign(mean)
            self.variance.assign(square / count)

    def call(self, inputs: Any) -> Any:
        """`inputs`, normalized."""
        inputs = ops.cast(inputs, self.compute_dtype)
        mean, variance = (self._widened(v) for v in (self.mean, self.variance))
        spread = ops.maximum(ops.sqrt(variance), config.epsilon())
        if self.invert:
            return ops.add(mean, ops.multiply(inputs, spread))
        return ops.divide(ops.subtract(inputs, mean), spread)

    def _widened(self, value: Any) -> Any:
        value = ops.cast(ops.convert_to_tensor(value), self.compute_dtype)
        if value.shape == ():
            return value
        return ops.reshape(value, self._wide)
