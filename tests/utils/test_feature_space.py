"""`FeatureSpace` against Keras's: outputs, what it adapts to, files in both directions, mistakes."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from typing import Any

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.utils import FeatureSpace
from tests.engines import ENGINES

ROWS = 12


TRUNCATES = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")
"""Keras on JAX says so of its own indices."""


def table() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "f1": rng.random(ROWS).astype("float32"),
        "f2": (rng.random(ROWS) * 10).astype("float32"),
        "f3": rng.random(ROWS).astype("float32"),
        "f4": rng.random(ROWS).astype("float32"),
        "s1": rng.choice(["a", "b", "c"], ROWS),
        "s2": rng.choice(["x", "y"], ROWS),
        "i1": rng.integers(0, 5, ROWS),
        "i2": rng.integers(0, 100, ROWS),
    }


TABLE = table()
FIRST = {key: column[:3] for key, column in TABLE.items()}
KINDS = {
    "f1": "float",
    "f2": "float_normalized",
    "f3": "float_rescaled",
    "f4": "float_discretized",
    "s1": "string_categorical",
    "s2": "string_hashed",
    "i1": "integer_categorical",
    "i2": "integer_hashed",
}


def named(kind: Any, output_mode: str = "concat") -> Any:
    return kind(
        KINDS,
        output_mode,
        crosses=[("s2", "i2"), ("s1", "i1")],
        crossing_dim=8,
        hashing_dim=6,
        num_discretization_bins=4,
    )


def detailed(kind: Any) -> Any:
    return kind(
        {
            "f3": kind.float_rescaled(2.0, 1.0),
            "f4": kind.float_discretized(3, output_mode="int"),
            "s1": kind.string_categorical(output_mode="int"),
            "i1": kind.integer_categorical(max_tokens=4, num_oov_indices=2),
            "s2": kind.string_hashed(5, output_mode="int"),
            "i2": kind.integer_hashed(7),
        },
        crosses=[kind.cross(("s1", "i1"), 16), kind.cross(("f4", "i2"), 9, output_mode="int")],
        output_mode="dict",
    )


def of(space: Any, rows: Any) -> dict[str, Any]:
    return {key: rows[key] for key in space.features}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """Keras's results, once: it takes seconds to adapt."""
    spaces = {"concat": named(keras.utils.FeatureSpace), "dict": detailed(keras.utils.FeatureSpace)}
    for space in spaces.values():
        space.adapt(of(space, TABLE))
    return spaces


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert sorted(found) == sorted(expected)
        for key in expected:
            assert_same(found[key], expected[key])
        return
    found, expected = ops.convert_to_numpy(found), np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@TRUNCATES
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_rows_are_encoded_as_by_keras(engine: str, mode: str, theirs: dict[str, Any]) -> None:
    with hornbeam.use_backend(engine):
        space = named(FeatureSpace) if mode == "concat" else detailed(FeatureSpace)
        space.adapt(TABLE)
        # quantiles are found in another way, so both cut at Keras's
        cuts = theirs[mode].features["f4"].preprocessor.get_config()["bin_boundaries"]
        assert len(space.preprocessors["f4"].bin_boundaries) == len(cuts)
        space.preprocessors["f4"].bin_boundaries = cuts
        asked = of(space, FIRST)
        assert_same(space(asked), theirs[mode](asked))
        columns = {key: value[:, None] for key, value in asked.items()}
        assert_same(space(columns), theirs[mode](asked))
        one = {key: value[0] for key, value in asked.items()}
        assert_same(space(one), theirs[mode](one))
        assert_same(space({**asked, "more": [1, 2, 3]}), theirs[mode](asked))
        symbolic = space.get_encoded_features()
        expected = theirs[mode].get_encoded_features()
        if mode == "concat":
            assert (symbolic.shape, symbolic.dtype) == (expected.shape, expected.dtype)
        else:
            shapes = {key: tuple(value.shape) for key, value in symbolic.items()}
            assert shapes == {key: tuple(value.shape) for key, value in expected.items()}
        found, expected = (
            {k: v.dtype for k, v in s.get_inputs().items()} for s in (space, theirs[mode])
        )
        assert found == expected


class Frame:
    """What a data frame is here: names of columns, and a column for each."""

    columns = tuple(TABLE)

    def __getitem__(self, name: str) -> Any:
        return list(TABLE[name])


def in_batches(size: int) -> Any:
    for i in range(0, ROWS, size):
        yield {key: column[i : i + size] for key, column in TABLE.items()}


def by_tensorflow(batch: bool) -> Any:
    tensorflow = pytest.importorskip("tensorflow")
    data = tensorflow.data.Dataset.from_tensor_slices(TABLE)
    return data.batch(5) if batch else data


@pytest.mark.parametrize(
    "source",
    [
        lambda: {key: column.tolist() for key, column in TABLE.items()},
        lambda: in_batches(5),
        lambda: ({k: v[0] for k, v in batch.items()} for batch in in_batches(1)),
        lambda: [(batch, 1) for batch in in_batches(4)],
        Frame,
        lambda: by_tensorflow(False),
        lambda: by_tensorflow(True),
    ],
    ids=["lists", "generator", "rows", "with targets", "frame", "tf.data", "tf.data batches"],
)
def test_it_adapts_to_all_kinds_of_data(source: Any) -> None:
    whole, space = named(FeatureSpace), named(FeatureSpace)
    whole.adapt(TABLE)
    space.adapt(source())
    assert_same(space(FIRST), ops.convert_to_numpy(whole(FIRST)))
    assert_same(space(Frame())[:3], ops.convert_to_numpy(whole(FIRST)))


def test_boundaries_may_be_given() -> None:
    space = FeatureSpace({"f": FeatureSpace.float_discretized(None, bin_boundaries=[0.2, 0.5])})
    assert ops.convert_to_numpy(space({"f": [0.1, 0.3]})).tolist() == [[1.0, 0, 0], [0, 1.0, 0]]


def test_a_layer_of_ones_own() -> None:
    class Largest(hornbeam.Layer):
        top = 1.0

        def adapt(self, data: Any) -> None:
            self.top = float(np.max(data))

        def call(self, x: Any) -> Any:
            return x / self.top

    space = FeatureSpace({"x": FeatureSpace.feature("float32", Largest(), "float"), "y": "float"})
    space.adapt(iter([{"x": [1.0], "y": [1.0]}, {"x": [4.0], "y": [2.0]}]))
    assert ops.convert_to_numpy(space({"x": [2.0], "y": [3.0]})).tolist() == [[0.5, 3.0]]
    assert FeatureSpace({"y": "float"})({"y": 2.0}).tolist() == [2.0]  # nothing to learn


def test_its_layers_are_part_of_a_model() -> None:
    space = FeatureSpace({"a": "float_normalized", "b": "float_rescaled"})
    space.adapt({"a": [1.0, 3.0], "b": [1.0, 2.0]})
    model = hornbeam.Model(
        space.get_inputs(), hornbeam.layers.Dense(1)(space.get_encoded_features())
    )
    data = {"a": np.array([[3.0]]), "b": np.array([[2.0]])}
    kernel, bias = model.layers[-1].get_weights()
    expected = np.array([[1.0, 2.0]]) @ kernel + bias
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-6)


@pytest.mark.parametrize("make", [named, detailed])
def test_it_is_saved_and_loaded(make: Any, tmp_path: Any) -> None:
    space = make(FeatureSpace)
    space.adapt(TABLE)
    expected = hornbeam.tree.map_structure(ops.convert_to_numpy, space(of(space, FIRST)))
    space.save(tmp_path / "space.keras")
    loaded = hornbeam.saving.load_model(tmp_path / "space.keras")
    assert type(loaded) is FeatureSpace
    assert loaded.name == space.name
    assert_same(loaded(of(space, FIRST)), expected)
    fresh = FeatureSpace.from_config(space.get_config())
    fresh.adapt(TABLE)
    assert_same(fresh(of(space, FIRST)), expected)


@TRUNCATES
@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_files_of_keras_are_read_and_keras_reads_ours(
    mode: str, theirs: dict[str, Any], tmp_path: Any
) -> None:
    path, back = tmp_path / "theirs.keras", tmp_path / "ours.keras"
    theirs[mode].save(path)
    loaded = hornbeam.saving.load_model(path)
    asked = of(loaded, FIRST)
    assert_same(loaded(asked), theirs[mode](asked))
    loaded.save(back)
    assert_same(
        hornbeam.tree.map_structure(np.asarray, keras.saving.load_model(back)(asked)),
        theirs[mode](asked),
    )


SPACE = {"s": "string_categorical", "f": "float"}


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda: FeatureSpace({}), "must be a dict of name -> feature"),
        (lambda: FeatureSpace({"a": "floats"}), r"feature 'a' must be one of .*Did you mean 'float'"),
        (lambda: FeatureSpace(SPACE, "both"), "'concat' or 'dict', got 'both'"),
        (lambda: FeatureSpace(SPACE, crosses="s"), "must be a list of tuples of names, got 's'"),
        (lambda: FeatureSpace(SPACE, crosses=[("s", "t")]), r"names \['t'\], but the features are"),
        (lambda: FeatureSpace(SPACE, crosses=[("s", "f")]), r"\['f'\], which are floats.*discretized"),
        (lambda: FeatureSpace(SPACE)({"s": "a", "f": 1.0}), r"call `adapt\(dataset\)` first"),
        (lambda: FeatureSpace(SPACE).get_inputs(), r"call `adapt\(dataset\)` first"),
        (lambda: FeatureSpace(SPACE).adapt({"s": ["a"]}), r"lacks the features \['f'\]"),
        (lambda: FeatureSpace(SPACE).adapt(iter([])), "got no data"),
        (lambda: FeatureSpace(SPACE).adapt(3), "an iterable of dicts, got int"),
        (lambda: FeatureSpace(SPACE).adapt([3]), "an item is a int"),
        (lambda: FeatureSpace({"f": "float"})([1.0]), "called on a dict of name -> values"),
        (
            lambda: FeatureSpace({"s": FeatureSpace.string_hashed(3, "int"), "f": "float"})(
                {"s": "a", "f": 1.0}
            ),
            r"\['s'\] are indices .*output_mode='dict'",
        ),
        (lambda: FeatureSpace.string_hashed(3, "float"), "`output_mode` must be one of"),
        (lambda: FeatureSpace.float_discretized(3, [0.5]), "either `num_bins` or `bin_boundaries`"),
        (lambda: FeatureSpace.feature("float32", 3, "float"), "must be a layer, got int"),
        (lambda: FeatureSpace.feature("float32", str, "flat"), "must be one of .*got 'flat'"),
        (lambda: FeatureSpace.cross(("a",), 3), "two or more names"),
        (lambda: FeatureSpace.cross(("a", "b"), 3, "float"), "Cross: `output_mode` must be one of"),
        (
            lambda: FeatureSpace(
                {"f": FeatureSpace.feature("float32", hornbeam.layers.Rescaling(2.0), "one_hot")}
            )({"f": 1.0}),
            "Rescaling has neither",
        ),
    ],
)  # fmt: skip
def test_mistakes(act: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        act()
