"""`PyDataset`: the same batches however they are made, and nothing that goes wrong makes fit wait."""

from __future__ import annotations

import time

import numpy as np
import pytest

import hornbeam
from hornbeam.errors import InputError
from hornbeam.training.data.workers import WorkerError
from hornbeam.utils import PyDataset
from tests.engines import TRAINABLE
from tests.training.batches import Dies, Odd, Raises, RaisesOddly, Reversing, Rows, Stalls, X


def regression():
    model = hornbeam.Sequential(
        [hornbeam.Input((2,)), hornbeam.layers.Dense(1, "linear", True, "zeros")]
    )
    model.compile(hornbeam.optimizers.SGD(0.1), "mse")
    return model


def losses(data, **kwargs):
    return regression().fit(data, verbose=0, **{"shuffle": False, **kwargs}).history["loss"]


@pytest.mark.parametrize("engine", TRAINABLE)
def test_workers_change_nothing(engine):
    with hornbeam.use_backend(engine):
        expected = losses(X, y=X.sum(1), batch_size=3, epochs=2)
        for options in ({}, {"workers": 3}, {"workers": 2, "max_queue_size": 1}):
            assert losses(Rows(**options), epochs=2) == pytest.approx(expected, rel=1e-5)


def test_processes_change_nothing():
    expected = losses(Reversing(), epochs=3)
    data = Reversing(workers=2, use_multiprocessing=True)
    assert losses(data, epochs=3, validation_data=Rows()) == pytest.approx(expected, rel=1e-6)
    model = regression()
    predicted = model.predict(Rows(workers=2), verbose=0)
    np.testing.assert_array_equal(predicted, model.predict(X, verbose=0))
    assert model.evaluate(Rows(workers=2), verbose=0) > 0


def test_endless_data_needs_steps():
    class Endless(PyDataset):
        def __getitem__(self, i):
            return X[i % 3 : i % 3 + 3], X[i % 3 : i % 3 + 3].sum(1)

    assert len(losses(Endless(workers=2), epochs=3, steps_per_epoch=2)) == 3
    assert next(iter(Endless()))[0].shape == (3, 2)
    assert [len(x) for x, _ in Rows()] == [3, 3, 3, 3]


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("kind", [Raises, RaisesOddly, Dies, Stalls])
def test_what_goes_wrong_in_a_worker_ends_training(kind, processes):
    if kind is Dies and not processes:
        pytest.skip("a thread that ends the process ends everything")
    data = kind(
        workers=1 if processes else 2,
        use_multiprocessing=processes,
        timeout=1.0 if kind is Stalls else 60.0,
    )
    expected, match = {
        Raises: (KeyError, "no such picture"),
        RaisesOddly: ((Odd, WorkerError), "one"),
        Dies: (WorkerError, r"died \(exit code 3\) while it made batch 2"),
        Stalls: (WorkerError, "makes batch 2 has stalled: it takes longer than 1 s"),
    }[kind]
    began = time.monotonic()
    with pytest.raises(expected, match=match) as caught:
        losses(data)
    assert time.monotonic() - began < 20
    if kind in (Raises, RaisesOddly):
        assert any(f"batch 2 of the {kind.__name__}" in note for note in caught.value.__notes__)


def test_what_cannot_be_pickled():
    class Local(Rows):
        pass

    with pytest.raises(WorkerError, match="Local cannot be sent to worker processes.*in a module"):
        losses(Local(workers=2, use_multiprocessing=True))


def test_a_subclass_that_forgets_super_init():
    class Careless(Rows):
        def __init__(self):
            pass

    assert len(losses(Careless())) == 1


@pytest.mark.parametrize("wrong", [{"workers": -1}, {"max_queue_size": 0}, {"timeout": 0}])
def test_wrong_arguments(wrong):
    with pytest.raises(InputError, match="`workers` cannot be negative"):
        PyDataset(**wrong)


def test_unfinished_subclasses():
    with pytest.raises(NotImplementedError, match=r"PyDataset must define `__getitem__\(index\)`"):
        losses(PyDataset(), steps_per_epoch=1)
