"""`Layer` itself: building, paths, configs, masks, losses, freezing, state, mistakes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.errors import InputError
from hornbeam.layers.call_context import get_mask
from tests.engines import ENGINES, TRAINABLE

ONES = np.ones((2, 3, 4), "float32")


class Scale(layers.Layer):
    """A layer of a user's: one weight, automatic config."""

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(
            input_shape[-1:], hornbeam.initializers.Constant(self.start), name="factor"
        )

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Block(layers.Layer):
    """A layer with layers in attributes, a list and a dict."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = layers.Dense(4, name="first")
        self.rest = [
            layers.Dense(4, name="second"),
            {"norm": layers.BatchNormalization(name="norm")},
        ]
        self.drop = layers.Dropout(0.5)

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.rest[0](self.first(inputs))
        return self.drop(self.rest[1]["norm"](x))


def test_variables_are_found_and_have_paths() -> None:
    block = Block(name="block")
    block(ONES)
    assert [v.path for v in block.trainable_weights] == [
        "block/first/kernel",
        "block/first/bias",
        "block/second/kernel",
        "block/second/bias",
        "block/norm/gamma",
        "block/norm/beta",
    ]
    assert [v.name for v in block.non_trainable_weights] == ["moving_mean", "moving_variance"]
    assert len(block.non_trainable_variables) == 3  # and the state of the dropout's seed
    assert block.count_params() == 2 * 20 + 4 * 4


def test_training_reaches_layers_inside() -> None:
    block = Block()
    still, moved = block(ONES), block(ONES, training=True)
    assert not np.allclose(ops.convert_to_numpy(still), ops.convert_to_numpy(moved))


def test_freezing_keeps_the_order_of_weights() -> None:
    block = Block()
    block(ONES)
    before = [v.path for v in block.weights]
    block.trainable = False
    assert block.trainable_weights == []
    assert [v.path for v in block.weights] == before
    block.trainable = True
    assert len(block.trainable_weights) == 6
    assert not any("moving" in v.path for v in block.trainable_weights)


def test_a_frozen_batch_normalization_uses_its_averages() -> None:
    layer = layers.BatchNormalization()
    x = np.random.default_rng(0).normal(5, 1, (8, 3)).astype("float32")
    layer(x)
    layer.trainable = False
    frozen = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(frozen, ops.convert_to_numpy(layer(x)), rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), np.zeros(3))


def test_a_config_is_made_of_the_arguments() -> None:
    config = Scale(start=3.0, name="s", dtype="float64").get_config()
    assert config["start"] == 3.0
    assert config["name"] == "s"
    again = Scale.from_config(config)
    assert (again.start, again.dtype) == (3.0, "float64")


def test_symbolic_calls_leave_nodes_and_compute_output_shape_leaves_nothing() -> None:
    layer = layers.Dense(5)
    assert layer.compute_output_shape((None, 3)) == (None, 5)
    assert not layer.built
    assert layer.compute_output_shape((2, 7)) == (2, 5)
    x = layers.Input((3,))
    y = layer(x)
    assert layer.input is x
    assert layer.output is y
    assert len(layer.inbound_nodes) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unbuilt_layer_follows_its_data(engine: str) -> None:
    data = hornbeam.backends.get(engine).asarray(ONES)
    with hornbeam.use_backend("numpy"):
        layer = layers.Dense(2)
        assert hornbeam.backends.get(engine).is_array(layer(data))
        assert layers.Activation("relu")(data).shape == ONES.shape


def test_losses_are_those_of_the_last_call() -> None:
    layer = layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l1")
    for _ in range(3):
        layer(ONES)
    assert len(layer.losses) == 2
    symbolic = layers.Dense(2, activity_regularizer="l2")
    symbolic(layers.Input((3,)))
    assert symbolic.losses == []


def test_stateless_call_changes_nothing() -> None:
    layer = layers.BatchNormalization()
    layer(ONES)
    before = layer.get_weights()
    out, state = layer.stateless_call(
        [v.value for v in layer.trainable_variables],
        [v.value for v in layer.non_trainable_variables],
        ONES,
        training=True,
    )
    assert out.shape == ONES.shape
    assert float(state[0][0]) != 0.0
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_own_variables_go_through_a_store() -> None:
    first, second = layers.Dense(2), layers.Dense(2)
    first(ONES), second(ONES)
    store: dict[str, Any] = {}
    first.save_own_variables(store)
    assert sorted(store) == ["0", "1"]
    second.load_own_variables(store)
    np.testing.assert_array_equal(first.kernel.numpy(), second.kernel.numpy())
    with pytest.raises(ValueError, match="has 2 weights of its own, but the store holds 1"):
        second.load_own_variables({"0": store["0"]})


def test_lora_trains_two_small_matrices() -> None:
    layer = layers.Dense(6)
    before = ops.convert_to_numpy(layer(ONES))
    layer.enable_lora(2)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(ONES)), before, rtol=1e-6)
    assert [v.name for v in layer.trainable_weights] == ["bias", "lora_kernel_a", "lora_kernel_b"]
    layer.trainable_weights[-1].assign(np.ones((2, 6)))
    expected = layer.kernel.numpy()
    got = ops.convert_to_numpy(layer(ONES))
    np.testing.assert_allclose(got, ONES @ expected + layer.bias.numpy(), rtol=1e-5)
    assert layers.Dense.from_config(layers.Dense(3, lora_rank=2).get_config()).lora_rank == 2


# ------------------------------------------------------------------------------------------- masks


def masked(layer: Any) -> Any:
    """The mask that leaves a layer, symbolically, when one of (batch, time) comes in."""
    x = layers.Masking()(layers.Input((5, 4)))
    return get_mask(layer(x))


def test_masks_pass_through_layers_that_know_them() -> None:
    for layer in (layers.Dense(2), layers.Dropout(0.5), layers.LayerNormalization()):
        assert masked(layer).shape == (None, 5)
    assert masked(layers.LSTM(3, return_sequences=True)).shape == (None, 5)
    assert masked(layers.LSTM(3)) is None
    assert masked(layers.GlobalAveragePooling1D()) is None


def test_a_layer_that_loses_a_mask_warns() -> None:
    with pytest.warns(UserWarning, match="got a masked input but does not know about masks"):
        assert masked(layers.Conv1D(2, 2)) is None


def test_masks_survive_a_cast_to_a_lower_precision() -> None:
    class Model(layers.Layer):
        def __init__(self, dtype: str) -> None:
            super().__init__()
            self.embed = layers.Embedding(5, 4, mask_zero=True)
            self.rnn = layers.LSTM(3, dtype=dtype)

        def call(self, inputs: Any) -> Any:
            return self.rnn(self.embed(inputs))

    model = Model("mixed_bfloat16")
    padded, short = np.array([[1, 2, 0, 0]]), np.array([[1, 2]])
    a, b = (ops.convert_to_numpy(ops.cast(model(x), "float32")) for x in (padded, short))
    np.testing.assert_allclose(a, b, rtol=1e-2)


def test_merged_masks() -> None:
    x, y = (np.array(m, bool) for m in ([[1, 1, 0, 0]], [[1, 0, 1, 0]]))
    a = np.ones((1, 4, 2), "float32")
    either = [[True, True, True, False]]
    assert layers.Add().compute_mask([a, a], [x, y]).tolist() == either
    assert layers.Add().compute_mask([a, a], [x, None]) is None
    assert layers.Concatenate().compute_mask([a, a], [x, y]).tolist() == either
    behind = layers.Concatenate(axis=1).compute_mask([a, a], [x, y])
    assert behind.tolist() == [[True, True, False, False, True, False, True, False]]


# ---------------------------------------------------------------------------------- recurrent layers


def test_a_stateful_layer_goes_on_where_it_ended() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    layer = layers.GRU(4, stateful=True)
    whole = layers.GRU(4)
    whole(x)
    layer(x[:, :3])
    layer.set_weights(whole.get_weights())
    layer.reset_state()
    layer(x[:, :3])
    got = ops.convert_to_numpy(layer(x[:, 3:]))
    np.testing.assert_allclose(got, ops.convert_to_numpy(whole(x)), rtol=1e-5)
    assert len(layer.weights) == 3
    assert len(layer.non_trainable_variables) == 1
    layer.reset_state()
    assert float(ops.sum(ops.absolute(layer.states[0]))) == 0.0


def test_initial_states_are_used() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    layer = layers.LSTM(4, return_state=True)
    whole = ops.convert_to_numpy(layer(x)[0])
    _, h, c = layer(x[:, :2])
    got = ops.convert_to_numpy(layer(x[:, 2:], initial_state=[h, c])[0])
    np.testing.assert_allclose(got, whole, rtol=1e-5)


class Counter(layers.Layer):
    """A cell of a user's, without `get_initial_state`."""

    state_size = 3

    def call(self, inputs: Any, states: Any) -> Any:
        new = ops.add(states[0] if isinstance(states, (list, tuple)) else states, inputs)
        return new, [new]


def test_any_cell_can_be_looped() -> None:
    layer = layers.RNN(Counter(), return_sequences=True)
    out = ops.convert_to_numpy(layer(np.ones((2, 4, 3), "float32")))
    np.testing.assert_array_equal(out[0, :, 0], [1, 2, 3, 4])


# ------------------------------------------------------------------------------------------ mistakes

MISTAKES: dict[str, tuple[Any, str]] = {
    "units": (lambda: layers.Dense(0), "`units` must be a positive int, got 0"),
    "unknown argument": (lambda: layers.Dense(3, activaton="relu"), "Did you mean 'activation'"),
    "slash": (lambda: layers.Dense(3, name="a/b"), "cannot contain '/'"),
    "rate": (lambda: layers.Dropout(1.5), r"probability in \[0, 1\], got 1.5"),
    "rank": (lambda: layers.Conv2D(3, 2)(ONES), "expects an input with 4 dimensions"),
    "open channels": (
        lambda: layers.Dense(3)(layers.Input((None,))),
        "a size that the weights depend on was left open",
    ),
    "other size": (
        lambda: [layer := layers.Dense(3), layer(ONES), layer(ONES[..., :2])],
        "expects an input with size 4 along axis -1",
    ),
    "index": (
        lambda: layers.Embedding(5, 2)(np.array([[5]])),
        r"has 5 rows, so indices must be in 0\.\.4, but they range from 5 to 5",
    ),
    "negative index": (lambda: layers.Embedding(5, 2)(np.array([[-1]])), "range from -1 to -1"),
    "one input": (lambda: layers.Add()(ONES), r"Call it as `layer\(\[a, b\]\)`"),
    "broadcast": (lambda: layers.Add()([ONES, ONES[:, :2]]), "do not broadcast"),
    "concatenate": (
        lambda: layers.Concatenate(axis=1)([ONES, ONES[..., :2]]),
        "needs inputs of the same shape but for axis 1",
    ),
    "dot": (lambda: layers.Dot(1)([ONES, ONES[:, :2]]), "needs axes of the same size, got 3"),
    "reshape": (lambda: layers.Reshape((5,))(ONES), r"cannot bring 12 values per example"),
    "permute": (lambda: layers.Permute((0, 1)), "must hold each of 1..2 once"),
    "groups": (lambda: layers.Conv2D(3, 2, groups=2), "`filters` must be a multiple of `groups`"),
    "padding": (lambda: layers.Conv2D(3, 2, padding="causal"), "`padding` must be one of"),
    "cropping": (lambda: layers.Cropping1D(2)(ONES), "would crop 4 entries from axis 1 of size 3"),
    "cell": (lambda: layers.RNN(layers.Dense(3)), "must be a layer with `call` and `state_size`"),
    "merge mode": (lambda: layers.Bidirectional(layers.LSTM(2), "max"), "`merge_mode` must be one"),
    "wrapped": (lambda: layers.TimeDistributed(3), "`layer` must be a Layer"),
    "heads": (lambda: layers.GroupQueryAttention(3, 4, 3), "must be a multiple of"),
    "einsum": (lambda: layers.EinsumDense("ab->ac", 3)(ONES), "must be like 'ab,bc->ac'"),
    "input": (lambda: layers.Input(), "needs `shape=`"),
    "input as int": (lambda: layers.Input(3), r"write `shape=\(3,\)`"),
    "set_weights": (lambda: layers.Dense(3).set_weights([1]), "has 0 weights, but set_weights"),
    "quantization": (lambda: layers.Dense(3, quantization_config=8), "must be one of the conf"),
    "stateful": (
        lambda: layers.LSTM(2, stateful=True)(layers.Input((3, 2))),
        "must know the batch size",
    ),
    "attention": (lambda: layers.Attention()(ONES), r"takes a list \[query, value\]"),
    "no config": (lambda: layers.Lambda(lambda x: x).get_config(), "cannot be saved"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake: str) -> None:
    run, message = MISTAKES[mistake]
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        run()


def test_an_error_names_the_layer_by_its_path() -> None:
    class Outer(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="outer")
            self.inner = layers.Embedding(3, 2, name="inner")

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    with pytest.raises(ValueError, match="'outer/inner'") as error:
        Outer()(np.array([7]))
    assert any("In layer 'outer/inner' (Embedding)" in note for note in error.value.__notes__)


def test_compiled_embedding_shows_bad_indices_as_nan() -> None:
    with hornbeam.use_backend("jax") as backend:
        layer = layers.Embedding(3, 2)
        layer(np.array([0]))
        compiled = backend.compile(lambda x: layer(x))
        out = ops.convert_to_numpy(compiled(backend.asarray(np.array([0, 3, -1], "int32"))))
    assert np.isfinite(out[0]).all()
    assert np.isnan(out[1:]).all()


def test_the_package_is_imported_quickly_and_without_an_engine() -> None:
    code = (
        "import hornbeam.layers, sys; names = dir(hornbeam.layers); "
        "[getattr(hornbeam.layers, n) for n in names]; "
        "assert 'Dense' in names and 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_specs_take_what_calls_take() -> None:
    import inspect

    for kind in (hornbeam.layers.Add, hornbeam.layers.Permute, hornbeam.layers.MultiHeadAttention):
        assert inspect.signature(kind.compute_output_spec) == inspect.signature(kind.call)
    pair = [hornbeam.KerasTensor((None, 3, 4)), hornbeam.KerasTensor((None, 5, 4))]
    found = hornbeam.layers.Attention().compute_output_spec(pair, None, True)
    assert [x.shape for x in found] == [(None, 3, 4), (None, 3, 5)]
    found = hornbeam.layers.Dense(3).compute_output_spec(hornbeam.KerasTensor((None, 4)))
    assert found.shape == (None, 3)


def test_weights_by_position_and_what_is_refused() -> None:
    layer = hornbeam.Layer()
    assert layer.add_weight((2,), "ones", "int32").dtype == "int32"
    assert layer.add_variable((2,), "ones", None, False, name="v").trainable is False
    with pytest.raises(ValueError, match=r"takes the shape first; pass the name as"):
        layer.add_weight("w", (2,))
    with pytest.raises(ValueError, match="got `shape` by position and by name"):
        layer.add_weight((2,), shape=(2,))
    with pytest.raises(ValueError, match="got 4 positional arguments"):
        layer.add_weight((2,), "ones", "int32", True)
    with pytest.raises(NotImplementedError, match="Make the metric an attribute"):
        layer.add_metric(None)
    config = {"function": ops.square, "name": "squares"}
    assert hornbeam.layers.Lambda.from_config(config, safe_mode=True).name == "squares"
    with pytest.raises(ValueError, match="safe_mode=False is not offered"):
        hornbeam.layers.Lambda.from_config(config, safe_mode=False)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_rematerialized_calls_have_the_same_values_gradients_and_state(engine: str) -> None:
    class Block(hornbeam.Layer):
        def __init__(self, remat: bool) -> None:
            super().__init__()
            self.dense = hornbeam.layers.Dense(3, activation="tanh", kernel_initializer="ones")
            self.norm = hornbeam.layers.BatchNormalization()
            self.remat = remat

        def build(self, input_shape: Any) -> None:
            self.dense.build(input_shape)
            self.norm.build((None, 3))

        def inner(self, x: Any, training: bool) -> Any:
            return self.norm(self.dense(x), training=training)

        def call(self, x: Any, training: bool = False) -> Any:
            inner = self.rematerialized_call(self.inner) if self.remat else self.inner
            return inner(x, training=training)

    x = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    results = []
    with hornbeam.use_backend(engine) as backend:
        for remat in (False, True):
            block = Block(remat)
            block.build((None, 2))

            def loss(block: Any = block) -> Any:
                y = ops.square(block(backend.asarray(x), training=True))
                return ops.sum(ops.multiply(y, x[:, :1]))

            value, grads = hornbeam.value_and_grad(loss)(block.trainable_variables)
            state = [v.numpy() for v in block.non_trainable_variables]
            results.append([ops.convert_to_numpy(g) for g in (value, *grads)] + state)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert (results[0][-1] != 1).any()


class ByHand(layers.Layer):
    """An embedding, something done by hand, and a layer that uses masks."""

    def __init__(self, between: Any, inner: Any = None) -> None:
        super().__init__()
        self.embed = layers.Embedding(9, 4, mask_zero=True)
        self.between = between
        self.lstm = inner or layers.LSTM(3)

    def call(self, tokens: Any) -> Any:
        return self.between(self, tokens, self.embed(tokens))


TOKENS = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]], "int32")
LOSING = {
    "an operator": lambda self, t, e: self.lstm(e * 2),
    "two operators": lambda self, t, e: self.lstm(2 * e + e),
    "an op": lambda self, t, e: self.lstm(ops.add(e, 1.0)),
    "a nested layer": lambda self, t, e: layers.Bidirectional(layers.GRU(2))(e * 2),
}
KEEPING = {
    "nothing": lambda self, t, e: self.lstm(e),
    "a layer": lambda self, t, e: self.lstm(layers.Dropout(0.5)(e)),
    "a mask by hand": lambda self, t, e: self.lstm(e * 2, mask=self.embed.compute_mask(t)),
    "another mask by hand": lambda self, t, e: layers.MultiHeadAttention(1, 2)(
        e * 2, e, attention_mask=np.ones((2, 5, 5), bool)
    ),
    "no mask by hand": lambda self, t, e: self.lstm(e * 2, mask=None),
    "another time": lambda self, t, e: self.lstm(e[:, 1:] * 2),
    "a layer without masks": lambda self, t, e: layers.Dense(2)(e * 2),
    "a mask that was used": lambda self, t, e: layers.Dense(2)(self.lstm(e) * 2),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", LOSING)
def test_a_mask_lost_in_a_call_by_hand_is_noticed(case: str, engine: str) -> None:
    with (
        hornbeam.use_backend(engine),
        pytest.raises(InputError, match=r"uses masks, but none came .* Operators such as `x \* 2`"),
    ):
        ByHand(LOSING[case])(TOKENS)


@pytest.mark.parametrize("case", KEEPING)
def test_no_false_alarm_over_masks(case: str) -> None:
    with hornbeam.use_backend("numpy"):  # where warnings are errors, as everywhere in these tests
        ByHand(KEEPING[case])(TOKENS)


def test_unmasked_sequences_beside_masked_ones_are_no_loss() -> None:
    class Two(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.embed = layers.Embedding(9, 4, mask_zero=True)
            self.first, self.second = layers.LSTM(3), layers.LSTM(3)
            self.dense = layers.Dense(4)

        def call(self, inputs: Any) -> Any:
            tokens, numbers = inputs
            embedded = self.embed(tokens)
            one, two = self.first(embedded), self.second(numbers)
            return one + two + self.second(self.dense(numbers))

    with hornbeam.use_backend("numpy"):
        assert Two()([TOKENS, np.ones((2, 5, 4), "float32")]).shape == (2, 3)


def test_a_mask_lost_in_a_nested_call_is_noticed_when_training() -> None:
    model = hornbeam.Sequential([ByHand(LOSING["an operator"]), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(InputError, match="uses masks, but none came"):
        model.fit(TOKENS, np.zeros((2, 1)), verbose=0)
