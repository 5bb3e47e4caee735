"""Random initializers.

With an int as seed every call gives the same values.  With `None` every call draws a seed of its own
from the stream that `hornbeam.utils.set_random_seed` starts; so two layers that share one initializer
object get different weights (in Keras they get equal ones).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.initializers.base import Initializer, to_engine
from hornbeam.random import streams
from hornbeam.random.seed_generator import SeedGenerator
from hornbeam.saving.objects import builtin

STDDEV_WITHIN_TWO = 0.87962566103423978
"""The standard deviation of the standard normal distribution cut off at -2 and 2."""


class RandomInitializer(Initializer):
    """An initializer that draws.

    Args:
        seed: an int, for the same values at every call; a `SeedGenerator`, for the next ones of its
            stream; or None.

    Example:

    >>> import hornbeam
    >>> isinstance(hornbeam.initializers.HeNormal(), hornbeam.initializers.RandomInitializer)
    True
    """

    def __init__(self, seed: Any = None) -> None:
        if isinstance(seed, bool) or not (seed is None or isinstance(seed, (int, SeedGenerator))):
            raise InputError(
                f"{type(self).__name__}: `seed` must be an int, a SeedGenerator or None, got {seed!r}."
            )
        self.seed = seed

    def generator(self) -> np.random.Generator:
        """A NumPy generator for one call."""
        if self.seed is None:
            return streams.generator(streams.next_seed())
        if isinstance(self.seed, SeedGenerator):
            key = np.asarray(self.seed.state.backend.to_numpy(self.seed.next()), np.uint64)
            return streams.generator(int(key[0]) << 32 | int(key[1]))
        return streams.generator(self.seed % 2**64)

    def clone(self) -> Self:
        """Another initializer with the same settings."""
        return self.from_config(self.get_config())  # type: ignore[no-any-return]


@builtin("keras.initializers")
class RandomNormal(RandomInitializer):
    """Numbers of a normal distribution.

    Args:
        mean: its mean.
        stddev: its standard deviation.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.RandomNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Draw an array."""
        drawn = self.generator().standard_normal(tuple(shape), np.float32)
        return to_engine(self.mean + self.stddev * drawn, shape, dtype)


@builtin("keras.initializers")
class TruncatedNormal(RandomInitializer):
    """Numbers of a normal distribution, all within two standard deviations of the mean.

    Args:
        mean: the mean.
        stddev: the standard deviation before truncation.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.initializers.TruncatedNormal(seed=1)((100,))
    >>> bool(abs(x).max() <= 0.1)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Draw an array."""
        drawn = standard_truncated_normal(self.generator(), tuple(shape))
        return to_engine(self.mean + self.stddev * drawn, shape, dtype)


@builtin("keras.initializers")
class RandomUniform(RandomInitializer):
    """Numbers spread evenly over [minval, maxval).

    Args:
        minval: the lower end.
        maxval: the upper end.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.initializers.RandomUniform(0.0, 1.0, seed=1)((100,))
    >>> bool(x.min() >= 0), bool(x.max() <= 1)
    (True, True)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Draw an array."""
        drawn = self.generator().random(tuple(shape), np.float32)
        return to_engine(self.minval + (self.maxval - self.minval) * drawn, shape, dtype)


@builtin("keras.initializers")
class VarianceScaling(RandomInitializer):
    """Random numbers whose variance is ``scale / n``, n being a number of connections.

    Args:
        scale: a positive number.
        mode: what n is: "fan_in" (inputs of a unit), "fan_out" (outputs), or "fan_avg" (their mean).
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: an int, a `SeedGenerator` or None.
        input_axes: the axes of the shape that count as inputs; by default the one but last, and all
            before it as the receptive field.
        output_axes: the axes that count as outputs; by default the last.

    Example:

    >>> import hornbeam
    >>> init = hornbeam.initializers.VarianceScaling(2.0, "fan_avg", "uniform", seed=1)
    >>> bool(abs(init((30, 30))).max() <= 6**0.5 / 30**0.5)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        super().__init__(seed)
        if not scale > 0:
            raise InputError(f"VarianceScaling: `scale` must be positive, got {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise InputError(
                f"VarianceScaling: `mode` must be 'fan_in', 'fan_out' or 'fan_avg', got {mode!r}."
            )
        distribution = str(distribution).lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise InputError(
                "VarianceScaling: `distribution` must be 'truncated_normal', 'untruncated_normal' or "
                f"'uniform', got {distribution!r}."
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Draw an array."""
        sizes = tuple(shape)
        fan_in, fan_out = fans(sizes, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        rng = self.generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            drawn = limit * (2 * rng.random(sizes, np.float32) - 1)
        elif self.distribution == "untruncated_normal":
            drawn = math.sqrt(variance) * rng.standard_normal(sizes, np.float32)
        else:
            wider = math.sqrt(variance) / STDDEV_WITHIN_TWO
            drawn = wider * standard_truncated_normal(rng, sizes)
        return to_engine(drawn, sizes, dtype)


class _NamedScaling(VarianceScaling):
    """A `VarianceScaling` whose rule is fixed by the class."""

    _rule: tuple[float, str, str]

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(*self._rule, seed, input_axes, output_axes)


@builtin("keras.initializers")
class GlorotUniform(_NamedScaling):
    """Uniform over [-limit, limit], limit = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Args:
        seed: an int, a `SeedGenerator` or None.
        input_axes: the axes that count as inputs, see `VarianceScaling`.
        output_axes: the axes that count as outputs.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.GlorotUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    _rule = (1.0, "fan_avg", "uniform")


@builtin("keras.initializers")
class GlorotNormal(_NamedScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010).

    Args:
        seed: an int, a `SeedGenerator` or None.
        input_axes: the axes that count as inputs, see `VarianceScaling`.
        output_axes: the axes that count as outputs.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.GlorotNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    _rule = (1.0, "fan_avg", "truncated_normal")


@builtin("keras.initializers")
class HeNormal(_NamedScaling):
    """Truncated normal with variance 2 / fan_in (He et al., 2015), for rectified units.

    Args:
        seed: an int, a `SeedGenerator` or None.
        input_axes: the axes that count as inputs, see `VarianceScaling`.
        output_axes: the axes that count as outputs.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.HeNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    _rule = (2.0, "fan_in", "truncated_normal")


@builtin("keras.initializers")
class HeUniform(_NamedScaling):
    """Uniform over [-limit, limit], limit = sqrt(6 / fan_in) (He et al., 2015).

    Args:
        seed: an int, a `SeedGenerator` or None.
        input_axes: the axes that count as inputs, see `VarianceScaling`.
        output_axes: the axes that count as outputs.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.HeUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    _rule = (2.0, "fan_in", "uniform")


@builtin("keras.initializers")
class LecunNormal(_NamedScaling):
    """Truncated normal with variance 1 / fan_in (LeCun et al., 1998), for SELU units.

    Args:
        seed: an int, a `SeedGenerator` or None.
        input_axes: the axes that count as inputs, see `VarianceScaling`.
        output_axes: the axes that count as outputs.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.LecunNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    _rule = (1.0, "fan_in", "truncated_normal")


@builtin("keras.initializers")
class LecunUniform(_NamedScaling):
    """Uniform over [-limit, limit], limit = sqrt(3 / fan_in) (LeCun et al., 1998).

    Args:
        seed: an int, a `SeedGenerator` or None.
        input_axes: the axes that count as inputs, see `VarianceScaling`.
        output_axes: the axes that count as outputs.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.LecunUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    _rule = (1.0, "fan_in", "uniform")


@builtin("keras.initializers")
class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al., 2014).

    A shape with more than two sizes is filled as the matrix (product of all but the last, last).

    Args:
        gain: a factor.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> q = hornbeam.initializers.Orthogonal(seed=1)((3, 3))
    >>> bool(abs(q.T @ q - hornbeam.ops.eye(3)).max() < 1e-5)
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Draw an array of at least two dimensions."""
        if len(shape) < 2:
            raise InputError(
                f"Orthogonal needs a shape of at least two dimensions, got {tuple(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = self.generator().standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(drawn)
        q = q * np.sign(np.diag(r))  # makes the distribution uniform
        q = q.T if rows < columns else q
        return to_engine(self.gain * q.reshape(tuple(shape)), shape, dtype)


def fans(shape: Sequence[int], input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """The numbers of inputs and outputs of a unit whose weights have this shape.

    Args:
        shape: (..., inputs, outputs), with the receptive field in front.
        input_axes: the axes that count as inputs instead.
        output_axes: the axes that count as outputs instead.

    Returns:
        (fan_in, fan_out); axes that are neither inputs nor outputs count for both.

    Example:

    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    sizes = [int(d) for d in shape]
    if not sizes:
        return 1, 1
    if len(sizes) == 1 and input_axes is None and output_axes is None:
        return sizes[0], sizes[0]
    n = len(sizes)
    inputs = {a % n for a in _axes(input_axes, -2)}
    outputs = {a % n for a in _axes(output_axes, -1)}
    if inputs & outputs:
        raise InputError(f"The axes {sorted(inputs & outputs)} cannot be both inputs and outputs.")
    field = math.prod(d for a, d in enumerate(sizes) if a not in inputs | outputs)
    fan_in = field * math.prod(sizes[a] for a in inputs)
    fan_out = field * math.prod(sizes[a] for a in outputs)
    return fan_in, fan_out


def _axes(axes: Any, default: int) -> tuple[int, ...]:
    if axes is None:
        return (default,)
    return (axes,) if isinstance(axes, int) else tuple(axes)


def standard_truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """float32 numbers of the standard normal distribution that lie in [-2, 2]."""
    size = math.prod(shape)
    drawn = np.empty(0, np.float32)
    while drawn.size < size:
        more = rng.standard_normal(int(1.1 * (size - drawn.size)) + 8, np.float32)
        drawn = np.concatenate([drawn, more[np.abs(more) <= 2]])
    return drawn[:size].reshape(shape)
