"""Checkpoints of whole runs: `RunCheckpoint`, and `BackupAndRestore` with Keras's arguments.

When and where is said here; what a run consists of, `hornbeam.training.resume` knows.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hornbeam.callbacks.monitor import MonitorCallback
from hornbeam.errors import CorruptFileError, InputError
from hornbeam.training import snapshots

_NAME = re.compile(r"step-(\d{12})\.run")
_LEFT_OVER = re.compile(r"\..+\.run\.[0-9a-f]{16}\.tmp")


class RunCheckpoint(MonitorCallback):
    """Writes the whole state of `fit` to a directory, and lets `fit` go on from there.

    A checkpoint holds the weights, the optimizer, the seeds, the place in the data and its order, the
    metrics, and the state of the callbacks.  A run that was killed at any moment and started again by
    the same program ends as if nothing had happened, bit for bit, if the engine computes alike each
    time.
    Files are written in a thread, beside training, and are whole or not there.

    Args:
        directory: where to; one directory per run.
        save_freq: "epoch", or a number of steps, counted through all epochs.
        keep: how many of the newest checkpoints are kept.
        monitor: a name of the logs; the checkpoint of the epoch in which it was best is kept besides.
        mode: "min" if lower is better, "max" if higher is, "auto" to go by the name.
        background: whether to write in a thread; False makes training wait.
        resume: whether to go on from what is in the directory; False removes it and begins anew.
        delete_when_done: whether the checkpoints are removed when `fit` has ended well.

    Attributes:
        best_path: the file of the best epoch, or None.

    Example:

    >>> import hornbeam, numpy, os, tempfile
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = numpy.ones((4, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = hornbeam.callbacks.RunCheckpoint(folder, keep=2)
    ...     _ = model.fit(x, x, batch_size=2, epochs=3, verbose=0, callbacks=[keep])
    ...     sorted(os.listdir(folder))
    ['step-000000000004.run', 'step-000000000006.run']
    """

    def __init__(
        self,
        directory: Any,
        save_freq: Any = "epoch",
        keep: int = 2,
        monitor: str | None = None,
        mode: str = "auto",
        background: bool = True,
        resume: bool = True,
        delete_when_done: bool = False,
    ) -> None:
        super().__init__(monitor or "loss", mode)
        kind = type(self).__name__
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not whole:
            raise InputError(
                f"{kind}: `save_freq` must be 'epoch' or a positive number of steps, got {save_freq!r}."
            )
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise InputError(f"{kind}: `keep` must be a positive int, got {keep!r}.")
        if not os.fspath(directory):
            raise InputError(f"{kind}: the directory must have a name, got an empty string.")
        self.directory = Path(directory)
        self.save_freq = save_freq
        self.keep = keep
        self.background = background
        self.resume = resume
        self.delete_when_done = delete_when_done
        self.monitors = monitor is not None
        self.best_path: str | None = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def get_state(self) -> dict[str, Any]:
        """The best figure so far."""
        return {"best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the best figure."""
        self.best = state["best"]

    # ------------------------------------------------------------------------------------ when to save

    def next_stop(self, step: int) -> int | None:
        """The first number of steps after `step` at which to save, if steps are what counts."""
        if self.save_freq == "epoch":
            return None
        return (step // int(self.save_freq) + 1) * int(self.save_freq)

    def is_due(self, step: int) -> bool:
        """Whether to save after so many steps."""
        return self.save_freq != "epoch" and step % int(self.save_freq) == 0

    def note_epoch(self, logs: dict[str, Any]) -> tuple[bool, bool]:
        """(whether to save after this epoch, whether it is the best so far)."""
        better = False
        if self.monitors:
            current = self.get_monitor_value(logs)
            better = current is not None and self.is_improvement(current, self.best)
            if better:
                self.best = current
        return self.save_freq == "epoch" or better, better

    # --------------------------------------------------------------------------------------- the files

    def saved(self) -> list[Path]:
        """The checkpoints in the directory, the newest last."""
        if not self.directory.is_dir():
            return []
        return sorted(p for p in self.directory.iterdir() if _NAME.fullmatch(p.name))

    def load(self) -> dict[str, Any] | None:
        """The newest checkpoint that is whole, or None if there is none.

        Files that a killed process left unfinished are removed.

        Raises:
            CorruptFileError: if there are checkpoints, but all are damaged.
        """
        self.wait()
        if self.directory.is_dir():
            for path in self.directory.iterdir():
                if _LEFT_OVER.fullmatch(path.name):
                    path.unlink()
        found = self.saved()
        if not self.resume:
            for path in [*found, self.directory / "best.run"]:
                path.unlink(missing_ok=True)
            return None
        error: CorruptFileError | None = None
        for path in reversed(found):
            try:
                content = snapshots.read(path)
            except CorruptFileError as damage:
                error = error or damage
                continue
            best = self.directory / "best.run"
            self.best_path = str(best) if best.exists() else None
            assert isinstance(content, dict)
            return content
        if error is not None:
            raise error
        return None

    def save(self, content: dict[str, Any], step: int, best: bool = False) -> None:
        """Write a checkpoint, beside training; errors come up at the next one or at the end.

        Args:
            content: the state, in arrays that nobody else will change.
            step: how many steps have been made.
            best: whether to keep it as the best as well.
        """
        self.wait()
        if best:
            self.best_path = str(self.directory / "best.run")

        def work() -> None:
            path = self.directory / f"step-{step:012d}.run"
            snapshots.write(path, content)
            if best:
                snapshots.write(self.directory / "best.run", content)
            for old in self.saved()[: -self.keep]:
                old.unlink()

        if self.background:
            self._thread = threading.Thread(target=self._guarded, args=(work,), name="checkpoint")
            self._thread.start()
        else:
            work()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._error = error

    def wait(self) -> None:
        """Wait until everything is written.

        Raises:
            Exception: what went wrong in writing.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            error.add_note(
                f"This happened while a checkpoint was written to {str(self.directory)!r}."
            )
            raise error

    def finish(self) -> None:
        """Training has ended well: wait, and remove what is no longer wanted."""
        self.wait()
        if self.delete_when_done:
            for path in [*self.saved(), self.directory / "best.run"]:
                path.unlink(missing_ok=True)
            if self.directory.is_dir() and not any(self.directory.iterdir()):
                self.directory.rmdir()

    def restore_best(self) -> None:
        """Give the model the weights, and all its other state, of the best epoch.

        Raises:
            InputError: if no best epoch was kept.
        """
        from hornbeam.training.resume import set_variables

        self.wait()
        if self.best_path is None or self.model is None:
            raise InputError(
                "There is no best checkpoint: pass `monitor=` to RunCheckpoint, and train first."
            )
        set_variables(self.model, snapshots.read(self.best_path)["variables"])


class BackupAndRestore(RunCheckpoint):
    """Lets a killed `fit` go on where it was; the backup is removed when training has ended well.

    As `RunCheckpoint`, with the arguments of Keras.

    Args:
        backup_dir: where to write; one directory per run.
        save_freq: "epoch", or a number of steps.
        double_checkpoint: whether to keep the backup before the last as well.
        delete_checkpoint: whether to remove the backup when training has ended well.

    Example:

    >>> import hornbeam, numpy, os, tempfile
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = numpy.ones((4, 1))
    >>> folder = os.path.join(tempfile.mkdtemp(), "backup")
    >>> backup = hornbeam.callbacks.BackupAndRestore(folder)
    >>> _ = model.fit(x, x, epochs=3, verbose=0, callbacks=[backup])
    >>> os.path.exists(folder)
    False
    """

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__(
            backup_dir,
            save_freq,
            keep=2 if double_checkpoint else 1,
            delete_when_done=delete_checkpoint,
        )
        self.backup_dir = self.directory
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
