"""More of Adam's family: Nadam, Lamb, Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.optimizers.adam import moved
from hornbeam.optimizers.gradients import norm
from hornbeam.optimizers.listed import ListedOptimizer
from hornbeam.optimizers.optimizer import Slots
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.optimizers")
class Nadam(ListedOptimizer):
    """`Adam` with Nesterov momentum (Dozat, 2015).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        beta_1: how slowly the mean of the gradients moves.
        beta_2: how slowly the mean of their squares moves.
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
    >>> hornbeam.optimizers.Nadam(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.469, 2.531]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [
            (
                "momentum",
                "velocity",
            )
        ]

    def build(self, var_list: Sequence[Variable]) -> None:
        """Make the state: also the product of the momentum schedule so far, common to all."""
        if not self.built:
            super().build(var_list)
            self._product = self.add_variable((), "ones", name="u_product")

    def _momentum_at(self, step: Array) -> Array:
        return self.beta_1 * (1.0 - 0.5 * ops.power(0.96, step))

    def _update_all(self, grads: list[Array], variables: list[Variable], rate: Any) -> None:
        step = ops.cast(self.iterations + 1, self._product.dtype)
        self._product.assign(self._product.value * self._momentum_at(step))
        super()._update_all(grads, variables, rate)

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        now, then = self._momentum_at(step), self._momentum_at(step + 1)
        product = ops.cast(self._product.value, parameter.dtype)
        mean = moved(slots["momentum"], gradient, self.beta_1)
        size = moved(slots["velocity"], ops.square(gradient), self.beta_2)
        ahead = then * mean / (1 - product * then) + (1 - now) * gradient / (1 - product)
        root = ops.sqrt(size / (1 - ops.power(self.beta_2, step)))
        change = learning_rate * ahead / (root + self.epsilon)
        return parameter - change, {"momentum": mean, "velocity": size}


@builtin("keras.optimizers")
class Lamb(ListedOptimizer):
    """`Adam` with steps in proportion to the size of each variable (You et al., 2019).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        beta_1: how slowly the mean of the gradients moves.
        beta_2: how slowly the mean of their squares moves.
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
    >>> hornbeam.optimizers.Lamb(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.209, 2.791]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [
            (
                "momentum",
                "velocity",
            )
        ]

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        mean = moved(slots["momentum"], gradient, self.beta_1)
        size = moved(slots["velocity"], ops.square(gradient), self.beta_2)
        direction = mean / (1 - ops.power(self.beta_1, step))
        root = ops.sqrt(size / (1 - ops.power(self.beta_2, step)))
        direction = direction / (root + self.epsilon)
        own, wanted = norm([parameter]), norm([direction])
        usable = ops.logical_and(own > 0, wanted > 0)
        ratio = ops.where(usable, own / ops.where(usable, wanted, 1.0), 1.0)
        new = {"momentum": mean, "velocity": size}
        return parameter - learning_rate * ratio * direction, new


@builtin("keras.optimizers")
class Lion(ListedOptimizer):
    """Steps of one size, in the direction of the sign of a mean gradient (Chen et al., 2023).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        beta_1: how much of the direction is the mean gradient.
        beta_2: how slowly the mean moves.
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
    >>> hornbeam.optimizers.Lion(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.5, 2.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        if not 0 < beta_1 <= 1:
            raise InputError(f"Lion: `beta_1` must be in (0, 1], got {beta_1!r}.")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [("momentum",)]

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        old = slots["momentum"]
        direction = ops.sign(old * self.beta_1 + gradient * (1 - self.beta_1))
        mean = old * self.beta_2 + gradient * (1 - self.beta_2)
        return parameter - learning_rate * direction, {"momentum": mean}
