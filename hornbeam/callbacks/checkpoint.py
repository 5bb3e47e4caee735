"""`ModelCheckpoint`: save the model while it trains."""

from __future__ import annotations

import os
from typing import Any

from hornbeam.callbacks.monitor import MonitorCallback, say
from hornbeam.compat.renames import accept_old_words
from hornbeam.errors import InputError


class SavingCallback(MonitorCallback):
    """What callbacks that save a model share: when, and whether it is the best so far.

    Args:
        monitor: the name of the figure that decides what is best.
        verbose: 1 to say what is saved.
        save_best_only: whether to save only what is better than all before.
        save_weights_only: whether to save the weights alone.
        mode: "min" if lower is better, "max" if higher is, "auto" to go by the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: what the first save has to be better than.
    """

    state_attributes = ("best", "_epoch", "_batches")

    def __init__(
        self,
        monitor: str,
        verbose: int,
        save_best_only: bool,
        save_weights_only: bool,
        mode: str,
        save_freq: Any,
        initial_value_threshold: float | None,
    ) -> None:
        super().__init__(monitor, mode)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not whole:
            raise InputError(
                f"{type(self).__name__}: `save_freq` must be 'epoch' or a number of batches, got "
                f"{save_freq!r}."
            )
        self._epoch = 0
        self._batches = 0
        if save_freq != "epoch":
            # An attribute of its own, so that fit() sees whether batches are listened to.
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def _target(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        """Where to save."""
        raise NotImplementedError

    def _write(self, path: str) -> None:
        """Save."""
        raise NotImplementedError

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch."""
        self._epoch = epoch

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += 1
        if self._batches % self.save_freq == 0:
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if epochs are what counts."""
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any] | None) -> None:
        figures = dict(logs or {})
        reason = ""
        if self.save_best_only:
            current = self.get_monitor_value(figures)
            if current is None:
                return
            if not self.is_improvement(current, self.best):
                if self.verbose:
                    say(f"Epoch {epoch + 1}: {self.monitor} did not improve from {self.best:.5f}")
                return
            before = "None" if self.best is None else f"{self.best:.5f}"
            reason = f"{self.monitor} improved from {before} to {current:.5f}, "
            self.best = current
        path = self._target(epoch, batch, figures)
        if self.verbose:
            say(f"Epoch {epoch + 1}: {reason}saving model to {path}")
        self._write(path)


@accept_old_words
class ModelCheckpoint(SavingCallback):
    """Saves the model, or its weights, after epochs or batches.

    Args:
        filepath: where to; may hold ``{epoch}`` (from 1), ``{batch}`` and names of the logs, as in
            ``"{epoch:02d}-{val_loss:.2f}.keras"``.
        monitor: the name of the figure that decides what is best.
        verbose: 1 to say what is saved.
        save_best_only: whether to save only what is better than all before.
        save_weights_only: whether to save the weights alone, to a path ending in ".weights.h5".
        mode: "min" if lower is better, "max" if higher is, "auto" to go by the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: what the first save has to be better than.

    Example:

    >>> import hornbeam, numpy, os, tempfile
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = numpy.ones((2, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save = hornbeam.callbacks.ModelCheckpoint(os.path.join(folder, "{epoch}.keras"))
    ...     _ = model.fit(x, x, epochs=2, verbose=0, callbacks=[save])
    ...     sorted(os.listdir(folder))
    ['1.keras', '2.keras']
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(
            monitor,
            verbose,
            save_best_only,
            save_weights_only,
            mode,
            save_freq,
            initial_value_threshold,
        )
        self.filepath = os.fspath(filepath)
        wanted = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(wanted):
            raise InputError(
                f"ModelCheckpoint: with save_weights_only={save_weights_only} the path must end in "
                f"{wanted!r}, got {self.filepath!r}."
            )

    def _write(self, path: str) -> None:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _target(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        names: dict[str, Any] = {**logs, "epoch": epoch + 1}
        if batch is not None:
            names["batch"] = batch + 1
        try:
            return str(self.filepath.format(**names))
        except KeyError as error:
            raise InputError(
                f"ModelCheckpoint: the path {self.filepath!r} names {error}, but only "
                f"{sorted(names)} are known here."
            ) from None


__all__ = ["ModelCheckpoint", "SavingCallback"]
