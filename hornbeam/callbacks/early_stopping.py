"""`EarlyStopping`: end training when a figure no longer improves."""

from __future__ import annotations

from typing import Any

from hornbeam.callbacks.monitor import MonitorCallback, say


class EarlyStopping(MonitorCallback):
    """Ends training when a figure of the logs has not improved for some epochs.

    Args:
        monitor: the name of the figure.
        min_delta: changes of up to this much are no improvement.
        patience: after so many epochs without improvement training ends.
        verbose: 1 to say so.
        mode: "min" if lower is better, "max" if higher is, "auto" to go by the name.
        baseline: until the figure is better than this, nothing is an improvement.
        restore_best_weights: whether the weights of the best epoch are put back at the end.
        start_from_epoch: nothing happens in so many epochs at the start.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile(hornbeam.optimizers.SGD(0.0), "mse")
    >>> stop = hornbeam.callbacks.EarlyStopping("loss", patience=2)
    >>> x = numpy.ones((2, 1))
    >>> len(model.fit(x, x, epochs=9, verbose=0, callbacks=[stop]).epoch)
    3
    """

    state_attributes = ("wait", "stopped_epoch", "best", "best_weights", "best_epoch")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights: list[Any] | None = None
        self.best_epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start afresh."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare, and perhaps stop."""
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.is_improvement(current, self.best):
            self.best = current
            self._keep(epoch)
            if self.baseline is None or self.is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights back."""
        if self.stopped_epoch > 0 and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"Restoring the weights of the best epoch, {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
