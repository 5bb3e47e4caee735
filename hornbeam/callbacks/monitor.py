"""What callbacks that watch one figure share: which way is better, and is this better."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

from hornbeam.callbacks.callback import Callback
from hornbeam.errors import InputError

HIGHER_IS_BETTER = """acc auc precision recall sensitivity specificity fbeta f1 f_beta iou io_u r2
correlation cosine top_k true_positives true_negatives fmeasure""".split()
LOWER_IS_BETTER = """loss error mse mae mape msle crossentropy hinge poisson divergence kld
false_positives false_negatives perplexity logcosh log_cosh bce""".split()


class MonitorCallback(Callback):
    """A callback that watches one entry of the logs.

    Args:
        monitor: its name.
        mode: "min" if lower is better, "max" if higher is, "auto" to go by the name.
        min_delta: changes of up to this much are no improvement.

    Example:

    >>> import hornbeam
    >>> watch = hornbeam.callbacks.MonitorCallback("val_loss")
    >>> watch.get_monitor_value({"loss": 1.0, "val_loss": 2.0})
    2.0
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise InputError(
                f"{type(self).__name__}: `mode` must be 'auto', 'min' or 'max', got {mode!r}."
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best: float | None = None
        self._sign: float | None = {"min": -1.0, "max": 1.0}.get(mode)

    def get_monitor_value(self, logs: dict[str, Any] | None) -> float | None:
        """The watched figure; None, with a warning, if the logs lack it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            names = ", ".join(map(repr, logs or {})) or "nothing"
            hint = ""
            if self.monitor.startswith("val_"):
                hint = " Pass `validation_data` or `validation_split` to fit()."
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, but the logs hold {names}.{hint}",
                stacklevel=2,
            )
            return None
        return float(value)

    def is_improvement(self, value: float, best: float | None) -> bool:
        """Whether `value` is better than `best` by more than `min_delta`; NaN never is."""
        sign = self._direction()
        if math.isnan(value):
            return False
        return best is None or math.isnan(best) or sign * (value - best) > self.min_delta

    def monitor_op(self, value: float, reference: float) -> bool:
        """Whether `value` is better than `reference`."""
        return self._direction() * (value - reference) > 0

    def _direction(self) -> float:
        if self._sign is None:
            names = [self.monitor.removeprefix("val_")]
            for metric in getattr(self.model, "metrics", None) or ():
                if metric.name == names[0]:
                    names.append(type(metric).__name__)
            text = " ".join(names).lower()
            higher = any(word in text for word in HIGHER_IS_BETTER)
            lower = any(word in text for word in LOWER_IS_BETTER)
            if higher == lower:
                raise InputError(
                    f"{type(self).__name__} cannot tell from the name {self.monitor!r} whether higher "
                    "or lower is better: pass mode='max' or mode='min'."
                )
            self._sign = 1.0 if higher else -1.0
        return self._sign


def say(message: str) -> None:
    """Show a line."""
    sys.stdout.write(message + "\n")
    sys.stdout.flush()
