"""Muon: orthogonal steps for matrices, Adam's for everything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.optimizers.adam import moved
from hornbeam.optimizers.listed import ListedOptimizer
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.optimizers")
class Muon(ListedOptimizer):
    """Makes the steps of matrices orthogonal; other variables take the steps of `AdamW` (Jordan, 2024).

    The orthogonal matrix nearest to the momentum is approached by Newton-Schulz iterations.

    Args:
        learning_rate: a number, a schedule or a function, see `Optimizer`.
        adam_beta_1: as in `Adam`.
        adam_beta_2: as in `Adam`.
        adam_weight_decay: the weight decay of variables with the steps of `AdamW`.
        epsilon: as in `Adam`.
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
        exclude_layers: regular expressions; variables in whose path one is found take the steps of
            `AdamW`.
        exclude_embeddings: whether embeddings do.
        muon_a: a coefficient of the Newton-Schulz polynomial.
        muon_b: another.
        muon_c: another.
        adam_lr_ratio: the rate of `AdamW` steps over that of orthogonal ones.
        momentum: how long a direction is kept.
        ns_steps: how many Newton-Schulz iterations.
        nesterov: whether to look ahead along the momentum.
        rms_rate: the root mean square of the steps; None to scale by the shape alone.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.Variable([1.0, 2.0])
    >>> hornbeam.optimizers.Muon(0.5).apply_gradients([([1.0, -1.0], w)])
    >>> [round(float(v), 3) for v in w.numpy()]
    [0.498, 2.496]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-07,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Any = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
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
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def is_orthogonal(self, variable: Variable) -> bool:
        """Whether a variable takes orthogonal steps."""
        if len(variable.shape) != 2:
            return False
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return False
        return not any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, var_list: Sequence[Variable]) -> None:
        """Make the state: a momentum for all, a velocity for those with the steps of `AdamW`."""
        if self.built:
            return
        self._set_variables(var_list)
        self._orthogonal = [self.is_orthogonal(v) for v in self._trainable_variables]
        self._slots = {"momentum": [], "velocity": []}
        for variable, orthogonal in zip(self._trainable_variables, self._orthogonal, strict=True):
            mean = self.add_variable_from_reference(variable, "momentum")
            self._slots["momentum"].append(mean)
            own = mean if orthogonal else self.add_variable_from_reference(variable, "velocity")
            self._slots["velocity"].append(own)

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a variable."""
        orthogonal = self._orthogonal[self._get_variable_index(variable)]
        return self.weight_decay if orthogonal else self.adam_weight_decay

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one variable."""
        index = self._get_variable_index(variable)
        momentum, velocity = (self._slots[name][index] for name in ("momentum", "velocity"))
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        if self._orthogonal[index]:
            mean = self.momentum * momentum.value + gradient
            ahead = gradient + self.momentum * mean if self.nesterov else mean
            change = self.lr_adjust(self.zeropower_via_newtonschulz5(ahead, self.ns_steps))
            variable.assign(variable.value - rate * change)
            momentum.assign(mean)
            return
        step = ops.cast(self.iterations + 1, variable.dtype)
        mean = moved(momentum.value, gradient, self.adam_beta_1)
        size = moved(velocity.value, ops.square(gradient), self.adam_beta_2)
        rate = rate * self.adam_lr_ratio * ops.sqrt(1 - ops.power(self.adam_beta_2, step))
        rate = rate / (1 - ops.power(self.adam_beta_1, step))
        variable.assign(variable.value - rate * mean / (ops.sqrt(size) + self.epsilon))
        momentum.assign(mean)
        velocity.assign(size)

    def transpose_last_axis(self, X: Any) -> Any:
        """`X` with its last two axes swapped."""
        return ops.swapaxes(X, -1, -2)

    def lr_adjust(self, x: Any) -> Any:
        """A step, scaled so that its root mean square is about `rms_rate`."""
        if self.rms_rate is None:
            return x * max(1.0, x.shape[0] / x.shape[1]) ** 0.5
        return x * (self.rms_rate * max(x.shape[0], x.shape[1]) ** 0.5)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """About the orthogonal matrix nearest to `x`: its singular values are brought near 1.

        Args:
            x: a matrix.
            steps: how many iterations.
        """
        tall = x.shape[-2] > x.shape[-1]
        result = self.transpose_last_axis(x) if tall else x
        result = result / (ops.sqrt(ops.sum(ops.square(result), (-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            product = ops.matmul(result, self.transpose_last_axis(result))
            polynomial = self.muon_b * product + self.muon_c * ops.matmul(product, product)
            result = self.muon_a * result + ops.matmul(polynomial, result)
        return self.transpose_last_axis(result) if tall else result
