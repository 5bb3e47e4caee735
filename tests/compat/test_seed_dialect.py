"""The programs of 2015 to 2017 that Hornbeam was created from, in their own dialect, on every engine.

The three behind the benchmark table of 2015 are written anew from their described architectures; their
data has the same form: scikit-learn's digits for MNIST, generated reviews for IMDB.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits

import hornbeam
from hornbeam.compat import keras as stand_in
from tests.engines import TRAINABLE

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def digits():
    """Images (rows, 28, 28) with values up to 255, and what they show."""
    images, labels = load_digits(return_X_y=True)
    large = np.kron(images.reshape(-1, 8, 8) * 16, np.ones((3, 3)))
    return np.pad(large, [(0, 0), (2, 2), (2, 2)])[:512], labels[:512]


@pytest.mark.parametrize("engine", TRAINABLE)
def test_argsort_as_it_was_written(engine):
    with hornbeam.use_backend(engine), stand_in.installed():
        import keras

        rng = np.random.default_rng(0)
        array_size, runs, batch_size = 2, 500, 10000

        def get_batch(array_size, n_samples=100):
            x = rng.random((n_samples, array_size))
            y = x.argsort()
            return x, y

        def evaluate(y_pred, y_actual):
            return np.mean(y_pred.round() == y_actual) * 100

        model = keras.models.Sequential()
        layer = keras.layers.Dense(output_dim=array_size, input_dim=array_size)
        model.add(layer)
        sgd = keras.optimizers.SGD(lr=0.5)
        model.compile(loss="mse", optimizer=sgd)
        losses = []
        for _ in range(runs):
            x_train, y_train = get_batch(array_size, batch_size)
            losses.append(model.train_on_batch(x_train, y_train))
        x, y = get_batch(array_size, batch_size)
        assert evaluate(model.predict(x, verbose=0), y) > 99


@pytest.mark.parametrize("engine", TRAINABLE)
def test_the_review_with_generators_and_single_batches(engine):
    with hornbeam.use_backend(engine), stand_in.installed():
        from keras.layers import Activation, Dense, Input
        from keras.models import Model, Sequential

        rng = np.random.default_rng(0)
        data, labels = rng.random((64, 20)), np.eye(3)[rng.integers(0, 3, 64)]

        def batches():
            while True:
                for i in range(0, 64, 16):
                    yield data[i : i + 16], labels[i : i + 16]

        delayed = Sequential([Dense(8), Activation("relu"), Dense(3), Activation("softmax")])
        inputs = Input(shape=(20,))
        functional = Model(input=inputs, output=Dense(3, activation="softmax")(inputs))
        for model in (delayed, functional):
            model.compile(
                optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"]
            )
            first = model.fit_generator(batches(), steps_per_epoch=4, epochs=3, verbose=0).history
            assert first["loss"][-1] < first["loss"][0]
            loss, accuracy = model.train_on_batch(data[:16], labels[:16])
            assert loss > 0
            assert 0 <= accuracy <= 1


def mnist_mlp(images, labels):
    from keras.layers.core import Activation, Dense, Dropout
    from keras.models import Sequential
    from keras.optimizers import RMSprop
    from keras.utils import np_utils

    X_train = images.reshape(-1, 784).astype("float32") / 255
    Y_train = np_utils.to_categorical(labels, 10)
    model = Sequential()
    model.add(Dense(512, input_shape=(784,)))
    model.add(Activation("relu"))
    model.add(Dropout(0.2))
    model.add(Dense(512))
    model.add(Activation("relu"))
    model.add(Dropout(0.2))
    model.add(Dense(10))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=RMSprop())
    return model, X_train, Y_train


def mnist_cnn(images, labels):
    from keras.layers.convolutional import Convolution2D, MaxPooling2D
    from keras.layers.core import Activation, Dense, Dropout, Flatten
    from keras.models import Sequential
    from keras.optimizers import Adadelta
    from keras.utils import np_utils

    X_train = images[:128].reshape(-1, 28, 28, 1).astype("float32") / 255
    Y_train = np_utils.to_categorical(labels[:128], 10)
    model = Sequential()
    model.add(Convolution2D(32, 3, 3, border_mode="valid", input_shape=(28, 28, 1)))
    model.add(Activation("relu"))
    model.add(Convolution2D(32, 3, 3))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128))
    model.add(Activation("relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=Adadelta(lr=1.0))
    return model, X_train, Y_train


def imdb_lstm(images, labels):
    from keras.layers.core import Activation, Dense, Dropout
    from keras.layers.embeddings import Embedding
    from keras.layers.recurrent import LSTM
    from keras.models import Sequential
    from keras.preprocessing import sequence

    rng = np.random.default_rng(0)
    liked = rng.integers(0, 2, 128)
    reviews = [list(rng.integers(1, 500, rng.integers(5, 40)) + 500 * word) for word in liked]
    X_train = sequence.pad_sequences(reviews, maxlen=20)
    model = Sequential()
    model.add(Embedding(1000, 32, input_length=20))
    model.add(LSTM(32))
    model.add(Dropout(0.5))
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", class_mode="binary")
    return model, X_train, liked


TASKS = {"mnist_mlp": mnist_mlp, "imdb_lstm": imdb_lstm, "mnist_cnn": mnist_cnn}
TABLE: dict[tuple[str, str], tuple[float, float]] = {}


@pytest.mark.slow
@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("task", TASKS)
def test_the_examples_of_2015(task, engine, digits):
    with hornbeam.use_backend(engine), stand_in.installed(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model, x, y = TASKS[task](*digits)
        began = time.perf_counter()
        first = model.fit(x, y, batch_size=32, nb_epoch=1, show_accuracy=True, verbose=0)
        compiled = time.perf_counter()
        more = model.fit(x, y, batch_size=32, nb_epoch=2, verbose=0)
        epoch = (time.perf_counter() - compiled) / 2
        score = model.evaluate(x, y, show_accuracy=True, verbose=0)
    assert len(score) == 2
    assert min(more.history["loss"]) < first.history["loss"][0]
    TABLE[task, engine] = (max(compiled - began - epoch, 0.0), epoch)


@pytest.mark.slow
def test_the_table_of_2015(capsys):
    lines = [f"{'Task':<12}" + "".join(f"{engine:>22}" for engine in TRAINABLE)]
    for task in TASKS:
        for place, what in enumerate(("compilation (s)", "runtime/epoch (s)")):
            cells = [TABLE.get((task, e), (float("nan"),) * 2)[place] for e in TRAINABLE]
            name = task if place == 0 else ""
            lines.append(f"{name:<12}{what:<18}" + "".join(f"{cell:>22.2f}" for cell in cells))
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201
    assert len(lines) == 1 + 2 * len(TASKS)
