"""`TensorBoard`: what happens in training, for TensorBoard; it needs no TensorFlow."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from hornbeam.callbacks.callback import Callback
from hornbeam.callbacks.events import EventWriter
from hornbeam.errors import InputError, UnsupportedError

TRAIN, VALIDATION = "train", "validation"


class TensorBoard(Callback):
    """Writes logs, and if wanted weights and the model's structure, for TensorBoard.

    ``tensorboard --logdir logs`` shows them.  Figures of training are in the run ``train``, those of
    validation in ``validation``, under the same tags: ``epoch_loss`` and so on.

    Args:
        log_dir: where to.
        histogram_freq: after every so many epochs the distributions of the weights are written; 0 for
            never.
        write_graph: whether to write the structure of the model.
        write_images: whether to write weights as pictures besides.
        write_steps_per_second: whether to write how fast training is.
        update_freq: "epoch", "batch", or a number of batches after which the figures are written
            (``batch_loss`` and so on).  Anything but "epoch" makes training a little slower.
        profile_batch: must be 0: use the profiler of the engine.
        embeddings_freq: must be 0.
        embeddings_metadata: must be None.

    Example:

    >>> import hornbeam, numpy, os, tempfile
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = numpy.ones((2, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     board = hornbeam.callbacks.TensorBoard(folder)
    ...     _ = model.fit(x, x, verbose=0, callbacks=[board])
    ...     os.listdir(folder)
    ['train']
    """

    state_attributes = ("_steps", "_test_steps")

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        if update_freq not in ("epoch", "batch") and (
            isinstance(update_freq, bool) or not isinstance(update_freq, int) or update_freq < 1
        ):
            raise InputError(
                "TensorBoard: `update_freq` must be 'epoch', 'batch' or a positive number of batches, "
                f"got {update_freq!r}."
            )
        if profile_batch:
            raise UnsupportedError(
                "TensorBoard: `profile_batch` must be 0. The engine has a profiler of its own, which "
                "writes to a folder that TensorBoard reads: start it around fit()."
            )
        if embeddings_freq or embeddings_metadata is not None:
            raise UnsupportedError(
                "TensorBoard: embeddings are not written; leave `embeddings_freq` at 0 and "
                "`embeddings_metadata` at None."
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.profile_batch = profile_batch
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._writers: dict[str, EventWriter] = {}
        self._steps = 0
        self._test_steps = 0
        self._began = 0.0
        self._began_at = 0
        if self.update_freq != "epoch":
            # An attribute of its own, so that fit() sees whether batches are listened to.
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def writer(self, run: str) -> EventWriter:
        """The event file of a run, such as "train"."""
        if run not in self._writers:
            self._writers[run] = EventWriter(os.path.join(self.log_dir, run))
        return self._writers[run]

    @property
    def summary(self) -> EventWriter:
        """The event file of training, for figures of one's own: ``summary.scalar(tag, value, step)``."""
        return self.writer(TRAIN)

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self._model = model
        self._writers = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Write the structure of the model."""
        self._steps = self._iterations()
        self._test_steps = 0
        if self.write_graph and not self.params.get("resuming"):
            try:
                config = self.model.to_json()
            except Exception as error:  # a model of one's own class may have no config
                config = f'{{"class_name": "{type(self.model).__name__}", "config": "{error}"}}'
            self.writer(TRAIN).text("keras", config, 0, plugin="graph_keras_model")

    def _iterations(self) -> int:
        optimizer = getattr(self.model, "optimizer", None)
        return 0 if optimizer is None else int(optimizer.iterations)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock."""
        self._began, self._began_at = time.perf_counter(), self._iterations()

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._steps += 1
        if self._steps % int(self.update_freq) == 0:
            for name, value in (logs or {}).items():
                self.writer(TRAIN).scalar(f"batch_{name}", float(value), self._steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the figures of the epoch, and what else is due."""
        for name, value in (logs or {}).items():
            if np.ndim(value):
                continue  # a metric with several values has no place in a curve
            held = name.startswith("val_")
            tag = f"epoch_{name.removeprefix('val_')}"
            self.writer(VALIDATION if held else TRAIN).scalar(tag, float(value), epoch)
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None and "learning_rate" not in (logs or {}):
            self.writer(TRAIN).scalar("epoch_learning_rate", float(rate), epoch)
        if self.write_steps_per_second:
            spent = time.perf_counter() - self._began
            speed = (self._iterations() - self._began_at) / max(spent, 1e-9)
            self.writer(TRAIN).scalar("epoch_steps_per_second", speed, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)

    def _write_weights(self, epoch: int) -> None:
        for variable in self.model.weights:
            value = variable.numpy()
            self.writer(TRAIN).histogram(f"{variable.path}/histogram", value, epoch)
            if self.write_images and value.ndim in (1, 2):
                png, height, width = _picture(value)
                self.writer(TRAIN).image(f"{variable.path}/image", png, height, width, epoch)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the figures over the steps of training."""
        for name, value in (logs or {}).items():
            if not np.ndim(value):
                tag = f"evaluation_{name}_vs_iterations"
                self.writer(VALIDATION).scalar(tag, float(value), self._iterations())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Make sure that everything is on the disk."""
        for writer in self._writers.values():
            writer.close()


def _picture(value: Any) -> tuple[bytes, int, int]:
    from hornbeam.callbacks.pictures import gray_png

    matrix = np.atleast_2d(np.nan_to_num(np.asarray(value, np.float64)))
    low, high = matrix.min(), matrix.max()
    scaled = (matrix - low) / (high - low) * 255 if high > low else matrix * 0
    return gray_png(scaled.astype(np.uint8)), matrix.shape[0], matrix.shape[1]
