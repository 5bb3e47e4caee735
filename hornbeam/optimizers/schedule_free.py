"""AdamW without a schedule: averages of the weights instead of a falling rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends.protocol import Array
from hornbeam.optimizers.listed import ListedOptimizer
from hornbeam.optimizers.optimizer import Slots
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.optimizers")
class ScheduleFreeAdamW(ListedOptimizer):
    """`Adam` whose weights are averaged as it goes, so that it needs no schedule (Defazio et al., 2024).

    The variables hold ``y = beta_1 x + (1 - beta_1) z``, z being where the steps lead and x the mean of
    all z so far.

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        beta_1: how near to the mean the gradients are taken, above 0.
        beta_2: how slowly the mean of the squares moves.
        epsilon: keeps the denominator from zero.
        warmup_steps: over how many steps the rate rises to its value.
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
    >>> hornbeam.optimizers.ScheduleFreeAdamW(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.5, 2.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        warmup_steps: int = 0,
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
        self.warmup_steps = warmup_steps

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        return [
            (
                "momentum",
                "velocity",
            )
        ]

    def build(self, var_list: Sequence[Variable]) -> None:
        """Make the state; the steps start from the variables."""
        if not self.built:
            super().build(var_list)
            for variable, start in zip(
                self._trainable_variables, self._slots["momentum"], strict=True
            ):
                start.assign(variable._value)

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        if self.warmup_steps > 0:
            learning_rate = learning_rate * ops.minimum(step / self.warmup_steps, 1.0)
        z = slots["momentum"]
        mean = (parameter - (1 - self.beta_1) * z) / self.beta_1
        size = self.beta_2 * slots["velocity"] + (1 - self.beta_2) * ops.square(gradient)
        root = ops.sqrt(size / (1 - ops.power(self.beta_2, step)))
        z = z - learning_rate * gradient / (root + self.epsilon)
        mean = mean + (z - mean) / step
        new = self.beta_1 * mean + (1 - self.beta_1) * z
        return new, {"momentum": z, "velocity": size}
