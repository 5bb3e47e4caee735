"""What a `FeatureSpace` is told: `Feature`, one column, and `Cross`, several columns as one category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import layers, ops
from hornbeam.errors import InputError
from hornbeam.layers import Layer
from hornbeam.naming import unique_name
from hornbeam.saving.objects import (
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)

MODULE = "keras.src.layers.preprocessing.feature_space"
"""Where files of Keras say that these classes are."""
CATEGORY_MODES = ("one_hot", "int")
FEATURE_MODES = (*CATEGORY_MODES, "float")


@builtin(MODULE)
class TFDIdentity(Layer):
    """What stands before a float that is taken as it is; the name is that of Keras's files."""

    def call(self, x: Any) -> Any:
        """`x`, in the compute dtype."""
        return ops.cast(x, self.compute_dtype)


@builtin(MODULE)
class Feature:
    """One column: what it holds, what prepares it, and how it goes out.

    Args:
        dtype: "float32", "int32" or "string": what the column holds.
        preprocessor: a layer, or its config.
        output_mode: "float" for what the layer returns, "int" for an index that it returns, "one_hot"
            for that index as a row of zeros and a one.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in FEATURE_MODES:
            raise InputError(
                f"Feature: `output_mode` must be one of {FEATURE_MODES}, got {output_mode!r}."
            )
        if isinstance(preprocessor, dict):
            preprocessor = deserialize_keras_object(preprocessor)
        if not callable(preprocessor):
            raise InputError(
                f"Feature: `preprocessor` must be a layer, got {type(preprocessor).__name__}."
            )
        self.dtype = dtype
        self.preprocessor = preprocessor
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A feature from the result of `get_config`."""
        return cls(**config)


@builtin(MODULE)
class Cross:
    """Several columns as one category, by a hash of their indices.

    Args:
        feature_names: the names of the columns.
        crossing_dim: how many categories there are.
        output_mode: "one_hot" or "int".
    """

    def __init__(
        self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> None:
        if output_mode not in CATEGORY_MODES:
            raise InputError(
                f"Cross: `output_mode` must be one of {CATEGORY_MODES}, got {output_mode!r}."
            )
        if isinstance(feature_names, str) or len(feature_names) < 2:
            raise InputError(
                f"Cross: `feature_names` must be two or more names, got {feature_names!r}."
            )
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the columns, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A cross from the result of `get_config`."""
        return cls(**config)


def _checked(output_mode: str, what: str) -> str:
    if output_mode not in CATEGORY_MODES:
        raise InputError(
            f"FeatureSpace.{what}: `output_mode` must be one of {CATEGORY_MODES}, got {output_mode!r}."
        )
    return output_mode


def _preprocessor(name: str | None, kind: str) -> str:
    return f"{name or unique_name(kind)}_preprocessor"


class FeatureKinds:
    """The kinds of columns that a `FeatureSpace` knows, as class methods of it."""

    @classmethod
    def cross(
        cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> Cross:
        """Several columns of categories as one, by a hash.

        Args:
            feature_names: the names of the columns.
            crossing_dim: how many categories the cross has.
            output_mode: "one_hot" or "int".
        """
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column with a preprocessing layer of your own.

        Args:
            dtype: "float32", "int32" or "string".
            preprocessor: the layer; if it has ``adapt``, it is adapted with the rest.
            output_mode: "float", "int" or "one_hot"; see `Feature`.
        """
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are.

        Args:
            name: a name for the layer.
        """
        layer = TFDIdentity(dtype="float32", name=_preprocessor(name, "float"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_rescaled(
        cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None
    ) -> Feature:
        """Numbers as ``x * scale + offset``.

        Args:
            scale: the factor.
            offset: the summand.
            name: a name for the layer.
        """
        layer = layers.Rescaling(
            scale=scale, offset=offset, name=_preprocessor(name, "float_rescaled")
        )
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers with mean 0 and variance 1 over the data that `adapt` sees.

        Args:
            name: a name for the layer.
        """
        layer = layers.Normalization(axis=-1, name=_preprocessor(name, "float_normalized"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: Any = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """The interval that a number falls into.

        Args:
            num_bins: how many intervals `adapt` should find, each with as many values; None if
                `bin_boundaries` are given.
            bin_boundaries: increasing numbers, the boundaries.
            output_mode: "one_hot" or "int".
            name: a name for the layer.
        """
        if (num_bins is None) == (bin_boundaries is None):
            raise InputError(
                "FeatureSpace.float_discretized: give either `num_bins` or `bin_boundaries` (and None "
                f"for the other), got num_bins={num_bins} and bin_boundaries={bin_boundaries}."
            )
        layer = layers.Discretization(
            num_bins=num_bins,
            bin_boundaries=bin_boundaries,
            name=_preprocessor(name, "float_discretized"),
        )
        return Feature("float32", layer, _checked(output_mode, "float_discretized"))

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Ints that stand for categories, of which `adapt` makes a vocabulary.

        Args:
            max_tokens: how many indices there may be; None for any number.
            num_oov_indices: how many indices unknown ints share.
            output_mode: "one_hot" or "int".
            name: a name for the layer.
        """
        layer = layers.IntegerLookup(
            name=_preprocessor(name, "integer_categorical"),
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
        )
        return Feature("int32", layer, _checked(output_mode, "integer_categorical"))

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Strings that stand for categories, of which `adapt` makes a vocabulary.

        Args:
            max_tokens: how many indices there may be; None for any number.
            num_oov_indices: how many indices unknown strings share.
            output_mode: "one_hot" or "int".
            name: a name for the layer.
        """
        layer = layers.StringLookup(
            name=_preprocessor(name, "string_categorical"),
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
        )
        return Feature("string", layer, _checked(output_mode, "string_categorical"))

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Strings that stand for categories, by their hash.

        Args:
            num_bins: how many categories there are.
            output_mode: "one_hot" or "int".
            name: a name for the layer.
        """
        layer = layers.Hashing(num_bins=num_bins, name=_preprocessor(name, "string_hashed"))
        return Feature("string", layer, _checked(output_mode, "string_hashed"))

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Ints that stand for categories, by their hash.

        Args:
            num_bins: how many categories there are.
            output_mode: "one_hot" or "int".
            name: a name for the layer.
        """
        layer = layers.Hashing(num_bins=num_bins, name=_preprocessor(name, "integer_hashed"))
        return Feature("int32", layer, _checked(output_mode, "integer_hashed"))


__all__ = ["Cross", "Feature", "FeatureKinds", "TFDIdentity"]
