"""One model in several threads: who serves predictions does not see what others trace or overwrite."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops, variables
from hornbeam.backends import registry
from hornbeam.variables import Variable, held, lent, swapped
from tests.engines import ENGINES, TRAINABLE

X = np.random.default_rng(0).random((64, 8), dtype="float32")


def made(engine):
    with registry.use_backend(engine):
        model = hornbeam.Sequential(
            [
                hornbeam.Input((8,)),
                layers.Dense(16, "relu"),
                layers.BatchNormalization(),
                layers.Dropout(0.5),
                layers.Dense(3),
            ]
        )
        model.compile("sgd", "mse")
    return model


def together(*jobs):
    """Run `jobs` in threads that begin at the same time; what they return, or the first error."""
    barrier = threading.Barrier(len(jobs))

    def run(job):
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(120) for future in [pool.submit(run, job) for job in jobs]]


@pytest.mark.parametrize("engine", ENGINES)
def test_predictions_of_several_threads(engine):
    """Each thread brings shapes that are traced while the others read the same variables."""
    model = made(engine)
    want = model.predict(X, batch_size=64, verbose=0)

    def predicts(first):
        for i in range(first, first + 24):
            rows = 1 + 7 * i % 40
            found = model.predict(X[:rows], batch_size=64, verbose=0)
            np.testing.assert_allclose(found, want[:rows], atol=1e-5)

    def calls():
        for i in range(24):
            rows = 1 + 5 * i % 40
            found = ops.convert_to_numpy(model(X[:rows]))
            np.testing.assert_allclose(found, want[:rows], atol=1e-5)

    def evaluates():
        for rows in range(1, 8):
            assert model.test_on_batch(X[:rows], want[:rows]) < 1e-9

    together(lambda: predicts(0), lambda: predicts(13), calls, evaluates)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_predictions_while_another_thread_trains(engine):
    model = made(engine)
    y, done = X[:, :3], threading.Event()
    model.predict(X[:1], verbose=0)

    def trains():
        try:
            for i in range(40):
                rows = 1 + i % 20
                model.train_on_batch(X[:rows], y[:rows])
        finally:
            done.set()

    def predicts():
        count = 0
        while not done.is_set() or not count:
            count += 1
            rows = 1 + count % 40
            assert np.isfinite(model.predict(X[:rows], verbose=0)).all()

    together(trains, predicts)


@pytest.mark.parametrize("engine", [name for name in ENGINES if registry.get(name).compiled])
def test_a_variable_is_read_when_it_has_its_own_value_again(engine):
    with registry.use_backend(engine):
        v, other = Variable(np.float32(1)), Variable(np.float32(5))
        two = v.backend.asarray(np.float32(2))
        with ThreadPoolExecutor(4) as pool:
            with swapped([v], [two]):
                assert float(v) == 2
                with lent([v, other]):  # what a thread has already stays its own afterwards
                    assert float(held([v])[0]) == 2
                assert pool.submit(lambda: float(other)).result(10) == 5
                waiting = [
                    pool.submit(lambda: float(v)),
                    pool.submit(lambda: float(held([other, v])[1])),
                    pool.submit(v.assign, np.float32(3)),
                ]
                assert not any(future.done() for future in waiting)
            values = [future.result(10) for future in waiting]
        assert float(v) == 3
        assert set(values[:2]) <= {1.0, 3.0}


def test_threads_that_wait_for_each_other_are_told(monkeypatch):
    monkeypatch.setattr(variables, "PATIENCE", 0.05)
    with registry.use_backend("jax"):
        v = Variable(np.float32(1), name="mine")
        told = pytest.raises(RuntimeError, match=r"'mine' is read in one thread.*pass it on")
        with ThreadPoolExecutor(1) as pool, lent([v]), told:
            pool.submit(lambda: float(v)).result(10)
    assert float(v) == 1
