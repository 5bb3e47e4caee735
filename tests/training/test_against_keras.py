"""Training, step by step, against Keras on JAX: the same weights and data give the same losses."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import hornbeam

STEPS = 50


def mlp(k):
    return k.Sequential(
        [
            k.Input((12,)),
            k.layers.Dense(16, activation="relu"),
            k.layers.Dense(5, activation="softmax"),
        ]
    )


def cnn(k):
    return k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.MaxPooling2D(2),
            k.layers.Conv2D(6, 2, padding="same", strides=2, activation="tanh"),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(5),
        ]
    )


def cnn_with_batch_norm(k):
    return k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Conv2D(4, 3, use_bias=False),
            k.layers.BatchNormalization(),
            k.layers.Activation("relu"),
            k.layers.AveragePooling2D(2),
            k.layers.Flatten(),
            k.layers.Dense(5),
        ]
    )


def lstm(k):
    return k.Sequential(
        [
            k.Input((7,), dtype="int32"),
            k.layers.Embedding(20, 6),
            k.layers.LSTM(8),
            k.layers.Dense(5),
        ]
    )


def masked_lstm(k):
    return k.Sequential(
        [
            k.Input((7,), dtype="int32"),
            k.layers.Embedding(20, 6, mask_zero=True),
            k.layers.LSTM(8, return_sequences=True),
            k.layers.LSTM(4),
            k.layers.Dense(5),
        ]
    )


def branches(k):
    a, b = k.Input((6,), name="a"), k.Input((6,), name="b")
    shared = k.layers.Dense(8, activation="relu")
    both = k.layers.Concatenate()([shared(a), shared(b)])
    added = k.layers.Add()([both, k.layers.Dense(16)(both)])
    normed = k.layers.LayerNormalization()(added)
    return k.Model([a, b], k.layers.Dense(5)(normed))


def pair(build):
    theirs, ours = build(keras), build(hornbeam)
    ours.set_weights(theirs.get_weights())
    return theirs, ours


def data(model, rows=64):
    rng = np.random.default_rng(1)
    x = []
    for tensor in model.inputs:
        shape = (rows, *tensor.shape[1:])
        if "int" in str(tensor.dtype):
            values = rng.integers(0, 20, shape)
            values[:, 5:] = 0  # padding for the masked models
            x.append(values)
        else:
            x.append(rng.standard_normal(shape).astype(np.float32))
    return (x if len(x) > 1 else x[0]), rng.integers(0, 5, rows)


LOSS = {"mlp": False}


@pytest.mark.parametrize(
    "build", [mlp, cnn, cnn_with_batch_norm, lstm, masked_lstm, branches], ids=lambda f: f.__name__
)
def test_fifty_steps_have_the_losses_of_keras(build):
    theirs, ours = pair(build)
    logits = build is not mlp
    x, y = data(theirs)
    for model, k in ((theirs, keras), (ours, hornbeam)):
        loss = k.losses.SparseCategoricalCrossentropy(from_logits=logits)
        model.compile(k.optimizers.SGD(0.1, momentum=0.9), loss)
    expected, found = [], []
    for step in range(STEPS):
        rows = np.arange(step % 4, 64, 4)
        batch = [part[rows] for part in x] if isinstance(x, list) else x[rows]
        for model, losses in ((theirs, expected), (ours, found)):
            model.reset_metrics()
            losses.append(model.train_on_batch(batch, y[rows]))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found[-1] < found[0]


@pytest.mark.parametrize("optimizer", ["SGD", "RMSprop", "Adam"])
def test_fifty_updates_equal_those_of_keras(optimizer):
    theirs, ours = pair(mlp)
    x, y = data(theirs)
    for model, k in ((theirs, keras), (ours, hornbeam)):
        model.compile(getattr(k.optimizers, optimizer)(0.01), "sparse_categorical_crossentropy")
    for _ in range(STEPS):
        theirs.train_on_batch(x, y)
        ours.train_on_batch(x, y)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("build", [mlp, cnn, lstm], ids=lambda f: f.__name__)
def test_gradients_equal_those_of_keras(build):
    import jax

    theirs, ours = pair(build)
    x, y = data(theirs, 16)
    logits = build is not mlp

    def their_loss(trainable):
        out, _ = theirs.stateless_call(
            trainable, [v.value for v in theirs.non_trainable_variables], x
        )
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)(y, out)

    def our_loss():
        return hornbeam.losses.SparseCategoricalCrossentropy(from_logits=logits)(y, ours(x))

    expected = jax.grad(their_loss)([v.value for v in theirs.trainable_variables])
    _, found = hornbeam.value_and_grad(our_loss)(ours.trainable_variables)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_history_evaluate_and_names_equal_those_of_keras():
    results = []
    for k in (keras, hornbeam):
        i = k.Input((3,), name="i")
        a = k.layers.Dense(1, name="a", kernel_initializer="ones")(i)
        b = k.layers.Dense(2, name="b", activation="softmax", kernel_initializer="zeros")(i)
        model = k.Model(i, [a, b])
        model.compile(
            k.optimizers.SGD(0.01),
            ["mse", "sparse_categorical_crossentropy"],
            loss_weights=[0.5, 2.0],
            metrics=[["mae"], ["accuracy"]],
        )
        rng = np.random.default_rng(0)
        x, y, z = rng.random((10, 3)), rng.random((10, 1)), rng.integers(0, 2, 10)
        history = model.fit(
            x,
            [y, z],
            batch_size=4,
            epochs=2,
            shuffle=False,
            verbose=0,
            validation_data=(x, [y, z]),
            sample_weight=None,
        )
        measured = model.evaluate(x, [y, z], verbose=0)
        results.append((history.history, history.epoch, measured))
    (expected, epochs, measured), (found, our_epochs, our_measured) = results
    assert set(found) == set(expected)
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-5, err_msg=key)
    assert our_epochs == epochs
    np.testing.assert_allclose(our_measured, measured, atol=1e-5)


@pytest.mark.parametrize("how", ["sample_weight", "class_weight"])
def test_weights_mean_what_they_mean_in_keras(how):
    theirs, ours = pair(mlp)
    x, y = data(theirs)
    given = (
        {"sample_weight": np.linspace(0, 2, len(y))}
        if how == "sample_weight"
        else {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5, 3: 1.0, 4: 0.0}}
    )
    histories = []
    for model in (theirs, ours):
        model.compile(
            "sgd",
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=["accuracy"],
        )
        histories.append(
            model.fit(x, y, epochs=2, batch_size=24, shuffle=False, verbose=0, **given).history
        )
    assert set(histories[0]) == set(histories[1])
    for key, expected in histories[0].items():
        np.testing.assert_allclose(histories[1][key], expected, atol=1e-5, err_msg=key)
