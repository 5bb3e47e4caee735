"""Losses: what training makes small, as classes and as functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam.losses.base import Loss, LossFunctionWrapper
from hornbeam.losses.probabilistic import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from hornbeam.losses.regression import (
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    SquaredHinge,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    squared_hinge,
)
from hornbeam.losses.structured import CTC, Circle, Dice, Tversky, circle, ctc, dice, tversky
from hornbeam.saving.identifiers import Lookup
from hornbeam.saving.objects import serialize_keras_object

ALL_CLASSES: tuple[type[Loss], ...] = (
    Loss,
    LossFunctionWrapper,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CTC,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)

ALL_FUNCTIONS: dict[str, Any] = {
    fn.__name__: fn
    for fn in (
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        categorical_generalized_cross_entropy,
        categorical_hinge,
        circle,
        cosine_similarity,
        ctc,
        dice,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        mean_squared_logarithmic_error,
        poisson,
        sparse_categorical_crossentropy,
        squared_hinge,
        tversky,
    )
}
"""Name -> function."""

ALIASES: dict[str, Any] = {
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "kld": kl_divergence,
    "KLD": kl_divergence,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
}
"""Short name -> function."""

ALL_OBJECTS: dict[str, Any] = {
    **{kind.__name__: kind for kind in ALL_CLASSES},
    **ALL_FUNCTIONS,
    **ALIASES,
}
"""Class, function or short name -> class or function."""

_lookup = Lookup("loss", ALL_OBJECTS, Loss)


def get(identifier: Any) -> Any:
    """The loss that `identifier` stands for.

    Args:
        identifier: None, the name of a class ("Huber", an instance with default settings) or of a
            function ("huber", "mse"), a config, an instance, a class or a function.

    Raises:
        UnknownNameError: for a string that names no loss.

    Example:

    >>> import hornbeam
    >>> hornbeam.losses.get("mse").__name__
    'mean_squared_error'
    """
    return _lookup.get(identifier)


def serialize(loss: Any) -> Any:
    """`loss` as a config.

    Example:

    >>> import hornbeam
    >>> hornbeam.losses.serialize(hornbeam.losses.Huber())["class_name"]
    'Huber'
    """
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The loss that `serialize` made a config of, or that a name stands for.

    Args:
        name: the config, or the name.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.losses.serialize(hornbeam.losses.Huber())
    >>> type(hornbeam.losses.deserialize(config)).__name__
    'Huber'
    """
    return _lookup.deserialize(name, custom_objects)


__all__ = [
    "ALL_CLASSES",
    "ALL_FUNCTIONS",
    "ALL_OBJECTS",
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]
