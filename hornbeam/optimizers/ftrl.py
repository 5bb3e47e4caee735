"""Follow the regularized leader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.initializers import Constant
from hornbeam.optimizers.listed import ListedOptimizer
from hornbeam.optimizers.optimizer import Slots
from hornbeam.saving.objects import builtin


@builtin("keras.optimizers")
class Ftrl(ListedOptimizer):
    """Follow the regularized leader, which can make weights exactly zero (McMahan et al., 2013).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        learning_rate_power: at most 0: how the rate falls with the sum of squares.
        initial_accumulator_value: what the sums start from.
        l1_regularization_strength: at least 0: pulls weights to exactly zero.
        l2_regularization_strength: at least 0: pulls weights towards zero.
        l2_shrinkage_regularization_strength: at least 0: a penalty on the size of weights.
        beta: what is added to the roots of the sums.
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
    >>> hornbeam.optimizers.Ftrl(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.222, 1.874]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        if learning_rate_power > 0:
            raise InputError(
                f"Ftrl: `learning_rate_power` must be at most 0, got {learning_rate_power!r}."
            )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [
            (
                "accumulator",
                "linear",
            )
        ]

    def slot_initializer(self, name: str) -> Any:
        """Its first value."""
        return Constant(self.initial_accumulator_value) if name == "accumulator" else "zeros"

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        total = slots["accumulator"]
        power = -self.learning_rate_power
        shrunk = gradient + 2.0 * self.l2_shrinkage_regularization_strength * parameter
        new_total = total + ops.square(gradient)
        before, after = ops.power(total, power), ops.power(new_total, power)
        linear = slots["linear"] + shrunk - (after - before) / learning_rate * parameter
        l2 = self.l2_regularization_strength + self.beta / (2.0 * learning_rate)
        quadratic = after / learning_rate + 2.0 * l2
        l1 = self.l1_regularization_strength
        new = (ops.clip(linear, -l1, l1) - linear) / quadratic
        return new, {"accumulator": new_total, "linear": linear}
