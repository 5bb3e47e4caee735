"""Dynamic loss scaling, which keeps small gradients in float16 from becoming zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbeam import initializers, ops
from hornbeam.errors import InputError
from hornbeam.optimizers.optimizer import Optimizer, conditionally
from hornbeam.saving.objects import (
    CustomObjectScope,
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)
from hornbeam.variables import Variable


@builtin("keras.optimizers")
class LossScaleOptimizer(Optimizer):
    """Multiplies the loss by a factor that it adapts, and divides the gradients by it.

    Gradients that are not finite change nothing, and halve the factor; after a number of finite ones in
    a row it doubles.

    Args:
        inner_optimizer: the optimizer that changes the variables.
        initial_scale: the factor to begin with.
        dynamic_growth_steps: after so many steps with finite gradients the factor doubles.
        name: a name.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.Variable([1.0])
    >>> inner = hornbeam.optimizers.SGD(0.5)
    >>> optimizer = hornbeam.optimizers.LossScaleOptimizer(inner, initial_scale=4.0)
    >>> optimizer.build([w])
    >>> optimizer.apply([hornbeam.ops.convert_to_tensor([4.0])])
    >>> w.numpy().tolist()
    [0.5]
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(inner_optimizer, LossScaleOptimizer) or not isinstance(
            inner_optimizer, Optimizer
        ):
            raise InputError(
                f"LossScaleOptimizer wraps an optimizer that scales nothing, got {inner_optimizer!r}."
            )
        if not initial_scale > 0 or dynamic_growth_steps < 1:
            raise InputError(
                "LossScaleOptimizer: `initial_scale` and `dynamic_growth_steps` must be positive, got "
                f"{initial_scale!r} and {dynamic_growth_steps!r}."
            )
        self.inner_optimizer = inner_optimizer
        super().__init__(learning_rate=0.0, name=name, **kwargs)
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        self.step_counter: Variable | None = None
        self.dynamic_scale: Variable | None = None

    def build(self, var_list: Sequence[Variable]) -> None:
        """Make the state, here and in the inner optimizer.

        Args:
            var_list: the variables to be trained.
        """
        if self.built:
            return
        self._set_variables(var_list)
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale = self.add_variable(
            (), initializers.Constant(self.initial_scale), "float32", name="dynamic_scale"
        )
        self.inner_optimizer.build(var_list)

    @property
    def variables(self) -> list[Variable]:
        """The own variables and the inner optimizer's."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        """How many updates the inner optimizer has made."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._learning_rate is None:
            # the variable that files of Keras have at this place
            self._learning_rate = self.add_variable((), "zeros", name="learning_rate")
        else:
            self.inner_optimizer.learning_rate = value

    def check_finite(self, grads: Sequence[Any]) -> Any:
        """Whether all gradients are finite, a bool scalar."""
        finite = ops.all(ops.isfinite(grads[0]))
        for gradient in grads[1:]:
            finite = ops.logical_and(finite, ops.all(ops.isfinite(gradient)))
        return finite

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Update variables, if all gradients are finite.

        Args:
            grads: the gradients of the scaled loss.
            trainable_variables: the variables they belong to; by default those of `build`.
        """
        if not len(grads):
            return
        given = self._variables_for(grads, trainable_variables)
        kept = [(g, v) for g, v in zip(grads, given, strict=True) if g is not None]
        self._warn_about_missing(given, kept)
        variables = [v for _, v in kept]
        values = [ops.convert_to_tensor(g) for g, _ in kept]
        counter, scale = self.step_counter, self.dynamic_scale
        assert counter is not None
        assert scale is not None
        finite = self.check_finite(values)

        def update() -> None:
            unscaled = [g / ops.cast(scale.value, g.dtype) for g in values]
            self.inner_optimizer.apply(unscaled, variables)

        conditionally(finite, update, [*variables, *self.inner_optimizer.variables])
        count = ops.where(finite, counter.value + 1, 0)
        grown = ops.equal(count, self.dynamic_growth_steps)
        factor = ops.where(finite, ops.where(grown, 2.0, 1.0), 0.5)
        scale.assign(scale.value * factor)
        counter.assign(ops.where(grown, 0, count))

    def scale_loss(self, loss: Any) -> Any:
        """The loss to differentiate: `loss` times the factor."""
        scale = self.initial_scale if self.dynamic_scale is None else self.dynamic_scale.value
        return loss * scale

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """As the inner optimizer does at the end of training."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """An optimizer from the result of `get_config`."""
        with CustomObjectScope(custom_objects or {}):
            inner = deserialize_keras_object(config["inner_optimizer"])
        rest = {key: value for key, value in config.items() if key != "inner_optimizer"}
        return cls(inner, **rest)
