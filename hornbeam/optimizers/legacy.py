"""The optimizers of Keras before 2.11, which are names only: each says what to use instead."""

from __future__ import annotations

from typing import Any


class _Gone:
    """A class that is no more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        raise ImportError(
            f"`optimizers.legacy.{name}` is not supported, as in Keras 3. Use `optimizers.{name}`: it "
            "has the same rule; `decay=` has become `learning_rate=schedules.InverseTimeDecay(...)`."
        )


class Optimizer(_Gone):
    """Raises ImportError.

    Args:
        *args: anything.
        **kwargs: anything.
    """


class Adagrad(Optimizer):
    """Raises ImportError; `optimizers.Adagrad` is what to use."""


class Adam(Optimizer):
    """Raises ImportError; `optimizers.Adam` is what to use."""


class Ftrl(Optimizer):
    """Raises ImportError; `optimizers.Ftrl` is what to use."""


class RMSprop(Optimizer):
    """Raises ImportError; `optimizers.RMSprop` is what to use."""


class SGD(Optimizer):
    """Raises ImportError; `optimizers.SGD` is what to use."""


__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]
