"""What `fit` returns."""

from __future__ import annotations

from typing import Any

from hornbeam.callbacks import curves
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

    def to_frame(self) -> Any:
        """The history as a pandas data frame: one row per epoch, one column per log.

        Raises:
            ImportError: if pandas is not installed.
        """
        return curves.frame(self.epoch, self.history)

    def plot(self, keys: Any = None) -> Any:
        """The history as curves over the epochs, training and validation in one picture.

        Args:
            keys: a name of the logs or a list of them; by default all.

        Returns:
            A figure of matplotlib, which notebooks show; ``figure.savefig(path)`` writes it.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        return curves.plot(self.history, keys)
