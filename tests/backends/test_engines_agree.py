"""The same program on two engines: equal weights from the seed, equal training, files that travel."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, losses, ops, optimizers
from hornbeam.backends import registry
from tests.engines import ENGINES, TRAINABLE

OTHERS = [engine for engine in TRAINABLE if engine != "jax"]
others = pytest.mark.parametrize("engine", OTHERS)
STEPS, BATCH, CLASSES = 50, 8, 3


def mlp() -> Any:
    return hornbeam.Sequential(
        [
            hornbeam.Input((10,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(16, activation="gelu"),
            layers.Dense(CLASSES),
        ]
    )


def cnn() -> Any:
    return hornbeam.Sequential(
        [
            hornbeam.Input((8, 8, 2)),
            layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Conv2D(6, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES),
        ]
    )


def masked_lstm() -> Any:
    return hornbeam.Sequential(
        [
            hornbeam.Input((7, 3)),
            layers.Masking(),
            layers.LSTM(8, return_sequences=True),
            layers.LSTM(8),
            layers.Dense(CLASSES),
        ]
    )


def transformer() -> Any:
    inputs = x = hornbeam.Input((6, 8))
    for _ in range(2):
        attended = layers.MultiHeadAttention(2, 4)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, attended]))
        inner = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
        x = layers.LayerNormalization()(layers.Add()([x, inner]))
    pooled = layers.GlobalAveragePooling1D()(x)
    return hornbeam.Model(inputs, layers.Dense(CLASSES)(pooled))


def embedding() -> Any:
    return hornbeam.Sequential(
        [
            hornbeam.Input((6,), dtype="int32"),
            layers.Embedding(20, 8, mask_zero=True),
            layers.GRU(6),
            layers.Dense(CLASSES),
        ]
    )


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "mlp": (mlp, (10,)),
    "cnn": (cnn, (8, 8, 2)),
    "masked_lstm": (masked_lstm, (7, 3)),
    "transformer": (transformer, (6, 8)),
    "embedding": (embedding, (6,)),
}
models = pytest.mark.parametrize("kind", MODELS)


def data(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (64, *MODELS[kind][1])
    y = rng.integers(0, CLASSES, 64).astype(np.int32)
    if kind == "embedding":
        x = rng.integers(1, 20, shape).astype(np.int32)
        x[:, 4:] *= rng.integers(0, 2, (64, 1)).astype(np.int32)
        return x, y
    x = rng.standard_normal(shape).astype(np.float32)
    if kind == "masked_lstm":
        for row, length in enumerate(rng.integers(3, 8, 64)):
            x[row, length:] = 0
        x[::4, 1] = 0  # and some steps in the middle
    return x, y


def built(kind: str, engine: str, rate: float = 1e-3) -> Any:
    hornbeam.utils.set_random_seed(7)
    with hornbeam.use_backend(engine):
        model = MODELS[kind][0]()
        model.compile(
            optimizers.Adam(rate),
            losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    return model


def batches(kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = data(kind)
    rows = [np.arange(i * BATCH, (i + 1) * BATCH) % len(x) for i in range(STEPS)]
    return [(x[r], y[r]) for r in rows]


def curve(model: Any, steps: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    found = []
    for x, y in steps:
        model.reset_metrics()
        found.append(model.train_on_batch(x, y)[0])
    return found


@functools.cache
def reference(kind: str) -> tuple[list[float], list[np.ndarray]]:
    """The losses on JAX step by step, and the weights after the last one."""
    model = built(kind, "jax")
    return curve(model, batches(kind)), [v.numpy() for v in model.weights]


@others
@models
def test_training_curves(kind: str, engine: str) -> None:
    first, model = built(kind, "jax"), built(kind, engine)
    assert {v.backend.name for v in model.variables} == {engine}
    for one, other in zip(first.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    expected, weights = reference(kind)
    found = curve(model, batches(kind))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert expected[-1] != pytest.approx(expected[0], abs=1e-3)  # something was learnt
    for value, other in zip(weights, model.weights, strict=True):
        np.testing.assert_allclose(other.numpy(), value, atol=2e-3, err_msg=other.path)


@functools.cache
def traveller(kind: str, engine: str) -> Any:
    """A model that several tests save from and load into, so that it is compiled once."""
    return built(kind, engine, rate=0.05)


@pytest.mark.parametrize("engine", TRAINABLE)
@models
def test_weights_travel(kind: str, engine: str, tmp_path: Any) -> None:
    """From each engine to each other one."""
    x, y = data(kind)
    source = traveller(kind, engine)
    source.train_on_batch(x[:BATCH], y[:BATCH])
    source.save_weights(tmp_path / "model.weights.h5")
    expected = source.predict(x, verbose=0)
    for target in ENGINES:
        if target == engine:
            continue
        other = traveller(kind, target)
        before = other.predict(x, verbose=0)
        other.load_weights(tmp_path / "model.weights.h5")
        assert {v.backend.name for v in other.weights} == {target}
        after = other.predict(x, verbose=0)
        np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-5, err_msg=target)
        assert np.abs(before - after).max() > 1e-3


@others
def test_whole_models_travel(engine: str, tmp_path: Any) -> None:
    x, y = data("cnn")
    model = built("cnn", engine)
    model.train_on_batch(x[:BATCH], y[:BATCH])
    model.save(tmp_path / "model.keras")
    loaded = hornbeam.models.load_model(tmp_path / "model.keras")
    assert {v.backend.name for v in loaded.weights} == {"jax"}
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, atol=1e-5)


@others
def test_fit_is_the_same_on_both(engine: str) -> None:
    x, y = data("mlp")
    histories = []
    for name in ("jax", engine):
        model = built("mlp", name)
        history = model.fit(x, y, batch_size=24, epochs=3, validation_split=0.25, verbose=0)
        histories.append(history.history)
    assert list(histories[0]) == list(histories[1])
    for key, values in histories[0].items():
        np.testing.assert_allclose(histories[1][key], values, atol=1e-4, err_msg=key)


@functools.cache
def losses_of_lengths(engine: str) -> list[float]:
    """One step each on sequences of three lengths, of a model that is told none."""
    hornbeam.utils.set_random_seed(7)
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential(
            [
                hornbeam.Input((None,), dtype="int32"),
                layers.Embedding(20, 4, mask_zero=True),
                layers.LSTM(3),
                layers.Dense(1),
            ]
        )
        model.compile(optimizers.SGD(0.5), "mse")
    rng = np.random.default_rng(0)
    given = [rng.integers(0, 20, (4, time)).astype(np.int32) for time in (6, 3, 11)]
    return [model.train_on_batch(x, np.ones((4, 1), np.float32)) for x in given]


@others
def test_any_number_of_timesteps(engine: str) -> None:
    np.testing.assert_allclose(losses_of_lengths(engine), losses_of_lengths("jax"), rtol=1e-4)


# ----------------------------------------------------------------------------- several at a time


@functools.cache
def alone(engine: str) -> list[float]:
    """Ten steps of the MLP, with nothing else going on."""
    return curve(built("mlp", engine), batches("mlp")[:10])


@others
def test_two_engines_take_turns(engine: str) -> None:
    pair = {name: built("mlp", name) for name in ("jax", engine)}
    found: dict[str, list[float]] = {name: [] for name in pair}
    for step in batches("mlp")[:10]:
        for name, model in pair.items():
            found[name] += curve(model, [step])
    assert found == {name: alone(name) for name in pair}


@others
def test_two_engines_in_two_threads(engine: str) -> None:
    steps = batches("mlp")[:10]
    pair = {name: built("mlp", name) for name in ("jax", engine)}
    found: dict[str, list[float]] = {}

    def train(name: str) -> None:
        found[name] = curve(pair[name], steps)

    threads = [threading.Thread(target=train, args=(name,)) for name in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: alone(name) for name in pair}


@others
def test_one_train_step_for_all(engine: str) -> None:
    """A gradient penalty: a gradient inside of what is differentiated."""

    class Penalized(hornbeam.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Dense(8, activation="tanh")
            self.last = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.last(self.inner(x))

        def train_step(self, batch: Any) -> dict[str, Any]:
            x, y = batch[:2]

            def loss() -> Any:
                slope = hornbeam.grad(lambda inputs: ops.sum(self(inputs)))(x)
                return ops.mean(ops.square(self(x) - y)) + ops.mean(ops.square(slope))

            variables = self.trainable_variables
            value, grads = hornbeam.value_and_grad(loss)(variables)
            self.optimizer.apply(grads, variables)
            return {"loss": value}

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, 4)), rng.standard_normal((16, 1))
    curves = []
    for name in ("jax", engine):
        hornbeam.utils.set_random_seed(1)
        with hornbeam.use_backend(name):
            model = Penalized()
            model.compile(optimizers.SGD(0.1))
            history = model.fit(
                x.astype("float32"), y.astype("float32"), epochs=10, shuffle=False, verbose=0
            )
        curves.append(history.history["loss"])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)
    assert curves[0][-1] < 0.9 * curves[0][0]


# -------------------------------------------------------------------------------------- moving


@models
def test_moving_in_the_middle_of_training(kind: str) -> None:
    """From JAX to every other engine in turn, and back."""
    expected, _ = reference(kind)
    model = built(kind, "jax")
    steps, found = batches(kind), []
    for engine in ["jax", *OTHERS, "jax"]:
        assert model.to(engine) is model
        assert {v.backend.name for v in model.variables} == {engine}
        assert {v.backend.name for v in model.optimizer.variables} == {engine}
        found += curve(model, steps[len(found) : len(found) + 6])
    np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-4, atol=1e-4)


@others
def test_moving_takes_seeds_along(engine: str) -> None:
    with hornbeam.use_backend("jax"):
        model = hornbeam.Sequential([hornbeam.Input((4,)), layers.Dropout(0.5, seed=3)])
    x = np.ones((2, 4), np.float32)
    model(x, training=True)
    (state,) = model.variables
    before = state.numpy()
    model.to(engine)
    np.testing.assert_array_equal(state.numpy(), before)
    out = model(x, training=True)
    assert registry.engine_of(type(out)).name == engine
    assert (state.numpy() != before).any()


@others
def test_what_is_made_after_moving_is_made_there(engine: str) -> None:
    with hornbeam.use_backend("jax"):
        model = hornbeam.Sequential([layers.Dense(3)])
    model.to(engine)
    assert model.predict(np.ones((1, 2)), verbose=0).shape == (1, 3)
    assert {v.backend.name for v in model.variables} == {engine}


def test_moving_to_nowhere() -> None:
    with pytest.raises(hornbeam.errors.EngineNotFoundError, match="no engine named 'torhc'"):
        built("mlp", "jax").to("torhc")


# --------------------------------------------------------------------------------- what is imported

ALONE = """
import sys
for package in ("jax", "tensorflow", "torch", "pytensor"):
    if package != {engine!r}:
        sys.modules[package] = None
import hornbeam, numpy
hornbeam.config.set_backend({engine!r})
model = hornbeam.Sequential([hornbeam.Input((2,)), hornbeam.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(numpy.ones((4, 2)), numpy.ones((4, 1)), verbose=0)
print(model.predict(numpy.ones((1, 2)), verbose=0).shape)
"""


@others
def test_an_engine_needs_no_other(engine: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", ALONE.format(engine=engine)],
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "(1, 1)"
