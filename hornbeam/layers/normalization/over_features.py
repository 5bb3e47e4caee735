"""Normalization of each example on its own: `LayerNormalization`, `GroupNormalization` and others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hornbeam import constraints, dtypes, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


class _Affine(Layer):
    """A trained scale `gamma` and shift `beta`, each of them optional."""

    center: bool
    scale: bool
    gamma: Any
    beta: Any

    def _set_affine(
        self,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
    ) -> None:
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    def _make_affine(self, shape: tuple[int, ...]) -> None:
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
                name="beta",
            )

    def _affine(self, x: Any, shape: Sequence[int]) -> Any:
        """``x * gamma + beta``, both in `shape`, in the compute dtype."""
        if self.gamma is not None:
            x = ops.multiply(x, ops.reshape(ops.cast(self.gamma, x.dtype), shape))
        if self.beta is not None:
            x = ops.add(x, ops.reshape(ops.cast(self.beta, x.dtype), shape))
        return ops.cast(x, self.compute_dtype)


def _precise(x: Any) -> Any:
    """`x` in at least 32 bits."""
    return ops.cast(x, dtypes.result_type(x.dtype, "float32"))


def _standardized(x: Any, axes: list[int], epsilon: float) -> Any:
    """`x` with mean 0 and variance 1 over `axes`."""
    centred = ops.subtract(x, ops.mean(x, axis=axes, keepdims=True))
    variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
    return ops.multiply(centred, ops.rsqrt(ops.add(variance, epsilon)))


def _axes(axis: int | Sequence[int], rank: int) -> list[int]:
    given = [axis] if isinstance(axis, int) else list(axis)
    for a in given:
        if not -rank <= a < rank:
            raise InputError(f"`axis` {axis} does not fit an input of {rank} axes.")
    return sorted(a % rank for a in given)


def _known(layer: Layer, input_shape: Any, axes: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(input_shape[a] for a in axes)
    if None in shape:
        raise InputError(
            f"Layer {layer.path!r} ({type(layer).__name__}) needs to know the sizes of the axes "
            f"{list(axes)} of its input shape {tuple(input_shape)}."
        )
    return shape


@builtin("keras.layers")
class LayerNormalization(_Affine):
    """Brings each example to mean 0 and variance 1 over its features, then scales and shifts it.

    Ba et al., 2016, https://arxiv.org/abs/1607.06450

    Args:
        axis: the axes of the features.
        epsilon: added to the variance.
        center: whether to shift by a trained `beta`.
        scale: whether to scale by a trained `gamma`.
        beta_initializer: how `beta` starts; its shape is that of the features.
        gamma_initializer: how `gamma` starts.
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.convert_to_tensor([[1.0, 3.0], [5.0, 5.0]])
    >>> hornbeam.ops.round(hornbeam.layers.LayerNormalization()(x), 2).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("rms_scaling", False):
            raise InputError("LayerNormalization: instead of `rms_scaling` use RMSNormalization.")
        super().__init__(**kwargs)
        self.axis: Any = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.epsilon = float(epsilon)
        self._set_affine(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
        )

    def build(self, input_shape: Any) -> None:
        """Make scale and shift."""
        self._make_affine(_known(self, input_shape, _axes(self.axis, len(input_shape))))

    def call(self, inputs: Any) -> Any:
        """`inputs`, normalized."""
        x = _precise(inputs)
        gamma, beta = (None if w is None else ops.cast(w, x.dtype) for w in (self.gamma, self.beta))
        axes = _axes(self.axis, len(inputs.shape))
        outputs = ops.layer_normalization(x, gamma, beta, axis=axes, epsilon=self.epsilon)
        return ops.cast(outputs, self.compute_dtype)


@builtin("keras.layers")
class RMSNormalization(Layer):
    """Divides each example by the root mean square of its features, then scales it.

    Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467

    Args:
        axis: the axes of the features.
        epsilon: added to the mean square.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.convert_to_tensor([[3.0, 3.0]])
    >>> hornbeam.ops.round(hornbeam.layers.RMSNormalization()(x), 3).tolist()
    [[1.0, 1.0]]
    """

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis: Any = list(axis) if isinstance(axis, (list, tuple)) else [axis]
        self.epsilon = float(epsilon)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        shape = _known(self, input_shape, _axes(self.axis, len(input_shape)))
        self.scale = self.add_weight(shape, "ones", autocast=False, name="scale")

    def call(self, x: Any) -> Any:
        """`x`, normalized."""
        axes = _axes(self.axis, len(x.shape))
        shape = [s if a in axes else 1 for a, s in enumerate(x.shape)]
        x = _precise(x)
        power = ops.mean(ops.square(x), axis=axes, keepdims=True)
        x = ops.multiply(x, ops.rsqrt(ops.add(power, self.epsilon)))
        scaled = ops.multiply(x, ops.reshape(ops.cast(self.scale, x.dtype), shape))
        return ops.cast(scaled, self.compute_dtype)


@builtin("keras.layers")
class UnitNormalization(Layer):
    """Divides each example by its Euclidean length.

    Args:
        axis: the axes over which the length is taken.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.convert_to_tensor([[3.0, 4.0]])
    >>> hornbeam.layers.UnitNormalization()(x).shape
    (1, 2)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis: Any = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """`inputs` with length 1."""
        axes = _axes(self.axis, len(inputs.shape))
        square = ops.sum(ops.square(inputs), axis=axes, keepdims=True)
        return ops.multiply(inputs, ops.rsqrt(ops.maximum(square, 1e-12)))


@builtin("keras.layers")
class GroupNormalization(_Affine):
    """Brings groups of channels to mean 0 and variance 1, then scales and shifts each channel.

    Wu and He, 2018, https://arxiv.org/abs/1803.08494.  One group for all channels is layer
    normalization, one for each channel is instance normalization.

    Args:
        groups: number of groups, a divisor of the number of channels; -1 for one per channel.
        axis: the axis of the channels.
        epsilon: added to the variance.
        center: whether to shift by a trained `beta`.
        scale: whether to scale by a trained `gamma`.
        beta_initializer: how `beta` starts, (channels,).
        gamma_initializer: how `gamma` starts, (channels,).
        beta_regularizer: penalty on `beta`.
        gamma_regularizer: penalty on `gamma`.
        beta_constraint: projection of `beta` after each update.
        gamma_constraint: projection of `gamma` after each update.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.GroupNormalization(groups=2)(hornbeam.ops.ones((2, 5, 5, 4))).shape
    (2, 5, 5, 4)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        self.axis = axis
        self.epsilon = float(epsilon)
        self._set_affine(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
        )

    def build(self, input_shape: Any) -> None:
        """Make scale and shift."""
        (channels,) = _known(self, input_shape, _axes(self.axis, len(input_shape)))
        if self.groups == -1:
            self.groups = channels
        if self.groups <= 0 or channels % self.groups:
            raise InputError(
                f"Layer {self.path!r} (GroupNormalization): `groups` must divide the number of "
                f"channels, got {self.groups} groups and {channels} channels."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._make_affine((channels,))

    def call(self, inputs: Any) -> Any:
        """`inputs`, normalized."""
        rank = len(inputs.shape)
        axis = self.axis % rank
        shape = sizes(inputs)
        split = (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :])
        x = ops.reshape(_precise(inputs), split)
        within = [a for a in range(1, rank + 1) if a != axis]
        x = ops.reshape(_standardized(x, within, self.epsilon), shape)
        wide = [1] * rank
        wide[axis] = math.prod(self.gamma.shape if self.gamma is not None else (shape[axis],))
        return self._affine(x, wide)
