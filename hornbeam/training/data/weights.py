"""Class weights, turned into sample weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of


def check_class_weight(class_weight: Any) -> None:
    """Refuse a `class_weight` that is no dict of numbers."""
    if class_weight is None:
        return
    if not isinstance(class_weight, Mapping):
        raise InputError(
            f"`class_weight` must be a dict of class -> weight, got {type(class_weight).__name__}."
        )


def with_class_weight(y: Any, sample_weight: Any, class_weight: Any) -> Any:
    """`sample_weight` times the weight of each row's class.

    Args:
        y: class numbers ``(rows,)`` or ``(rows, 1)``, or one-hot rows ``(rows, classes)``; with several
            outputs a dict of them, and `class_weight` a dict of output -> (class -> weight).
        sample_weight: weights ``(rows,)`` or None.
        class_weight: class -> weight; classes that are left out weigh 1.
    """
    if class_weight is None or y is None:
        return sample_weight
    if isinstance(y, Mapping) and any(isinstance(v, Mapping) for v in class_weight.values()):
        given = sample_weight if isinstance(sample_weight, Mapping) else {}
        return {
            key: _weights(leaf, given.get(key), class_weight.get(key, {}))
            for key, leaf in y.items()
        }
    if len(tree.flatten(y)) != 1:
        raise InputError(
            "`class_weight` for several outputs must be a dict of output name -> {class: weight}, and "
            "`y` a dict with the same keys."
        )
    return _weights(tree.flatten(y)[0], sample_weight, class_weight)


def _weights(y: Any, sample_weight: Any, class_weight: Mapping[int, float]) -> Any:
    owner = owner_of(y)
    labels = owner.to_numpy(y) if owner is not None else np.asarray(y)
    if labels.ndim > 2:
        raise InputError(
            f"`class_weight` needs one label per row: `y` of shape (rows,), (rows, 1) or one-hot "
            f"(rows, classes), got {labels.shape}. Use `sample_weight` instead."
        )
    if labels.ndim == 2:
        labels = labels[:, 0] if labels.shape[1] == 1 else labels.argmax(-1)
    labels = np.round(labels).astype(np.int64)
    weights = np.ones(labels.shape, np.float32)
    for label, weight in class_weight.items():
        weights[labels == int(label)] = weight
    if sample_weight is None:
        return weights
    return np.asarray(sample_weight, np.float32) * weights
