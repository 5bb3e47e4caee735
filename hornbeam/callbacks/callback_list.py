"""Several callbacks as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hornbeam.callbacks.callback import Callback
from hornbeam.callbacks.history import History
from hornbeam.callbacks.progbar_logger import ProgbarLogger
from hornbeam.errors import InputError


class CallbackList(Callback):
    """Calls every callback in order.

    Args:
        callbacks: a callback, a list of them, or None.
        add_history: whether to add a `History` and hang it on the model.
        add_progbar: whether to add a `ProgbarLogger`; `fit` shows progress without one.
        model: the model to attach the callbacks to.
        **params: the parameters of the loop.

    Example:

    >>> import hornbeam
    >>> hornbeam.callbacks.CallbackList([hornbeam.callbacks.Callback()]).callbacks
    [<...Callback object at ...>]
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        given = [] if callbacks is None else callbacks
        self.callbacks: list[Callback] = list(given) if isinstance(given, Iterable) else [given]
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise InputError(
                    f"`callbacks` must hold Callback objects, got {callback!r}"
                    + (
                        " (a class: did you forget the parentheses?)."
                        if isinstance(callback, type)
                        else "."
                    )
                )
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        if params:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        """Pass the parameters on."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Pass the model on, and hang the history on it."""
        self._model = model
        for callback in self.callbacks:
            if isinstance(callback, History):
                model.history = callback
            callback.set_model(model)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs if logs is not None else {})

    def _all(self, hook: str, logs: dict[str, Any] | None) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(logs if logs is not None else {})

    def _all_batch(self, hook: str, batch: int, logs: dict[str, Any] | None) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(batch, logs=logs if logs is not None else {})

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all("on_train_begin", logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all("on_train_end", logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all("on_test_begin", logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all("on_test_end", logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all("on_predict_begin", logs)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all("on_predict_end", logs)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all_batch("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all_batch("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all_batch("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all_batch("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all_batch("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass it on."""
        self._all_batch("on_predict_batch_end", batch, logs)
