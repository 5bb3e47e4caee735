"""`keras.engine.training_generator` of Keras 2: its three loops, on a model."""

from __future__ import annotations

from typing import Any


def fit_generator(model: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
    """``model.fit_generator(generator, ...)``."""
    return model.fit_generator(generator, *args, **kwargs)


def evaluate_generator(model: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
    """``model.evaluate_generator(generator, ...)``."""
    return model.evaluate_generator(generator, *args, **kwargs)


def predict_generator(model: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
    """``model.predict_generator(generator, ...)``."""
    return model.predict_generator(generator, *args, **kwargs)


__all__ = ["evaluate_generator", "fit_generator", "predict_generator"]
