"""`find_learning_rate`: a short trial with growing learning rates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hornbeam.callbacks import Callback
from hornbeam.errors import InputError
from hornbeam.training.data import make_data
from hornbeam.training.resume import (
    get_random_state,
    get_variables,
    set_random_state,
    set_variables,
)


class RateTrial:
    """What `find_learning_rate` found.

    Args:
        rates: the learning rates, growing.
        losses: the loss at each, smoothed.

    Attributes:
        suggestion: a tenth of the rate at which the loss was least, where it still fell steeply.

    Example:

    >>> import hornbeam
    >>> trial = hornbeam.utils.RateTrial([1e-3, 1e-2, 1e-1, 1.0], [2.0, 1.9, 1.0, 3.0])
    >>> round(trial.suggestion, 6)
    0.01
    """

    def __init__(self, rates: Any, losses: Any) -> None:
        self.rates = [float(rate) for rate in rates]
        self.losses = [float(loss) for loss in losses]

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the loss was least."""
        if len(self.rates) < 2:
            raise InputError(
                "The trial ended at once: the loss is not finite, or there was no data."
            )
        return self.rates[int(np.argmin(self.losses))] / 10

    def plot(self, ax: Any = None) -> Any:
        """Loss over learning rate, and the suggestion.

        Args:
            ax: the axes of matplotlib to draw on; by default new ones.

        Returns:
            The axes.
        """
        from hornbeam.callbacks.curves import new_axes

        ax = new_axes() if ax is None else ax
        ax.plot(self.rates, self.losses)
        ax.axvline(self.suggestion, linestyle="--", label=f"suggestion: {self.suggestion:.2e}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        ax.legend()
        return ax


class _Growing(Callback):
    def __init__(self, rates: Any, smoothing: float, worse: float) -> None:
        super().__init__()
        self.planned, self.smoothing, self.worse = rates, smoothing, worse
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._mean = 0.0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.optimizer.learning_rate = self.planned[len(self.rates)]
        self.model.reset_metrics()  # so that the logs are those of this batch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        count = len(self.rates) + 1
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * loss
        smooth = self._mean / (1 - self.smoothing**count)
        if not math.isfinite(loss) or (self.losses and smooth > self.worse * min(self.losses)):
            self.model.stop_training = True
            return
        self.rates.append(float(self.planned[count - 1]))
        self.losses.append(smooth)
        if count == len(self.planned):
            self.model.stop_training = True


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    lowest: float = 1e-7,
    highest: float = 1.0,
    steps: int = 100,
    smoothing: float = 0.9,
    worse: float = 4.0,
) -> RateTrial:
    """Train for some steps with growing learning rates, and see where the loss falls.

    Afterwards the model, its optimizer and the random streams are as they were before.  After Smith,
    "Cyclical Learning Rates for Training Neural Networks" (2017).

    Args:
        model: a compiled model; its optimizer's learning rate must be a number.
        x: the inputs, as for `fit`.
        y: the targets, as for `fit`.
        batch_size: rows per step.
        lowest: the first learning rate.
        highest: the last one.
        steps: how many rates are tried, growing by one factor.
        smoothing: how much the smoothed loss keeps of the steps before, in [0, 1).
        worse: the trial ends when the smoothed loss is so many times the least one.

    Returns:
        A `RateTrial`: ``.rates``, ``.losses``, ``.suggestion`` and ``.plot()``.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = numpy.ones((8, 1))
    >>> trial = hornbeam.utils.find_learning_rate(model, x, x, steps=20)
    >>> len(trial.rates) == len(trial.losses) <= 20
    True
    """
    if not 0 < lowest < highest or steps < 2 or not 0 <= smoothing < 1 or not worse > 1:
        raise InputError(
            "find_learning_rate() needs 0 < lowest < highest, at least 2 steps, smoothing in [0, 1) and "
            f"worse > 1, got {lowest}, {highest}, {steps}, {smoothing} and {worse}."
        )
    model._assert_compiled("find_learning_rate")
    randomness = get_random_state()
    data = make_data(x, y, batch_size=batch_size)
    if not getattr(data, "one_shot", False):  # a generator's first batch is not taken
        model._check(*data.peek(), "train")
        data.close()
    if not model.built or not model.optimizer.built:
        raise InputError(
            "find_learning_rate(): build the model first, or pass data that can be reread."
        )
    before, history = get_variables(model), model.history
    growing = _Growing(np.geomspace(lowest, highest, steps), smoothing, worse)
    count = data.num_batches
    try:
        model.fit(
            x, y, batch_size, verbose=0, callbacks=[growing],
            epochs=1 if count is None else math.ceil(steps / count),
        )  # fmt: skip
    finally:
        set_variables(model, before)
        set_random_state(randomness)
        model.history, model.stop_training = history, False
    return RateTrial(growing.rates, growing.losses)
