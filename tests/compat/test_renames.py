"""Old spellings of arguments and methods mean what the new ones do, and say so."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import hornbeam
from hornbeam import callbacks, layers, optimizers
from hornbeam.compat import renames
from tests.engines import TRAINABLE

REGULARIZERS = {"W_regularizer": "l2", "b_regularizer": "l1"}
CONSTRAINTS = {"W_constraint": "non_neg", "b_constraint": "max_norm"}
OF_KERNEL = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "kernel_constraint": "non_neg",
             "bias_constraint": "max_norm"}  # fmt: skip

# (class, old keywords, new keywords, words that the warnings name)
SPELLINGS: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("Dense", {"output_dim": 3, "init": "one", "bias": False},
     {"units": 3, "kernel_initializer": "ones", "use_bias": False}),
    ("Dense", {"output_dim": 3, **REGULARIZERS, **CONSTRAINTS}, {"units": 3, **OF_KERNEL}),
    ("Conv1D", {"nb_filter": 3, "filter_length": 2, "subsample_length": 2, "border_mode": "same"},
     {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"}),
    ("Conv2D", {"nb_filter": 3, "nb_row": 2, "nb_col": 1, "dim_ordering": "th", "subsample": (2, 1)},
     {"filters": 3, "kernel_size": (2, 1), "data_format": "channels_first", "strides": (2, 1)}),
    ("Conv3D", {"nb_filter": 3, "kernel_dim1": 1, "kernel_dim2": 2, "kernel_dim3": 3},
     {"filters": 3, "kernel_size": (1, 2, 3)}),
    ("Conv2DTranspose", {"nb_filter": 3, "nb_row": 2, "nb_col": 2, "output_shape": (None, 3, 4, 4)},
     {"filters": 3, "kernel_size": (2, 2)}),
    ("SeparableConv2D", {"nb_filter": 3, "nb_row": 2, "nb_col": 2, "init": "one"},
     {"filters": 3, "kernel_size": (2, 2), "depthwise_initializer": "ones",
      "pointwise_initializer": "ones"}),
    ("LSTM", {"output_dim": 3, "init": "one", "inner_init": "zero", "forget_bias_init": "one",
              "inner_activation": "tanh", "dropout_W": 0.1, "dropout_U": 0.2, "consume_less": "gpu"},
     {"units": 3, "kernel_initializer": "ones", "recurrent_initializer": "zeros",
      "recurrent_activation": "tanh", "dropout": 0.1, "recurrent_dropout": 0.2}),
    ("GRU", {"output_dim": 3, "W_regularizer": "l2", "U_regularizer": "l1", "implementation": 1},
     {"units": 3, "kernel_regularizer": "l2", "recurrent_regularizer": "l1"}),
    ("SimpleRNN", {"output_dim": 3, "b_regularizer": "l2"},
     {"units": 3, "bias_regularizer": "l2"}),
    ("ConvLSTM2D", {"nb_filter": 3, "nb_row": 2, "nb_col": 2, "inner_activation": "tanh"},
     {"filters": 3, "kernel_size": (2, 2), "recurrent_activation": "tanh"}),
    ("Embedding", {"input_dim": 5, "output_dim": 2, "init": "one", "W_regularizer": "l2",
                   "W_constraint": "non_neg", "dropout": 0.0},
     {"input_dim": 5, "output_dim": 2, "embeddings_initializer": "ones",
      "embeddings_regularizer": "l2", "embeddings_constraint": "non_neg"}),
    ("BatchNormalization", {"mode": 0, "beta_init": "one", "gamma_init": "zero"},
     {"beta_initializer": "ones", "gamma_initializer": "zeros"}),
    ("PReLU", {"init": "one"}, {"alpha_initializer": "ones"}),
    ("LeakyReLU", {"alpha": 0.1}, {"negative_slope": 0.1}),
    ("Dropout", {"p": 0.1}, {"rate": 0.1}),
    ("GaussianDropout", {"p": 0.1}, {"rate": 0.1}),
    ("GaussianNoise", {"sigma": 0.1}, {"stddev": 0.1}),
    ("SpatialDropout1D", {"p": 0.1}, {"rate": 0.1}),
    ("SpatialDropout2D", {"p": 0.1, "dim_ordering": "tf"},
     {"rate": 0.1, "data_format": "channels_last"}),
    ("MaxPooling1D", {"pool_length": 3, "stride": 2, "border_mode": "same"},
     {"pool_size": 3, "strides": 2, "padding": "same"}),
    ("AveragePooling2D", {"pool_size": 2, "border_mode": "same", "dim_ordering": "th"},
     {"pool_size": 2, "padding": "same", "data_format": "channels_first"}),
    ("GlobalMaxPooling2D", {"dim_ordering": "th"}, {"data_format": "channels_first"}),
    ("ZeroPadding2D", {"dim_ordering": "th"}, {"data_format": "channels_first"}),
    ("Cropping3D", {"dim_ordering": "default"}, {"data_format": None}),
    ("UpSampling1D", {"length": 3}, {"size": 3}),
    ("InputLayer", {"batch_input_shape": (2, 3), "input_dtype": "int32"},
     {"batch_shape": (2, 3), "dtype": "int32"}),
    ("SGD", {"lr": 0.5}, {"learning_rate": 0.5}),
    ("Adam", {"lr": 0.5, "decay": 0.0}, {"learning_rate": 0.5}),
    ("Nadam", {"lr": 0.5, "schedule_decay": 0.004}, {"learning_rate": 0.5}),
    ("L2", {"l": 0.5}, {"l2": 0.5}),
    ("MaxNorm", {"m": 3}, {"max_value": 3}),
]  # fmt: skip


@contextlib.contextmanager
def says(pattern):
    """All that is warned of is old spelling, and one of the warnings fits the pattern."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
    assert {w.category for w in caught} == {DeprecationWarning}
    assert any(re.search(pattern, str(w.message)) for w in caught), [str(w.message) for w in caught]


def find(kind: str):
    places = (layers, optimizers, hornbeam.regularizers, hornbeam.constraints, callbacks)
    return next(getattr(place, kind) for place in places if hasattr(place, kind))


def config(kind, words):
    found = kind(**words).get_config()
    found.pop("name", None)
    return json.loads(json.dumps(found, sort_keys=True, default=str))


@pytest.mark.parametrize(("kind", "old", "new"), SPELLINGS)
def test_old_words_make_what_new_words_make(kind, old, new):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = config(find(kind), old)
    assert made == config(find(kind), new)
    changed = [word for word in old if word in renames.WORDS[kind]]
    assert changed
    text = " ".join(str(w.message) for w in caught)
    for word in changed:
        assert word in text, "each old word is named"
    for word, new_word in renames.WORDS[kind].items():
        if word in old and new_word:
            assert f"({new_word}=" in text, "and the new one"
    assert {w.category for w in caught} == {DeprecationWarning}
    assert {Path(w.filename).name for w in caught} == {Path(__file__).name}, "the user's line"


def test_every_class_with_old_words_is_reached():
    """Tables about classes that are elsewhere or not here yet would be dead letters."""
    elsewhere = {"LocallyConnected1D", "LocallyConnected2D", "ProgbarLogger"}
    for kind in set(renames.WORDS) - elsewhere - {"Model", "Functional"}:
        signature = inspect.signature(find(kind))
        new = {word for word in renames.WORDS[kind].values() if word}
        assert new <= set(signature.parameters) | {"dtype"}, kind


def test_the_config_of_a_layer_made_with_old_words_is_modern():
    with says("units"):
        layer = layers.Dense(output_dim=3)
    again = layers.Dense.from_config(layer.get_config())
    assert again.units == 3


def test_positional_arguments_go_along():
    with says("kernel_initializer"):
        assert layers.Dense(3, init="one").units == 3
    with says(r"kernel_size=\(3, 5\)"):
        assert layers.Conv2D(2, 3, 5, border_mode="same").kernel_size == (3, 5)
    with says(r"kernel_size=\(3, 5\)"):
        made = layers.Convolution2D(2, 3, 5)
    assert made.kernel_size == (3, 5)
    assert made.strides == (1, 1)
    assert isinstance(made, layers.Convolution2D)
    assert layers.Conv2D(2, 3, 5).strides == (5, 5), "today's spelling keeps today's meaning"
    with says("kernel_size"):
        assert layers.Convolution3D(2, 1, 2, 3).kernel_size == (1, 2, 3)
    with says("kernel_size"):
        assert layers.SeparableConvolution2D(2, 3, 5).kernel_size == (3, 5)


def test_a_subclass_of_an_older_name_is_a_class_of_its_own():
    class Mine(layers.Convolution2D):
        pass

    with says("kernel_size"):
        mine = Mine(2, 3, 5)
    assert type(mine) is Mine
    assert isinstance(mine, layers.Conv2D)
    assert not isinstance(layers.Conv2D(2, 3), Mine)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(output_dim=3, units=3), "both `output_dim` and `units`"),
        (lambda: layers.Dense(3, output_dim=4), "both `output_dim` and `units`"),
        (lambda: layers.Conv2D(3, nb_row=2), "needs all of nb_row, nb_col"),
        (lambda: layers.LSTM(3, forget_bias_init="zero"), "unit_forget_bias"),
        (lambda: layers.BatchNormalization(mode=1), "LayerNormalization"),
        (lambda: layers.Embedding(3, 2, dropout=0.2), "SpatialDropout1D"),
        (lambda: optimizers.Nadam(schedule_decay=0.1), "fixed at 0.004"),
        (lambda: callbacks.ModelCheckpoint("x.keras", period=3), "steps_per_epoch"),
        (lambda: layers.Dense(3, weights=[1, 2, 3]), "set_weights"),
        (lambda: layers.Dense(*range(20), init="one"), "positional arguments"),
        (lambda: layers.Dense(3, "relu", activation="relu", init="one"), "by place and by name"),
    ],
)
def test_what_has_no_modern_counterpart_says_so(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_decay_is_a_schedule():
    with says("InverseTimeDecay"):
        optimizer = optimizers.SGD(lr=0.5, decay=0.1)
    schedule = optimizer.get_config()["learning_rate"]["config"]
    assert schedule["initial_learning_rate"] == 0.5
    assert schedule["decay_rate"] == 0.1


def test_lr_of_an_optimizer():
    optimizer = optimizers.SGD(0.5)
    with says("learning_rate"):
        optimizer.lr = 0.25
    assert float(optimizer.lr) == float(optimizer.learning_rate) == 0.25
    with pytest.raises(NotImplementedError, match=r"optimizer\.apply"):
        optimizer.get_updates([], [])
    with pytest.raises(NotImplementedError, match="value_and_grad"):
        optimizer.get_gradients(None, [])


def test_first_weights():
    kernel, bias = np.arange(6.0).reshape(2, 3), np.ones(3)
    with says("set_weights"):
        layer = layers.Dense(3, weights=[kernel, bias])
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
    np.testing.assert_array_equal(layer.bias.numpy(), bias)


def test_input_lengths():
    with says(r"Input\(\(5, 3\)\)"):
        model = hornbeam.Sequential([layers.LSTM(2, input_dim=3, input_length=5)])
    assert model.input_shape == (None, 5, 3)
    with says(r"Input\(\(5,\)\)"):
        model = hornbeam.Sequential([layers.Embedding(9, 2, input_length=5)])
    assert model.output_shape == (None, 5, 2)


def test_callbacks():
    seen = []
    with says("on_train_batch_end"):
        callback = callbacks.LambdaCallback(on_batch_end=lambda batch, logs: seen.append(batch))
    callback.on_train_batch_end(4, {})
    assert seen == [4]
    with says("min_delta"):
        assert callbacks.ReduceLROnPlateau("loss", epsilon=0.5).min_delta == pytest.approx(0.5)
    with says("save_freq"):
        assert callbacks.ModelCheckpoint("x.keras", period=1).save_freq == "epoch"


# ------------------------------------------------------------------------------------------ models


def small_model(loss="mse", metrics=None):
    inputs = hornbeam.Input((3,))
    outputs = layers.Dense(2, activation="softmax")(inputs)
    with says("outputs"):
        model = hornbeam.Model(input=inputs, output=outputs)
    model.compile("sgd", loss, metrics=metrics)
    return model


def batches(x, y, size):
    while True:
        for i in range(0, len(x), size):
            yield x[i : i + size], y[i : i + size]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.random((12, 3)), np.eye(2)[rng.integers(0, 2, 12)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("engine", TRAINABLE)
def test_methods_of_older_models(engine, data):
    x, y = data
    with hornbeam.use_backend(engine):
        old, new = small_model(), small_model()
        new.set_weights(old.get_weights())
        history = old.fit(x, y, batch_size=4, nb_epoch=2, shuffle=False, verbose=0, workers=2)
        expected = new.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        assert history.history == expected.history
        history = old.fit_generator(
            batches(x, y, 4), samples_per_epoch=12, nb_epoch=2, verbose=0, max_q_size=5,
            validation_data=batches(x, y, 4), nb_val_samples=12, nb_worker=2,
        )  # fmt: skip
        expected = new.fit(
            batches(x, y, 4), steps_per_epoch=3, epochs=2, verbose=0,
            validation_data=(x, y),
        )  # fmt: skip
        assert list(history.history) == list(expected.history)
        np.testing.assert_allclose(history.history["val_loss"], expected.history["val_loss"], 1e-5)
        assert old.evaluate_generator(batches(x, y, 4), val_samples=12) == pytest.approx(
            new.evaluate(x, y, verbose=0), rel=1e-5
        )
        predicted = new.predict(x, verbose=0)
        for found in (
            old.predict_proba(x),
            old.predict_generator(batches(x, y, 4), val_samples=12),
            old.predict_generator(batches(x, y, 4), steps=3),
        ):
            np.testing.assert_allclose(found, predicted, rtol=1e-5)
        np.testing.assert_array_equal(old.predict_classes(x), predicted.argmax(-1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_show_accuracy(data):
    x, y = data
    model = small_model("categorical_crossentropy")
    history = model.fit(x, y, nb_epoch=1, show_accuracy=True, verbose=0)
    assert set(history.history) == {"loss", "accuracy"}
    assert len(model.evaluate(x, y, show_accuracy=True, verbose=0)) == 2


def test_what_methods_warn_of(data):
    x, y = data
    model = small_model()
    with says(r"fit\(epochs=") as caught:
        model.fit(x, y, nb_epoch=1, verbose=0)
    assert len(caught) == 1
    with says(r"model\.fit\(generator"):
        model.fit_generator(batches(x, y, 4), 1, verbose=0)
    with says("argmax"):
        model.predict_classes(x)
    with says("to_json"):
        assert json.loads(model.to_yaml()) == json.loads(model.to_json())
    with pytest.raises(ValueError, match="add_loss"):
        model.compile("sgd", "mse", target_tensors=[1])
    with pytest.raises(ValueError, match="empty"), says("fit"):
        model.fit_generator(iter(()), samples_per_epoch=3)


def test_one_output_is_a_class_by_its_half():
    model = hornbeam.Sequential([hornbeam.Input((1,)), layers.Activation("linear")])
    with says("int32"):
        assert model.predict_classes(np.array([[0.2], [0.7]])).tolist() == [[0], [1]]


def test_calls_of_layers():
    layer = layers.Dense(2)
    a, b = hornbeam.Input((3,)), hornbeam.Input((3,))
    out = layer(a), layer(b)
    assert layer.get_input_at(1) is b
    assert layer.get_output_at(0) is out[0]
    assert layer.input_shape == layer.get_input_shape_at(0) == (None, 3)
    assert layer.output_shape == (None, 2)
    with pytest.raises(ValueError, match="no call 2"):
        layer.get_output_at(2)
    with pytest.raises(AttributeError, match="0 times|no attribute 'output_shape'"):
        _ = layers.Dense(2).output_shape
    with says("compute_output_shape"):
        assert layer.get_output_shape_for((5, 3)) == (5, 2)
    with says("assign"):
        layer.add_update([])
    assert layer.get_updates_for(None) == layer.updates == []
    with says("losses"):
        assert layer.get_losses_for(None) == []


def test_a_subclass_may_use_the_names_itself():
    class Mine(layers.Layer):
        def __init__(self):
            super().__init__()
            self.output_shape = (7,)

    assert Mine().output_shape == (7,)


def test_a_modern_call_costs_one_look(monkeypatch):
    """No table is opened unless there is an old word."""

    def explode(*_):
        raise AssertionError("a modern call must not come here")

    monkeypatch.setattr(renames, "modern_arguments", explode)
    layers.Dense(3, activation="relu", name="modern")
    optimizers.Adam(learning_rate=0.1)
