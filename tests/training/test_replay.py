"""Steps that are replayed compute the same as they do as they are written; nothing of others is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.backends import registry
from hornbeam.training.replay import AFTER, KINDS, Parts, Replays
from tests.engines import ENGINES

EAGER = [name for name in ("torch",) if name in ENGINES]
STEPS = AFTER + 6
pytestmark = pytest.mark.parametrize("engine", EAGER)


@pytest.fixture(autouse=True)
def _on_engine(engine: str) -> Iterator[None]:
    with hornbeam.use_backend(engine):
        yield


def _stack(*stack: Any) -> Any:
    return lambda: hornbeam.Sequential([*(make() for make in stack)])


def _attention() -> Any:
    inputs = hornbeam.Input((5, 4))
    x = layers.LayerNormalization()(
        layers.Add()([inputs, layers.MultiHeadAttention(2, 2)(inputs, inputs)])
    )
    x = layers.GlobalAveragePooling1D()(layers.Dense(6, activation="gelu")(x))
    return hornbeam.Model(inputs, layers.Dense(3, activation="softmax")(x))


MODELS: dict[str, tuple[tuple[int, ...], Any]] = {
    "dense": ((4,), _stack(lambda: layers.Dense(8, "relu"), lambda: layers.Dense(3, "softmax"))),
    "convolutions, batch statistics": (
        (6, 6, 2),
        _stack(
            lambda: layers.Conv2D(4, 3, activation="relu"),
            lambda: layers.BatchNormalization(),
            lambda: layers.MaxPooling2D(2),
            lambda: layers.Flatten(),
            lambda: layers.Dense(3, activation="softmax"),
        ),
    ),
    "recurrent": ((5, 4), _stack(lambda: layers.LSTM(4), lambda: layers.Dense(3, "softmax"))),
    "attention": ((5, 4), _attention),
    "random": (
        (4,),
        _stack(
            lambda: layers.Dense(8, "relu"),
            lambda: layers.Dropout(0.25),
            lambda: layers.GaussianNoise(0.1),
            lambda: layers.Dense(3, "softmax"),
        ),
    ),
    "penalties": (
        (4,),
        _stack(
            lambda: layers.Dense(8, kernel_regularizer="l2", activity_regularizer="l1"),
            lambda: layers.Dense(3, "softmax", kernel_constraint="max_norm"),
        ),
    ),
}


def _data(shape: tuple[int, ...], rows: int = 2 * STEPS) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, *shape)).astype("float32"), rng.integers(0, 3, rows)


def _made(name: str, optimizer: str = "adam", **options: Any) -> Any:
    hornbeam.utils.set_random_seed(1)
    model = MODELS[name][1]()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def _replayed(model: Any, kind: str = "train") -> int:
    """How many signatures of batches the model replays."""
    replays = model._step(kind).replays
    return sum(replay is not None for replay in replays._replays.values())


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize("name", MODELS)
def test_bits_are_those_of_steps_as_they_are_written(
    engine: str, name: str, optimizer: str
) -> None:
    x, y = _data(MODELS[name][0])
    found = []
    for eagerly in (False, True):
        model = _made(name, optimizer, run_eagerly=eagerly)
        history = model.fit(x, y, batch_size=2, epochs=2, verbose=0).history
        found.append([*model.get_weights(), *model.optimizer.get_weights(), history])
        assert eagerly or _replayed(model) == (name != "recurrent"), "oneDNN's LSTM asks for a tape"
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_equal(ours, theirs)


def test_evaluation_and_prediction_are_replayed(engine: str) -> None:
    x, y = _data((4,))
    model = _made("dense")
    eager = _made("dense", run_eagerly=True)
    for one in (model, eager):
        one(x[:2])
    eager.set_weights(model.get_weights())
    assert model.evaluate(x, y, batch_size=2, verbose=0) == eager.evaluate(x, y, 2, verbose=0)
    ours, theirs = (one.predict(x, batch_size=2, verbose=0) for one in (model, eager))
    np.testing.assert_array_equal(ours, theirs)
    assert _replayed(model, "test") == _replayed(model, "predict") == 1


def test_batches_of_other_sizes_run_as_written_until_they_have_come_often(engine: str) -> None:
    x, y = _data((4,))
    model = _made("dense")
    model.fit(x, y, batch_size=2, verbose=0)
    logs = model.train_on_batch(x[:5], y[:5], return_dict=True)
    assert np.isfinite(logs["loss"])
    assert _replayed(model) == 1


def test_of_many_kinds_of_batches_only_some_are_counted(engine: str) -> None:
    model = _made("dense")
    x, y = _data((4,))
    for rows in range(1, KINDS + 5):
        model.train_on_batch(x[:rows], y[:rows])
    assert len(model._step("train").replays._seen) == KINDS


def test_what_is_no_array_is_no_kind_of_batch(engine: str) -> None:
    calls = []
    variables = _made("dense").variables
    replays = Replays(Parts(lambda data: (data, None), print), variables, registry.get(engine))
    for _ in range(STEPS):
        replays.take((object(), None), lambda: calls.append(1))
    assert len(calls) == STEPS
    assert not replays._seen


def test_random_numbers_are_new_ones_in_every_step(engine: str) -> None:
    model = hornbeam.Sequential([layers.Input((4,)), layers.Dropout(0.25)])
    model.compile("sgd", "mse")
    x = np.ones((8, 4), "float32")
    losses = []
    for _ in range(2 * STEPS):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x, x)))
    assert _replayed(model) == 1
    assert len({*losses[STEPS:]}) > STEPS // 4


class _Counting(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def call(self, x: Any) -> Any:
        self._calls += 1
        return x * 2.0


def test_code_of_users_runs_in_every_step(engine: str) -> None:
    x, _ = _data((4,), 2)
    counts = {"layer": 0, "loss": 0, "metric": 0, "activation": 0}

    def counted(what: str, fn: Any) -> Any:
        def call(*args: Any) -> Any:
            counts[what] += 1
            return fn(*args)

        return call

    def error(y: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(y_pred), axis=-1)

    for what in counts:
        layer = layers.Dense(3, counted(what, ops.relu)) if what == "activation" else _Counting()
        model = hornbeam.Sequential([layers.Dense(3), layer if what != "loss" else layers.ReLU()])
        loss = counted(what, error) if what == "loss" else "mse"
        metric = [counted(what, error)] if what == "metric" else []
        model.compile("sgd", loss, metrics=metric)
        model.train_on_batch(x, np.ones((2, 3), "float32"))
        before = layer._calls if what == "layer" else counts[what]
        for _ in range(STEPS):
            model.train_on_batch(x, np.ones((2, 3), "float32"))
        after = layer._calls if what == "layer" else counts[what]
        assert after - before == STEPS, what
        assert _replayed(model) == 0


def test_an_attribute_that_is_set_counts_from_the_next_step_on(engine: str) -> None:
    model = hornbeam.Sequential([layers.Input((4,)), layers.LeakyReLU(negative_slope=0.5)])
    x = -np.ones((2, 4), "float32")
    for _ in range(STEPS):
        assert model.predict(x, verbose=0)[0, 0] == -0.5
    assert _replayed(model, "predict") == 1
    model.layers[0].negative_slope = 0.25
    assert model.predict(x, verbose=0)[0, 0] == -0.25


def test_weights_that_are_set_are_used(engine: str) -> None:
    x, _ = _data((4,), 2)
    model = _made("dense")
    for _ in range(STEPS):
        before = model.predict(x, verbose=0)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert _replayed(model, "predict") == 1
    np.testing.assert_allclose(model.predict(x, verbose=0), 1 / 3, rtol=1e-6)
    assert not np.allclose(before, 1 / 3)


def test_freezing_holds(engine: str) -> None:
    x, y = _data((4,))
    model = _made("dense", "sgd")
    model.fit(x, y, batch_size=2, verbose=0)
    model.layers[0].trainable = False
    frozen, free = (layer.get_weights()[0].copy() for layer in model.layers)
    model.fit(x, y, batch_size=2, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], frozen)
    assert not np.array_equal(model.layers[1].get_weights()[0], free)


def test_under_a_debugger_or_on_request_steps_run_as_written(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = _data((4,))
    for options in ({"run_eagerly": True}, {"jit_compile": False}):
        model = _made("dense", **options)
        model.fit(x, y, batch_size=2, verbose=0)
        assert model._step("train").replays is None
    model = _made("dense")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "gettrace", lambda: print)
        model.fit(x, y, batch_size=2, verbose=0)
    assert _replayed(model) == 0
    model.fit(x, y, batch_size=2, verbose=0)
    assert _replayed(model) == 1


def test_the_learning_rate_is_no_constant(engine: str) -> None:
    x, y = _data((4,))
    model = _made("dense")
    model.fit(x, y, batch_size=2, verbose=0)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.fit(x, y, batch_size=2, verbose=0)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_was_recorded_wrongly_is_found_out(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = registry.get(engine)
    calls = []

    def constant(fn: Any, inputs: list[Any]) -> Any:
        result = fn(inputs)
        return [0], lambda values: calls.append(1) or result  # whatever comes

    model = _made("dense")
    x, y = _data((4,))
    monkeypatch.setattr(type(b), "recorded", lambda self, fn, inputs: constant(fn, inputs))
    model.fit(x, y, batch_size=2, verbose=0)
    eager = _made("dense", run_eagerly=True)
    eager.fit(x, y, batch_size=2, verbose=0)
    assert (len(calls), _replayed(model)) == (1, 0)
    for ours, theirs in zip(model.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def _read_item(x: list[Any]) -> Any:
    return x[0] * x[0].sum().item()


def _read_list(x: list[Any]) -> Any:
    return x[0] * x[0].tolist()[0]


def _read_numpy(x: list[Any]) -> Any:
    return x[0] * float(np.asarray(x[0])[0])


def _branch(x: list[Any]) -> Any:
    return x[0] if x[0].sum() > 0 else -x[0]


def _shape_of_values(x: list[Any]) -> Any:
    return x[0][x[0] > 0]


def _write(x: list[Any]) -> Any:
    return x[0].add_(1.0)


def _grow(x: list[Any]) -> Any:
    return x[0].expand(2**25, 3) + 1


def _draw(x: list[Any]) -> Any:
    import torch

    return x[0] + torch.rand(3)


@pytest.mark.parametrize(
    "fn", [_draw, _read_item, _read_list, _read_numpy, _branch, _shape_of_values, _write, _grow]
)
def test_what_depends_on_values_or_takes_long_is_not_recorded(engine: str, fn: Any) -> None:
    b = registry.get(engine)
    assert b.recorded(fn, [b.asarray(np.ones(3, "float32"))]) is None


def test_what_is_recorded_holds_for_other_values(engine: str) -> None:
    b = registry.get(engine)

    def fn(x: list[Any]) -> Any:
        return {"sum": b.add(x[0], x[2]), "same": x[0], "constant": b.asarray(2.0), "word": "ok"}

    given = [b.asarray(np.full(2, i, "float32")) for i in range(3)]
    made = b.recorded(fn, given)
    assert made is not None
    needed, replay = made
    assert needed == [0, 2]
    found = replay([b.asarray(np.full(2, v, "float32")) for v in (5, 7)])
    assert b.to_numpy(found["sum"]).tolist() == [12, 12]
    assert b.to_numpy(found["same"]).tolist() == [5, 5]
    assert (float(found["constant"]), found["word"]) == (2.0, "ok")


def test_engines_that_compile_have_no_use_for_it(engine: str) -> None:
    assert registry.get("numpy").recorded(lambda x: x, []) is None
