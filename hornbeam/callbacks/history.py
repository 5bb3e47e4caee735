"""What `fit` returns."""

from __future__ import annotations

from typing import Any

from hornbeam.callbacks.callback import Callback


class History(Callback):
    """The logs of every epoch.

    Attributes:
        history: name -> list of values, one per epoch.
        epoch: the numbers of the epochs, from 0.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(numpy.ones((2, 1)), numpy.ones((2, 1)), epochs=3, verbose=0)
    >>> history.epoch, len(history.history["loss"])
    ([0, 1, 2], 3)
    """

    state_attributes = ("history", "epoch")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin counting epochs; values of an earlier `fit` are kept."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the logs down."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
