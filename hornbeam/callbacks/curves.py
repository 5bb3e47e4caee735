"""Histories as tables and pictures."""

from __future__ import annotations

import importlib
from typing import Any


def new_axes(count: int = 1) -> Any:
    """New axes of matplotlib; a list of them for several.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("Plots need matplotlib. Run `pip install matplotlib`.") from None
    figure = Figure(figsize=(6.4 * count, 4.8))
    found = [figure.add_subplot(1, count, i + 1) for i in range(count)]
    return found if count > 1 else found[0]


def frame(epochs: list[int], history: dict[str, list[Any]]) -> Any:
    """A pandas data frame: one row per epoch, one column per log.

    Raises:
        ImportError: if pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        raise ImportError("History.to_frame() needs pandas. Run `pip install pandas`.") from None
    rows = max((len(values) for values in history.values()), default=0)
    padded = {
        name: [None] * (rows - len(values)) + list(values) for name, values in history.items()
    }
    index = epochs if len(epochs) == rows else list(range(rows))
    return pandas.DataFrame(padded, index=pandas.Index(index, name="epoch"))


def plot(history: dict[str, list[Any]], keys: Any = None) -> Any:
    """Curves over the epochs, a picture per figure, training and validation in one."""
    names = keys or [name for name in history if not name.startswith("val_")]
    names = [names] if isinstance(names, str) else list(names)
    missing = [name for name in names if name not in history]
    if missing:
        from hornbeam.errors import InputError, suggest

        raise InputError(
            f"The history has no {missing[0]!r}.{suggest(missing[0], history)} It has {sorted(history)}."
        )
    axes = new_axes(len(names))
    axes = axes if isinstance(axes, list) else [axes]
    for name, ax in zip(names, axes, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in history:
                values = history[key]
                step = len(history[name]) / max(len(values), 1)  # validation may be rarer
                ax.plot([step * (i + 1) for i in range(len(values))], values, label=label)
        ax.set(xlabel="epoch", ylabel=name)
        ax.legend()
    return axes[0].figure
