"""What a run of `fit` consists of, and how it goes on from a checkpoint.

Between two steps a run is: the variables that steps touch, the random streams of the process, the place
in the data and what decides its order, the state of the callbacks, and the last logs.  `Run` takes all
of it down as plain data, and puts it back.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hornbeam.callbacks.backup import RunCheckpoint
from hornbeam.errors import InputError
from hornbeam.random import streams
from hornbeam.random.seed_generator import global_states, set_global_states
from hornbeam.training.logs import to_host

FORMAT = 1


@dataclass
class Cursor:
    """Where a run is.

    Attributes:
        epoch: the epoch, from 0.
        step: how many of its steps are done.
        total: how many steps were made in all.
        begun: whether the beginning of the epoch has been announced.
        logs: the last logs, read.
    """

    epoch: int
    step: int = 0
    total: int = 0
    begun: bool = False
    logs: dict[str, Any] = field(default_factory=dict)


class Run:
    """A run of `fit`, as far as checkpoints are concerned.

    Args:
        model: the model.
        data: the adapter of the training data.
        listeners: the callbacks; the first `RunCheckpoint` among them says when and where to save.
    """

    def __init__(self, model: Any, data: Any, listeners: Any) -> None:
        self.model = model
        self.data = data
        self.listeners = listeners
        found = [c for c in listeners.callbacks if isinstance(c, RunCheckpoint)]
        if len(found) > 1:
            raise InputError(
                f"fit() got {len(found)} checkpoints of the run ({type(found[0]).__name__} and "
                f"{type(found[1]).__name__}); give it one."
            )
        self.keeper = found[0] if found else None
        self.cursor = Cursor(0)
        self._loaded: dict[str, Any] | None = None

    def look(self, initial_epoch: int) -> bool:
        """Read the newest checkpoint; whether there is one.

        It comes before `on_train_begin`, so that callbacks can be told.
        """
        self.cursor = Cursor(initial_epoch)
        if self.keeper is None:
            return False
        self._loaded = self.keeper.load()
        if self._loaded is None:
            return False
        problem = self._misfit(self._loaded)
        if problem:
            raise InputError(
                f"The checkpoint in {str(self.keeper.directory)!r} belongs to another run: {problem}. "
                "Choose another directory, or pass `resume=False` to begin anew."
            )
        return True

    def _misfit(self, content: dict[str, Any]) -> str:
        if content.get("format") != FORMAT:
            return f"its format is {content.get('format')!r}, this version reads {FORMAT}"
        for name, mine in self.data.description().items():
            theirs = content["data"].get(name)
            if theirs != mine:
                return f"its data has {name}={theirs!r}, this has {name}={mine!r}"
        kinds, mine = [name for name, _ in content["callbacks"]], self._kinds()
        if kinds != mine:
            return f"its callbacks are {kinds}, these are {mine}"
        return variables_misfit(self.model, content["variables"])

    def _kinds(self) -> list[str]:
        return [type(callback).__name__ for callback in self.listeners.callbacks]

    def restore(self) -> Cursor:
        """Put everything back, if there is a checkpoint; where to go on from."""
        content, self._loaded = self._loaded, None
        if content is None:
            return self.cursor
        for callback, (_, state) in zip(
            self.listeners.callbacks, content["callbacks"], strict=True
        ):
            if state is not None:
                callback.set_state(state)
        self.cursor = Cursor(**content["cursor"])
        self.data.set_state(content["data_state"], self.cursor.epoch, self.cursor.step)
        set_variables(self.model, content["variables"])
        self.model.stop_training = content["stop_training"]
        set_random_state(content["random"])
        return self.cursor

    # ------------------------------------------------------------------------------------------ saving

    def after_step(self, epoch: int, done: int, steps: int, logs: Any) -> None:
        """So many more `steps` are made, `done` of this epoch in all; save if it is time."""
        self.cursor.total += steps
        if self.keeper is not None and self.keeper.is_due(self.cursor.total):
            read = {key: to_host(value) for key, value in logs.items()}
            self._save(Cursor(epoch, done, self.cursor.total, True, read))

    def steps_until_stop(self) -> int | None:
        """How many steps may be made before the next checkpoint, if steps are what counts."""
        stop = None if self.keeper is None else self.keeper.next_stop(self.cursor.total)
        return None if stop is None else stop - self.cursor.total

    def after_epoch(self, epoch: int, logs: dict[str, Any], last: bool) -> None:
        """An epoch has ended, its callbacks too; save if it is time."""
        if self.keeper is None:
            return
        due, best = self.keeper.note_epoch(logs)
        if due or (last and not self.keeper.delete_when_done):
            read = {key: to_host(value) for key, value in logs.items()}
            self._save(Cursor(epoch + 1, 0, self.cursor.total, False, read), best)

    def _save(self, cursor: Cursor, best: bool = False) -> None:
        assert self.keeper is not None
        states = [c.get_state() for c in self.listeners.callbacks]
        content = {
            "format": FORMAT,
            "cursor": dict(vars(cursor)),
            "data": self.data.description(),
            "data_state": self.data.get_state(),
            "callbacks": list(zip(self._kinds(), states, strict=True)),
            "variables": get_variables(self.model),
            "stop_training": bool(self.model.stop_training),
            "random": get_random_state(),
        }
        self.keeper.save(content, cursor.total, best)

    def finish(self) -> None:
        """Training has ended well."""
        if self.keeper is not None:
            self.keeper.finish()

    def wait(self) -> None:
        """Training has ended in whatever way: let what is being written be written."""
        if self.keeper is not None:
            self.keeper.wait()


def get_variables(model: Any) -> list[tuple[str, Any]]:
    """(path, value) of everything that a step may touch, in copies on the host."""
    found = model._state_variables()
    return [(v.path, np.array(v.numpy())) for v in found]


def variables_misfit(model: Any, stored: Sequence[tuple[str, Any]]) -> str:
    """What is wrong with these values for this model, or an empty string.

    Paths are for messages only: automatic names depend on what else the process has made.
    """
    mine = model._state_variables()
    if len(mine) != len(stored):
        return f"it has {len(stored)} variables, the model and its optimizer have {len(mine)}"
    for variable, (path, value) in zip(mine, stored, strict=True):
        if tuple(value.shape) != variable.shape or value.dtype.name != variable._dtype:
            return (
                f"its variable {path!r} is {value.dtype.name}{tuple(value.shape)}, where the model has "
                f"{variable.path!r}, {variable._dtype}{variable.shape}"
            )
    return ""


def set_variables(model: Any, stored: Sequence[tuple[str, Any]]) -> None:
    """Put values of `get_variables` back, all or none.

    Raises:
        InputError: if they belong to another model.
    """
    problem = variables_misfit(model, stored)
    if problem:
        raise InputError(f"The checkpoint belongs to another model: {problem}.")
    for variable, (_, value) in zip(model._state_variables(), stored, strict=True):
        variable.assign(value)


def get_random_state() -> dict[str, Any]:
    """Where the random streams of the process are: Hornbeam's, Python's and NumPy's."""
    return {
        "streams": streams.get_state(),
        "global": global_states(),
        "python": random.getstate(),
        "numpy": np.random.get_state(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put the random streams where they were."""
    streams.set_state(state["streams"])
    set_global_states(state["global"])
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
