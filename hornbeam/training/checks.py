"""Mistakes that are caught at the door, before any training happens."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.training.compiled import CompiledLoss, match_targets
from hornbeam.training.non_finite import find_non_finite


def check_targets(loss: CompiledLoss | None, y: Any) -> None:
    """Refuse targets that the losses cannot mean: class numbers out of range, one-hot for sparse, ...

    What a loss takes, the loss says (`Loss.check_targets`).

    Raises:
        InputError: naming the output, what is wrong, and the fix.
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
        labels = None if one is None or target is None else _host(target)
        if labels is None:
            continue
        axis = getattr(one, "axis", None)
        classes = prediction.shape[-1 if axis is None else axis] if len(prediction.shape) else None
        try:
            one.check_targets(labels, classes if isinstance(classes, int) else None)
        except InputError as error:
            raise InputError(f"Output {name!r}: {error}") from None


def check_outputs(model: Any) -> None:
    """Warn of outputs that cannot learn: softmax over a single unit is always 1."""
    graph_outputs = getattr(model, "outputs", None) if hasattr(model, "_graph") else None
    for tensor in graph_outputs or ():
        layer: Any = getattr(getattr(tensor, "_node", None), "operation", None)
        applied = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__)
        if applied.lower() == "softmax" and len(tensor.shape) and tensor.shape[-1] == 1:
            warnings.warn(
                f"Layer {layer.name!r} applies softmax to a single unit, which is always 1, so nothing "
                "is learned. Use a sigmoid for two classes, or one unit per class.",
                stacklevel=5,
            )


def _host(target: Any) -> Any:
    if isinstance(target, np.ndarray):
        return target
    owner = owner_of(target)
    if owner is None or not owner.is_concrete(target):
        return None
    return owner.to_numpy(target)


class NanWatch:
    """Warns once when a log is not a finite number."""

    def __init__(self, model: Any, data: Any) -> None:
        self.model = model
        self.data = data
        self.warned = False

    def look(self, logs: Any, epoch: int) -> None:
        """Look at the logs of an epoch."""
        if self.warned:
            return
        for key, value in logs.items():
            if "loss" in key and isinstance(value, float) and not math.isfinite(value):
                self.warned = True
                # a stream's batches are gone; what is in memory can be looked at again
                held = self.data.in_memory
                found = find_non_finite(self.model, self.data.peek()) if held else None
                warnings.warn(
                    f"Model {self.model.name!r}: {key} is {value} in epoch {epoch + 1}. "
                    + (f"{found} " if found else "")
                    + "Look for NaN or infinite values in the data, a learning rate that is too high, "
                    "or a logarithm or division near zero; the `TerminateOnNaN` callback stops training "
                    "at once, `utils.find_non_finite` looks at any batch.",
                    stacklevel=4,
                )
                return
