"""Gradient descent, and what divides it by a running size of the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.initializers import Constant
from hornbeam.optimizers.listed import ListedOptimizer
from hornbeam.optimizers.optimizer import Optimizer, Slots
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.optimizers")
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    ``v = momentum v - learning_rate g; w += v``; with Nesterov momentum
    ``w += momentum v - learning_rate g``.

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        momentum: in [0, 1], how long a direction is kept.
        nesterov: whether to look ahead along the momentum.
        weight_decay: see `Optimizer`, as all arguments below.
        clipnorm: the largest norm of the gradient of one variable.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep moving averages of the variables.
        ema_momentum: how slowly the averages move.
        ema_overwrite_frequency: after how many updates variables take their averages' values.
        loss_scale_factor: a factor of the loss, taken out of the gradients.
        gradient_accumulation_steps: over how many steps gradients are averaged.
        name: a name.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.Variable([1.0, 2.0])
    >>> hornbeam.optimizers.SGD(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.5, 2.5]
    """

    rule = "sgd"

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        if not 0 <= momentum <= 1:
            raise InputError(f"SGD: `momentum` must be in [0, 1], got {momentum!r}.")
        self.momentum = momentum
        self.nesterov = nesterov

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [("momentum",)] if self.momentum else []

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        change = -learning_rate * gradient
        if not self.momentum:
            return parameter + change, {}
        velocity = self.momentum * slots["momentum"] + change
        ahead = self.momentum * velocity + change if self.nesterov else velocity
        return parameter + ahead, {"momentum": velocity}


@builtin("keras.optimizers")
class RMSprop(ListedOptimizer):
    """Divides gradients by the root of a moving mean of their squares (Hinton, 2012).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        rho: how slowly the mean of the squares moves.
        momentum: how long a direction is kept.
        epsilon: keeps the denominator from zero.
        centered: whether to divide by the standard deviation instead.
        weight_decay: see `Optimizer`, as all arguments below.
        clipnorm: the largest norm of the gradient of one variable.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep moving averages of the variables.
        ema_momentum: how slowly the averages move.
        ema_overwrite_frequency: after how many updates variables take their averages' values.
        loss_scale_factor: a factor of the loss, taken out of the gradients.
        gradient_accumulation_steps: over how many steps gradients are averaged.
        name: a name.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.Variable([1.0, 2.0])
    >>> hornbeam.optimizers.RMSprop(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [-0.581, 3.581]
    """

    rule = "rmsprop"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-07,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        momentum = [("momentum",)] if self.momentum > 0 else []
        return [("velocity",), *momentum, *([("average_gradient",)] if self.centered else [])]

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        new = dict(slots)
        new["velocity"] = self.rho * slots["velocity"] + (1 - self.rho) * ops.square(gradient)
        size = new["velocity"] + self.epsilon
        if self.centered:
            mean = self.rho * slots["average_gradient"] + (1 - self.rho) * gradient
            new["average_gradient"] = mean
            size = size - ops.square(mean)
        change = learning_rate * gradient * ops.rsqrt(size)
        if self.momentum > 0:
            change = new["momentum"] = self.momentum * slots["momentum"] + change
        return parameter - change, new


@builtin("keras.optimizers")
class Adagrad(ListedOptimizer):
    """Divides gradients by the root of the sum of all their squares (Duchi et al., 2011).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        initial_accumulator_value: what the sums start from.
        epsilon: keeps the denominator from zero.
        weight_decay: see `Optimizer`, as all arguments below.
        clipnorm: the largest norm of the gradient of one variable.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep moving averages of the variables.
        ema_momentum: how slowly the averages move.
        ema_overwrite_frequency: after how many updates variables take their averages' values.
        loss_scale_factor: a factor of the loss, taken out of the gradients.
        gradient_accumulation_steps: over how many steps gradients are averaged.
        name: a name.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.Variable([1.0, 2.0])
    >>> hornbeam.optimizers.Adagrad(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.523, 2.477]
    """

    rule = "adagrad"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-07,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [("accumulator",)]

    def slot_initializer(self, name: str) -> Any:
        """Its first value."""
        return Constant(self.initial_accumulator_value)

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        total = slots["accumulator"] + ops.square(gradient)
        change = learning_rate * gradient * ops.rsqrt(total + self.epsilon)
        return parameter - change, {"accumulator": total}


@builtin("keras.optimizers")
class Adadelta(ListedOptimizer):
    """Gradients in units of how far the variable has been moving (Zeiler, 2012).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        rho: how slowly the means move.
        epsilon: keeps roots and denominators from zero.
        weight_decay: see `Optimizer`, as all arguments below.
        clipnorm: the largest norm of the gradient of one variable.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep moving averages of the variables.
        ema_momentum: how slowly the averages move.
        ema_overwrite_frequency: after how many updates variables take their averages' values.
        loss_scale_factor: a factor of the loss, taken out of the gradients.
        gradient_accumulation_steps: over how many steps gradients are averaged.
        name: a name.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.Variable([1.0, 2.0])
    >>> hornbeam.optimizers.Adadelta(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.999, 2.001]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-07,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.rho = rho
        self.epsilon = epsilon

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [
            (
                "accumulated_grad",
                "accumulated_delta_var",
            )
        ]

    def update_step(self, grad: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one variable.

        Args:
            grad: its gradient.
            variable: the variable.
            learning_rate: the learning rate.
        """
        super().update_step(grad, variable, learning_rate)

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        squares = self.rho * slots["accumulated_grad"] + (1 - self.rho) * ops.square(gradient)
        moved = slots["accumulated_delta_var"]
        change = gradient * ops.sqrt(moved + self.epsilon) * ops.rsqrt(squares + self.epsilon)
        moved = self.rho * moved + (1 - self.rho) * ops.square(change)
        new = {"accumulated_grad": squares, "accumulated_delta_var": moved}
        return parameter - learning_rate * change, new
