"""Streams of batches: their memory may be used again, and long steps do not wait for the next one."""

from __future__ import annotations

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.backends import registry
from hornbeam.backends.numpy import empty_array
from hornbeam.training import pace
from tests.engines import ENGINES, TRAINABLE

WIDTH, ROWS, STEPS = 300, 128, 12


def batches(same_memory, aligned, rows=ROWS):
    """Batches of random numbers, each in memory of its own or all in the same."""
    rng = np.random.default_rng(0)
    x = empty_array((rows, WIDTH), "float32", aligned=aligned)
    y = np.empty((rows, 1), "float32")
    for _ in range(STEPS + 2):  # `fit` may look at one more than it needs
        if not same_memory:
            x, y = np.empty_like(x), np.empty_like(y)
        rng.random(out=x, dtype="float32")
        y[...] = x[:, :1]
        yield x, y


def same(a, b):
    """Equal but for what kernels make of differently aligned memory; other batches differ by 1e-4."""
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def made(engine, units=400):
    with registry.use_backend(engine):
        hornbeam.utils.set_random_seed(0)
        model = hornbeam.Sequential(
            [hornbeam.Input((WIDTH,)), layers.Dense(units, "tanh"), layers.Dense(1)]
        )
        model.compile(hornbeam.optimizers.SGD(0.01), "mse")
    return model


def trained(engine, same_memory, aligned, rows=ROWS):
    model = made(engine)
    history = model.fit(batches(same_memory, aligned, rows), steps_per_epoch=STEPS, verbose=0)
    return [*model.get_weights(), np.asarray(history.history["loss"])]


@pytest.mark.parametrize("rows", [2, ROWS])
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("takes", [0.0, 1e9])
@pytest.mark.parametrize("engine", TRAINABLE)
def test_fit_from_a_generator_that_fills_the_same_array(engine, takes, aligned, rows, monkeypatch):
    always = property(lambda self: takes, lambda self, value: None)
    monkeypatch.setattr(pace.Pace, "takes", always, raising=False)
    for a, b in zip(
        trained(engine, True, aligned, rows), trained(engine, False, aligned, rows), strict=True
    ):
        same(a, b)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("engine", TRAINABLE)
def test_a_train_function_of_the_user(engine, aligned):
    results = []
    for same_memory in (True, False):
        model = made(engine)
        step = model.make_train_function()
        iterator = batches(same_memory, aligned)
        for _ in range(STEPS):
            step(iterator)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        same(a, b)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("engine", ENGINES)
def test_predict_and_evaluate(engine, aligned):
    model = made(engine)
    shared, own = (
        (
            model.predict(batches(memory, aligned), steps=STEPS, verbose=0),
            model.evaluate(batches(memory, aligned), steps=STEPS, verbose=0),
        )
        for memory in (True, False)
    )
    same(shared[0], own[0])
    same(shared[1], own[1])


class Recorder:
    """A backend that notes how long it is told that steps take."""

    def __init__(self):
        self.told = []
        self.after = []

    def handed_over(self, data, takes=0.0, after=None):
        self.told.append(takes)
        self.after.append(after)
        return data


def test_the_second_step_tells_how_long_steps_take(monkeypatch):
    backend, clock = Recorder(), iter([0.0, 10.0, 10.5, 20.0, 30.0])
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(clock))
    paced = pace.Pace(lambda batch: batch + 1, backend)
    assert [paced(i) for i in range(4)] == [1, 2, 3, 4]
    assert backend.told == [0.0, 0.0, 0.5, 0.5]
    assert backend.after == [None, 1, 2, 3]


@pytest.mark.parametrize("engine", TRAINABLE)
def test_a_batch_that_follows_one_that_is_still_computed(engine, monkeypatch):
    """Some batches are copied and go ahead, others lie where they can be read at once."""
    always = property(lambda self: 1e-3, lambda self, value: None)
    monkeypatch.setattr(pace.Pace, "takes", always, raising=False)

    def alternating(overwritten):
        rng = np.random.default_rng(0)
        for i in range(STEPS + 2):
            x = empty_array((ROWS, WIDTH), "float32", aligned=bool(i % 2))
            rng.random(out=x, dtype="float32")
            y = x[:, :1].copy()
            yield x, y
            if overwritten:
                x[...] = y[...] = 7

    results = []
    for overwritten in (True, False):
        model = made(engine, units=3000)
        model.fit(alternating(overwritten), steps_per_epoch=STEPS, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        same(a, b)
