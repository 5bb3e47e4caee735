"""``hornbeam convert SOURCE TARGET``: models and weights from one format to another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hornbeam.errors import CorruptFileError, InputError
from hornbeam.saving import files, json_format, yaml_format
from hornbeam.saving.atomic import atomic_write
from hornbeam.saving.weight_files import SUFFIXES

TEXTS = (".json", ".yaml", ".yml")


def is_text(path: str) -> bool:
    """Whether the name is that of an architecture as text."""
    return path.endswith(TEXTS) and not path.endswith(".weights.json")


def read_model(path: str) -> Any:
    """The model in a file, or the architecture in a text."""
    if not is_text(path):
        return files.load_model(path)
    with open(path, encoding="utf-8") as file:
        text = file.read(json_format.MAX_CONFIG_BYTES + 1)
    read = json_format.model_from_json if path.endswith(".json") else yaml_format.model_from_yaml
    return read(text)


def is_model(path: str) -> bool:
    """Whether the name can be that of a whole model."""
    return path.endswith((".keras", ".h5", ".hdf5")) and not path.endswith(".weights.h5")


def convert_file(source: str, target: str, model: str | None, overwrite: bool) -> int:
    """Write what is in `source` to `target`.

    Args:
        source: a model, weights, or an architecture as text.
        target: the ends of the names say the formats.
        model: where the architecture is, if `source` is weights.
        overwrite: whether an existing target may be replaced.

    Raises:
        InputError: if the target cannot hold what the source has.
    """
    if not Path(source).exists():
        raise FileNotFoundError(f"There is no file {source!r}.")
    if not target.endswith((".keras", *TEXTS, *SUFFIXES)):
        raise InputError(
            f"{target!r} says no format: it must end in '.keras', '.json', '.yaml', "
            + ", ".join(map(repr, SUFFIXES))
            + "."
        )
    if model is not None:
        made = read_model(model)
        made.load_weights(source)
    elif is_text(source) or is_model(source):
        try:
            made = read_model(source)
        except CorruptFileError as error:
            if "only weights" not in str(error):
                raise
            raise InputError(_needs_model(source)) from None
    else:
        raise InputError(_needs_model(source))
    _write(made, target, overwrite)
    sys.stdout.write(f"{source} -> {target}\n")
    return 0


def _needs_model(source: str) -> str:
    return (
        f"{source!r} holds weights alone, and which is which only the architecture says: give it with "
        "`--model FILE`, a '.keras', '.json' or '.yaml' file."
    )


def _write(model: Any, target: str, overwrite: bool) -> None:
    if target.endswith(".keras"):
        model.save(target, overwrite=overwrite)
    elif is_text(target):
        if Path(target).exists() and not overwrite:
            raise FileExistsError(f"{target!r} exists; pass `--overwrite` to replace it.")
        text = model.to_json() if target.endswith(".json") else yaml_format.to_yaml(model)
        with atomic_write(target) as file:
            file.write(text.encode())
    else:
        model.save_weights(target, overwrite=overwrite)


__all__ = ["convert_file"]
