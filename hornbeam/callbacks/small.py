"""Small callbacks: functions as hooks, a stop at NaN, averaged weights for evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hornbeam import ops
from hornbeam.callbacks.callback import HOOKS, Callback
from hornbeam.callbacks.monitor import say
from hornbeam.compat.renames import accept_old_words
from hornbeam.errors import InputError, suggest


@accept_old_words
class LambdaCallback(Callback):
    """Functions as hooks.

    Args:
        on_epoch_begin: ``f(epoch, logs)``.
        on_epoch_end: ``f(epoch, logs)``.
        on_train_begin: ``f(logs)``.
        on_train_end: ``f(logs)``.
        on_train_batch_begin: ``f(batch, logs)``.
        on_train_batch_end: ``f(batch, logs)``.
        **kwargs: functions for the other hooks.

    Example:

    >>> import hornbeam
    >>> tell = hornbeam.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
    >>> tell.on_epoch_end(3, {})
    3
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any],
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if name not in HOOKS:
                raise InputError(f"LambdaCallback knows no hook {name!r}.{suggest(name, HOOKS)}")
            if function is not None:
                setattr(self, name, function)


class TerminateOnNaN(Callback):
    """Ends training when the loss of a batch is NaN or infinite.

    Args:
        raise_error: whether to raise RuntimeError rather than end quietly.

    Example:

    >>> import hornbeam
    >>> hornbeam.callbacks.TerminateOnNaN(raise_error=True).on_batch_end(3, {"loss": float("nan")})
    Traceback (most recent call last):
    RuntimeError: The loss of batch 3 is nan.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(float(loss)):
            return
        if self.raise_error:
            raise RuntimeError(f"The loss of batch {batch} is {float(loss)}.")
        say(f"Batch {batch}: the loss is {float(loss)}, so training ends.")
        self.model.stop_training = True


class SwapEMAWeights(Callback):
    """Evaluates, predicts and saves with the optimizer's moving averages instead of the weights.

    The optimizer must have been made with ``use_ema=True``.

    Args:
        swap_on_epoch: whether to swap at the end of each epoch and back at the beginning of the next,
            so that callbacks after this one save the averages.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile(hornbeam.optimizers.SGD(0.1, use_ema=True), "mse")
    >>> x = numpy.ones((2, 1))
    >>> _ = model.fit(x, x, verbose=0)
    >>> _ = model.evaluate(x, x, verbose=0, callbacks=[hornbeam.callbacks.SwapEMAWeights()])
    """

    state_attributes = ("_swapped",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _swap(self, to_averages: bool) -> None:
        if self._swapped == to_averages:
            return
        optimizer = getattr(self.model, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if optimizer is None or not getattr(optimizer, "use_ema", False):
            raise InputError("SwapEMAWeights needs an optimizer made with `use_ema=True`.")
        if not optimizer.built:
            return
        for variable, average in zip(
            optimizer._trainable_variables, optimizer._averages, strict=True
        ):
            value = ops.copy(variable.array)
            variable.assign(average.array)
            average.assign(value)
        self._swapped = to_averages

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Swap back."""
        if self.swap_on_epoch and epoch > 0:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Swap, if wanted."""
        if self.swap_on_epoch:
            self._swap(True)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Swap."""
        self._swap(True)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Swap back."""
        self._swap(False)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Swap."""
        self._swap(True)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Swap back."""
        self._swap(False)
