"""Sequential models and subclasses."""

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import InputError


def test_add_and_pop():
    model = hornbeam.Sequential(name="s")
    model.add(layers.Dense(3, input_shape=(4,)))
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    popped = model.pop()
    assert popped.units == 2
    assert model.output_shape == (None, 3)
    assert [v.path for v in model.weights] == [
        f"s/{model.layers[0].name}/kernel",
        f"s/{model.layers[0].name}/bias",
    ]
    model.pop()
    with pytest.raises(InputError, match="no layers to pop"):
        model.pop()


def test_what_cannot_be_added():
    model = hornbeam.Sequential([layers.Dense(3, name="a")])
    with pytest.raises(InputError, match="forget the parentheses"):
        model.add(layers.Dense)
    with pytest.raises(InputError, match="already has a layer named 'a'"):
        model.add(layers.Dense(3, name="a"))
    with pytest.raises(InputError, match="`Input` can only come first"):
        model.add(hornbeam.Input((3,)))


def test_delayed_building_from_a_call_and_from_build():
    called = hornbeam.Sequential([layers.Dense(3)])
    called(np.ones((2, 5)))
    assert called.count_params() == 18
    built = hornbeam.Sequential([layers.Dense(3)])
    built.build((None, 5))
    assert built.count_params() == 18


def test_compiled_again_after_a_layer_was_added():
    model = hornbeam.Sequential([hornbeam.Input((2,)), layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert model.predict(np.ones((4, 2)), verbose=0).shape == (4, 1)


class Blocks(hornbeam.Model):
    def __init__(self, units=(4, 3), **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [layers.Dense(u, activation="relu") for u in units]
        self.heads = {"out": layers.Dense(1)}

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x)
        return self.heads["out"](x)


def test_layers_in_lists_and_dicts_belong_to_the_model():
    model = Blocks()
    model.build((None, 5))
    assert model.count_params() == 5 * 4 + 4 + 4 * 3 + 3 + 3 + 1
    assert len(model.layers) == 3
    assert len(model.trainable_variables) == 6
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(np.ones((8, 5)), np.ones((8, 1)), verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_subclass_has_an_automatic_config():
    model = Blocks(units=(2, 2), name="mine")
    clone = Blocks.from_config(model.get_config())
    assert clone.name == "mine"
    assert [block.units for block in clone.blocks] == [2, 2]


def test_freezing_is_respected_after_compile():
    model = Blocks()
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 5)), np.ones((8, 1)), verbose=0)
    model.blocks[0].trainable = False
    frozen = model.blocks[0].get_weights()
    model.fit(np.ones((8, 5)), np.zeros((8, 1)), verbose=0)
    for before, after in zip(frozen, model.blocks[0].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert len(model.trainable_variables) == 4
    order = [v.path for v in model.weights]
    model.trainable = False
    assert [v.path for v in model.weights] == order
    assert model.trainable_variables == []


def test_an_own_train_step_is_written_once():
    class Own(hornbeam.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.tracker = hornbeam.metrics.Mean(name="own_loss")

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y, _ = hornbeam.utils.unpack_x_y_sample_weight(data)

            def loss():
                return hornbeam.ops.mean(hornbeam.ops.square(self(x, training=True) - y))

            value, grads = hornbeam.value_and_grad(loss)(self.trainable_variables)
            self.optimizer.apply(grads, self.trainable_variables)
            self.tracker.update_state(value)
            return {"own_loss": self.tracker.result()}

    model = Own()
    model.compile("adam")
    rng = np.random.default_rng(0)
    x = rng.random((64, 3), np.float32)
    history = model.fit(x, x.sum(-1, keepdims=True), epochs=4, batch_size=16, verbose=0)
    assert set(history.history) == {"own_loss"}
    assert history.history["own_loss"][-1] < history.history["own_loss"][0]


def test_summary_says_names_shapes_and_numbers(capsys):
    model = hornbeam.Sequential([hornbeam.Input((4,)), layers.Dense(3, name="first")], name="short")
    model.summary()
    text = capsys.readouterr().out
    for part in ('Model: "short"', "first (Dense)", "(None, 3)", "15", "Total params: 15 (60 B)"):
        assert part in text
    a = hornbeam.Input((2,), name="a")
    b = hornbeam.Input((2,), name="b")
    branched = hornbeam.Model([a, b], layers.Add(name="joined")([a, b]))
    branched.summary(show_trainable=True)
    text = capsys.readouterr().out
    assert "a, b" in text
    assert "Trainable" in text
