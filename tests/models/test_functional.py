"""Functional models: graphs, structures of inputs and outputs, configs."""

import json

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.errors import CorruptFileError, InputError
from tests.engines import ENGINES


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def round_trip(model):
    config = json.loads(json.dumps(model.get_config()))
    clone = type(model).from_config(config)
    clone.set_weights(model.get_weights())
    return clone


def assert_same_outputs(a, b, x):
    for left, right in zip(hornbeam.tree.flatten(a(x)), hornbeam.tree.flatten(b(x)), strict=True):
        np.testing.assert_array_equal(left, right)


def test_shared_layers_are_called_twice_and_counted_once():
    a, b = hornbeam.Input((3,), name="a"), hornbeam.Input((3,), name="b")
    shared = layers.Dense(4, name="shared")
    model = hornbeam.Model([a, b], layers.Add()([shared(a), shared(b)]))
    assert model.count_params() == 16
    x = arrays((2, 3), (2, 3))
    expected = np.asarray(shared(x[0])) + np.asarray(shared(x[1]))
    np.testing.assert_allclose(model(x), expected, rtol=1e-6)
    assert_same_outputs(model, round_trip(model), x)


def test_nested_structures_of_inputs_and_outputs():
    i = {"left": hornbeam.Input((2,), name="l"), "more": [hornbeam.Input((2,), name="m")]}
    summed = layers.Add()([i["left"], i["more"][0]])
    model = hornbeam.Model(i, {"sum": summed, "pair": (summed * 2.0, [summed - 1.0])})
    left, right = arrays((4, 2), (4, 2))
    out = model({"left": left, "more": [right]})
    np.testing.assert_allclose(out["sum"], left + right)
    np.testing.assert_allclose(out["pair"][0], 2 * (left + right))
    np.testing.assert_allclose(out["pair"][1][0], left + right - 1, rtol=1e-6)
    clone = round_trip(model)
    assert_same_outputs(model, clone, {"left": left, "more": [right]})


def test_ops_and_operators_are_part_of_the_graph():
    x = hornbeam.Input((4,))
    h = ops.relu(x * 2.0 - 1.0) + ops.expand_dims(ops.mean(x, axis=-1), -1)
    model = hornbeam.Model(x, ops.concatenate([h, x[:, :2]], axis=-1))
    (data,) = arrays((3, 4))
    expected = np.concatenate(
        [np.maximum(data * 2 - 1, 0) + data.mean(-1, keepdims=True), data[:, :2]], -1
    )
    np.testing.assert_allclose(model(data), expected, rtol=1e-6)
    assert_same_outputs(model, round_trip(model), data)


def test_models_are_layers():
    inner_in = hornbeam.Input((3,))
    inner = hornbeam.Model(inner_in, layers.Dense(2)(inner_in), name="inner")
    x = hornbeam.Input((3,))
    outer = hornbeam.Model(x, layers.Dense(1)(inner(inner_in) if False else inner(x)))
    assert [layer.name for layer in outer.layers][1] == "inner"
    (data,) = arrays((2, 3))
    np.testing.assert_allclose(outer(data), outer.layers[2](inner(data)), rtol=1e-6)
    assert_same_outputs(outer, round_trip(outer), data)


def test_a_model_of_intermediate_outputs():
    model = hornbeam.Sequential(
        [hornbeam.Input((3,)), layers.Dense(4, name="first"), layers.Dense(2)]
    )
    features = hornbeam.Model(model.inputs, model.get_layer("first").output)
    (data,) = arrays((2, 3))
    np.testing.assert_array_equal(features(data), model.layers[0](data))


def test_layers_come_in_the_order_of_keras():
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    names = []
    for k in (keras, hornbeam):
        a, b = k.Input((3,), name="a"), k.Input((3,), name="b")
        x = k.layers.Dense(2, name="d1")(a)
        x = k.layers.Dense(2, name="d2")(x)
        y = k.layers.Dense(2, name="d3")(b)
        z = k.layers.Add(name="add")([x, y])
        model = k.Model([a, b], [k.layers.Dense(1, name="o1")(z), k.layers.Dense(1, name="o2")(y)])
        names.append([layer.name for layer in model.layers])
    assert names[0] == names[1]


def test_inputs_by_name_and_with_a_missing_axis():
    a, b = hornbeam.Input((1,), name="a"), hornbeam.Input((1,), name="b")
    model = hornbeam.Model([a, b], layers.Subtract()([a, b]))
    by_name = model({"b": np.ones(3), "a": np.zeros(3)})
    np.testing.assert_array_equal(by_name, -np.ones((3, 1)))


def test_errors_of_graphs():
    a, b = hornbeam.Input((1,), name="a"), hornbeam.Input((1,), name="b")
    with pytest.raises(InputError, match="disconnected.*'b'"):
        hornbeam.Model(a, layers.Add()([a, b]))
    with pytest.raises(InputError, match="every input must come from `Input"):
        hornbeam.Model(np.ones((1, 1)), a)
    with pytest.raises(InputError, match="two layers named 'same'"):
        hornbeam.Model(a, layers.Dense(1, name="same")(layers.Dense(1, name="same")(a)))
    with pytest.raises(InputError, match="has 1 inputs"):
        hornbeam.Model(a, layers.Dense(1)(a))([np.ones((1, 1)), np.ones((1, 1))])
    with pytest.raises(InputError, match="no layer named 'dens'.*'dense_here'"):
        hornbeam.Model(a, layers.Dense(1, name="dense_here")(a)).get_layer("dens")


def test_a_config_that_refers_to_nothing_is_refused():
    a = hornbeam.Input((1,), name="a")
    config = hornbeam.Model(a, layers.Dense(1, name="d")(a)).get_config()
    config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = "ghost"
    with pytest.raises(CorruptFileError, match="ghost"):
        hornbeam.models.Functional.from_config(config)


def test_a_subclass_made_of_inputs_and_outputs():
    class Named(hornbeam.Model):
        def __init__(self, units):
            inputs = hornbeam.Input((2,))
            super().__init__(inputs=inputs, outputs=layers.Dense(units)(inputs))
            self.units = units

    model = Named(3)
    assert model.output_shape == (None, 3)
    assert model(np.ones((1, 2))).shape == (1, 3)
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)


def test_masks_go_through_operators_and_graphs():
    tokens = hornbeam.Input((4,), dtype="int32")
    embedded = layers.Embedding(5, 2, mask_zero=True)(tokens)
    model = hornbeam.Model(tokens, layers.LSTM(3)(embedded * 2.0))
    padded = np.array([[1, 2, 0, 0]])
    shorter = np.array([[1, 2]])
    tokens2 = hornbeam.Input((2,), dtype="int32")
    same = hornbeam.Model(tokens2, model.layers[-1](model.layers[1](tokens2) * 2.0))
    np.testing.assert_allclose(model(padded), same(shorter), rtol=1e-5)


def test_a_function_is_a_graph_without_being_a_model():
    x = hornbeam.Input((2,))
    f = hornbeam.Function(x, {"double": x * 2.0})
    np.testing.assert_array_equal(f(np.ones((1, 2), np.float32))["double"], [[2.0, 2.0]])


@pytest.mark.parametrize("engine", ENGINES)
def test_arrays_filled_with_a_symbolic_value_are_part_of_the_graph(engine, tmp_path):
    with hornbeam.use_backend(engine):
        inputs = hornbeam.Input((3,))
        filled = ops.full((2, 4), ops.max(inputs))
        like = ops.full_like(np.ones((5,), "float32"), ops.min(inputs))
        model = hornbeam.Model(inputs, [filled, like])
        model.save(tmp_path / "m.keras")
        for net in (model, hornbeam.saving.load_model(tmp_path / "m.keras")):
            largest, least = net(np.array([[1.0, 2.0, 3.0]], "float32"))
            assert ops.convert_to_numpy(largest).tolist() == [[3.0] * 4] * 2
            assert ops.convert_to_numpy(least).tolist() == [1.0] * 5
