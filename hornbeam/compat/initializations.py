"""`keras.initializations` of Keras 1: functions of a shape, where there are classes now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import initializers
from hornbeam.initializers import get

KINDS: dict[str, str] = {
    "glorot_normal": "GlorotNormal",
    "glorot_uniform": "GlorotUniform",
    "he_normal": "HeNormal",
    "he_uniform": "HeUniform",
    "identity": "Identity",
    "lecun_uniform": "LecunUniform",
    "normal": "RandomNormal",
    "one": "Ones",
    "orthogonal": "Orthogonal",
    "uniform": "RandomUniform",
    "zero": "Zeros",
}
"""Function -> the class that does it today."""


def _function(name: str) -> Callable[..., Any]:
    def function(shape: Any, *_: Any, name: Any = None, dtype: Any = None, **__: Any) -> Any:
        return getattr(initializers, kind)()(shape, dtype)

    kind = KINDS[name]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"An array of a shape by `initializers.{kind}`."
    return function


globals().update({name: _function(name) for name in KINDS})

__all__ = ["KINDS", "get"]
