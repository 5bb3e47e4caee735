"""`ReLU`, `LeakyReLU`, `PReLU`, `ELU`, `Softmax`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import constraints, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


def _not_negative(value: Any, name: str, kind: str) -> float:
    if value is None or isinstance(value, (list, tuple, dict, str)) or not value >= 0:
        raise InputError(f"{kind}: `{name}` must be a number >= 0, got {value!r}.")
    return float(value)


@builtin("keras.layers")
class ReLU(Layer):
    """``min(x, max_value)`` from `threshold` on, ``negative_slope * (x - threshold)`` below.

    Args:
        max_value: upper limit, >= 0; None for none.
        negative_slope: slope below the threshold, >= 0.
        threshold: where the linear part begins, >= 0.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.ReLU(max_value=6)
    >>> layer(hornbeam.ops.convert_to_tensor([-10.0, 5.0, 10.0])).tolist()
    [0.0, 5.0, 6.0]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = (
            None if max_value is None else _not_negative(max_value, "max_value", "ReLU")
        )
        self.negative_slope = _not_negative(negative_slope, "negative_slope", "ReLU")
        self.threshold = _not_negative(threshold, "threshold", "ReLU")
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The function of `inputs`."""
        if not self.threshold and not self.negative_slope:
            outputs = ops.relu(inputs)
        else:
            below = ops.multiply(ops.subtract(inputs, self.threshold), self.negative_slope)
            outputs = ops.where(ops.greater(inputs, self.threshold), inputs, below)
        return outputs if self.max_value is None else ops.minimum(outputs, self.max_value)


@builtin("keras.layers")
class LeakyReLU(Layer):
    """``x`` where it is positive, ``negative_slope * x`` elsewhere.

    Args:
        negative_slope: slope for negative values, >= 0.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.LeakyReLU(negative_slope=0.5)
    >>> layer(hornbeam.ops.convert_to_tensor([-10.0, 5.0])).tolist()
    [-5.0, 5.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = _not_negative(negative_slope, "negative_slope", "LeakyReLU")
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The function of `inputs`."""
        return ops.leaky_relu(inputs, negative_slope=self.negative_slope)


@builtin("keras.layers")
class PReLU(Layer):
    """``x`` where it is positive, ``alpha * x`` elsewhere, with a trained `alpha`.

    He et al., 2015, https://arxiv.org/abs/1502.01852

    Args:
        alpha_initializer: how the slopes start; their shape is that of one example.
        alpha_regularizer: penalty on the slopes.
        alpha_constraint: projection of the slopes after each update.
        shared_axes: axes along which all positions share a slope, counted with the batch axis.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.PReLU(shared_axes=[1, 2])
    >>> layer(hornbeam.ops.ones((2, 8, 8, 3))).shape, layer.alpha.shape
    ((2, 8, 8, 3), (1, 1, 3))
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if isinstance(shared_axes, int):
            shared_axes = [shared_axes]
        self.shared_axes = None if shared_axes is None else list(shared_axes)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the slopes."""
        rank = len(input_shape)
        shared = {a % rank for a in self.shared_axes or ()}
        shape = [1 if a in shared else input_shape[a] for a in range(1, rank)]
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        fixed = {a: input_shape[a] for a in range(1, rank) if a not in shared}
        self.input_spec = InputSpec(ndim=rank, axes=fixed)

    def call(self, inputs: Any) -> Any:
        """The function of `inputs`."""
        negative = ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        return ops.subtract(ops.relu(inputs), negative)


@builtin("keras.layers")
class ELU(Layer):
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Clevert et al., 2015, https://arxiv.org/abs/1511.07289

    Args:
        alpha: the limit for very negative values, with its sign changed.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.ELU()(hornbeam.ops.convert_to_tensor([0.0, 5.0])).tolist()
    [0.0, 5.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The function of `inputs`."""
        return ops.elu(inputs, alpha=self.alpha)


@builtin("keras.layers")
class Softmax(Layer):
    """Exponentials divided by their sum: positive numbers that add up to 1.

    Args:
        axis: the axes over which they add up.
        **kwargs: see `Layer`.

    A mask of the shape of the input, passed as ``mask=``, gives probability 0 to what is False.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Softmax()(hornbeam.ops.zeros((1, 4))).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis: Any = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The probabilities, 0 where `mask` is False."""
        if mask is not None:
            inputs = ops.where(mask, inputs, lowest(inputs.dtype))
        if isinstance(self.axis, int):
            return ops.softmax(inputs, axis=self.axis)
        total = ops.logsumexp(inputs, axis=self.axis, keepdims=True)
        return ops.exp(ops.subtract(inputs, total))


def lowest(dtype: Any) -> float:
    """A number so small that its exponential is 0, in any sum of that dtype."""
    return -3e4 if "float16" in str(dtype) and "bfloat16" not in str(dtype) else -1e9
