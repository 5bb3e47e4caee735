"""Adam and its family: a mean of the gradients over a mean of their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.optimizers.listed import ListedOptimizer
from hornbeam.optimizers.optimizer import Slots
from hornbeam.saving.objects import builtin


def moved(old: Array, new: Array, beta: float) -> Array:
    """A moving mean: `old`, moved by ``1 - beta`` of the way towards `new`."""
    return old + (new - old) * (1 - beta)


@builtin("keras.optimizers")
class Adam(ListedOptimizer):
    """Mean of the gradients over the root of the mean of their squares (Kingma and Ba, 2014).

    ``w -= learning_rate m / (sqrt(v) + epsilon)``, with both means corrected for their start at zero.

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        beta_1: how slowly the mean of the gradients moves.
        beta_2: how slowly the mean of their squares moves.
        epsilon: keeps the denominator from zero.
        amsgrad: whether to divide by the largest size so far.
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
    >>> hornbeam.optimizers.Adam(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.5, 2.5]
    """

    rule = "adam"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-07,
        amsgrad: bool = False,
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
        self.amsgrad = amsgrad

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The state of a variable."""
        means = ("momentum", "velocity")
        return [means, ("velocity_hat",)] if self.amsgrad else [means]

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        mean = moved(slots["momentum"], gradient, self.beta_1)
        size = moved(slots["velocity"], ops.square(gradient), self.beta_2)
        new = {"momentum": mean, "velocity": size}
        if self.amsgrad:
            size = new["velocity_hat"] = ops.maximum(slots["velocity_hat"], size)
        rate = learning_rate * ops.sqrt(1 - ops.power(self.beta_2, step))
        rate = rate / (1 - ops.power(self.beta_1, step))
        return parameter - mean * rate / (ops.sqrt(size) + self.epsilon), new


@builtin("keras.optimizers")
class AdamW(Adam):
    """`Adam` with weight decay (Loshchilov and Hutter, 2017).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        weight_decay: each update also takes ``learning_rate * weight_decay`` of the variable away.
        beta_1: how slowly the mean of the gradients moves.
        beta_2: how slowly the mean of their squares moves.
        epsilon: keeps the denominator from zero.
        amsgrad: whether to divide by the largest size so far.
        clipnorm: see `Optimizer`, as all arguments below: the largest norm of one gradient.
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
    >>> hornbeam.optimizers.AdamW(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.498, 2.496]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-07,
        amsgrad: bool = False,
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
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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
        if self.weight_decay is None:
            raise InputError("AdamW needs a `weight_decay`; without one, use Adam.")


@builtin("keras.optimizers")
class Adamax(ListedOptimizer):
    """`Adam` with the largest recent gradient in place of the mean square (Kingma and Ba, 2014).

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
    >>> hornbeam.optimizers.Adamax(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.5, 2.5]
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
                "norm",
            )
        ]

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        mean = moved(slots["momentum"], gradient, self.beta_1)
        size = ops.maximum(self.beta_2 * slots["norm"], ops.absolute(gradient))
        rate = learning_rate / (1 - ops.power(self.beta_1, step))
        return parameter - rate * mean / (size + self.epsilon), {"momentum": mean, "norm": size}
