"""`BatchNormalization`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam import constraints, dtypes, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.layers")
class BatchNormalization(Layer):
    """Brings each channel to mean 0 and variance 1, then scales and shifts it.

    In training mean and variance are those of the batch, and moving averages of them are kept
    (``moving = moving * momentum + batch * (1 - momentum)``), which inference uses.  A frozen layer
    (``trainable = False``) uses the moving averages in training, too.  Masked steps do not count.

    Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167; with `renorm` Ioffe, 2017,
    https://arxiv.org/abs/1702.03275

    Args:
        axis: the axis of the channels.
        momentum: of the moving averages, in [0, 1].
        epsilon: added to the variance.
        center: whether to shift by a trained `beta`.
        scale: whether to scale by a trained `gamma`.
        beta_initializer: how `beta` starts, (channels,).
        gamma_initializer: how `gamma` starts, (channels,).
        moving_mean_initializer: how the moving mean starts.
        moving_variance_initializer: how the moving variance starts.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.
        renorm: whether batches are corrected towards the moving averages (batch renormalization).
        renorm_clipping: limits of the correction, a dict with any of "rmin", "rmax" and "dmax".
        renorm_momentum: momentum of the averages that the correction uses.
        synchronized: whether batch statistics are joined over devices; there is one device, so this
            changes nothing.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.BatchNormalization()
    >>> layer(hornbeam.ops.ones((4, 3)), training=True).shape, len(layer.non_trainable_variables)
    ((4, 3), 2)
    """

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)):
            (axis,) = axis
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm, renorm_clipping)
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make scale, shift and the moving averages."""
        channels = input_shape[self.axis]
        if channels is None:
            raise InputError(
                f"Layer {self.path!r} (BatchNormalization) needs to know the size of axis {self.axis} "
                f"of its input shape {tuple(input_shape)}."
            )
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                (channels,),
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                (channels,),
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
                name="beta",
            )
        mean, variance = self.moving_mean_initializer, self.moving_variance_initializer
        self.moving_mean = self._average("moving_mean", channels, mean)
        self.moving_variance = self._average("moving_variance", channels, variance)
        if self.renorm:
            self.moving_stddev = self._average("moving_stddev", channels, "ones")
            self.moving_stddev.assign(ops.sqrt(self.moving_variance.value))
            self.renorm_mean = self._average("renorm_mean", channels, mean)
            self.renorm_stddev = self._average("renorm_stddev", channels, "ones")
            self.renorm_stddev.assign(ops.sqrt(self.moving_variance.value))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def _average(self, name: str, channels: int, initializer: Any) -> Variable:
        return self.add_weight((channels,), initializer, trainable=False, autocast=False, name=name)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """`inputs`, normalized."""
        x = ops.cast(inputs, dtypes.result_type(inputs.dtype, "float32"))
        mean, variance = self.moving_mean.value, self.moving_variance.value
        gamma, beta = self.gamma, self.beta
        if training and self.trainable:
            axes = [a for a in range(len(x.shape)) if a != self.axis % len(x.shape)]
            mean, variance = _moments(x, axes, mask)
            if self.renorm:
                gamma, beta = self._renormalized(mean, variance)
            self._follow(self.moving_mean, mean, self.momentum)
            if self.renorm:
                square = ops.subtract(ops.square(self.moving_stddev.value), self.epsilon)
                self.moving_variance.assign(ops.maximum(square, 0))
            else:
                self._follow(self.moving_variance, variance, self.momentum)
        outputs = ops.batch_normalization(
            x, mean, variance, axis=self.axis, offset=beta, scale=gamma, epsilon=self.epsilon
        )
        return ops.cast(outputs, self.compute_dtype)

    def _follow(self, average: Variable, value: Any, momentum: float) -> None:
        old = ops.multiply(average.value, momentum)
        average.assign(ops.add(old, ops.multiply(ops.cast(value, average.dtype), 1 - momentum)))

    def _renormalized(self, mean: Any, variance: Any) -> tuple[Any, Any]:
        """Scale and shift that take the correction by the moving averages along."""
        stddev = ops.sqrt(ops.add(variance, self.epsilon))
        limits = self.renorm_clipping or {}
        r = ops.divide(stddev, self.renorm_stddev.value)
        d = ops.divide(ops.subtract(mean, self.renorm_mean.value), self.renorm_stddev.value)
        if "rmin" in limits:
            r = ops.maximum(r, limits["rmin"])
        if "rmax" in limits:
            r = ops.minimum(r, limits["rmax"])
        if "dmax" in limits:
            d = ops.clip(d, -limits["dmax"], limits["dmax"])
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        self._follow(self.renorm_mean, mean, self.renorm_momentum)
        self._follow(self.renorm_stddev, stddev, self.renorm_momentum)
        self._follow(self.moving_stddev, stddev, self.momentum)
        gamma = r if self.gamma is None else ops.multiply(r, self.gamma)
        beta = d if self.gamma is None else ops.multiply(d, self.gamma)
        return gamma, beta if self.beta is None else ops.add(beta, self.beta)


def _checked_clipping(
    renorm: bool, clipping: Mapping[str, float] | None
) -> dict[str, float] | None:
    if not renorm:
        return None
    limits = dict(clipping or {})
    unknown = set(limits) - {"rmin", "rmax", "dmax"}
    if unknown:
        raise InputError(
            f"BatchNormalization: `renorm_clipping` may hold 'rmin', 'rmax' and 'dmax', got "
            f"{sorted(unknown)}."
        )
    return limits


def _moments(x: Any, axes: list[int], mask: Any) -> tuple[Any, Any]:
    """Mean and variance over `axes`, of what is not masked."""
    if mask is None:
        return ops.moments(x, axes)
    weights = ops.cast(mask, x.dtype)
    weights = ops.reshape(weights, (*weights.shape, *(1,) * (len(x.shape) - len(weights.shape))))
    weights = ops.broadcast_to(weights, ops.shape(x))
    count = ops.maximum(ops.sum(weights, axis=axes, keepdims=True), 1e-7)
    mean = ops.divide(ops.sum(ops.multiply(x, weights), axis=axes, keepdims=True), count)
    squares = ops.multiply(ops.square(ops.subtract(x, mean)), weights)
    variance = ops.divide(ops.sum(squares, axis=axes, keepdims=True), count)
    return ops.squeeze(mean, axes), ops.squeeze(variance, axes)
