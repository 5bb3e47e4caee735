"""Layers that Keras 1 and 2 had and Keras 3 has not: gates, pieces of lines, learnt activations."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, constraints, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.convolutional.local import LocallyConnected1D, LocallyConnected2D
from hornbeam.layers.core.dense import Dense
from hornbeam.layers.layer import Layer
from hornbeam.layers.recurrent.time_distributed import TimeDistributed
from hornbeam.saving.objects import builtin

AREA = "keras.layers"


class _Weighted(Layer):
    """What Keras 1's layers of weights share: initializers, regularizers, constraints."""

    def _set_weighted(
        self,
        init: Any,
        weights: Any,
        W_regularizer: Any,
        b_regularizer: Any,
        W_constraint: Any,
        b_constraint: Any,
        bias: bool,
    ) -> None:
        self.init = initializers.get(init)
        self.weights_given = weights
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)
        self.bias = bias

    def _kernel(self, shape: tuple[int, ...], name: str) -> Any:
        return self.add_weight(
            shape=shape,
            initializer=self.init,
            regularizer=self.W_regularizer,
            constraint=self.W_constraint,
            name=name,
        )

    def _bias(self, shape: tuple[int, ...], name: str, initializer: Any = "zeros") -> Any:
        if not self.bias:
            return None
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            regularizer=self.b_regularizer,
            constraint=self.b_constraint,
            name=name,
        )

    def _take_given(self) -> None:
        if self.weights_given is not None:
            self.set_weights(self.weights_given)
            self.weights_given = None


@builtin(AREA)
class Highway(_Weighted):
    """A dense layer with a gate beside which the input passes (Srivastava et al., arXiv:1505.00387).

    ``t * activation(x W + b) + (1 - t) * x`` with ``t = sigmoid(x W_carry + b_carry)``.

    Args:
        init: initializer of both kernels.
        activation: function of the dense layer's output, or its name.
        weights: [W, W_carry, b, b_carry] to start from.
        W_regularizer: penalty of the kernels.
        b_regularizer: penalty of the biases.
        activity_regularizer: see `Layer`.
        W_constraint: projection of the kernels.
        b_constraint: projection of the biases.
        bias: whether biases are added; that of the gate starts at -2, so that inputs pass at first.
        **kwargs: see `Layer`.

    Input and output: (batch, features).

    Example:

    >>> import hornbeam
    >>> from hornbeam.compat.layers import Highway
    >>> Highway()(hornbeam.ops.ones((2, 3))).shape
    (2, 3)
    """

    _unsaved = frozenset({"weights"})

    def __init__(
        self,
        init: Any = "glorot_uniform",
        activation: Any = None,
        weights: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        activity_regularizer: Any = None,
        W_constraint: Any = None,
        b_constraint: Any = None,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.activation = activations.get(activation)
        rest = (W_regularizer, b_regularizer, W_constraint, b_constraint, bias)
        self._set_weighted(init, weights, *rest)

    def build(self, input_shape: Any) -> None:
        """Make kernels and biases.

        Args:
            input_shape: (batch, features).
        """
        size = input_shape[-1]
        self.W = self._kernel((size, size), "W")
        self.W_carry = self._kernel((size, size), "W_carry")
        self.b = self._bias((size,), "b")
        self.b_carry = self._bias((size,), "b_carry", initializers.Constant(-2.0))
        self._take_given()

    def call(self, inputs: Any) -> Any:
        """What the gate lets through of the dense layer, and of the inputs."""
        gate = ops.matmul(inputs, self.W_carry)
        found = ops.matmul(inputs, self.W)
        if self.bias:
            gate, found = ops.add(gate, self.b_carry), ops.add(found, self.b)
        gate = ops.sigmoid(gate)
        return ops.add(ops.multiply(gate, self.activation(found)), ops.multiply(1.0 - gate, inputs))


@builtin(AREA)
class MaxoutDense(_Weighted):
    """The largest of several dense layers, entry by entry (Goodfellow et al., arXiv:1302.4389).

    Args:
        output_dim: the number of outputs.
        nb_feature: the number of dense layers.
        init: initializer of the kernels.
        weights: [W, b] to start from.
        W_regularizer: penalty of the kernels.
        b_regularizer: penalty of the biases.
        activity_regularizer: see `Layer`.
        W_constraint: projection of the kernels.
        b_constraint: projection of the biases.
        bias: whether biases are added.
        **kwargs: see `Layer`.

    Input: (batch, features).  Output: (batch, output_dim).

    Example:

    >>> import hornbeam
    >>> from hornbeam.compat.layers import MaxoutDense
    >>> MaxoutDense(5)(hornbeam.ops.ones((2, 3))).shape
    (2, 5)
    """

    _unsaved = frozenset({"weights"})

    def __init__(
        self,
        output_dim: int,
        nb_feature: int = 4,
        init: Any = "glorot_uniform",
        weights: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        activity_regularizer: Any = None,
        W_constraint: Any = None,
        b_constraint: Any = None,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for name, size in (("output_dim", output_dim), ("nb_feature", nb_feature)):
            if not isinstance(size, int) or size < 1:
                raise InputError(f"MaxoutDense: `{name}` must be a positive int, got {size!r}.")
        self.output_dim = output_dim
        self.nb_feature = nb_feature
        rest = (W_regularizer, b_regularizer, W_constraint, b_constraint, bias)
        self._set_weighted(init, weights, *rest)

    def build(self, input_shape: Any) -> None:
        """Make kernels and biases.

        Args:
            input_shape: (batch, features).
        """
        self.W = self._kernel((self.nb_feature, input_shape[-1], self.output_dim), "W")
        self.b = self._bias((self.nb_feature, self.output_dim), "b")
        self._take_given()

    def call(self, inputs: Any) -> Any:
        """The largest outputs of the dense layers."""
        found = ops.einsum("...i,kio->...ko", inputs, ops.convert_to_tensor(self.W))
        if self.bias:
            found = ops.add(found, self.b)
        return ops.max(found, axis=-2)


@builtin(AREA)
class ThresholdedReLU(Layer):
    """``x`` where it is above a threshold, 0 elsewhere (Konda et al., arXiv:1402.3337).

    Args:
        theta: the threshold, not negative.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> from hornbeam.compat.layers import ThresholdedReLU
    >>> ThresholdedReLU(1.0)(hornbeam.ops.array([-1.0, 1.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(theta, (int, float)) or theta < 0:
            raise InputError(f"ThresholdedReLU: `theta` must not be negative, got {theta!r}.")
        self.theta = theta
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """`inputs` where they are above the threshold."""
        return ops.where(ops.greater(inputs, self.theta), inputs, ops.zeros_like(inputs))


class _Learnt(Layer):
    """An activation with weights for each entry of its input, or shared along axes."""

    shared_axes: Any

    def _set_shared(self, shared_axes: Any, weights: Any) -> None:
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else list(axes)
        self.weights_given = weights
        self.supports_masking = True

    def _shape(self, input_shape: Any) -> tuple[int, ...]:
        sizes = list(input_shape[1:])
        for axis in self.shared_axes or ():
            sizes[axis - 1] = 1
        return tuple(sizes)

    def _weight(self, input_shape: Any, initializer: Any, name: str) -> Any:
        return self.add_weight(shape=self._shape(input_shape), initializer=initializer, name=name)

    def _take_given(self) -> None:
        if self.weights_given is not None:
            self.set_weights(self.weights_given)
            self.weights_given = None


@builtin(AREA)
class ParametricSoftplus(_Learnt):
    """``alpha * log(1 + exp(beta * x))`` with learnt alpha and beta.

    Args:
        alpha_init: where alpha starts.
        beta_init: where beta starts.
        weights: [alpha, beta] to start from.
        shared_axes: axes along which all entries share their weights; 1 is the first behind the batch.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> from hornbeam.compat.layers import ParametricSoftplus
    >>> ParametricSoftplus()(hornbeam.ops.ones((2, 3))).shape
    (2, 3)
    """

    _unsaved = frozenset({"weights"})

    def __init__(
        self,
        alpha_init: Any = 0.2,
        beta_init: Any = 5.0,
        weights: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_init = alpha_init
        self.beta_init = beta_init
        self._set_shared(shared_axes, weights)

    def build(self, input_shape: Any) -> None:
        """Make alpha and beta.

        Args:
            input_shape: the shape of the inputs.
        """
        self.alpha = self._weight(input_shape, initializers.Constant(self.alpha_init), "alpha")
        self.beta = self._weight(input_shape, initializers.Constant(self.beta_init), "beta")
        self._take_given()

    def call(self, inputs: Any) -> Any:
        """The softplus of `inputs`, stretched."""
        return ops.multiply(ops.softplus(ops.multiply(inputs, self.beta)), self.alpha)


@builtin(AREA)
class SReLU(_Learnt):
    """A line with learnt bends at both ends (Jin et al., arXiv:1512.07030).

    ``x`` between ``t_left`` and ``t_right``; below ``t_left + a_left (x - t_left)``, above ``t_right +
    a_right (x - t_right)``.  The right threshold is kept above the left one: it is ``t_left +
    |t_right_weight|``.

    Args:
        t_left_init: initializer of the left threshold.
        a_left_init: initializer of the slope below it.
        t_right_init: initializer of the distance of the right threshold.
        a_right_init: initializer of the slope above it.
        shared_axes: axes along which all entries share their weights; 1 is the first behind the batch.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> from hornbeam.compat.layers import SReLU
    >>> SReLU()(hornbeam.ops.ones((2, 3))).shape
    (2, 3)
    """

    def __init__(
        self,
        t_left_init: Any = "zeros",
        a_left_init: Any = "glorot_uniform",
        t_right_init: Any = "glorot_uniform",
        a_right_init: Any = "ones",
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.t_left_init = initializers.get(t_left_init)
        self.a_left_init = initializers.get(a_left_init)
        self.t_right_init = initializers.get(t_right_init)
        self.a_right_init = initializers.get(a_right_init)
        self._set_shared(shared_axes, None)

    def build(self, input_shape: Any) -> None:
        """Make thresholds and slopes.

        Args:
            input_shape: the shape of the inputs.
        """
        self.t_left = self._weight(input_shape, self.t_left_init, "t_left")
        self.a_left = self._weight(input_shape, self.a_left_init, "a_left")
        self.t_right = self._weight(input_shape, self.t_right_init, "t_right")
        self.a_right = self._weight(input_shape, self.a_right_init, "a_right")

    def call(self, inputs: Any) -> Any:
        """`inputs`, bent at both ends."""
        left, slope = ops.convert_to_tensor(self.t_left), ops.convert_to_tensor(self.a_left)
        right = ops.add(left, ops.abs(self.t_right))
        below = ops.add(left, ops.multiply(slope, ops.subtract(inputs, left)))
        above = ops.add(right, ops.multiply(self.a_right, ops.subtract(inputs, right)))
        found = ops.where(ops.less_equal(inputs, left), below, inputs)
        return ops.where(ops.greater_equal(inputs, right), above, found)


@builtin(AREA)
class TimeDistributedDense(TimeDistributed):
    """The same dense layer at every time step, as Keras 1 called it.

    Args:
        output_dim: the number of outputs of a step.
        init: initializer of the kernel.
        activation: function of the outputs, or its name.
        weights: [kernel, bias] to start from.
        W_regularizer: penalty of the kernel.
        b_regularizer: penalty of the bias.
        activity_regularizer: see `Layer`.
        W_constraint: projection of the kernel.
        b_constraint: projection of the bias.
        bias: whether a bias is added.
        **kwargs: see `Layer`.

    Input: (batch, time, features).  Output: (batch, time, output_dim).

    Example:

    >>> import hornbeam
    >>> from hornbeam.compat.layers import TimeDistributedDense
    >>> TimeDistributedDense(5)(hornbeam.ops.ones((2, 4, 3))).shape
    (2, 4, 5)
    """

    _unsaved = frozenset({"weights"})
    _also_saved = ()

    def __init__(
        self,
        output_dim: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        weights: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        activity_regularizer: Any = None,
        W_constraint: Any = None,
        b_constraint: Any = None,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        dense = Dense(
            output_dim,
            activation=activation,
            use_bias=bias,
            kernel_initializer=init,
            kernel_regularizer=W_regularizer,
            bias_regularizer=b_regularizer,
            kernel_constraint=W_constraint,
            bias_constraint=b_constraint,
            dtype=kwargs.get("dtype"),
        )
        super().__init__(dense, activity_regularizer=activity_regularizer, **kwargs)
        self.output_dim = output_dim
        self.init, self.activation, self.bias = dense.kernel_initializer, dense.activation, bias
        self.W_regularizer, self.b_regularizer = dense.kernel_regularizer, dense.bias_regularizer
        self.W_constraint, self.b_constraint = dense.kernel_constraint, dense.bias_constraint
        self.weights_given = weights

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias.

        Args:
            input_shape: (batch, time, features).
        """
        super().build(input_shape)
        if self.weights_given is not None:
            self.layer.set_weights(self.weights_given)
            self.weights_given = None


__all__ = [
    "Highway",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MaxoutDense",
    "ParametricSoftplus",
    "SReLU",
    "ThresholdedReLU",
    "TimeDistributedDense",
]
