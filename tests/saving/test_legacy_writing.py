"""``.h5`` files of whole models: read by our own reader, and by Keras."""

import json

import h5py
import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import InputError, UnsupportedError

RNG = np.random.default_rng(0)


def rows(*shape):
    return RNG.normal(size=shape).astype("float32")


def image_model():
    return hornbeam.Sequential(
        [
            hornbeam.Input((6, 6, 1)), layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.0),
            layers.Dense(2, kernel_regularizer="l2"),
        ], name="cnn",
    )  # fmt: skip


def shared_layers():
    a, b = hornbeam.Input((4,), name="a"), hornbeam.Input((4,), name="b")
    shared = layers.Dense(3, activation="tanh")
    inner = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(3)], name="inner")
    joined = layers.Concatenate()([shared(a), shared(b), inner(shared(a))])
    return hornbeam.Model([a, b], layers.Dense(2)(joined), name="shared")


def recurrent():
    return hornbeam.Sequential(
        [
            hornbeam.Input((5,)), layers.Embedding(10, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)), layers.GRU(3),
            layers.Dense(2),
        ]
    )  # fmt: skip


def attention():
    x = hornbeam.Input((5, 8))
    y = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)])
    y = layers.TimeDistributed(layers.Dense(4, activation="gelu"))(layers.LayerNormalization()(y))
    return hornbeam.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))


def mixed():
    return hornbeam.Sequential(
        [hornbeam.Input((4,)), layers.Dense(3, dtype="mixed_bfloat16"), layers.Dense(2)]
    )


CASES = {
    "cnn": (image_model, lambda: rows(4, 6, 6, 1)),
    "shared": (shared_layers, lambda: [rows(4, 4), rows(4, 4)]),
    "lstm": (recurrent, lambda: RNG.integers(0, 10, (4, 5)).astype("int32")),
    "attention": (attention, lambda: rows(4, 5, 8)),
    "mixed": (mixed, lambda: rows(4, 4)),
}


@pytest.mark.parametrize("case", CASES)
def test_models_come_back_and_keras_reads_them(case, tmp_path):
    import keras

    make, data = CASES[case]
    model, x, y = make(), data(), rows(4, 2)
    loss = "mse" if case != "lstm" else hornbeam.losses.Huber()
    model.compile(hornbeam.optimizers.Adam(0.01), loss, metrics=["mae"])
    model.train_on_batch(x, y)
    model.save(tmp_path / "m.h5")
    expected = np.asarray(model.predict(x, verbose=0), "float32")
    back = hornbeam.models.load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(np.asarray(back.predict(x, verbose=0), "float32"), expected)
    assert int(back.optimizer.iterations.numpy()) == 1
    model.reset_metrics()
    ours = model.train_on_batch(x, y, return_dict=True)
    theirs = back.train_on_batch(x, y, return_dict=True)
    assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-6)
    for one, other in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    foreign = keras.models.load_model(tmp_path / "m.h5")
    assert type(foreign.optimizer).__name__ == "Adam"
    got = np.asarray(foreign.predict(x, verbose=0), "float32")
    np.testing.assert_allclose(got, expected, atol=0.02 if case == "mixed" else 1e-5)


def test_what_is_in_the_file(tmp_path):
    model = image_model()
    model.compile(hornbeam.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.train_on_batch(rows(4, 6, 6, 1), rows(4, 2))
    model.save(tmp_path / "m.hdf5", include_optimizer=False)
    with h5py.File(tmp_path / "m.hdf5") as file:
        assert "training_config" not in file.attrs
        assert "optimizer_weights" not in file
    model.save(tmp_path / "m.hdf5")
    with h5py.File(tmp_path / "m.hdf5") as file:
        training = json.loads(file.attrs["training_config"])
        assert training["loss"] == {"class_name": "MeanSquaredError", "config": {"name": "mse"}}
        config = json.loads(file.attrs["model_config"])
        first, conv = config["config"]["layers"][:2]
        assert first["config"]["batch_input_shape"] == [None, 6, 6, 1]
        assert conv["class_name"] == "Conv2D"
        assert "module" not in conv
        assert len(file["optimizer_weights"].attrs["weight_names"]) == 2 + 6
    for dtype in ("float32", "bfloat16"):  # numbers that HDF5 does not know come back as well
        model = hornbeam.Sequential([hornbeam.Input((2,)), layers.Dense(1, dtype=dtype)])
        model.save(tmp_path / "d.h5")
        assert hornbeam.models.load_model(tmp_path / "d.h5").weights[0].dtype == dtype


def model_config(path):
    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])


def calls(path, class_name):
    layers_of = model_config(path)["config"]["layers"]
    return [layer["inbound_nodes"] for layer in layers_of if layer["class_name"] == class_name]


def test_files_for_keras_2(tmp_path):  # tf-keras reads them: docs/exchange.md
    model, x, y = attention(), rows(4, 5, 8), rows(4, 2)
    model.compile(hornbeam.optimizers.Adam(0.01), "mse")
    model.train_on_batch(x, y)
    model.save(tmp_path / "m.h5", keras_version=2)
    start = model.inputs[0].name
    assert calls(tmp_path / "m.h5", "MultiHeadAttention") == [
        [[[start, 0, 0, {"value": [start, 0, 0]}]]]
    ]
    heads = model_config(tmp_path / "m.h5")["config"]["layers"][1]["config"]
    shapes = [heads[f"{role}_shape"] for role in ("query", "key", "value")]
    assert shapes == [[None, 5, 8]] * 3
    with h5py.File(tmp_path / "m.h5") as file:
        optimizer = json.loads(file.attrs["training_config"])["optimizer_config"]
        assert optimizer["config"]["is_legacy_optimizer"] is False
        names = [name.decode() for name in file["optimizer_weights"].attrs["weight_names"]]
    assert len(names) == 1 + 2 * len(model.trainable_weights)
    assert not any("learning_rate" in name for name in names)
    back = hornbeam.models.load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(back.predict(x, verbose=0), model.predict(x, verbose=0))
    model.reset_metrics()
    ours = model.train_on_batch(x, y, return_dict=True)
    assert back.train_on_batch(x, y, return_dict=True)["loss"] == pytest.approx(ours["loss"], 1e-6)
    for one, other in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def translator():
    source, target = hornbeam.Input((4, 3), name="source"), hornbeam.Input((5, 3), name="target")
    _, h, c = layers.LSTM(4, return_state=True, name="encoder")(source)
    y = layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    z = layers.Attention()([y, layers.Dense(4)(source)])
    return hornbeam.Model([source, target], layers.GRU(2)(z))


def test_initial_states_for_keras_2(tmp_path):
    model, x = translator(), [rows(3, 4, 3), rows(3, 5, 3)]
    model.save(tmp_path / "m.h5", keras_version=2)
    states = [["encoder", 0, 1], ["encoder", 0, 2]]
    assert calls(tmp_path / "m.h5", "LSTM")[1] == [[["target", 0, 0, {"initial_state": states}]]]
    back = hornbeam.models.load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(back.predict(x, verbose=0), model.predict(x, verbose=0))


def test_weights_for_keras_2(tmp_path):
    model, x = attention(), rows(4, 5, 8)
    model.save_weights(tmp_path / "m.weights.h5", keras_version=2)
    with h5py.File(tmp_path / "m.weights.h5") as file:
        within = set(file["layers/multi_head_attention"])
        named = file["layers/multi_head_attention/_key_dense/vars"].attrs["name"]
    assert within == {"_query_dense", "_key_dense", "_value_dense", "_output_dense"}
    assert named == "key"
    fresh = attention()
    for variable in fresh.variables:
        variable.assign(variable * 0)
    assert fresh.load_weights(tmp_path / "m.weights.h5").complete
    np.testing.assert_array_equal(fresh.predict(x, verbose=0), model.predict(x, verbose=0))


def with_a_constant():
    x = hornbeam.Input((2,))
    return hornbeam.Model(x, layers.Add()([x, np.ones((1, 2), "float32")]))


@pytest.mark.parametrize(
    ("make", "name", "options", "error", "match"),
    [
        (image_model, "m.h5", {"keras_version": 4}, InputError, "must be 2 or 3, got 4"),
        (image_model, "m.keras", {"keras_version": 2}, TypeError, "unknown arguments"),
        (with_a_constant, "m.h5", {"keras_version": 2}, UnsupportedError, "no form for.*3"),
    ],
)
def test_files_that_are_not_for_keras_2(make, name, options, error, match, tmp_path):
    with pytest.raises(error, match=match):
        make().save(tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_for_keras_2(tmp_path):
    with pytest.raises(InputError, match="must be 2 or 3, got '2'"):
        image_model().save_weights(tmp_path / "m.weights.h5", keras_version="2")
    with pytest.raises(TypeError, match=r"unknown arguments \['keras_version'\]"):
        image_model().save_weights(tmp_path / "m.npz", keras_version=2)


def test_long_lists_of_names(tmp_path, monkeypatch):
    monkeypatch.setattr("hornbeam.saving.legacy_writer.MAX_LIST", 40)
    model = recurrent()
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    back = hornbeam.models.load_model(tmp_path / "m.h5")
    for one, other in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


class Own(hornbeam.Model):
    def call(self, x):
        return x


def with_an_op():
    x = hornbeam.Input((2,))
    return hornbeam.Model(x, hornbeam.ops.sin(layers.Dense(2)(x)))


@pytest.mark.parametrize(
    ("make", "name", "error", "match"),
    [
        (Own, "m.h5", UnsupportedError, "functional and sequential models, and .* is a Own"),
        (with_an_op, "m.h5", UnsupportedError, "op 'Sin' outside of a layer"),
        (image_model, "m.weights.h5", InputError, "call `save_weights`"),
        (image_model, "m.hd", InputError, "ends in '.keras' or '.h5' or '.hdf5'"),
    ],
)
def test_what_such_files_cannot_hold(make, name, error, match, tmp_path):
    with pytest.raises(error, match=match):
        make().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
