"""The models and data of the benchmarks, written once for every package with Keras's API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import Scale

Program = Callable[[], Any]
Builder = Callable[[Any, Scale], tuple[Program, int]]
"""(the package, the scale) -> (a program to time, how many units of work one run of it does)."""


def _fit(model: Any, x: Any, y: Any, batch_size: int) -> tuple[Program, int]:
    def run() -> Any:
        return model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)

    return run, -(-len(x) // batch_size)


def mnist_mlp(package: Any, scale: Scale, dropout: float = 0.0) -> tuple[Any, Any, Any]:
    """(model, images, labels): 784-512-512-10 with RMSprop."""
    k, layers = package, package.layers
    hidden = scale.size(512)
    stack = [k.Input((784,))]
    for _ in range(2):
        stack.append(layers.Dense(hidden, activation="relu"))
        if dropout:
            stack.append(layers.Dropout(dropout))
    model = k.Sequential([*stack, layers.Dense(10, activation="softmax")])
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    rows = 128 * scale.steps
    x = rng.random((rows, 784), dtype="float32")
    return model, x, rng.integers(0, 10, rows).astype("int32")


def mlp_fit(package: Any, scale: Scale) -> tuple[Program, int]:
    """One epoch of the MLP; units are steps of batch 128."""
    return _fit(*mnist_mlp(package, scale), 128)


def mlp_dropout_fit(package: Any, scale: Scale) -> tuple[Program, int]:
    """The same with dropout of 0.2 after each hidden layer."""
    return _fit(*mnist_mlp(package, scale, dropout=0.2), 128)


def mlp_train_on_batch(package: Any, scale: Scale) -> tuple[Program, int]:
    """The MLP driven from outside, batch by batch."""
    model, x, y = mnist_mlp(package, scale)

    def run() -> None:
        for start in range(0, len(x), 128):
            model.train_on_batch(x[start : start + 128], y[start : start + 128])

    return run, scale.steps


def cnn_fit(package: Any, scale: Scale) -> tuple[Program, int]:
    """Two 3x3x32 convolutions, a pool and 128 units on 28x28 images; units are steps of batch 128."""
    k, layers = package, package.layers
    filters, side = scale.size(32), max(8, scale.size(28))
    model = k.Sequential(
        [
            k.Input((side, side, 1)),
            layers.Conv2D(filters, 3, activation="relu"),
            layers.Conv2D(filters, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(scale.size(128), activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    batch = scale.size(128)
    rows = batch * max(1, scale.steps // 10)
    x = rng.random((rows, side, side, 1), dtype="float32")
    return _fit(model, x, rng.integers(0, 10, rows).astype("int32"), batch)


def lstm_fit(package: Any, scale: Scale) -> tuple[Program, int]:
    """Embedding 20,000 x 128, LSTM 128, 100 time steps, one logit; units are steps of batch 32."""
    k, layers = package, package.layers
    words, width, length = scale.size(20_000), scale.size(128), scale.size(100)
    model = k.Sequential(
        [
            k.Input((length,), dtype="int32"),
            layers.Embedding(words, width),
            layers.LSTM(width),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    rows = 32 * max(1, scale.steps // 4)
    x = rng.integers(0, words, (rows, length)).astype("int32")
    return _fit(model, x, rng.integers(0, 2, (rows, 1)).astype("float32"), 32)


def tiny_fit(package: Any, scale: Scale) -> tuple[Program, int]:
    """A 2x2 Dense on 10,000 rows at batch 32: nothing but overhead."""
    model = package.Sequential([package.Input((2,)), package.layers.Dense(2)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((scale.size(10_000), 2), dtype="float32")
    return _fit(model, x, np.sort(x, axis=1), 32)


def predict_one_row(package: Any, scale: Scale) -> tuple[Program, int]:
    """`predict` of a small MLP on one row, again and again."""
    model, x, _ = mnist_mlp(package, Scale(scale.repeats, 1, scale.width / 8))
    row = x[:1]

    def run() -> None:
        for _ in range(scale.steps):
            model.predict(row, verbose=0)

    return run, scale.steps


def call_one_batch(package: Any, scale: Scale) -> tuple[Program, int]:
    """``model(x)`` on one batch of 32, outside of fit."""
    model, x, _ = mnist_mlp(package, Scale(scale.repeats, 1, scale.width / 8))
    batch = x[:32]

    def run() -> Any:
        result = None
        for _ in range(scale.steps):
            result = model(batch)
        return package.ops.convert_to_numpy(result)

    return run, scale.steps


PROGRAMS: dict[str, tuple[str, Builder, float]] = {
    "mnist_mlp, fit, per step": ("training", mlp_fit, 1.0),
    "mnist_mlp with dropout, fit, per step": ("training", mlp_dropout_fit, 1.0),
    "mnist_mlp, train_on_batch": ("training", mlp_train_on_batch, 1.0),
    "mnist_cnn, fit, per step": ("training", cnn_fit, 1.0),
    "imdb_lstm, fit, per step": ("training", lstm_fit, 1.0),
    "2x2 Dense, fit at batch 32, per step": ("training", tiny_fit, 0.5),
    "predict on one row": ("serving", predict_one_row, 0.5),
    "model(x) on one batch": ("serving", call_one_batch, 1.0),
}
"""Case -> (theme, builder, largest ratio to Keras 3 that is good enough)."""

ENGINE_TARGETS: dict[str, dict[str, float]] = {
    "torch": {"mlp_fit": 0.9, "cnn_fit": 0.9, "lstm_fit": 0.9, "tiny_fit": 0.4}
}
"""Engine -> builder -> the largest ratio to Keras on that engine, where it is another one."""

BY_HAND_TARGETS: dict[str, float] = {
    "tiny_fit": 4.0,
    "predict_one_row": 2.0,
    "call_one_batch": 3.0,
}
"""Builder -> the largest ratio to a loop written by hand for the engine; 1.05 for the others, which have
something to compute."""
