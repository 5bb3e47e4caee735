"""Data in: one adapter per kind of input, all giving batches of (x, y, sample_weight)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.errors import InputError
from hornbeam.training.data.arrays import ArrayData, train_validation_split
from hornbeam.training.data.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from hornbeam.training.data.convert import to_array
from hornbeam.training.data.py_dataset import PyDataset, PyDatasetData
from hornbeam.training.data.streams import StreamData
from hornbeam.training.data.tables import column_names


def is_array_like(x: Any) -> bool:
    """Whether `x` holds rows that can be counted and picked (rather than a stream of batches)."""
    if isinstance(x, np.ndarray):
        return True
    if column_names(x) is not None:
        return True
    leaves = [leaf for leaf in tree.flatten(x) if leaf is not None]
    if isinstance(x, list) and leaves and hasattr(leaves[0], "shape"):
        if all(isinstance(item, tuple) and len(item) in (2, 3) for item in x):
            return False  # a list of batches
    if isinstance(x, (list, tuple)) and leaves and not hasattr(leaves[0], "shape"):
        return all(isinstance(leaf, (int, float, bool, str)) for leaf in leaves)
    return bool(leaves) and all(
        hasattr(leaf, "shape") or hasattr(leaf, "to_numpy") for leaf in leaves
    )


def make_data(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: Any = None,
    steps: int | None = None,
    what: str = "fit",
) -> ArrayData | StreamData:
    """The adapter for whatever the user passed.

    Raises:
        InputError: saying what is wrong with it.
    """
    if x is None:
        raise InputError(f"{what}() got no data: `x` is None.")
    if is_array_like(x) and not isinstance(x, PyDataset):
        return ArrayData(
            x,
            y,
            sample_weight,
            batch_size=32 if batch_size is None else batch_size,
            shuffle=shuffle,
            class_weight=class_weight,
            steps=steps,
            what=what,
        )
    if y is not None or sample_weight is not None:
        name = "y" if y is not None else "sample_weight"
        raise InputError(
            f"{what}() got a {type(x).__name__} as `x`, which must yield whole batches (x, y) or "
            f"(x, y, sample_weight); `{name}` cannot be given beside it."
        )
    if isinstance(x, PyDataset):
        return PyDatasetData(x, class_weight=class_weight, steps=steps, shuffle=shuffle, what=what)
    if hasattr(x, "__iter__") or hasattr(x, "__getitem__"):
        return StreamData(x, class_weight=class_weight, steps=steps, shuffle=shuffle, what=what)
    raise InputError(
        f"{what}() got a {type(x).__name__} as `x`. Pass arrays, lists of numbers, a list or dict of "
        "arrays, a generator or any iterable of batches, or a `PyDataset`."
    )


__all__ = [
    "ArrayData",
    "StreamData",
    "is_array_like",
    "make_data",
    "pack_x_y_sample_weight",
    "to_array",
    "train_validation_split",
    "unpack_x_y_sample_weight",
]
