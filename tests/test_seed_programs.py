"""The programs that Hornbeam was created from, as they stand, with `import hornbeam as keras`, on every
engine that trains."""

import numpy as np
import pytest

import hornbeam as keras
from tests.engines import TRAINABLE


@pytest.fixture(params=TRAINABLE, autouse=True)
def engine(request):
    with keras.use_backend(request.param):
        yield request.param


@pytest.fixture
def digits():
    rng = np.random.default_rng(0)
    return rng.random((256, 784), np.float32), np.eye(10, dtype=np.float32)[
        rng.integers(0, 10, 256)
    ]


def test_the_sequential_model():
    from hornbeam.layers import Dense
    from hornbeam.models import Sequential

    model = Sequential()
    model.add(Dense(units=64, activation="relu", input_dim=100))
    model.add(Dense(units=10, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x_train = rng.random((320, 100))
    y_train = np.eye(10)[rng.integers(0, 10, 320)]
    history = model.fit(x_train, y_train, epochs=5, batch_size=32, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    loss_and_metrics = model.evaluate(x_train, y_train, batch_size=128, verbose=0)
    assert len(loss_and_metrics) == 2
    classes = model.predict(x_train, batch_size=128, verbose=0)
    assert classes.shape == (320, 10)
    np.testing.assert_allclose(classes.sum(-1), 1.0, rtol=1e-5)


def test_layers_in_the_constructor_and_delayed_building():
    from hornbeam.layers import Activation, Dense
    from hornbeam.models import Sequential

    model = Sequential(
        [
            Dense(32, input_shape=(784,)),
            Activation("relu"),
            Dense(10),
            Activation("softmax"),
        ]
    )
    assert model.output_shape == (None, 10)
    delayed = Sequential([Dense(32), Activation("relu"), Dense(10), Activation("softmax")])
    assert not delayed.built
    delayed.compile("rmsprop", "categorical_crossentropy")
    delayed.fit(np.ones((8, 784)), np.eye(10)[:8], verbose=0)
    assert delayed.output_shape == (None, 10)
    assert delayed.count_params() == model.count_params()


def functional_classifier():
    from hornbeam.layers import Dense, Input
    from hornbeam.models import Model

    inputs = Input(shape=(784,))
    x = Dense(64, activation="relu")(inputs)
    x = Dense(64, activation="relu")(x)
    predictions = Dense(10, activation="softmax")(x)
    return Model(inputs=inputs, outputs=predictions)


def test_the_functional_classifier(digits):
    model = functional_classifier()
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    data, labels = digits
    history = model.fit(data, labels, epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_the_classifier_becomes_a_video_classifier(digits):
    from hornbeam.layers import Input, TimeDistributed
    from hornbeam.models import Model

    model = functional_classifier()
    input_sequences = Input(shape=(20, 784))
    processed_sequences = TimeDistributed(model)(input_sequences)
    assert processed_sequences.shape == (None, 20, 10)
    video = Model(input_sequences, processed_sequences)
    frames = digits[0][:40].reshape(2, 20, 784)
    by_video = video.predict(frames, verbose=0)
    by_frame = model.predict(frames.reshape(40, 784), verbose=0).reshape(2, 20, 10)
    np.testing.assert_allclose(by_video, by_frame, rtol=1e-5, atol=1e-6)


def test_every_model_has_what_the_review_lists(tmp_path):
    for model in (
        functional_classifier(),
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]),
    ):
        assert model.layers
        assert model.inputs
        assert model.outputs
        model.summary(print_fn=lambda text: None)
        config = model.get_config()
        clone = type(model).from_config(config)
        clone.set_weights(model.get_weights())
        assert "config" in model.to_json()
        path = tmp_path / f"{model.name}.weights.h5"
        model.save_weights(path)
        clone.load_weights(path)
        x = np.ones((2, *model.input_shape[1:]), np.float32)
        np.testing.assert_array_equal(clone.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_argsort_network_learns_to_sort_two_numbers():
    rng = np.random.default_rng(0)

    def get_batch(array_size, n_samples=100):
        x = rng.random((n_samples, array_size))
        y = x.argsort()
        return x, y

    model = keras.models.Sequential()
    model.add(keras.layers.Dense(2, input_dim=2))
    sgd = keras.optimizers.SGD(learning_rate=0.5)
    model.compile(loss="mse", optimizer=sgd)
    losses = []
    for _ in range(500):
        x_train, y_train = get_batch(2, 10000)
        losses.append(model.train_on_batch(x_train, y_train))
    x, y = get_batch(2, 10000)
    score = np.mean(model.predict(x, verbose=0).round() == y) * 100
    assert losses[-1] < losses[0]
    assert score > 99
