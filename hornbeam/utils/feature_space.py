"""`FeatureSpace`: columns of a table, of all kinds, as arrays that a model can learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hornbeam import layers, ops, tree
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError, suggest
from hornbeam.layers import Layer
from hornbeam.layers.preprocessing.adapting import Adapting, to_host
from hornbeam.saving.objects import (
    CustomObjectScope,
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)
from hornbeam.utils.features import Cross, Feature, FeatureKinds

KINDS = (
    "float",
    "float_rescaled",
    "float_normalized",
    "float_discretized",
    "integer_categorical",
    "string_categorical",
    "integer_hashed",
    "string_hashed",
)


@builtin("keras.utils")
class FeatureSpace(FeatureKinds, Layer):
    """Encodes the columns of a table: numbers, ints and strings that stand for categories, crosses.

    Each column has a preprocessing layer.  `adapt` lets those learn that have something to learn; then
    the space can be called on rows, and its layers can be part of a model (`get_inputs`,
    `get_encoded_features`).  It computes on the host as far as strings and vocabularies go, so it stands
    in front of compiled code; TensorFlow is not needed.

    Args:
        features: name -> a `Feature` (see the class methods), or the name of a kind: "float",
            "float_rescaled", "float_normalized", "float_discretized", "integer_categorical",
            "string_categorical", "integer_hashed", "string_hashed".
        output_mode: "concat" for one float array (batch, width), features in alphabetical order, then
            crosses likewise; "dict" for name -> array.
        crosses: `Cross` objects, or tuples of names of features.
        crossing_dim: how many categories a cross has that is given by names.
        hashing_dim: how many bins "integer_hashed" and "string_hashed" have.
        num_discretization_bins: how many intervals "float_discretized" has.
        name: see `Layer`.

    Input: name -> values: a number or string each for one row, or arrays (batch,) or (batch, 1); columns
    that are no features are left alone.  For one row the output has no batch axis.

    Example:

    >>> import hornbeam
    >>> table = {"age": [20.0, 40.0], "town": ["Ulm", "Bonn"]}
    >>> space = hornbeam.utils.FeatureSpace(
    ...     {"age": "float_normalized", "town": "string_categorical"})
    >>> space.adapt(table)
    >>> space({"age": 30.0, "town": "Ulm"}).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(
        self,
        features: Any,
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features or not isinstance(features, Mapping):
            raise InputError(
                f"FeatureSpace: `features` must be a dict of name -> feature, got {features!r}."
            )
        if output_mode not in ("concat", "dict"):
            raise InputError(
                f"FeatureSpace: `output_mode` must be 'concat' or 'dict', got {output_mode!r}."
            )
        self.output_mode = output_mode
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {key: self._as_feature(key, value) for key, value in features.items()}
        self.crosses = [self._as_cross(cross) for cross in _listed(crosses)]
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.preprocessors = {key: f.preprocessor for key, f in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self.one_hot_encoders: dict[str, Any] = {}
        self.concat: Any = None
        self.inputs = {
            key: layers.Input((1,), dtype=feature.dtype, name=key)
            for key, feature in self.features.items()
        }
        self.encoded_features: Any = None
        self._is_adapted = not any(map(_learns, self.preprocessors.values()))

    _untracked = Layer._untracked | {"inputs", "encoded_features"}

    def _as_feature(self, key: str, given: Any) -> Feature:
        if isinstance(given, Feature):
            return given
        if isinstance(given, Mapping):
            found = deserialize_keras_object(given)
            if isinstance(found, Feature):
                return found
        if not isinstance(given, str) or given not in KINDS:
            hint = suggest(given, KINDS) if isinstance(given, str) else ""
            raise InputError(
                f"FeatureSpace: the feature {key!r} must be one of {', '.join(KINDS)}, or what a class "
                f"method such as FeatureSpace.float_rescaled() returns, got {given!r}.{hint}"
            )
        arguments: dict[str, Any] = {"name": key}
        if given.endswith("hashed"):
            arguments["num_bins"] = self.hashing_dim
        elif given == "float_discretized":
            arguments["num_bins"] = self.num_discretization_bins
        feature = getattr(type(self), given)(**arguments)
        assert isinstance(feature, Feature)
        return feature

    def _as_cross(self, given: Any) -> Cross:
        if isinstance(given, Mapping):
            given = deserialize_keras_object(given)
        names = given.feature_names if isinstance(given, Cross) else given
        names = [names] if isinstance(names, str) else list(names)
        unknown = [name for name in names if name not in self.features]
        if unknown:
            raise InputError(
                f"FeatureSpace: the cross {names} names {unknown}, but the features are "
                f"{sorted(self.features)}."
            )
        floats = [name for name in names if self.features[name].output_mode == "float"]
        if floats:
            raise InputError(
                f"FeatureSpace: the cross {names} names {floats}, which are floats; only categories can "
                "be crossed: use FeatureSpace.float_discretized() for them."
            )
        return given if isinstance(given, Cross) else Cross(names, self.crossing_dim)

    # ------------------------------------------------------------------------------------- learning

    def adapt(self, dataset: Any) -> None:
        """Let the preprocessing layers learn, in one pass over the data.

        Args:
            dataset: name -> column (a dict of arrays or lists, or a data frame); or an iterable of such
                dicts, of batches or of single rows, such as a ``tf.data.Dataset``.
        """
        learning = {key: p for key, p in self.preprocessors.items() if _learns(p)}
        collected: dict[str, list[Any]] = {key: [] for key in learning}
        for layer in learning.values():
            if isinstance(layer, Adapting):
                layer.reset_state()
        seen = False
        for table in _tables(dataset):
            seen = True
            self._assert_complete(table)
            for key, layer in learning.items():
                column = _column(table[key])
                if isinstance(layer, Adapting):
                    layer.update_state(column)
                else:
                    collected[key].append(column)
        if not seen:
            raise InputError("FeatureSpace.adapt() got no data.")
        for key, layer in learning.items():
            if isinstance(layer, Adapting):
                layer.finalize_state()
            else:
                layer.adapt(np.concatenate(collected[key]))
        self.one_hot_encoders, self.concat, self.encoded_features = {}, None, None
        self._is_adapted = True
        self._get_ready()

    def _assert_complete(self, table: Mapping[str, Any]) -> None:
        missing = [key for key in self.features if key not in table]
        if missing:
            raise InputError(
                f"FeatureSpace: the data lacks the features {missing}; it has {sorted(table)}."
            )

    def _get_ready(self) -> None:
        """Make the encoders, whose sizes depend on what was learnt, and the graph."""
        if not self._is_adapted:
            raise InputError("FeatureSpace: call `adapt(dataset)` first.")
        if self.encoded_features is not None:
            return
        encoders: dict[str, Any] = {}
        for key in sorted(self.features):
            if self.features[key].output_mode == "one_hot":
                encoders[key] = layers.CategoryEncoding(self._size(key), output_mode="multi_hot")
        for key, cross in sorted(self.crosses_by_name.items()):
            if cross.output_mode == "one_hot":
                encoders[key] = layers.CategoryEncoding(cross.crossing_dim, output_mode="multi_hot")
        self.one_hot_encoders = encoders
        self.concat = layers.Concatenate(axis=-1)
        self.encoded_features = self._encode(self.inputs)
        self.built = True

    def _size(self, key: str) -> int:
        """How many categories the layer of a feature tells apart."""
        layer = self.preprocessors[key]
        if hasattr(layer, "vocabulary_size"):
            return int(layer.vocabulary_size())
        if isinstance(layer, layers.Discretization):
            return len(layer.bin_boundaries or ()) + 1
        for name in ("num_bins", "num_tokens"):
            if getattr(layer, name, None) is not None:
                return int(getattr(layer, name))
        raise InputError(
            f"FeatureSpace: the feature {key!r} is to be one-hot, but its layer "
            f"{type(layer).__name__} has neither `vocabulary_size()` nor `num_bins`; "
            "use output_mode='int' and encode it in the model."
        )

    # ------------------------------------------------------------------------------------- encoding

    def get_inputs(self) -> dict[str, Any]:
        """Name -> symbolic input (batch, 1), for a model that takes raw columns."""
        self._get_ready()
        return dict(self.inputs)

    def get_encoded_features(self) -> Any:
        """The symbolic output for `get_inputs`: one tensor, or name -> tensor."""
        self._get_ready()
        return self.encoded_features

    def __call__(self, data: Any) -> Any:
        """The encoded features of rows; see the class."""
        self._get_ready()
        if not isinstance(data, Mapping) and not hasattr(data, "columns"):
            raise InputError(
                "A FeatureSpace is called on a dict of name -> values, or on a data frame, got "
                f"{type(data).__name__}."
            )
        table = data if isinstance(data, Mapping) else _frame(data)
        self._assert_complete(table)
        columns = {key: table[key] for key in self.features}
        if any(isinstance(value, KerasTensor) for value in columns.values()):
            return self._encode(columns)
        single = all(np.ndim(to_host(value)) == 0 for value in columns.values())
        encoded = self._encode({key: _column(value) for key, value in columns.items()})
        return tree.map_structure(lambda x: x[0], encoded) if single else encoded

    def call(self, data: Any) -> Any:
        """The encoded features of rows; see the class."""
        return self(data)

    def _encode(self, columns: Mapping[str, Any]) -> Any:
        indices = {key: self.preprocessors[key](columns[key]) for key in self.features}
        encoded = {key: indices[key] for key in sorted(self.features)}
        for key, cross in sorted(self.crosses_by_name.items()):
            encoded[key] = self.crossers[key]([indices[name] for name in cross.feature_names])
        for key, encoder in self.one_hot_encoders.items():
            encoded[key] = encoder(encoded[key])
        if self.output_mode == "dict":
            return encoded
        modes: dict[str, Any] = {**self.features, **self.crosses_by_name}
        bare = [key for key in encoded if modes[key].output_mode == "int"]
        if bare:
            raise InputError(
                f"FeatureSpace: {bare} are indices (output_mode='int'), which cannot be joined with the "
                "rest; make the space with output_mode='dict', or encode them as 'one_hot'."
            )
        parts = [ops.cast(x, "float32") for x in encoded.values()]
        return parts[0] if len(parts) == 1 else self.concat(parts)

    # --------------------------------------------------------------------------------------- saving

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": [serialize_keras_object(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A space from the result of `get_config`; it has learnt nothing yet.

        Args:
            config: plain data.
            custom_objects: name -> class or function, for names that are not registered.
        """
        with CustomObjectScope(custom_objects or {}):
            return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """Name -> what the feature's layer was built for."""
        return {
            key: layer.get_build_config() or {}
            for key, layer in self.preprocessors.items()
            if hasattr(layer, "get_build_config")
        }

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layers of the features; what they have learnt is in the weights and assets."""
        for key, inner in config.items():
            layer = self.preprocessors.get(key)
            if layer is not None and inner and not layer.built:
                layer.build_from_config(inner)
        self._is_adapted = True

    def save(self, filepath: Any) -> None:
        """Save the space to a ``.keras`` file, for `hornbeam.saving.load_model`.

        Args:
            filepath: where to.
        """
        from hornbeam.saving.files import save_model

        self._get_ready()
        save_model(self, filepath)

    def save_own_variables(self, store: Any) -> None:
        """Nothing: all variables belong to the layers of the features."""

    def load_own_variables(self, store: Any) -> None:
        """Nothing: all variables belong to the layers of the features."""


def _listed(crosses: Any) -> Sequence[Any]:
    if isinstance(crosses, str):
        raise InputError(
            f"FeatureSpace: `crosses` must be a list of tuples of names, got {crosses!r}."
        )
    return list(crosses or ())


def _learns(layer: Any) -> bool:
    """Whether a layer learns from data, rather than having been given everything."""
    if not hasattr(layer, "adapt"):
        return False
    if isinstance(layer, layers.Normalization):
        return not layer._given
    if isinstance(layer, layers.Discretization):
        return layer.num_bins is not None
    return not getattr(layer, "_fixed", False)


def _tables(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """The dicts of columns in what `adapt` was given."""
    if isinstance(dataset, Mapping):
        yield dataset
    elif hasattr(dataset, "columns"):
        yield _frame(dataset)
    elif hasattr(dataset, "__iter__") and not isinstance(dataset, (str, bytes, np.ndarray)):
        for item in dataset:
            table = item[0] if isinstance(item, tuple) else item
            table = _frame(table) if hasattr(table, "columns") else table
            if not isinstance(table, Mapping):
                raise InputError(
                    "FeatureSpace.adapt() takes a dict of columns, a data frame, or an iterable of "
                    f"dicts; an item is a {type(table).__name__}."
                )
            yield table
    else:
        raise InputError(
            "FeatureSpace.adapt() takes a dict of columns, a data frame, or an iterable of dicts, got "
            f"{type(dataset).__name__}."
        )


def _frame(frame: Any) -> dict[str, Any]:
    return {str(name): np.asarray(frame[name]) for name in frame.columns}


def _column(values: Any) -> Any:
    """Values on the host with a batch axis and an axis of features."""
    array = to_host(values)
    return array.reshape(-1, 1) if array.ndim < 2 else array


__all__ = ["FeatureSpace"]
