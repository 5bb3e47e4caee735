"""`ProgbarLogger`: the progress of training as a callback."""

from __future__ import annotations

from typing import Any

from hornbeam.callbacks.callback import Callback
from hornbeam.training.progress import Progress, make_progress


class ProgbarLogger(Callback):
    """Shows progress as ``fit(verbose=...)`` says.

    When this is among the callbacks, `fit` itself shows nothing.  `fit` needs no callback for that and
    is faster without: this one is for loops of one's own that work through a `CallbackList`.

    Example:

    >>> import hornbeam
    >>> shown = hornbeam.callbacks.ProgbarLogger()
    >>> shown.set_params({"verbose": 2, "epochs": 1, "steps": 3})
    >>> shown.on_epoch_begin(0)
    >>> shown.on_epoch_end(0, {"loss": 0.5})
    3 steps in ... (... each) - loss: 0.5000
    """

    state_attributes = ()

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress()

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the parameters of the loop."""
        self.params = params
        verbose = params.get("verbose", "auto")
        self._progress = make_progress(verbose, params.get("steps"), params.get("epochs") or 1)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin a bar."""
        self._progress.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._progress.update(batch + 1, logs if logs is not None else {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """End the bar."""
        self._progress.end_epoch(logs if logs is not None else {})

    def _alone(self) -> bool:
        """Whether this is no validation within `fit`."""
        return (self.params.get("epochs") or 1) == 1 and "resuming" not in self.params

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a bar, or say that validation has begun."""
        if self._alone():
            self._progress.begin_epoch(0)
        else:
            self._progress.pause()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        if self._alone():
            self._progress.update(batch + 1, logs if logs is not None else {})

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the bar."""
        if self._alone():
            self._progress.end_epoch(logs if logs is not None else {})

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a bar."""
        self._progress.begin_epoch(0)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._progress.update(batch + 1, {})

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the bar."""
        self._progress.end_epoch({})
