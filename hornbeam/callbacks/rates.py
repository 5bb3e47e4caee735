"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from hornbeam.callbacks.callback import Callback
from hornbeam.callbacks.monitor import MonitorCallback, say
from hornbeam.compat.renames import accept_old_words
from hornbeam.errors import InputError


def current_rate(model: Any) -> float:
    """The learning rate of the model's optimizer."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise InputError(
            "A callback that changes the learning rate needs a model with an optimizer."
        )
    return float(optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: ``schedule(epoch, rate)`` or ``schedule(epoch)``, which returns the new rate; epochs
            count from 0.
        verbose: 1 to say what is set.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile(hornbeam.optimizers.SGD(1.0), "mse")
    >>> halve = hornbeam.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    >>> x = numpy.ones((2, 1))
    >>> model.fit(x, x, epochs=2, verbose=0, callbacks=[halve]).history["learning_rate"]
    [0.5, 0.25]
    """

    state_attributes = ()

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose
        parameters = inspect.signature(schedule).parameters.values()
        positional = [
            p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self._takes_rate = len(positional) > 1 or any(
            p.kind is p.VAR_POSITIONAL for p in parameters
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask for the rate and set it."""
        rate = current_rate(self.model)
        new = self.schedule(epoch, rate) if self._takes_rate else self.schedule(epoch)
        try:
            new = float(new)
        except (TypeError, ValueError):
            raise InputError(
                f"LearningRateScheduler: the schedule must return a number, got {new!r}."
            ) from None
        self.model.optimizer.learning_rate = new
        if self.verbose:
            say(f"Epoch {epoch + 1}: LearningRateScheduler sets the learning rate to {new}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = current_rate(self.model)


@accept_old_words
class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a figure of the logs has not improved for some epochs.

    Args:
        monitor: the name of the figure.
        factor: what the rate is multiplied by, below 1.
        patience: after so many epochs without improvement.
        verbose: 1 to say so.
        mode: "min" if lower is better, "max" if higher is, "auto" to go by the name.
        min_delta: changes of up to this much are no improvement.
        cooldown: for so many epochs after a change nothing is counted.
        min_lr: the rate is not made lower than this.
        **kwargs: nothing; unknown names raise InputError.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile(hornbeam.optimizers.SGD(1.0), hornbeam.losses.MeanSquaredError())
    >>> lower = hornbeam.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=1e9)
    >>> x = numpy.ones((2, 1))
    >>> model.fit(x, x, epochs=3, verbose=0, callbacks=[lower]).history["learning_rate"]
    [1.0, 1.0, 0.5]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if kwargs:
            raise InputError(f"ReduceLROnPlateau got unknown arguments {sorted(kwargs)}.")
        if not factor < 1.0:
            raise InputError(f"ReduceLROnPlateau: `factor` must be below 1, got {factor!r}.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    state_attributes = ("best", "wait", "cooldown_counter")

    def _reset(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start afresh."""
        self._reset()

    def in_cooldown(self) -> bool:
        """Whether nothing is counted now."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare, and perhaps lower the rate."""
        rate = current_rate(self.model)
        if logs is not None:
            logs["learning_rate"] = rate
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                new = max(rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = new
                self.cooldown_counter = self.cooldown
                self.wait = 0
                if self.verbose:
                    say(f"Epoch {epoch + 1}: ReduceLROnPlateau lowers the learning rate to {new}.")
