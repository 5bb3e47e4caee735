"""`Callback`: what is called while a model trains, is evaluated or predicts."""

from __future__ import annotations

import copy
from typing import Any

from hornbeam.training.snapshots import is_plain


class Callback:
    """The base of all callbacks: hooks that do nothing until they are overridden.

    ``logs`` maps names to Python floats.  A callback that overrides none of the ``*_batch_*`` hooks
    leaves the engine free to run many steps at once.

    Attributes:
        params: ``{"verbose", "epochs", "steps"}`` of the loop.
        model: the model.

    Example:

    >>> import hornbeam, numpy
    >>> class Tell(hornbeam.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print("epoch", epoch, sorted(logs))
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit(numpy.ones((2, 1)), numpy.ones((2, 1)), verbose=0, callbacks=[Tell()])
    epoch 0 ['loss']
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that the callback is attached to."""
        return self.__dict__.get("_model")

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the parameters of the loop."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self._model = model

    state_attributes: tuple[str, ...] | None = None
    """The names of the attributes that `get_state` saves; None for all that are plain data."""

    def get_state(self) -> dict[str, Any] | None:
        """What a checkpoint of the run has to hold so that this callback can go on; plain data or None.

        By default the attributes that are plain data: numbers, text, arrays, nested in lists, tuples and
        dicts.  A callback that holds more than that (open files, say) overrides this and `set_state`.
        """
        names = self.state_attributes
        if names is None:
            names = tuple(n for n in self.__dict__ if n not in ("params", "_model"))
        values = {name: self.__dict__[name] for name in names}
        return {name: copy.deepcopy(v) for name, v in values.items() if is_plain(v)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the state back, after `on_train_begin`, when `fit` goes on from a checkpoint.

        ``params["resuming"]`` says already in `on_train_begin` that this is going to happen.

        Args:
            state: what `get_state` returned.
        """
        self.__dict__.update(state)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch of training begins; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch of training has ended, its validation too (``val_*`` in `logs`)."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """`fit` ends."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """`evaluate`, or the validation of an epoch, begins."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """`evaluate`, or the validation of an epoch, ends."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """`predict` begins."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """`predict` ends."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A training step begins; `batch` counts from 0 within the epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A training step has ended."""
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A step of evaluation begins."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A step of evaluation has ended."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A step of prediction begins."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A step of prediction has ended; ``logs["outputs"]`` holds NumPy arrays."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
