"""`OrbaxCheckpoint`: numbered checkpoints of a model in a directory."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

from hornbeam.callbacks.checkpoint import SavingCallback
from hornbeam.errors import InputError
from hornbeam.saving import checkpoints


class OrbaxCheckpoint(SavingCallback):
    """Saves the model, or its weights, to a numbered folder of a directory, and keeps the newest few.

    The files are Hornbeam's own on every engine, not those of the Orbax library, which is not needed:
    ``directory/<number>/model.keras``, or ``model.weights.h5``.  `hornbeam.saving.load_model` and
    `Model.load_weights` take the directory, for the checkpoint that was written last, or one of its
    folders.  The number is the epoch, from 0, or how many batches were trained on.  To go on with a run
    where it was, use `RunCheckpoint`, which holds the whole run.

    Args:
        directory: where to; it is made if need be.
        monitor: the name of the figure that decides what is best.
        verbose: 1 to say what is saved.
        save_best_only: whether to save only what is better than all before.
        mode: "min" if lower is better, "max" if higher is, "auto" to go by the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: what the first save has to be better than.
        max_to_keep: how many checkpoints are kept; None for all.
        save_on_background: whether to write in a thread, beside training; the values are copied first.
        save_weights_only: whether to save the weights alone.

    Example:

    >>> import hornbeam, numpy, os, tempfile
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = numpy.ones((2, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = hornbeam.callbacks.OrbaxCheckpoint(folder, max_to_keep=2)
    ...     _ = model.fit(x, x, epochs=3, verbose=0, callbacks=[keep])
    ...     loaded = hornbeam.saving.load_model(folder)
    ...     sorted(os.listdir(folder)), bool((loaded.predict(x) == model.predict(x)).all())
    (['1', '2', 'checkpoints.json'], True)
    """

    def __init__(
        self,
        directory: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
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
        self.directory = os.fspath(directory)
        if not self.directory:
            raise InputError(
                "OrbaxCheckpoint: the directory must have a name, got an empty string."
            )
        if max_to_keep is not None and (
            isinstance(max_to_keep, bool) or not isinstance(max_to_keep, int) or max_to_keep < 1
        ):
            raise InputError(
                f"OrbaxCheckpoint: `max_to_keep` must be a positive int or None, got {max_to_keep!r}."
            )
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def _target(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        number = epoch if self.save_freq == "epoch" else self._batches
        return os.path.join(self.directory, str(number))

    def _write(self, path: str) -> None:
        self.wait_until_finished()
        content, step = self._content(), int(os.path.basename(path))
        name = checkpoints.WEIGHTS if self.save_weights_only else checkpoints.MODEL

        def work() -> None:
            try:
                checkpoints.write(Path(self.directory), step, name, content, self.max_to_keep)
            except BaseException as error:
                self._error = error

        if self.save_on_background:
            self._thread = threading.Thread(target=work, name="checkpoint")
            self._thread.start()
        else:
            work()
            self.wait_until_finished()

    def _content(self) -> bytes:
        from hornbeam.saving import files, weight_files
        from hornbeam.saving.objects import serialize_for_file

        buffer = io.BytesIO()
        if self.save_weights_only:
            weight_files.write_h5(buffer, self.model)
        else:
            files.write_archive(buffer, self.model, serialize_for_file(self.model))
        return buffer.getvalue()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Wait until everything is written."""
        self.wait_until_finished()

    def wait_until_finished(self) -> None:
        """Wait until what was saved is written.

        Raises:
            Exception: what went wrong in writing.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            error.add_note(f"This happened while a checkpoint was written to {self.directory!r}.")
            raise error

    def is_multihost_enabled(self) -> bool:
        """Whether several processes train together: never, a run of `fit` is one process."""
        return False

    def is_primary_host(self) -> bool:
        """Whether this process is the one that writes: always."""
        return True


__all__ = ["OrbaxCheckpoint"]
