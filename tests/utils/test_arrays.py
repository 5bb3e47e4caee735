"""Helpers on arrays and rows: the same as Keras's."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import utils
from hornbeam.errors import InputError, UnknownNameError
from tests.engines import ENGINES

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("x", "classes"),
    [
        ([0, 1, 2], None),
        ([[1], [0]], 3),
        (np.zeros((2, 3, 1), int), 2),
        (np.arange(4.0), 4),
        ([], 3),
    ],
)
def test_to_categorical(x, classes):
    found, expected = utils.to_categorical(x, classes), keras.utils.to_categorical(x, classes)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("engine", ENGINES)
def test_arrays_of_an_engine_stay_there(engine):
    with hornbeam.use_backend(engine):
        x = hornbeam.ops.convert_to_tensor([[0], [2]], "int32")
        found = utils.to_categorical(x, 3)
        assert type(found) is type(x)
        np.testing.assert_array_equal(hornbeam.ops.convert_to_numpy(found), np.eye(3)[[0, 2]])
        unit = utils.normalize(hornbeam.ops.convert_to_tensor([[3.0, 4.0]]))
        np.testing.assert_allclose(hornbeam.ops.convert_to_numpy(unit), [[0.6, 0.8]], rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (np.array([3.0, 4.0]), {}),
        (np.zeros((2, 2)), {}),
        (RNG.normal(size=(3, 4)), {"order": 1}),
        (RNG.normal(size=(3, 4)), {"order": np.inf, "axis": 1}),
    ],
)
def test_normalize(x, options):
    expected = keras.utils.normalize(x, **options)
    np.testing.assert_allclose(utils.normalize(x, **options), expected, rtol=1e-6)


def test_normalize_along_another_axis():
    x = RNG.normal(size=(3, 4)).astype("float32")
    found = utils.normalize(x, axis=0)
    np.testing.assert_allclose(found, x / np.linalg.norm(x, axis=0), rtol=1e-6)
    assert found.dtype == x.dtype
    np.testing.assert_allclose(utils.normalize([3, 4]), [[0.6, 0.8]])


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 2, 5])
@pytest.mark.parametrize(
    ("sequences", "options"),
    [
        ([[1], [2, 3], [4, 5, 6]], {}),
        ([[1.5], []], {"dtype": "float32", "value": -1.0}),
        ([[[1, 2]], [[3, 4], [5, 6]]], {}),
        ([["a"], ["b", "c"]], {"dtype": object, "value": "pad"}),
    ],
)
def test_pad_sequences(sequences, options, maxlen, padding, truncating):
    options = {"maxlen": maxlen, "padding": padding, "truncating": truncating, **options}
    expected = keras.utils.pad_sequences(sequences, **options)
    found = utils.pad_sequences(sequences, **options)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


WINDOWS = [
    {},
    {"sequence_stride": 3, "sampling_rate": 2, "batch_size": 3},
    {"start_index": 2, "end_index": 18, "sequence_stride": 2},
    {"batch_size": None},
]


@pytest.mark.parametrize("targets", [False, True])
@pytest.mark.parametrize("options", WINDOWS)
def test_windows_of_time_series(options, targets):
    data, y = np.arange(40).reshape(20, 2), np.arange(20) * 10 if targets else None
    theirs = keras.utils.timeseries_dataset_from_array(data, y, 4, **options)
    ours = utils.timeseries_dataset_from_array(data, y, 4, **options)
    expected = list(theirs)
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected, strict=True):
        pairs = zip(a, b, strict=True) if targets else [(a, b)]
        for found, wanted in pairs:
            np.testing.assert_array_equal(found, np.asarray(wanted))


def test_shuffled_windows_keep_their_targets_and_change_each_epoch():
    data = np.arange(30)
    made = utils.timeseries_dataset_from_array(data, data, 3, batch_size=7, shuffle=True, seed=1)
    epochs = []
    for _ in range(2):
        x, y = (np.concatenate(column) for column in zip(*made, strict=True))
        np.testing.assert_array_equal(x[:, 0], y)
        assert sorted(y) == list(range(28))
        epochs.append(y.tolist())
    assert epochs[0] != epochs[1]
    again = utils.timeseries_dataset_from_array(data, data, 3, batch_size=7, shuffle=True, seed=1)
    assert np.concatenate([y for _, y in again]).tolist() == epochs[0]


@pytest.mark.parametrize(
    ("dataset", "options"),
    [
        (np.arange(10).reshape(5, 2), {"left_size": 0.6}),
        ((np.arange(6), np.arange(6) * 2), {"left_size": 2, "right_size": 2}),
        (np.arange(10), {"right_size": 0.3}),
        ([np.arange(3), np.arange(3) + 1, np.arange(3) + 2], {"left_size": 1}),
    ],
)
def test_splits(dataset, options):
    def values(parts):
        return [
            [[np.asarray(v).tolist() for v in keras.tree.flatten(s)] for s in part]
            for part in parts
        ]

    expected = values(keras.utils.split_dataset(dataset, **options))
    assert values(utils.split_dataset(dataset, **options)) == expected


def test_a_shuffled_split_loses_nothing():
    left, right = utils.split_dataset(np.arange(20), 0.5, shuffle=True, seed=1)
    assert sorted([*map(int, left), *map(int, right)]) == list(range(20))
    assert [int(v) for v in left] != list(range(10))


def test_row_datasets_train_a_model():
    x = RNG.random((20, 3)).astype("float32")
    left, right = utils.split_dataset((x, x.sum(1)), 0.8)
    model = hornbeam.Sequential([hornbeam.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = left.batch(4).cache().map(lambda a, b: (a * 2, b)).with_workers(2)
    history = model.fit(data, validation_data=right.batch(2), epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert len(list(data.take(2))) == 2
    with pytest.raises(InputError, match=r"batch\(\) comes first"):
        left.batch(2).batch(3)
    with pytest.raises(IndexError, match="no batch 99"):
        left[99]


def test_config():
    config = utils.Config(a=1)
    config["b"] = 2
    assert (config.b, config["a"], len(config), "b" in config) == (2, 1, 2, True)
    assert config.to_json() == '{"a": 1, "b": 2}'
    assert config.pop("a") == 1
    config.update({"c": 3}, d=4)
    config.freeze()
    assert config.frozen
    for change in (
        lambda: setattr(config, "b", 1), lambda: config.pop("b"), lambda: config.update(b=1),
        lambda: config.__delitem__("b"), lambda: delattr(config, "b"),
    ):  # fmt: skip
        with pytest.raises(InputError, match="frozen"):
            change()
    config.unfreeze()
    del config.b
    assert config == utils.Config(c=3, d=4)
    assert list(config) == list(config.keys()) == ["c", "d"]
    assert dict(config.items()) == {"c": 3, "d": 4} and list(config.values()) == [3, 4]  # noqa: PT018
    with pytest.raises(AttributeError, match="no value named 'ratee'"):
        _ = config.ratee


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_progress_bar_of_ones_own(verbose, capsys):
    bar = utils.Progbar(3, verbose=verbose, interval=0, stateful_metrics=["rate"])
    for i in range(3):
        bar.update(i + 1, [("loss", float(i)), ("rate", i)])
    assert bar.values() == {"loss": 1.0, "rate": 2.0}
    text = capsys.readouterr().out
    assert text.endswith("loss: 1.0000 - rate: 2.0000\n")
    assert text.count("\n") == 1
    endless = utils.Progbar(None, verbose=verbose)
    endless.add(4, [("loss", 2.0)])
    endless.update(5, [("loss", 7.0)], finalize=True)
    assert endless.values() == {"loss": 3.0}
    assert "5 steps" in capsys.readouterr().out


def test_where_tensors_come_from():
    a, b = hornbeam.Input((3,)), hornbeam.Input((3,))
    joined = hornbeam.layers.Add()([a, hornbeam.layers.Dense(3)(b)])
    assert {id(t) for t in utils.get_source_inputs(joined + a)} == {id(a), id(b)}


def test_configs_without_modules():
    layer = hornbeam.layers.Dense(3, name="d")
    config = utils.legacy.serialize_keras_object(layer)
    assert config["class_name"] == "Dense"
    known = {"Dense": hornbeam.layers.Dense}
    again = utils.legacy.deserialize_keras_object(config, known)
    assert again.get_config() == layer.get_config()
    assert utils.legacy.serialize_keras_object(None) is None
    with pytest.raises(UnknownNameError, match="There is no layer named 'Dens'.*'Dense'"):
        utils.legacy.deserialize_keras_object("Dens", known, printable_module_name="layer")


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda: utils.to_categorical([0, 3], 3), r"lie in \[0, 3\], but there are 3 classes"),
        (lambda: utils.to_categorical([0.5]), "needs class numbers"),
        (lambda: utils.pad_sequences(3), "needs a list of sequences, such as .*got int"),
        (lambda: utils.pad_sequences([1, 2]), "items that are no sequences"),
        (lambda: utils.pad_sequences([[1]], padding="mid"), "`padding` must be 'pre' or 'post'"),
        (lambda: utils.pad_sequences([["a"]]), "holds text; pass `dtype=object`"),
        (lambda: utils.pad_sequences([["a"]], value="x"), "`dtype` must be object"),
        (lambda: utils.pad_sequences([[[1, 2]], [[1]]]), r"sequence 1 have shape \(1,\)"),
        (lambda: utils.split_dataset([1, 2]), "needs `left_size` or `right_size`"),
        (lambda: utils.split_dataset(np.arange(4), 4), "cannot be split into 4 and 0"),
        (lambda: utils.split_dataset(np.arange(4), 1.5), "fraction must be in"),
        (lambda: utils.split_dataset((np.arange(4), np.arange(3)), 0.5), r"have \[3, 4\] rows"),
        (lambda: utils.timeseries_dataset_from_array([1, 2], None, 3), "`sequence_length` must be"),
        (
            lambda: utils.timeseries_dataset_from_array(range(9), None, 3, start_index=5, end_index=2),
            "`start_index` and `end_index` must lie in order",
        ),
        (
            lambda: utils.timeseries_dataset_from_array(range(9), None, 3, format="torch data"),
            "`format` must be 'tf' or 'grain'",
        ),
        (lambda: utils.get_source_inputs(3), "needs a symbolic tensor"),
        (lambda: utils.Progbar(3, verbose=5), "`verbose` must be 0, 1 or 2"),
    ],
)  # fmt: skip
def test_errors(act, match):
    with pytest.raises(InputError, match=match):
        act()
