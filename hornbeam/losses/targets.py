"""What targets have to look like: class numbers or one-hot, checked on the host with clear messages."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.errors import InputError


def class_numbers(y_true: Any, y_pred: Any) -> Any:
    """`y_true` as int32 class numbers, without the last axis of size 1 that it may have."""
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return ops.cast(y_true, "int32")


def smoothing(owner: str, value: float) -> float:
    """`value` as a label smoothing, checked."""
    if not 0 <= value <= 1:
        raise InputError(f"{owner}: `label_smoothing` must be in [0, 1], got {value!r}.")
    return value


def check_class_numbers(
    name: str, y_true: Any, num_classes: int | None, ignore_class: int | None = None
) -> None:
    """Raise InputError unless the NumPy array `y_true` holds class numbers of a model.

    Args:
        name: the name of the loss or metric, for the message.
        y_true: the targets.
        num_classes: how many classes the model has, None if that is not known.
        ignore_class: a number that may occur besides.
    """
    if y_true.dtype.kind not in "biuf":
        raise InputError(
            f"{name!r} takes class numbers as targets, got dtype {y_true.dtype}. Encode other labels "
            "first: `classes, y = np.unique(labels, return_inverse=True)`."
        )
    if num_classes is None or not y_true.size:
        return
    if y_true.ndim > 1 and y_true.shape[-1] == num_classes > 1 and np.all(y_true.sum(-1) == 1):
        if not np.all(y_true == np.floor(y_true)) or y_true.max() <= 1:
            raise InputError(
                f"{name!r} takes class numbers as targets, but these are one-hot, of shape "
                f"{y_true.shape}. Use the loss without 'sparse', or `y.argmax(-1)`."
            )
    if y_true.dtype.kind == "f" and not np.all(y_true == np.floor(y_true)):
        raise InputError(
            f"{name!r} takes whole class numbers as targets, got {float(y_true.flat[0])!r} and others."
        )
    kept = y_true if ignore_class is None else y_true[y_true != ignore_class]
    if kept.size and (kept.min() < 0 or kept.max() >= num_classes):
        low, high = int(kept.min()), int(kept.max())
        raise InputError(
            f"{name!r} got targets from {low} to {high}, but the model has {num_classes} outputs, so "
            f"class numbers go from 0 to {num_classes - 1}.{_advice(low, high, num_classes)}"
        )


def _advice(low: int, high: int, num_classes: int) -> str:
    if low < 0:
        return " Negative numbers are only possible with the loss's `ignore_class`."
    if low == 1 and high == num_classes:
        return (
            " The labels seem to count from 1: subtract 1, or give the last layer "
            f"{num_classes + 1} units."
        )
    return f" Give the last layer {high + 1} units, or correct the labels."


def refuse_class_numbers(loss: Any, y_true: Any, num_outputs: int | None) -> None:
    """Raise InputError if `y_true` holds class numbers although `loss` takes one-hot targets."""
    if y_true.dtype.kind not in "biuf":
        raise InputError(
            f"{loss.name!r} takes one-hot targets, got dtype {y_true.dtype}. Encode the labels: "
            "`hornbeam.utils.to_categorical(np.unique(labels, return_inverse=True)[1])`."
        )
    if num_outputs is None or num_outputs == 1 or (y_true.ndim and y_true.shape[-1] == num_outputs):
        return
    whole = y_true.size and np.all(y_true == np.floor(y_true))
    if whole and (y_true.ndim == 1 or y_true.shape[-1] == 1):
        raise InputError(
            f"{loss.name!r} takes one-hot targets of shape (batch, {num_outputs}), got class numbers "
            f"of shape {y_true.shape}. Use 'sparse_categorical_crossentropy', or "
            f"`hornbeam.utils.to_categorical(y, {num_outputs})`."
        )


def check_probabilities(name: str, y_true: Any) -> None:
    """Raise InputError unless the NumPy array `y_true` lies in [0, 1]; NaN is another matter."""
    if y_true.dtype.kind not in "biuf":
        raise InputError(
            f"{name!r} takes targets 0 and 1, got dtype {y_true.dtype}. Encode the labels first, as in "
            "`y = (labels == 'yes').astype('float32')`."
        )
    if y_true.size and (np.nanmin(y_true) < -1e-3 or np.nanmax(y_true) > 1 + 1e-3):
        raise InputError(
            f"{name!r} takes targets 0 and 1 (or probabilities), got targets from "
            f"{float(np.nanmin(y_true)):g} to {float(np.nanmax(y_true)):g}. Subtract what they begin "
            "with; for -1 and 1 there is 'hinge'; for more than two classes "
            "'sparse_categorical_crossentropy'."
        )


def check_targets_of(loss: Any, y_true: Any, num_outputs: int | None) -> None:
    """Check the targets of a loss made of one of the functions that know what they take."""
    fn = getattr(loss, "fn", None)
    if fn is None or not getattr(fn, "__module__", "").startswith("hornbeam."):
        return
    if fn.__name__ in ("categorical_crossentropy", "categorical_focal_crossentropy"):
        refuse_class_numbers(loss, y_true, num_outputs)
    elif fn.__name__ in ("binary_crossentropy", "binary_focal_crossentropy"):
        check_probabilities(loss.name, y_true)
    elif fn.__name__ in (
        "sparse_categorical_crossentropy",
        "categorical_generalized_cross_entropy",
    ):
        check_class_numbers(loss.name, y_true, num_outputs, getattr(loss, "ignore_class", None))
