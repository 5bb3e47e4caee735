"""Preprocessing layers: what Keras computes, what is learnt, what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import ops
from hornbeam.errors import UnsafeFileError
from hornbeam.layers.preprocessing.hashes import farmhash64, siphash
from tests.engines import ENGINES

WORDS = np.array([["a", "c"], ["z", "b"], ["", "a"]])
ABC = ["a", "b", "c"]
SEEN = np.array(["b", "a", "c", "b", "c", "d"])
TEXTS = ["foo bar", "bar baz", "baz bada boom"]
ASKED = np.array(["foo Qux, bar", "Baz!"])
NUMBERS = np.array([[1.0, 2, 3], [4, 5, 7], [0, 1, 9]], "float32")
INTS = np.array([[12, 1138], [0, 7], [8, -1]])


def adapted(layer: Any, data: Any) -> Any:
    """The layer, after it has learnt from `data`."""
    layer.adapt(data)
    return layer


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "Rescaling": (lambda L: L.Rescaling(2, offset=1.0), NUMBERS),
    "Rescaling of bytes": (lambda L: L.Rescaling(1 / 255), np.array([0, 255], "uint8")),
    "Normalization": (lambda L: adapted(L.Normalization(), NUMBERS), NUMBERS),
    "Normalization axis None": (lambda L: adapted(L.Normalization(axis=None), NUMBERS), NUMBERS),
    "Normalization given": (lambda L: L.Normalization(mean=[1, 2, 3], variance=[1, 1, 4]), NUMBERS),
    "Normalization inverse": (lambda L: L.Normalization(None, 2.0, 4.0, invert=True), NUMBERS),
    "Discretization": (lambda L: L.Discretization([0.0, 1.0, 2.0]), NUMBERS),
    "Discretization one_hot": (
        lambda L: L.Discretization([0.0, 1.0], output_mode="one_hot"),
        NUMBERS[:, :1],
    ),
    "CategoryEncoding one_hot": (
        lambda L: L.CategoryEncoding(4, output_mode="one_hot"),
        np.array([[3], [2]]),
    ),
    "CategoryEncoding multi_hot": (lambda L: L.CategoryEncoding(4), np.array([[0, 1], [3, 3]])),
    "CategoryEncoding count": (
        lambda L: L.CategoryEncoding(4, output_mode="count"),
        np.array([[0, 1], [3, 3]]),
    ),
    "Hashing": (lambda L: L.Hashing(1000), np.array(["x", "", "b" * 40, "c" * 70])),
    "Hashing salted": (lambda L: L.Hashing(1000, salt=[5, 6]), WORDS),
    "Hashing mask": (lambda L: L.Hashing(10, mask_value=""), WORDS),
    "Hashing ints": (lambda L: L.Hashing(1000, output_mode="multi_hot"), np.array([[1, 1000]])),
    "StringLookup": (lambda L: L.StringLookup(vocabulary=ABC), WORDS),
    "StringLookup mask": (lambda L: L.StringLookup(vocabulary=ABC, mask_token=""), WORDS),
    "StringLookup 5 OOV": (lambda L: L.StringLookup(vocabulary=ABC, num_oov_indices=5), WORDS),
    "StringLookup multi_hot": (
        lambda L: L.StringLookup(
            vocabulary=ABC, output_mode="multi_hot", max_tokens=6, pad_to_max_tokens=True
        ),
        WORDS,
    ),
    "StringLookup count": (lambda L: L.StringLookup(vocabulary=ABC, output_mode="count"), WORDS),
    "StringLookup adapted": (lambda L: adapted(L.StringLookup(max_tokens=4), SEEN), WORDS),
    "StringLookup tf_idf": (
        lambda L: adapted(L.StringLookup(output_mode="tf_idf"), SEEN.reshape(3, 2)),
        WORDS,
    ),
    "IntegerLookup": (lambda L: L.IntegerLookup(vocabulary=[12, 36, 1138]), INTS),
    "IntegerLookup 3 OOV": (
        lambda L: L.IntegerLookup(vocabulary=[12, 1138], num_oov_indices=3, mask_token=0),
        INTS,
    ),
    "IntegerLookup farmhash": (
        lambda L: L.IntegerLookup(vocabulary=[12], num_oov_indices=3, oov_method="farmhash"),
        INTS,
    ),
    "TextVectorization": (lambda L: adapted(L.TextVectorization(), TEXTS), ASKED),
    "TextVectorization length": (
        lambda L: adapted(L.TextVectorization(output_sequence_length=5), TEXTS),
        ASKED,
    ),
    "TextVectorization ngrams": (lambda L: adapted(L.TextVectorization(ngrams=2), TEXTS), ASKED),
    "TextVectorization characters": (
        lambda L: adapted(L.TextVectorization(split="character", standardize="lower"), TEXTS),
        ASKED,
    ),
    "TextVectorization tf_idf": (
        lambda L: adapted(L.TextVectorization(output_mode="tf_idf"), TEXTS),
        ASKED,
    ),
    "TextVectorization multi_hot": (
        lambda L: adapted(L.TextVectorization(max_tokens=4, output_mode="multi_hot"), TEXTS),
        ASKED,
    ),
}
cases = pytest.mark.parametrize("case", CASES)


@cases
def test_outputs_are_those_of_keras(case: str) -> None:
    import keras

    make, data = CASES[case]
    theirs = make(keras.layers)
    expected = np.asarray(theirs(data))
    for engine in ENGINES:
        with hornbeam.use_backend(engine):
            layer = make(hornbeam.layers)
            got = layer(data)
            assert ops.dtype(got) == str(expected.dtype)
            np.testing.assert_allclose(ops.convert_to_numpy(got), expected, rtol=1e-5, atol=1e-6)
    if hasattr(layer, "get_vocabulary"):
        assert layer.get_vocabulary() == [
            getattr(t, "item", lambda t=t: t)() for t in theirs.get_vocabulary()
        ]
    assert set(theirs.get_config()) - {"quantization_config"} <= set(layer.get_config())


@cases
def test_config_and_symbolic_shape(case: str) -> None:
    make, data = CASES[case]
    layer = make(hornbeam.layers)
    output = layer(data)
    again = type(layer).from_config(layer.get_config())
    learnt = {"vocabulary_size"}  # the vocabulary itself is saved beside the config
    kept = {k: v for k, v in layer.get_config().items() if k not in learnt}
    assert {k: v for k, v in again.get_config().items() if k not in learnt} == kept
    kind = "string" if data.dtype.kind == "U" else str(data.dtype)
    symbolic = layer(hornbeam.KerasTensor((None, *data.shape[1:]), kind))
    assert symbolic.dtype == ops.dtype(output)
    assert len(symbolic.shape) == len(output.shape)
    for a, b in zip(symbolic.shape, output.shape, strict=True):
        assert a in (None, b)


def test_inverse_lookup_gives_the_tokens() -> None:
    layer = hornbeam.layers.StringLookup(vocabulary=ABC, invert=True)
    assert layer(np.array([[1, 3], [0, 2]])).tolist() == [["a", "c"], ["[UNK]", "b"]]


def test_learning_from_batches_is_learning_from_the_whole() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(3, 2, (100, 4)).astype("float32")
    whole, parts = hornbeam.layers.Normalization(), hornbeam.layers.Normalization()
    whole.adapt(data)
    parts.adapt(iter(np.split(data, [7, 50])))
    np.testing.assert_allclose(parts.mean.numpy(), whole.mean.numpy(), rtol=1e-6)
    np.testing.assert_allclose(parts.variance.numpy(), whole.variance.numpy(), rtol=1e-6)
    np.testing.assert_allclose(whole.mean.numpy(), data.mean(0), rtol=1e-5)
    words = hornbeam.layers.StringLookup()
    words.adapt(iter([SEEN[:2], SEEN[2:]]))
    assert words.get_vocabulary() == ["[UNK]", "c", "b", "d", "a"]


def test_discretization_finds_equal_bins() -> None:
    data = np.random.default_rng(0).uniform(0, 1, 100_000)
    layer = hornbeam.layers.Discretization(num_bins=4, epsilon=0.01)
    layer.adapt(iter(np.split(data, 10)))
    np.testing.assert_allclose(layer.bin_boundaries, [0.25, 0.5, 0.75], atol=0.01)


def test_assets_keep_the_vocabulary(tmp_path: Any) -> None:
    layer = adapted(hornbeam.layers.TextVectorization(), TEXTS)
    layer.save_assets(tmp_path)
    other = hornbeam.layers.TextVectorization()
    other.load_assets(tmp_path)
    assert other.get_vocabulary() == layer.get_vocabulary()


def test_hashes_are_those_that_were_published() -> None:
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert siphash(bytes(range(15)), key) == 0xA129CA6149BE45E5
    assert farmhash64(b"zebra") != farmhash64(b"zebrb")


CROSSED = {
    "texts": (np.array(["A", "B", "a longer text " * 5, ""]), np.array(["x", "y", "x", "z"])),
    "a text and an int": (np.array(["A", "B", "A"]), np.array([101, -7, 5])),
    "an int and a text": (np.array([101, -7, 5]), np.array(["A", "B", "A"])),
    "ints": (np.array([[1], [2], [3]]), np.array([[101], [-7], [2**40]])),
    "three": (np.array(["A", "B"]), np.array([1, 2]), np.array(["x", "y"])),
}


@pytest.mark.parametrize("case", CROSSED)
@pytest.mark.parametrize("mode", ["int", "one_hot"])
def test_crossings_are_those_of_keras(case: str, mode: str) -> None:
    import keras

    columns = CROSSED[case]
    bins = 1_000_003 if mode == "int" else 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, on int64
        expected = np.asarray(keras.layers.HashedCrossing(bins, output_mode=mode)(columns))
    for engine in ENGINES:
        with hornbeam.use_backend(engine):
            got = hornbeam.layers.HashedCrossing(bins, output_mode=mode)(columns)
            np.testing.assert_array_equal(ops.convert_to_numpy(got), expected)


MISTAKES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "index too large": (
        lambda L: L.CategoryEncoding(4)(np.array([[4]])),
        r"must be in 0\.\.3, but they range from 4 to 4",
    ),
    "no vocabulary": (lambda L: L.StringLookup()(["a"]), "has no vocabulary yet: call adapt"),
    "twice in it": (lambda L: L.StringLookup(vocabulary=["a", "a"]), "'a' more than once"),
    "unknown token": (
        lambda L: L.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]),
        "'b', which is not in its vocabulary",
    ),
    "vocabulary too large": (
        lambda L: L.StringLookup(vocabulary=["a", "b"], max_tokens=2),
        "3 tokens with the special ones, but max_tokens=2",
    ),
    "no boundaries": (lambda L: L.Discretization(num_bins=3)([1.0]), r"call adapt\(data\) first"),
    "half a normalization": (lambda L: L.Normalization(mean=1.0), "both `mean` and `variance`"),
    "unknown mode": (lambda L: L.StringLookup(output_mode="ints"), "must be one of"),
    "wrong salt": (lambda L: L.Hashing(3, salt="x"), "an int or two ints"),
    "sparse": (lambda L: L.CategoryEncoding(3, sparse=True), "leave `sparse` at False"),
    "unknown split": (lambda L: L.TextVectorization(split="words"), "`split` must be one of"),
    "one column": (
        lambda L: L.HashedCrossing(3)([np.array(["a"])]),
        "crosses two or more arrays of equal shape",
    ),
    "nothing to learn": (
        lambda L: L.StringLookup(vocabulary=["a"]).adapt(["b"]),
        "has nothing to learn",
    ),
}


@pytest.mark.parametrize("kind", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_config_names_no_file(kind: str, tmp_path: Any) -> None:
    path = tmp_path / "words.txt"
    path.write_text("3\n5\n")
    layer = getattr(hornbeam.layers, kind)(vocabulary=str(path))
    config = layer.get_config()
    assert [str(token) for token in config["vocabulary"]] == ["3", "5"]
    assert type(layer).from_config(config).get_vocabulary() == layer.get_vocabulary()
    with pytest.raises(UnsafeFileError, match=rf"names the file .*call {kind}\(vocabulary=path\)"):
        type(layer).from_config({**config, "vocabulary": str(path)})


@pytest.mark.parametrize(
    "layer",
    [
        lambda L: adapted(L.StringLookup(), SEEN),
        lambda L: adapted(L.StringLookup(output_mode="tf_idf"), SEEN.reshape(3, 2)),
        lambda L: adapted(L.IntegerLookup(output_mode="multi_hot"), INTS),
        lambda L: adapted(L.TextVectorization(), TEXTS),
    ],
    ids=["strings", "tf_idf", "ints", "texts"],
)
def test_a_saved_model_keeps_what_was_learnt(layer: Any, tmp_path: Any) -> None:
    """The vocabulary is in the assets of the file, where Keras looks for it as well."""
    learnt = layer(hornbeam.layers)
    x = {"IntegerLookup": INTS, "StringLookup": WORDS}.get(type(learnt).__name__)
    x = np.array([["foo bar"], ["bada"]]) if x is None else x
    entry = hornbeam.Input(x.shape[1:], dtype="int64" if x is INTS else "string")
    model = hornbeam.Sequential([entry, learnt])
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = hornbeam.saving.load_model(path)
    assert loaded.layers[0].get_vocabulary() == learnt.get_vocabulary()
    expected, found = (ops.convert_to_numpy(m.layers[0](x)) for m in (model, loaded))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake: str) -> None:
    run, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        run(hornbeam.layers)
