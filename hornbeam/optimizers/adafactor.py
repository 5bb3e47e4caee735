"""Adafactor: Adam's state in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends.protocol import Array
from hornbeam.optimizers.gradients import mean_square_root
from hornbeam.optimizers.listed import ListedOptimizer
from hornbeam.optimizers.optimizer import Slots
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.optimizers")
class Adafactor(ListedOptimizer):
    """Divides gradients by a size kept per row and per column only (Shazeer and Stern, 2018).

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        beta_2_decay: how fast the means slow down, below 0.
        epsilon_1: keeps sizes from zero.
        epsilon_2: keeps the scale of variables from zero.
        clip_threshold: the largest root mean square of a step, in units of the rate.
        relative_step: whether the rate is at most one over the root of the step.
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
    >>> hornbeam.optimizers.Adafactor(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.209, 2.791]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 0.001,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, var_list: Sequence[Variable]) -> None:
        """Make the state: means over rows, over columns, and of all for vectors."""
        if self.built:
            return
        self._set_variables(var_list)
        self._slots = {"row": [], "column": [], "velocity": []}
        for variable in self._trainable_variables:
            stem, shape = variable.path.replace("/", "_"), variable.shape
            factored = len(shape) >= 2
            sizes = (shape[:-1], (*shape[:-2], shape[-1])) if factored else ((), ())
            dtype = variable.dtype if factored else "int32"  # unused, as in files of Keras
            for name, size in zip(("row", "column"), sizes, strict=True):
                self._slots[name].append(self.add_variable(size, "zeros", dtype, name=stem))
            self._slots["velocity"].append(self.add_variable_from_reference(variable, "velocity"))

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """One step of the rule."""
        if self.relative_step:
            learning_rate = ops.minimum(learning_rate, ops.rsqrt(step))
        kept = 1 - ops.power(step, self.beta_2_decay)
        square = ops.square(gradient) + self.epsilon_1
        new = dict(slots)
        if len(parameter.shape) >= 2:
            row = kept * slots["row"] + (1 - kept) * ops.mean(square, axis=-1)
            column = kept * slots["column"] + (1 - kept) * ops.mean(square, axis=-2)
            share = row / ops.mean(row, axis=-1, keepdims=True)
            size = ops.expand_dims(share, -1) * ops.expand_dims(column, -2)
            new.update(row=row, column=column, velocity=size)
        else:
            size = new["velocity"] = kept * slots["velocity"] + (1 - kept) * square
        change = gradient * ops.rsqrt(size)
        change = change / ops.maximum(1.0, mean_square_root(change) / self.clip_threshold)
        scale = ops.maximum(self.epsilon_2, mean_square_root(parameter))
        return parameter - learning_rate * scale * change, new
