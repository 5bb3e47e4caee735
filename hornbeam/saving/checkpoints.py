"""Directories of checkpoints: one folder per step, and an index of them in the order of writing.

    directory/checkpoints.json          {"steps": [0, 1, 2]}, the last one written last
    directory/2/model.keras             a whole model, or
    directory/2/model.weights.h5        its weights alone

Every file is whole or not there, and the index is written after what it names: a process that is killed
at any moment leaves a directory that can be loaded.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hornbeam.errors import CorruptFileError, UnsafeFileError, UnsupportedError
from hornbeam.saving import json_format
from hornbeam.saving.atomic import atomic_write
from hornbeam.saving.opening import open_regular

INDEX = "checkpoints.json"
MODEL = "model.keras"
WEIGHTS = "model.weights.h5"
FOREIGN = ("_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt")
"""Files by which directories of the Orbax library are known."""
MAX_INDEX_BYTES = 2**20


def steps(directory: Path) -> list[int]:
    """The steps in the index of a directory, the newest last; none if there is no index.

    Raises:
        CorruptFileError: if the index is not what `write` makes.
    """
    path = directory / INDEX
    try:
        with open_regular(path) as file:
            content = file.read(MAX_INDEX_BYTES + 1)
    except FileNotFoundError:
        return []
    try:
        parsed = json_format.parse(content)
        found = parsed["steps"]
        assert isinstance(found, list)
        assert all(type(step) is int and step >= 0 for step in found)
    except (ValueError, LookupError, TypeError, AssertionError) as error:
        raise CorruptFileError(f"The index {str(path)!r} is damaged: {error}") from error
    return found


def write(directory: Path, step: int, name: str, content: bytes, keep: int | None) -> None:
    """Write the checkpoint of a step, and remove the oldest ones.

    Args:
        directory: the directory.
        step: the number of the step; one of that number is replaced.
        name: `MODEL` or `WEIGHTS`.
        content: the file.
        keep: how many checkpoints there may be; None for any number.
    """
    found = [known for known in steps(directory) if known != step] + [step]
    with atomic_write(directory / str(step) / name) as file:
        file.write(content)
    other = directory / str(step) / (WEIGHTS if name == MODEL else MODEL)
    other.unlink(missing_ok=True)
    kept = found if keep is None else found[-keep:]
    with atomic_write(directory / INDEX) as file:
        file.write(json.dumps({"steps": kept}).encode())
    for old in found[: len(found) - len(kept)]:
        _remove(directory / str(old))


def _remove(folder: Path) -> None:
    """Remove what `write` wrote; a folder that holds something else stays."""
    for name in (MODEL, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def file_in(path: Any, weights_suffice: bool = False) -> Path:
    """The file that `path` stands for: the newest one of a directory of checkpoints, else itself.

    Args:
        path: a file, a directory of checkpoints, or the folder of one step in it.
        weights_suffice: whether the weights alone will do.

    Raises:
        UnsupportedError: if the directory was written by the Orbax library, or holds weights only where
            a model is wanted.
        UnsafeFileError: if the directory holds no checkpoint.
    """
    given = Path(path)
    if not given.is_dir():
        return given
    found = steps(given)
    folder = given / str(found[-1]) if found else given
    if (folder / MODEL).exists():
        return folder / MODEL
    if (folder / WEIGHTS).exists():
        if weights_suffice:
            return folder / WEIGHTS
        raise UnsupportedError(
            f"The checkpoint {str(folder)!r} holds weights and no model (save_weights_only=True): build "
            "the model and call `model.load_weights(...)` with this directory."
        )
    if any((p / name).exists() for p in (given, *given.glob("[0-9]*")) for name in FOREIGN):
        raise UnsupportedError(
            f"{str(given)!r} was written by the Orbax library, whose format is not read here. Load it "
            'where it was written, in Keras: `keras.saving.load_model(directory).save("model.keras")`, '
            "and load that file."
        )
    raise UnsafeFileError(
        f"{str(given)!r} is no regular file, and no directory of checkpoints: it holds neither an index "
        f"{INDEX!r}, nor {MODEL!r} or {WEIGHTS!r}."
    )


__all__ = ["MODEL", "WEIGHTS", "file_in", "steps", "write"]
