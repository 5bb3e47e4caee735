"""Mistakes that are caught at the door, before any training happens."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.training.compiled import CompiledLoss, match_targets


def sparse_ranges(loss: CompiledLoss) -> list[tuple[str, int, int | None] | None]:
    """Per output: (name, number of classes, label to ignore) if its loss takes class numbers."""
    assert loss.slots is not None
    found: list[tuple[str, int, int | None] | None] = []
    for name, one, prediction in zip(loss.slots.names, loss.losses, loss.slots.leaves, strict=True):
        fn = getattr(getattr(one, "fn", None), "__name__", "")
        if fn != "sparse_categorical_crossentropy" or not len(prediction.shape):
            found.append(None)
            continue
        axis = getattr(one, "axis", None)
        classes = prediction.shape[-1 if axis is None else axis]
        ignored = getattr(one, "ignore_class", None)
        found.append((name, int(classes), ignored) if isinstance(classes, int) else None)
    return found


def check_labels(loss: CompiledLoss | None, y: Any) -> None:
    """Refuse class numbers outside of 0..classes-1, which some engines would read as anything.

    Raises:
        InputError: naming the output, the offending label and the number of classes.
    """
    if loss is None or loss.slots is None or y is None:
        return
    ranges = sparse_ranges(loss)
    if not any(ranges):
        return
    for entry, target in zip(ranges, match_targets(y, loss.slots, None), strict=True):
        if entry is None or target is None:
            continue
        labels = _host(target)
        if labels is not None and labels.size:
            _check_range(labels, *entry)


def _check_range(labels: Any, name: str, classes: int, ignored: int | None) -> None:
    if labels.dtype.kind == "f" and not np.all(labels == np.floor(labels)):
        raise InputError(
            f"The loss of output {name!r} takes class numbers, but the labels hold fractions such as "
            f"{labels[labels != np.floor(labels)].ravel()[0]}. For probabilities use "
            "'categorical_crossentropy', for a regression 'mse'."
        )
    kept = labels if ignored is None else labels[labels != ignored]
    if not kept.size:
        return
    low, high = int(kept.min()), int(kept.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        hint = (
            f" The labels seem to count from 1: subtract 1, or give the last layer {classes + 1} units."
            if low == 1 and high == classes
            else f" Give the last layer {high + 1} units, or correct the labels."
            if low >= 0
            else " Negative labels are only possible with the loss's `ignore_class`."
        )
        raise InputError(
            f"The labels of output {name!r} must be class numbers in 0..{classes - 1} (it has {classes} "
            f"units), but there is the label {wrong}.{hint}"
        )


def _host(target: Any) -> Any:
    if isinstance(target, np.ndarray):
        return target
    owner = owner_of(target)
    if owner is None or not owner.is_concrete(target):
        return None
    return owner.to_numpy(target)


def check_target_shapes(loss: CompiledLoss | None, y: Any) -> None:
    """Refuse targets whose shape cannot belong to the outputs.

    Raises:
        InputError: naming both shapes, and the loss that would fit.
    """
    if loss is None or loss.slots is None or y is None:
        return
    rows = zip(
        loss.slots.names,
        loss.losses,
        loss.slots.leaves,
        match_targets(y, loss.slots, None),
        strict=True,
    )
    for name, one, prediction, target in rows:
        fn = getattr(getattr(one, "fn", None), "__name__", "")
        if target is None or not hasattr(target, "shape"):
            continue
        wanted, given = tuple(prediction.shape), tuple(target.shape)
        one_hot = len(given) == len(wanted) and given[-1:] == wanted[-1:] and (wanted[-1] or 1) > 1
        if fn == "sparse_categorical_crossentropy" and one_hot and len(given) > 1:
            raise InputError(
                f"The targets of output {name!r} have shape {given}, one column per class, but "
                "'sparse_categorical_crossentropy' takes class numbers. Use 'categorical_crossentropy', "
                "or `y.argmax(-1)`."
            )
        if fn == "categorical_crossentropy" and len(given) < len(wanted):
            raise InputError(
                f"The targets of output {name!r} have shape {given}, but 'categorical_crossentropy' "
                f"takes one column per class, like the output {wanted}. For class numbers use "
                "'sparse_categorical_crossentropy'."
            )


class NanWatch:
    """Warns once when a log is not a finite number."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name
        self.warned = False

    def look(self, logs: Any, epoch: int) -> None:
        """Look at the logs of an epoch."""
        if self.warned:
            return
        for key, value in logs.items():
            if "loss" in key and isinstance(value, float) and not math.isfinite(value):
                self.warned = True
                warnings.warn(
                    f"Model {self.model_name!r}: {key} is {value} in epoch {epoch + 1}. Look for NaN or "
                    "infinite values in the data, a learning rate that is too high, or a logarithm or "
                    "division near zero; the `TerminateOnNaN` callback stops training at once.",
                    stacklevel=4,
                )
                return
