"""`Optimizer`, the base of all optimizers: what happens to gradients around the update rule.

An optimizer of Hornbeam's own is a rule on arrays, `Optimizer.update`, with the names of the state it
keeps for each variable, `Optimizer.slots`.  Everything else is here, once: clipping, weight decay,
accumulation, moving averages, constraints, schedules.  Nothing branches in Python on values, so that
`apply` runs eagerly and inside compiled steps alike.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

from hornbeam import dtypes, initializers, ops
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError, suggest
from hornbeam.naming import to_snake_case, unique_name
from hornbeam.optimizers import gradients
from hornbeam.optimizers.schedules import LearningRateSchedule
from hornbeam.optimizers.state import OptimizerState
from hornbeam.saving.objects import (
    CustomObjectScope,
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)
from hornbeam.variables import Variable, is_recording_writes, pure

Slots = dict[str, Array]

BASE_ARGUMENTS = """name learning_rate weight_decay clipnorm global_clipnorm clipvalue use_ema
ema_momentum ema_overwrite_frequency loss_scale_factor gradient_accumulation_steps""".split()


@builtin("keras.optimizers")
class Optimizer(OptimizerState):
    """Changes variables by their gradients.

    An optimizer of your own lists its state in `slots` and computes an update in `update`, both on
    arrays.  Or, as in Keras, it makes its variables in ``build(variables)`` and assigns in
    ``update_step(gradient, variable, learning_rate)``.

    Args:
        learning_rate: a number, a `schedules.LearningRateSchedule`, or a function without arguments.
        weight_decay: each update also takes ``learning_rate * weight_decay`` of the variable away.
        clipnorm: the largest norm of the gradient of one variable.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep moving averages of the variables.
        ema_momentum: in [0, 1], how slowly the averages move.
        ema_overwrite_frequency: after so many updates the variables take their averages' values; None
            for only at the end of training.
        loss_scale_factor: the loss is multiplied by it and the gradients are divided by it.
        gradient_accumulation_steps: variables change once in so many steps, by the mean gradient.
        name: a name; by default the class name in snake case, numbered.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam
    >>> class Plain(hornbeam.optimizers.Optimizer):
    ...     def update(self, gradient, parameter, slots, learning_rate, step):
    ...         return parameter - learning_rate * gradient, slots
    >>> w = hornbeam.Variable([1.0, 2.0])
    >>> Plain(0.5).apply_gradients([([1.0, 1.0], w)])
    >>> w.numpy().tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        learning_rate: Any,
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
        kind = type(self).__name__
        if kwargs:
            known = [*BASE_ARGUMENTS, *inspect.signature(type(self).__init__).parameters]
            raise InputError(
                f"{kind} got unknown arguments {sorted(kwargs)}.{suggest(next(iter(kwargs)), known)}"
            )
        super().__init__(str(name) if name is not None else unique_name(to_snake_case(kind)))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = bool(use_ema)
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check_arguments(kind)
        self._slots: dict[str, list[Variable]] = {}
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._undecayed: tuple[set[int], list[str]] = (set(), [])
        self._overwritten: list[Array] = []
        self._shared: dict[str, tuple[Any, Array, Array]] | None = None  # see `_scalars`
        self._kernel: Callable[..., Any] | None = None  # `update`, as the engine runs it best
        self._iterations = self.add_variable(
            (), "zeros", "int32", aggregation="only_first_replica", name="iteration"
        )
        self._learning_rate: Any = None
        self.learning_rate = learning_rate

    def _check_arguments(self, kind: str) -> None:
        clips = {"clipnorm": self.clipnorm, "clipvalue": self.clipvalue,
                 "global_clipnorm": self.global_clipnorm}  # fmt: skip
        given = {name: value for name, value in clips.items() if value is not None}
        if len(given) > 1:
            raise InputError(
                f"{kind}: only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set, "
                f"got {given}."
            )
        for name, value in given.items():
            if not value > 0:
                raise InputError(f"{kind}: `{name}` must be positive, got {value!r}.")
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise InputError(
                f"{kind}: `ema_momentum` must be in [0, 1], got {self.ema_momentum!r}."
            )
        for name in ("ema_overwrite_frequency", "gradient_accumulation_steps"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(f"{kind}: `{name}` must be a positive int or None, got {value!r}.")
        if self.gradient_accumulation_steps == 1:
            self.gradient_accumulation_steps = None

    rule: ClassVar[str] = ""
    """The name by which engines may know `update` (see `Backend.update_rule`); a class has it for its
    own `update` only."""

    # ----------------------------------------------------------------------- what subclasses define

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The names of the state that `update` keeps for each variable.

        Each tuple is a group: the state of one variable after that of another, group by group, is the
        order of `variables`.
        """
        return ()

    def slot_initializer(self, name: str) -> Any:
        """The initializer of a slot: zeros."""
        return "zeros"

    def update(
        self, gradient: Array, parameter: Array, slots: Slots, learning_rate: Array, step: Array
    ) -> tuple[Array, Slots]:
        """The rule.

        Args:
            gradient: the gradient, in the dtype of the parameter.
            parameter: the value of the variable.
            slots: name -> the variable's state.
            learning_rate: a scalar, in the dtype of the parameter.
            step: which update this is, 1 for the first, a scalar in the dtype of the parameter.

        Returns:
            The new value and the new state.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `update(gradient, parameter, slots, learning_rate, "
            "step)`, or `update_step(gradient, variable, learning_rate)`."
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one variable; by default by what `update` returns.

        Args:
            gradient: its gradient.
            variable: the variable.
            learning_rate: the learning rate.
        """
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        state = {name: variables[index] for name, variables in self._slots.items()}
        rate, step = self._scalars(learning_rate, dtype)
        values = {name: slot.value for name, slot in state.items()}
        update = self.update if self._kernel is None else self._kernel
        new, slots = update(ops.cast(gradient, dtype), variable.value, values, rate, step)
        variable.assign(new)
        for name, slot in state.items():
            slot.assign(slots[name])

    def _scalars(self, rate: Any, dtype: str) -> tuple[Array, Array]:
        """The learning rate and the number of the update in a dtype; once for all of an update."""
        known = {} if self._shared is None else self._shared
        if dtype not in known:
            known[dtype] = rate, ops.cast(rate, dtype), ops.cast(self.iterations + 1, dtype)
        given, *scalars = known[dtype]
        return tuple(scalars) if given is rate else (ops.cast(rate, dtype), scalars[1])

    # ------------------------------------------------------------------------------------ variables

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for `variables`, which are those to be trained from now on.

        Args:
            variables: the variables.
        """
        if not self.built:
            self._set_variables(variables)
            for group in self.slots():
                for name in group:
                    self._slots[name] = []
                for variable in self._trainable_variables:
                    for name in group:
                        initializer = self.slot_initializer(name)
                        self._slots[name].append(
                            self.add_variable_from_reference(variable, name, initializer)
                        )

    def _set_variables(self, variables: Sequence[Variable]) -> None:
        """Note the variables to train, and make the averages and accumulators for them."""
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}
        backend = self._backend()
        for own in self._variables:
            own.move(backend)
        if self.use_ema:
            self._averages = self.add_optimizer_variables(self._trainable_variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(
                self._trainable_variables, "gradient_accumulator"
            )
        self.built = True

    @property
    def iterations(self) -> Any:
        """How many updates have been made, an int32 scalar."""
        steps = self.gradient_accumulation_steps
        return self._iterations if not steps else ops.floor_divide(self._iterations, steps)

    # -------------------------------------------------------------------------------- learning rate

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next update: a variable, or what the schedule says."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        # a schedule counts all steps, those that only accumulate gradients included
        return rate(self._iterations.value) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        previous = self._learning_rate
        if isinstance(value, Mapping):
            value = deserialize_keras_object(value)
        if isinstance(value, LearningRateSchedule) or (
            callable(value) and not hasattr(value, "dtype")
        ):
            self._variables = [v for v in self._variables if v is not previous]
            self._learning_rate = value
            return
        if isinstance(previous, Variable):
            previous.assign(value)
            return
        if previous is not None:
            raise TypeError(
                f"The learning rate of {self.name!r} is given by {previous!r}, so it cannot be set to "
                "a number. Make the optimizer with a number if a callback is to change it."
            )
        if isinstance(value, (str, bool)) or not (
            isinstance(value, (int, float)) or hasattr(value, "dtype")
        ):
            raise InputError(
                f"`learning_rate` must be a number, a LearningRateSchedule or a function, got {value!r}."
            )
        rate = float(value)
        self._learning_rate = self.add_variable(
            (),
            initializers.Constant(rate),
            aggregation="only_first_replica",
            name="learning_rate",
        )

    # --------------------------------------------------------------------------------- applying

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """Update variables.

        Args:
            grads_and_vars: pairs of a gradient and its variable.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise InputError("apply_gradients() got no pairs of (gradient, variable).")
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Update variables.

        Args:
            grads: the gradients; None for a variable that stays.
            trainable_variables: the variables they belong to; by default those the optimizer was
                built for.
        """
        if not len(grads):
            return
        variables = self._variables_for(grads, trainable_variables)
        backend = self._backend()
        wide = any(dtypes.is_wide(v.dtype) for v in variables)
        # what is recorded may be differentiated: the update of a step within a step
        untaped = nullcontext() if is_recording_writes() else backend.inference()
        with backend.wide() if wide else nullcontext(), untaped:
            self._apply(grads, variables)

    def _apply(self, grads: Sequence[Any], variables: Sequence[Variable]) -> None:
        kept = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        self._warn_about_missing(variables, kept)
        overwritten = [(g, v) for g, v in kept if v.overwrite_with_gradient]
        kept = [(g, v) for g, v in kept if not v.overwrite_with_gradient]
        for gradient, variable in overwritten:
            variable.assign(gradient)
        chosen = [v for _, v in kept]
        backend = self._backend()
        values = [
            g if backend.is_array(g) else ops.cast(backend.asarray(g), v.dtype) for g, v in kept
        ]
        if self.loss_scale_factor is not None:
            values = [g / self.loss_scale_factor for g in values]
        if self.gradient_accumulation_steps:
            self._accumulate(values, chosen)
        elif chosen:
            self._apply_now(values, chosen)
        if self.use_ema:
            self._update_averages(chosen)
        for variable in chosen:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign_add(1)

    def _variables_for(
        self, grads: Sequence[Any], given: Sequence[Variable] | None
    ) -> Sequence[Variable]:
        if given is None:
            if not self.built:
                raise InputError(
                    f"The optimizer {self.name!r} does not know which variables the gradients belong "
                    "to: pass them, or call `build(variables)` first."
                )
            given = self._trainable_variables
            if len(given) != len(grads):
                raise InputError(
                    f"apply() got {len(grads)} gradients, but the optimizer {self.name!r} was built "
                    f"for {len(given)} variables; pass the variables as well."
                )
            return given
        given = list(given)
        if len(given) != len(grads):
            raise InputError(f"apply() got {len(grads)} gradients for {len(given)} variables.")
        if not self.built:
            self.build(given)
        for variable in given:
            self._get_variable_index(variable)
        return given

    def _warn_about_missing(self, variables: Sequence[Variable], kept: Sequence[Any]) -> None:
        if not kept:
            raise InputError(
                f"No variable has a gradient ({[v.path for v in variables]}): the loss does not depend "
                "on them. Did something in between stop the gradient, or is the loss computed from "
                "other data?"
            )
        if len(kept) < len(variables):
            present = {id(v) for _, v in kept}
            missing = [v.path for v in variables if id(v) not in present]
            warnings.warn(
                f"These variables have no gradient and stay as they are: {missing}.", stacklevel=3
            )

    def _apply_now(self, grads: list[Array], variables: list[Variable]) -> None:
        grads = gradients.clipped(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        rate = self.learning_rate
        if isinstance(rate, Variable):
            rate = rate.value
        self._decay_weights(variables, rate)
        self._update_all(grads, variables, rate)

    def _update_all(self, grads: list[Array], variables: list[Variable], rate: Any) -> None:
        """All at once by the engine's own rule, if it has one, or an `update_step` for each variable."""
        if self._update_natively(grads, variables, rate):
            return
        self._shared = {}
        if self._rule():
            self._kernel = self._backend().one_kernel(self.update)
        try:
            for gradient, variable in zip(grads, variables, strict=True):
                self.update_step(gradient, variable, rate)
        finally:
            self._shared = self._kernel = None

    def _rule(self) -> str:
        """The name by which engines may know `update`."""
        owner = next(c for c in type(self).__mro__ if "update" in c.__dict__)
        return str(owner.__dict__.get("rule", ""))

    def _update_natively(self, grads: list[Array], variables: list[Variable], rate: Any) -> bool:
        """Let the engine overwrite the variables; whether it has done so.

        It overwrites arrays of its own only: those of variables that can be trained (`Backend.box`), and
        slots that it was given here before or that are copied now.
        """
        if is_recording_writes() or type(self).update_step is not Optimizer.update_step:
            return False
        rule = self._backend().update_rule(self._rule())
        if rule is None:
            return False
        places = [self._get_variable_index(v) for v in variables]
        boxes = [slots[i] for slots in self._slots.values() for i in places]
        known = {id(array) for array in self._overwritten}
        if any(id(box._value) not in known for box in boxes):
            for box in boxes:
                box._value = ops.copy(box._value)
            self._overwritten = [box._value for box in boxes]
        values = {name: [s[i]._value for i in places] for name, s in self._slots.items()}
        updates = self._iterations.value
        return rule(self, [v._value for v in variables], grads, values, rate, updates)

    def _accumulate(self, grads: list[Array], variables: list[Variable]) -> None:
        """Add up gradients; at the last of the steps, update by their mean."""
        steps = self.gradient_accumulation_steps
        assert steps is not None
        sums = [self._accumulators[self._get_variable_index(v)] for v in variables]
        for total, gradient in zip(sums, grads, strict=True):
            total.assign_add(gradient)

        def update() -> None:
            self._apply_now([total.value / steps for total in sums], variables)
            for total in sums:
                total.assign(ops.zeros_like(total.value))

        last = ops.equal(ops.mod(self._iterations.value + 1, steps), 0)
        conditionally(last, update, [*variables, *self.variables])

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a variable that is not left out of it."""
        return self.weight_decay

    def _decay_weights(self, variables: list[Variable], rate: Any) -> None:
        for variable in variables:
            decay = self.decay_of(variable)
            if decay is not None and self._is_decayed(variable):
                amount = ops.cast(rate, variable.dtype) * decay
                variable.assign(variable.value - variable.value * amount)

    def _is_decayed(self, variable: Variable) -> bool:
        excluded, patterns = self._undecayed
        return id(variable) not in excluded and not any(
            re.search(p, variable.name) for p in patterns
        )

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Leave variables out of weight decay.

        Args:
            var_list: variables to leave out.
            var_names: regular expressions; variables in whose name one is found are left out.
        """
        excluded, patterns = self._undecayed
        excluded.update(id(v) for v in var_list or ())
        patterns.extend(var_names or ())

    # ------------------------------------------------------------------------- moving averages

    def _update_averages(self, variables: list[Variable]) -> None:
        """Move the averages, and now and then set the variables to them."""
        count = self.iterations
        started = ops.not_equal(count, 0)
        frequency = self.ema_overwrite_frequency
        for variable in variables:
            average = self._averages[self._get_variable_index(variable)]
            momentum = ops.cast(started, average.dtype) * self.ema_momentum
            new = momentum * average.value + (1 - momentum) * variable.value
            average.assign(new)
            if frequency:
                due = ops.equal(ops.mod(count + 1, frequency), 0)
                variable.assign(ops.where(due, average.value, variable.value))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """At the end of training: with `use_ema`, set the variables to their averages.

        Args:
            var_list: the variables.
        """
        if self.use_ema and self.built:
            for variable in var_list:
                if id(variable) in self._index:
                    variable.assign(self._averages[self._index[id(variable)]].value)

    # -------------------------------------------------------------------------------- loss scaling

    def scale_loss(self, loss: Any) -> Any:
        """The loss to differentiate: `loss`, times `loss_scale_factor` if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # ---------------------------------------------------------------------------- as a pure function

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[Any], list[Any]]:
        """What `apply` would make of given values; the variables themselves do not change.

        Args:
            optimizer_variables: the values of `variables`.
            grads: the gradients.
            trainable_variables: the values of the variables the optimizer was built for.

        Returns:
            The new values of the trainable variables and of the optimizer's own.
        """
        if not self.built:
            raise InputError(f"Call `build(variables)` of {self.name!r} before stateless_apply().")
        own, trained = self.variables, self._trainable_variables
        for what, values, boxes in (
            ("optimizer_variables", optimizer_variables, own),
            ("trainable_variables", trainable_variables, trained),
        ):
            if len(values) != len(boxes):
                raise InputError(
                    f"stateless_apply(): `{what}` must hold {len(boxes)} arrays, got {len(values)}."
                )
        _, new = pure(
            lambda: self.apply(grads, trained),
            [*trained, *own],
            [*trainable_variables, *optimizer_variables],
        )
        return new[: len(trained)], new[len(trained) :]

    # --------------------------------------------------------------------------- saving and configs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, the learning rate as it is now."""
        config: dict[str, Any] = {name: getattr(self, name) for name in BASE_ARGUMENTS[2:]}
        rate = self._learning_rate
        config["learning_rate"] = (
            float(rate.numpy()) if isinstance(rate, Variable) else serialize_keras_object(rate)
        )
        config["name"] = self.name
        args, kwargs = self._arguments
        signature = inspect.signature(type(self).__init__)
        given = signature.bind(self, *args, **kwargs).arguments
        for parameter in list(signature.parameters.values())[1:]:
            if parameter.kind is parameter.VAR_KEYWORD or parameter.name in config:
                continue
            value = getattr(self, parameter.name, given.get(parameter.name, parameter.default))
            config[parameter.name] = serialize_keras_object(value)
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """An optimizer from the result of `get_config`.

        Args:
            config: the config.
            custom_objects: name -> class, for a schedule that is not built in.
        """
        with CustomObjectScope(custom_objects or {}):
            return cls(**{key: deserialize_keras_object(value) for key, value in config.items()})


def conditionally(condition: Any, action: Any, variables: Sequence[Variable]) -> None:
    """Run `action`, which assigns some of `variables`, if the scalar `condition` holds."""
    unique = list({id(v): v for v in variables}.values())
    before = [v._value for v in unique]
    backend = unique[0].backend
    after = backend.cond(
        condition,
        lambda: pure(action, unique, before)[1],
        lambda: list(before),
    )
    for variable, value in zip(unique, after, strict=True):
        variable._set(value)
