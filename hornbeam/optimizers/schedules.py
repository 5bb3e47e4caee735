"""Learning rates as functions of the number of updates made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.saving.identifiers import Lookup
from hornbeam.saving.objects import Configurable, builtin, serialize_keras_object


@builtin("keras.optimizers.schedules")
class LearningRateSchedule(Configurable):
    """A learning rate that depends on the step.

    Derive from it and define `__call__`, on arrays and without branching on values: the step is traced
    in compiled training.  The config is made of the constructor's arguments.

    Example:

    >>> import hornbeam
    >>> class Root(hornbeam.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / hornbeam.ops.sqrt(step + 1.0)
    >>> round(float(Root()(3)), 3)
    0.05
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        raise NotImplementedError(f"{type(self).__name__} must define `__call__(self, step)`.")

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({shown})"


def _number(step: Any) -> Array:
    return ops.cast(step, "float32")


def _positive(owner: str, name: str, value: Any) -> None:
    if not value > 0:
        raise InputError(f"{owner}: `{name}` must be positive, got {value!r}.")


@builtin("keras.optimizers.schedules")
class ExponentialDecay(LearningRateSchedule):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: after so many steps the rate has been multiplied by the decay rate once.
        decay_rate: the factor.
        staircase: whether the exponent is rounded down, so that the rate changes in jumps.
        name: a name.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)(20))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        _positive("ExponentialDecay", "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        exponent = _number(step) / self.decay_steps
        if self.staircase:
            exponent = ops.floor(exponent)
        return self.initial_learning_rate * ops.power(self.decay_rate, exponent)


@builtin("keras.optimizers.schedules")
class InverseTimeDecay(LearningRateSchedule):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: the unit of steps.
        decay_rate: how fast the rate falls.
        staircase: whether ``step / decay_steps`` is rounded down.
        name: a name.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.optimizers.schedules.InverseTimeDecay(1.0, 10, 1.0)(10))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        _positive("InverseTimeDecay", "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        time = _number(step) / self.decay_steps
        if self.staircase:
            time = ops.floor(time)
        return self.initial_learning_rate / (1.0 + self.decay_rate * time)


@builtin("keras.optimizers.schedules")
class PiecewiseConstantDecay(LearningRateSchedule):
    """One rate after another: ``values[i]`` up to and including step ``boundaries[i]``.

    Args:
        boundaries: rising step numbers.
        values: the rates, one more than boundaries.
        name: a name.

    Example:

    >>> import hornbeam
    >>> rate = hornbeam.optimizers.schedules.PiecewiseConstantDecay([10], [1.0, 0.5])
    >>> float(rate(10)), float(rate(11))
    (1.0, 0.5)
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise InputError(
                "PiecewiseConstantDecay: there must be one value more than boundaries, got "
                f"{len(values)} values and {len(boundaries)} boundaries."
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        now = _number(step)
        rate = ops.zeros_like(now) + self.values[-1]
        pairs = list(zip(self.boundaries, self.values[:-1], strict=True))
        for boundary, value in reversed(pairs):
            rate = ops.where(now <= boundary, value, rate)
        return rate


@builtin("keras.optimizers.schedules")
class PolynomialDecay(LearningRateSchedule):
    """From one rate to another along ``(1 - step / decay_steps) ** power``.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: after so many steps the end is reached.
        end_learning_rate: the rate from then on.
        power: the exponent; 1 for a straight line.
        cycle: whether to start again, over a longer time, when the end is passed.
        name: a name.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)(5))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        _positive("PolynomialDecay", "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        now = _number(step)
        if self.cycle:
            turns = ops.maximum(ops.ceil(now / self.decay_steps), 1.0)
            progress = now / (self.decay_steps * turns)
        else:
            progress = ops.minimum(now, float(self.decay_steps)) / self.decay_steps
        height = self.initial_learning_rate - self.end_learning_rate
        return height * ops.power(1.0 - progress, self.power) + self.end_learning_rate


@builtin("keras.optimizers.schedules")
class CosineDecay(LearningRateSchedule):
    """Half a cosine wave down (Loshchilov and Hutter, 2016), after a straight line up if wanted.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: how many steps the way down takes.
        alpha: the part of the highest rate that is left at the end.
        name: a name.
        warmup_target: the rate to rise to first, None for no rise.
        warmup_steps: how many steps the rise takes.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.optimizers.schedules.CosineDecay(1.0, 10)(10))
    0.0
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        _positive("CosineDecay", "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def _falling(self, step: Array, highest: float) -> Array:
        progress = ops.minimum(step, float(self.decay_steps)) / self.decay_steps
        wave = 0.5 * (1.0 + ops.cos(math.pi * progress))
        return highest * ((1.0 - self.alpha) * wave + self.alpha)

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        now = _number(step)
        if self.warmup_target is None:
            return self._falling(now, self.initial_learning_rate)
        if not self.warmup_steps:
            return self._falling(now, self.warmup_target)
        height = self.warmup_target - self.initial_learning_rate
        rising = self.initial_learning_rate + height * now / self.warmup_steps
        later = ops.maximum(now - self.warmup_steps, 0.0)
        return ops.where(now < self.warmup_steps, rising, self._falling(later, self.warmup_target))


@builtin("keras.optimizers.schedules")
class CosineDecayRestarts(LearningRateSchedule):
    """Half cosine waves down, again and again (SGDR, Loshchilov and Hutter, 2016).

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: how many steps the first wave takes.
        t_mul: by which factor each wave is longer than the one before.
        m_mul: by which factor each wave starts lower.
        alpha: the part of the initial rate that is never gone below.
        name: a name.

    Example:

    >>> import hornbeam
    >>> rate = hornbeam.optimizers.schedules.CosineDecayRestarts(1.0, 10)
    >>> round(float(rate(5)), 3), float(rate(10))
    (0.5, 1.0)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        _positive("CosineDecayRestarts", "first_decay_steps", first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        time = _number(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            wave = ops.floor(time)
            progress = time - wave
        else:
            ratio = 1.0 - time * (1.0 - self.t_mul)
            wave = ops.floor(ops.log(ratio) / math.log(self.t_mul))
            length = ops.power(self.t_mul, wave)
            progress = (time - (1.0 - length) / (1.0 - self.t_mul)) / length
        highest = ops.power(self.m_mul, wave) if self.m_mul != 1.0 else 1.0
        cosine = 0.5 * highest * (1.0 + ops.cos(math.pi * progress))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)


ALL_CLASSES: tuple[type[LearningRateSchedule], ...] = (
    LearningRateSchedule,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

_lookup = Lookup(
    "learning rate schedule", {kind.__name__: kind for kind in ALL_CLASSES}, LearningRateSchedule
)


def serialize(learning_rate_schedule: Any) -> Any:
    """`learning_rate_schedule` as a config."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The schedule that `serialize` made `config` of."""
    return _lookup.deserialize(config, custom_objects)


__all__ = [
    "ALL_CLASSES",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]
