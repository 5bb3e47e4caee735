"""Data sets of files in folders, one folder per class: which files, which labels, which part."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.errors import InputError
from hornbeam.random import streams
from hornbeam.training.data.row_dataset import RowDataset

LABEL_MODES = ("int", "binary", "categorical")
SUBSETS = ("training", "validation", "both")


class FileDataset(RowDataset):
    """Files in batches; what the ``*_dataset_from_directory`` functions return.

    Args:
        paths: the files.
        load: ``load(path)``, which returns the content of one as a NumPy array.
        labels: one per file, or None.
        join: ``join(contents)``, which makes one array of several contents.
        class_names: the names of the classes, in the order of their numbers.
        **options: as for `RowDataset`.

    Attributes:
        file_paths: the files.
        class_names: the names of the classes.

    Example:

    >>> import hornbeam, numpy
    >>> from hornbeam.utils.directories import FileDataset
    >>> data = FileDataset(["aa", "b"], lambda path: numpy.array(len(path)), batch_size=2)
    >>> data[0].tolist()
    [2, 1]
    """

    def __init__(
        self,
        paths: Sequence[str],
        load: Callable[[str], Any],
        labels: Any = None,
        join: Callable[[list[Any]], Any] = np.stack,
        class_names: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        self.file_paths = list(paths)
        self.class_names = None if class_names is None else list(class_names)

        def get(numbers: Any) -> Any:
            x = join([load(self.file_paths[int(i)]) for i in numbers])
            return x if labels is None else (x, labels[numbers])

        super().__init__(len(self.file_paths), get, **options)


def listed_files(directory: Any, suffixes: Sequence[str], follow_links: bool) -> list[str]:
    """The files below a folder that end in one of `suffixes`, sorted, as relative paths.

    Nothing outside of the folder is listed unless links are followed.
    """
    found = []
    for folder, names, files in os.walk(directory, followlinks=follow_links):
        names.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.lower().endswith(tuple(suffixes)) and (
                follow_links or not os.path.islink(path)
            ):
                found.append(os.path.relpath(path, directory))
    return found


def index(
    directory: Any,
    labels: Any,
    class_names: Sequence[str] | None,
    suffixes: Sequence[str],
    follow_links: bool,
) -> tuple[list[str], Any, list[str] | None]:
    """(paths, class numbers or None, class names or None) of the files of a folder."""
    root = Path(directory)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {str(root)!r}.")
    if labels != "inferred":
        paths = [str(root / p) for p in listed_files(root, suffixes, follow_links)]
        _some(paths, root, suffixes)
        if labels is None:
            return paths, None, None
        if len(labels) != len(paths):
            raise InputError(
                f"There are {len(labels)} labels for {len(paths)} files in {str(root)!r}; `labels` must "
                "have one per file, in the order of the sorted paths."
            )
        numbers = np.asarray(labels)
        names = [str(n) for n in sorted(set(numbers.tolist()))]
        return paths, numbers, list(class_names) if class_names is not None else names
    folders = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if class_names is not None and set(class_names) != set(folders):
        raise InputError(
            f"`class_names` must be the names of the folders in {str(root)!r}, {folders}, in the order "
            f"you want; got {list(class_names)}."
        )
    names = list(class_names) if class_names is not None else folders
    paths, classes = [], []
    for name in names:
        inside = listed_files(root / name, suffixes, follow_links)
        paths += [str(root / name / p) for p in inside]
        classes += [names.index(name)] * len(inside)
    _some(paths, root, suffixes)
    return paths, np.asarray(classes, np.int32), names


def _some(paths: list[str], root: Path, suffixes: Sequence[str]) -> None:
    if not paths:
        raise InputError(f"There are no files ending in {', '.join(suffixes)} below {str(root)!r}.")


def encoded(numbers: Any, label_mode: str | None, class_names: Sequence[str] | None) -> Any:
    """Class numbers in the way that `label_mode` says."""
    if numbers is None or label_mode is None:
        return None
    if label_mode == "int":
        return numbers.astype(np.int32) if numbers.dtype.kind in "iu" else numbers
    count = len(class_names or ())
    if label_mode == "binary":
        if count != 2:
            raise InputError(
                f"label_mode='binary' needs exactly 2 classes, but there are {count}: {class_names}."
            )
        return numbers.astype(np.float32)[:, None]
    return np.eye(count, dtype=np.float32)[numbers]


def check(
    labels: Any, label_mode: str | None, validation_split: float | None, subset: str | None,
    shuffle: bool, seed: int | None,
) -> None:  # fmt: skip
    """Refuse arguments that do not fit together."""
    if labels != "inferred" and labels is not None and not isinstance(labels, (list, tuple)):
        raise InputError(
            f"`labels` must be 'inferred', None, or a list with one per file, got {labels!r}."
        )
    if label_mode not in (*LABEL_MODES, None):
        raise InputError(f"`label_mode` must be one of {LABEL_MODES} or None, got {label_mode!r}.")
    if labels is None and label_mode is not None:
        raise InputError("With `labels=None` there are no labels: pass `label_mode=None` as well.")
    if (validation_split is None) != (subset is None):
        raise InputError("`validation_split` and `subset` must be given together.")
    if validation_split is None:
        return
    if not 0 < validation_split < 1:
        raise InputError(f"`validation_split` must lie between 0 and 1, got {validation_split}.")
    if subset not in SUBSETS:
        raise InputError(f"`subset` must be one of {SUBSETS}, got {subset!r}.")
    if shuffle and seed is None:
        raise InputError(
            "With `validation_split` and `shuffle=True`, pass a `seed`: else the files of the training "
            "part and those of the validation part of another call would overlap."
        )


def from_directory(
    directory: Any,
    load: Callable[[str], Any],
    suffixes: Sequence[str],
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    verbose: bool,
    join: Callable[[list[Any]], Any] = np.stack,
) -> Any:
    """The data set, or (training, validation) for ``subset="both"``."""
    check(labels, label_mode, validation_split, subset, shuffle, seed)
    paths, numbers, names = index(directory, labels, class_names, suffixes, follow_links)
    if verbose:
        classes = "" if names is None else f" of {len(names)} classes"
        sys.stdout.write(f"Found {len(paths)} files{classes}.\n")
    order = np.arange(len(paths))
    if shuffle:
        seed = streams.next_seed() if seed is None else seed
        order = streams.generator(seed).permutation(len(paths))
    targets = encoded(numbers, label_mode, names)

    def part(chosen: Any, in_new_orders: bool) -> FileDataset:
        return FileDataset(
            [paths[i] for i in chosen],
            load,
            None if targets is None else targets[chosen],
            join,
            names,
            batch_size=batch_size,
            shuffle=in_new_orders,
            seed=seed,
        )

    if validation_split is None:
        return part(order, shuffle)
    kept = len(paths) - int(validation_split * len(paths))
    if kept in (0, len(paths)):
        raise InputError(f"validation_split={validation_split} of {len(paths)} files leaves none.")
    parts = {"training": (order[:kept], shuffle), "validation": (order[kept:], False)}
    if verbose:
        for name in parts if subset == "both" else [str(subset)]:
            sys.stdout.write(f"Using {len(parts[name][0])} files for {name}.\n")
    if subset == "both":
        return tuple(part(*parts[name]) for name in ("training", "validation"))
    return part(*parts[str(subset)])
