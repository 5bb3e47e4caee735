"""Models of Keras 1 and 2: texts, whole models and weights in the layout of their time."""

import json

import h5py
import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import CorruptFileError, UnknownObjectError, UnsafeFileError
from hornbeam.models import model_from_json
from hornbeam.saving import model_from_yaml, yaml_format

KERAS_1 = {
    "class_name": "Sequential",
    "keras_version": "1.2.2",
    "config": [
        {
            "class_name": "Convolution2D",
            "config": {
                "name": "c", "trainable": True, "batch_input_shape": [None, 6, 6, 1],
                "input_dtype": "float32", "nb_filter": 2, "nb_row": 3, "nb_col": 2,
                "init": "glorot_uniform", "activation": "relu", "border_mode": "valid",
                "subsample": [1, 1], "dim_ordering": "tf", "W_regularizer": None,
                "b_regularizer": None, "activity_regularizer": None, "W_constraint": None,
                "b_constraint": None, "bias": True,
            },
        },
        {"class_name": "Flatten", "config": {"name": "f", "trainable": True}},
        {"class_name": "Dropout", "config": {"name": "dr", "trainable": True, "p": 0.5}},
        {
            "class_name": "Dense",
            "config": {
                "name": "d", "trainable": True, "output_dim": 3, "init": "glorot_uniform",
                "activation": "linear", "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0,
                "l2": 0.01}, "b_regularizer": None, "activity_regularizer": None,
                "W_constraint": None, "b_constraint": None, "bias": True, "input_dim": None,
            },
        },
    ],
}  # fmt: skip

KERAS_2 = {
    "class_name": "Model",
    "keras_version": "2.2.4",
    "config": {
        "name": "m",
        "layers": [
            {
                "name": "a", "class_name": "InputLayer", "inbound_nodes": [],
                "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False,
                           "name": "a"},
            },
            {
                "name": "s", "class_name": "Dense",
                "config": {"name": "s", "trainable": True, "units": 4, "activation": "tanh",
                           "use_bias": True, "kernel_initializer": {"class_name": "VarianceScaling",
                           "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform",
                                      "seed": None}},
                           "bias_initializer": {"class_name": "Zeros", "config": {}},
                           "kernel_regularizer": {"class_name": "L1L2",
                                                  "config": {"l1": 0.0, "l2": 0.5}}},
                "inbound_nodes": [[["a", 0, 0, {}]], [["s", 0, 0, {}]]],
            },
            {
                "name": "add", "class_name": "Add", "config": {"name": "add", "trainable": True},
                "inbound_nodes": [[["s", 0, 0, {}], ["s", 1, 0, {}]]],
            },
        ],
        "input_layers": [["a", 0, 0]],
        "output_layers": [["add", 0, 0]],
    },
}  # fmt: skip


def test_json_of_keras_1():
    model = model_from_json(json.dumps(KERAS_1))
    conv, _, drop, dense = model.layers
    assert (conv.filters, tuple(conv.kernel_size), drop.rate, dense.units) == (2, (3, 2), 0.5, 3)
    assert float(dense.kernel_regularizer.l2) == pytest.approx(0.01)
    assert model.output_shape == (None, 3)


def test_json_of_keras_2():
    model = model_from_json(json.dumps(KERAS_2))
    assert len(model.weights) == 2
    x = np.ones((1, 4), "float32")
    kernel, bias = model.get_weights()
    first = np.tanh(x @ kernel + bias)
    want = first + np.tanh(first @ kernel + bias)
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-5)


def keras_2_layer(kind, name, *calls, **config):
    record = {"class_name": kind, "config": {"name": name, **config}}
    return {**record, "name": name, "inbound_nodes": [list(calls)] if calls else []}


def test_recurrent_layers_of_tf_keras():
    inner = {
        "module": "keras.layers", "class_name": "LSTM", "registered_name": None,
        "config": {"name": "lstm", "units": 2, "time_major": False, "implementation": 2},
    }  # fmt: skip
    shape = {"batch_input_shape": [None, 5, 3], "dtype": "float32"}
    layers_of = [
        keras_2_layer("InputLayer", "x", **shape),
        keras_2_layer("LSTM", "enc", ["x", 0, 0, {}], units=4, return_state=True, time_major=False),
        keras_2_layer("LSTM", "dec", ["x", 0, 0, {}], ["enc", 0, 1, {}], ["enc", 0, 2, {}],
                      units=4, return_sequences=True),
        keras_2_layer("Bidirectional", "both", ["dec", 0, 0, {}], layer=inner),
        keras_2_layer("GRU", "last", ["dec", 0, 0, {"initial_state": [["both", 0, 0]]}], units=4),
    ]  # fmt: skip
    config = {"name": "m", "layers": layers_of, "input_layers": [["x", 0, 0]],
              "output_layers": [["last", 0, 0]]}  # fmt: skip
    model = model_from_json(json.dumps({"class_name": "Functional", "config": config}))
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    enc, dec, both, last = model.layers[1:]
    _, h, c = enc(x)
    wrong = last(dec(x, initial_state=[h, h]), initial_state=both(dec(x)))
    want = dec(x, initial_state=[h, c])
    want = np.asarray(last(want, initial_state=both(want)))
    np.testing.assert_allclose(model.predict(x, verbose=0), want, atol=1e-6)
    assert np.abs(np.asarray(wrong) - want).max() > 1e-4


def test_json_of_today_and_yaml():
    model = model_from_json(json.dumps(KERAS_2))
    assert model_from_json(model.to_json()).output_shape == model.output_shape
    yaml = pytest.importorskip("yaml")
    assert model_from_yaml(yaml.safe_dump(KERAS_1)).output_shape == (None, 3)
    assert model_from_yaml(yaml_format.to_yaml(model)).output_shape == (None, 4)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        (
            '!!python/object/apply:builtins.open ["MARKER", "w"]',
            UnsafeFileError,
            "more than plain data",
        ),
        ("!!python/name:os.system", UnsafeFileError, "more than plain data"),
        ("!!python/object/new:os.system [true]", UnsafeFileError, "more than plain data"),
        ("a: &x [1]\nb: *x", UnsafeFileError, "aliases"),
        ("a: 1\na: 2", CorruptFileError, "'a' twice"),
        ("a: [1", CorruptFileError, "not valid YAML"),
        ("[" * 300 + "]" * 300, ValueError, "nested"),
        ("7", ValueError, "."),
    ],
)
def test_yaml_is_data(text, error, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=match):
        model_from_yaml(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("layer", "error", "match"),
    [
        ({"class_name": "Graph", "config": {}}, UnknownObjectError, "Keras 0"),
        ({"class_name": "Sequential", "config": 7}, CorruptFileError, "."),
        ({"class_name": "Sequential", "config": [{"config": {}}]}, CorruptFileError, "class name"),
        (
            {"class_name": "Sequential", "config": [{"class_name": "Dense"}]},
            CorruptFileError,
            "config",
        ),
        ({"class_name": "Model", "config": {}}, CorruptFileError, "no list of layers"),
        (
            {
                "class_name": "Sequential",
                "config": [{"class_name": "Merge", "config": {"mode": "cos"}}],
            },
            UnknownObjectError,
            "is no layer any more",
        ),
        (
            {"class_name": "Sequential", "config": [{"class_name": "TFOpLambda", "config": {}}]},
            UnknownObjectError,
            "only TensorFlow can run",
        ),
        (
            {"class_name": "Sequential", "config": [{"class_name": "system", "config": {}}]},
            UnknownObjectError,
            "neither built in nor registered",
        ),
    ],
)
def test_texts_that_are_refused(layer, error, match):
    with pytest.raises(error, match=match):
        model_from_json(json.dumps(layer))


# ------------------------------------------------------------------------------------------- weights


def write_h5(path, held, config=None):
    """A file as Keras 1 and 2 laid it out: layer -> list of (name, array)."""
    with h5py.File(path, "w") as root:
        group = root if config is None else root.create_group("model_weights")
        if config is not None:
            root.attrs["model_config"] = json.dumps(config).encode()
        group.attrs["layer_names"] = [name.encode() for name in held]
        for layer, weights in held.items():
            place = group.create_group(layer)
            place.attrs["weight_names"] = [name.encode() for name, _ in weights]
            for name, value in weights:
                place.create_dataset(name, data=value)


def test_a_whole_model_of_keras_1(tmp_path):
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(3, 2, 1, 2)), rng.normal(size=2)
    dense, low = rng.normal(size=(40, 3)), rng.normal(size=3)
    held = {
        "c": [("c_W", kernel), ("c_b", bias)], "f": [], "dr": [],
        "d": [("d_W", dense), ("d_b", low)],
    }  # fmt: skip
    write_h5(tmp_path / "m.h5", held, KERAS_1)
    model = hornbeam.models.load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[3], low, rtol=1e-6)


def test_gates_of_keras_1(tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"W": (2, 3), "U": (3, 3), "b": (3,)}
    for kind, gates, order in [("LSTM", "icfo", "ifco"), ("GRU", "zrh", "zrh")]:
        parts = {(g, p): rng.normal(size=s) for g in gates for p, s in shapes.items()}
        named = [(f"r_{p}_{g}", parts[g, p]) for g in gates for p in "WUb"]
        write_h5(tmp_path / "w.h5", {"r": named})
        options = {} if kind == "LSTM" else {"reset_after": False}
        layer = getattr(layers, kind)(3, name="r", **options)
        model = hornbeam.Sequential([hornbeam.Input((4, 2)), layer])
        model.load_weights(tmp_path / "w.h5")
        for value, part in zip(model.get_weights(), "WUb", strict=True):
            want = np.concatenate([parts[g, part] for g in order], -1)
            np.testing.assert_allclose(value, want, rtol=1e-6)


def test_kernels_of_theano(tmp_path):
    kernel = np.random.default_rng(0).normal(size=(4, 2, 3, 5))
    write_h5(tmp_path / "w.h5", {"c": [("c_W", kernel), ("c_b", np.zeros(4))]})
    model = hornbeam.Sequential([hornbeam.Input((8, 8, 2)), layers.Conv2D(4, (3, 5))])
    model.load_weights(tmp_path / "w.h5")
    want = kernel.transpose(2, 3, 1, 0)[::-1, ::-1]
    np.testing.assert_allclose(model.get_weights()[0], want, rtol=1e-6)


def test_weights_by_name_and_in_order(tmp_path):
    held = {"one": [("k", np.ones((3, 2))), ("b", np.ones(2))], "two": [("k", np.ones((2, 2)))]}
    write_h5(tmp_path / "w.h5", held)
    model = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(2, name="one")])
    with pytest.raises(CorruptFileError, match=r"weights of 2 layers.*has 1"):
        model.load_weights(tmp_path / "w.h5")
    report = model.load_weights(tmp_path / "w.h5", by_name=True)
    assert len(report.matched) == 2
    assert model.get_weights()[1].tolist() == [1, 1]
    write_h5(tmp_path / "w.h5", {"one": [("k", np.ones((3, 2)))]})
    with pytest.raises(CorruptFileError, match="1 weights for the layer 'one'"):
        model.load_weights(tmp_path / "w.h5")
    with pytest.raises(CorruptFileError, match="holds no model, only weights"):
        hornbeam.models.load_model(tmp_path / "w.h5")
