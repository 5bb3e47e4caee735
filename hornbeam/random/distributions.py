"""Random arrays, composed of what every engine draws: uniform and normal numbers, integers, orders.

Each function takes ``seed``: an int gives the same numbers at every call, a `SeedGenerator` new ones at
every call (also in compiled code), None those of the global generator.  The same seed gives different
numbers on different engines, unless `hornbeam.config.enable_portable_random` was called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.protocol import COMPOSITIONS, Array, Backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.random import rejection
from hornbeam.random.portable import drawing
from hornbeam.random.seed_generator import SeedGenerator, draw_seed


def normal(
    shape: Sequence[int],
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Numbers of the normal distribution.

    Args:
        shape: the shape of the result.
        mean: the mean; a number, or an array that broadcasts to `shape`.
        stddev: the standard deviation, likewise.
        dtype: a float dtype; by default `hornbeam.config.floatx`.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> hornbeam.random.normal((2, 3), seed=1).shape
    (2, 3)
    """
    wanted = _float_dtype("normal", dtype)
    b, sizes = _place(shape, seed)
    if b.symbolic:
        return KerasTensor(sizes, wanted)
    with b.wide():
        drawn = drawing(b).random_normal(draw_seed(seed, b), sizes, wanted)
        return _moved(b, drawn, stddev, mean, wanted)


def truncated_normal(
    shape: Sequence[int],
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Numbers of the normal distribution, all within two standard deviations of the mean.

    Args:
        shape: the shape of the result.
        mean: the mean; a number, or an array that broadcasts to `shape`.
        stddev: the standard deviation before truncation, likewise.
        dtype: a float dtype; by default `hornbeam.config.floatx`.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.random.truncated_normal((100,), seed=1)
    >>> bool(abs(x).max() <= 2)
    True
    """
    wanted = _float_dtype("truncated_normal", dtype)
    b, sizes = _place(shape, seed)
    if b.symbolic:
        return KerasTensor(sizes, wanted)
    # u -> sqrt(2) erfinv(reach (2u - 1)), with erf(reach / sqrt 2) the mass within two deviations
    precise = "float64" if wanted == "float64" else "float32"
    reach = math.erf(math.sqrt(2.0))
    with b.wide():
        drawn = drawing(b).random_uniform(draw_seed(seed, b), sizes, precise)
        within = b.erfinv((drawn * 2.0 - 1.0) * reach) * math.sqrt(2.0)
        within = b.maximum(b.minimum(within, b.full((), 2.0, precise)), b.full((), -2.0, precise))
        return _moved(b, b.cast(within, wanted), stddev, mean, wanted)


def uniform(
    shape: Sequence[int],
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Numbers spread evenly over [minval, maxval).

    Args:
        shape: the shape of the result.
        minval: the lower end; a number, or an array that broadcasts to `shape`.
        maxval: the upper end, likewise.
        dtype: a float dtype; by default `hornbeam.config.floatx`.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> hornbeam.random.uniform((4,), -1.0, 1.0, seed=1).shape
    (4,)
    """
    wanted = _float_dtype("uniform", dtype)
    b, sizes = _place(shape, seed)
    if b.symbolic:
        return KerasTensor(sizes, wanted)
    with b.wide():
        drawn = drawing(b).random_uniform(draw_seed(seed, b), sizes, wanted)
        if _is_number(minval) and _is_number(maxval):
            return _moved(b, drawn, maxval - minval, minval, wanted)
        low = _number(b, minval, wanted)
        return _moved(b, drawn, b.subtract(_number(b, maxval, wanted), low), low, wanted)


def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None
) -> Array:
    """Integers spread evenly over minval, ..., maxval - 1.

    Args:
        shape: the shape of the result.
        minval: the lowest value, an int of at least -2**31.
        maxval: one more than the highest value, an int of at most 2**31 - 1.
        dtype: an integer dtype (or a float one, for whole floats).
        seed: an int, a `SeedGenerator` or None.

    Raises:
        InputError: if there is no integer in the range, or it does not fit into 32 bits.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.random.randint((100,), 0, 10, seed=1)
    >>> int(x.min()) >= 0, int(x.max()) < 10
    (True, True)
    """
    wanted = dtypes.standardize(dtype)
    low, high = int(minval), int(maxval)
    if not -(2**31) <= low < high < 2**31:
        raise InputError(
            f"randint() needs minval < maxval, both within 32 bits, got {minval!r} and {maxval!r}."
        )
    b, sizes = _place(shape, seed)
    if b.symbolic:
        return KerasTensor(sizes, wanted)
    drawn = drawing(b).random_integers(draw_seed(seed, b), sizes, low, high)
    return drawn if wanted == "int32" else b.cast(drawn, wanted)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Array:
    """Classes drawn with the probabilities softmax(logits), with replacement.

    Args:
        logits: array (batch, classes) of unnormalized log-probabilities.
        num_samples: how many to draw for each row.
        dtype: the dtype of the result, an integer one.
        seed: an int, a `SeedGenerator` or None.

    Returns:
        Array (batch, num_samples) of class numbers.

    Example:

    >>> import hornbeam
    >>> logits = hornbeam.ops.convert_to_tensor([[0.0, 100.0], [100.0, 0.0]])
    >>> hornbeam.random.categorical(logits, 3, seed=1).tolist()
    [[1, 1, 1], [0, 0, 0]]
    """
    wanted = dtypes.standardize(dtype)
    b = owner_of(logits) or registry.current()
    if not isinstance(logits, KerasTensor):
        logits = _array(b, logits)
    if len(logits.shape) != 2:
        raise InputError(
            f"categorical() takes logits of shape (batch, classes), got {tuple(logits.shape)}."
        )
    if b.symbolic:
        return KerasTensor((logits.shape[0], num_samples), wanted)
    batch, classes = logits.shape
    drawn = drawing(b).random_uniform(draw_seed(seed, b), (batch, num_samples, classes), "float32")
    # Gumbel: the class whose logit plus noise is largest has the wanted distribution
    noise = b.negative(b.log(b.negative(b.log(b.maximum(drawn, b.full((), 1e-30, "float32"))))))
    scores = b.expand_dims(b.cast(logits, "float32"), 1) + noise
    return b.cast(b.argmax(scores, 2), wanted)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Array:
    """`inputs` with some of the values set to zero and the others divided by ``1 - rate``.

    Args:
        inputs: array of any shape and float dtype.
        rate: the probability in [0, 1] of a value to be set to zero.
        noise_shape: the shape of the mask, which broadcasts to that of `inputs`; sizes of 1 share one
            decision along an axis, None stands for the size of `inputs`.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.random.dropout(hornbeam.ops.ones(1000), 0.5, seed=1)
    >>> sorted(set(x.tolist()))
    [0.0, 2.0]
    """
    rate = float(rate)
    if not 0 <= rate <= 1:
        raise InputError(f"dropout() needs a rate in [0, 1], got {rate!r}.")
    b = owner_of(inputs) or registry.current()
    if b.symbolic:
        return KerasTensor(inputs.shape, inputs.dtype)
    x = _array(b, inputs)
    if rate == 0:
        return x
    if rate == 1:
        return b.zeros(b.shape(x), b.dtype(x))
    sizes = list(b.shape(x))
    if noise_shape is not None:
        if len(noise_shape) != len(sizes):
            raise InputError(
                f"dropout(): `noise_shape` {tuple(noise_shape)} needs one size per axis of the inputs, "
                f"which have shape {tuple(x.shape)}."
            )
        sizes = [size if given is None else given for size, given in zip(sizes, noise_shape)]
    kept = drawing(b).random_bernoulli(draw_seed(seed, b), tuple(sizes), 1.0 - rate)
    return b.dropped(x, kept, 1.0 / (1.0 - rate))


def dropped(b: Backend, x: Array, kept: Array, scale: float) -> Array:
    """The composition that engines may override: `x` times `scale` where `kept`, else 0."""
    return b.where(kept, x * scale, b.zeros((), b.dtype(x)))


COMPOSITIONS["dropped"] = dropped


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Array:
    """`x` with its entries along one axis in random order.

    Args:
        x: array of any shape.
        axis: the axis to reorder; what is across it stays together.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> sorted(hornbeam.random.shuffle(hornbeam.ops.arange(5), seed=1).tolist())
    [0, 1, 2, 3, 4]
    """
    b = owner_of(x) or registry.current()
    if b.symbolic:
        return KerasTensor(x.shape, x.dtype)
    array = _array(b, x)
    order = drawing(b).random_permutation(draw_seed(seed, b), int(array.shape[axis]))
    return b.take(array, order, axis)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Numbers of the gamma distribution with scale 1 (Marsaglia and Tsang, 2000).

    No gradient flows to `alpha`.

    Args:
        shape: the shape of the result.
        alpha: the shape parameter, positive; a number, or an array that broadcasts to `shape`.
        dtype: a float dtype; by default `hornbeam.config.floatx`.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> bool((hornbeam.random.gamma((100,), 2.0, seed=1) > 0).all())
    True
    """
    wanted = _float_dtype("gamma", dtype)
    b, sizes = _place(shape, seed, alpha)
    if b.symbolic:
        return KerasTensor(sizes, wanted)
    drawn = rejection.gamma(drawing(b), draw_seed(seed, b), _spread(b, alpha, sizes))
    return b.cast(drawn, wanted)


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Numbers in [0, 1] of the beta distribution.

    Args:
        shape: the shape of the result.
        alpha: the first parameter, positive; a number, or an array that broadcasts to `shape`.
        beta: the second parameter, likewise.
        dtype: a float dtype; by default `hornbeam.config.floatx`.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> hornbeam.random.beta((3,), 2.0, 5.0, seed=1).shape
    (3,)
    """
    wanted = _float_dtype("beta", dtype)
    b, sizes = _place(shape, seed, alpha, beta)
    if b.symbolic:
        return KerasTensor(sizes, wanted)
    key = draw_seed(seed, b)
    return b.cast(
        rejection.beta(drawing(b), key, _spread(b, alpha, sizes), _spread(b, beta, sizes)), wanted
    )


def binomial(
    shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Array:
    """How many of `counts` independent trials succeed.

    Args:
        shape: the shape of the result.
        counts: how many trials there are, at most 2**24; a number, or an array that broadcasts to
            `shape`.
        probabilities: the probability in [0, 1] of success in each, likewise.
        dtype: the dtype of the result, by default `hornbeam.config.floatx`.
        seed: an int, a `SeedGenerator` or None.

    Example:

    >>> import hornbeam
    >>> hornbeam.random.binomial((2,), 5.0, 1.0, seed=1).tolist()
    [5.0, 5.0]
    """
    wanted = dtypes.standardize(dtype)
    b, sizes = _place(shape, seed, counts, probabilities)
    if b.symbolic:
        return KerasTensor(sizes, wanted)
    key = draw_seed(seed, b)
    drawn = rejection.binomial(
        drawing(b), key, _spread(b, counts, sizes), _spread(b, probabilities, sizes)
    )
    return b.cast(drawn, wanted)


# -------------------------------------------------------------------------------------------- helpers


def _float_dtype(name: str, dtype: Any) -> str:
    wanted = dtypes.standardize(dtype)
    if not dtypes.is_float(wanted):
        raise InputError(
            f"{name}() draws floats, so `dtype` cannot be {wanted!r}; use randint() for integers."
        )
    return wanted


def _place(shape: Sequence[int], seed: Any, *parameters: Any) -> tuple[Backend, tuple[Any, ...]]:
    """The engine to draw on, symbolic if a size or a parameter is not known yet, and the shape."""
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not all(hasattr(d, "__index__") and not isinstance(d, KerasTensor) for d in sizes):
        return registry.get("symbolic"), tuple(None if _is_open(d) else d for d in sizes)
    known = []
    for d in sizes:
        if _is_open(d):
            return registry.get("symbolic"), tuple(None if _is_open(e) else e for e in sizes)
        known.append(int(d))
    owner = next((o for o in map(owner_of, parameters) if o is not None), None)
    if owner is None and isinstance(seed, SeedGenerator):
        owner = seed.state.backend
    return owner or registry.current(), tuple(known)


def _is_open(size: Any) -> bool:
    return not isinstance(size, (int, np.integer)) and not hasattr(size, "dtype")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number))


def _array(b: Backend, value: Any) -> Array:
    if hasattr(value, "__hornbeam_array__"):
        value = value.__hornbeam_array__()
    return value if b.is_array(value) else b.asarray(value)


def _number(b: Backend, value: Any, dtype: str) -> Any:
    return b.cast(_array(b, value), dtype)


def _moved(b: Backend, x: Array, scale: Any, shift: Any, dtype: str) -> Array:
    """``x * scale + shift`` in `dtype`."""
    if not (_is_number(scale) and scale == 1):
        x = b.multiply(x, _number(b, scale, dtype))
    if not (_is_number(shift) and shift == 0):
        x = b.add(x, _number(b, shift, dtype))
    return x


def _spread(b: Backend, value: Any, shape: tuple[int, ...]) -> Array:
    return b.broadcast_to(b.cast(_array(b, value), "float32"), shape)
