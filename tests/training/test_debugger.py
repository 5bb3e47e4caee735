"""`run_eagerly=True` lets a debugger stop inside a layer; `steps_per_execution` changes no result."""

from __future__ import annotations

import io
import pdb
import sys
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.backends import registry
from tests.engines import ENGINES, TRAINABLE

X = np.random.default_rng(0).random((10, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


@pytest.fixture(autouse=True)
def nobody_is_there(monkeypatch: Any) -> None:
    """Models are built, on symbolic arrays, without stopping."""
    monkeypatch.setattr(sys, "breakpointhook", lambda: None)


class Inspected(layers.Layer):
    def call(self, inputs: Any, training: bool = False) -> Any:
        doubled = ops.multiply(inputs, 2.0)
        breakpoint()
        return doubled


def model(eagerly: bool, **options: Any) -> Any:
    net = hornbeam.Sequential([hornbeam.Input((3,)), Inspected(), layers.Dense(1)])
    net.compile("sgd", "mse", run_eagerly=eagerly, **options)
    return net


def stops(monkeypatch: Any, net: Any, acts: Any) -> list[tuple[bool, bool]]:
    """(whether values are there, whether this is training) at each stop within the layer."""
    found = []
    backend = registry.current()

    def hook() -> None:
        here = sys._getframe(1).f_locals
        assert here["self"] is net.layers[0]
        if not isinstance(here["doubled"], hornbeam.KerasTensor):
            found.append((backend.is_concrete(here["doubled"]), bool(here["training"])))

    monkeypatch.setattr(sys, "breakpointhook", hook)
    acts(net)
    return found


@pytest.mark.parametrize("engine", TRAINABLE)
def test_values_are_there_where_a_step_is_stopped(engine: str, monkeypatch: Any) -> None:
    def acts(net: Any) -> None:
        net.fit(X, Y, 5, verbose=0)
        net.evaluate(X, Y, 5, verbose=0)
        net.predict(X, verbose=0)

    with hornbeam.use_backend(engine):
        net = model(True)
        expected = [(True, True)] * 2 + [(True, False)] * 3
        assert stops(monkeypatch, net, acts) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_a_real_debugger_shows_values(engine: str, monkeypatch: Any) -> None:
    commands = (
        "p type(self).__name__\np float(ops.sum(doubled - inputs))\np training\nreturn\ncontinue\n"
    )
    said = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO(commands), stdout=said, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    with hornbeam.use_backend(engine):
        net = model(True)
        before = net.predict(X[:1], verbose=0)
        monkeypatch.setattr(sys, "breakpointhook", lambda: debugger.set_trace(sys._getframe(1)))
        trace = sys.gettrace()
        try:
            after = net.predict(X[:1], verbose=0)
        finally:
            sys.settrace(trace)
        np.testing.assert_array_equal(after, before)
        lines = said.getvalue()
        assert "'Inspected'" in lines
        assert "False" in lines
        shown = [line.removeprefix("(Pdb) ") for line in lines.splitlines()]
        values = [float(line) for line in shown if line.replace(".", "").isdigit()]
        np.testing.assert_allclose(values, [X[:1].sum()], rtol=1e-6)


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("together", [1, 3, 4])
def test_steps_together_are_the_steps_apart(engine: str, together: int) -> None:
    class Listens(hornbeam.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.begun: list[int] = []
            self.ended: list[tuple[int, float]] = []

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.begun.append(batch)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.ended.append((batch, logs["loss"]))

    results = []
    with hornbeam.use_backend(engine):
        for steps in (1, together):
            hornbeam.utils.set_random_seed(3)
            net = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(1)])
            net.compile("adam", "mse", steps_per_execution=steps)
            listens = Listens()
            net.fit(X, Y, 1, 2, verbose=0, callbacks=[listens], shuffle=False)
            assert int(net.optimizer.iterations) == 20
            results.append((net.get_weights(), listens))
    (apart, each), (joined, some) = results
    for a, b in zip(apart, joined, strict=True):
        np.testing.assert_array_equal(a, b)
    ends = [min(i + together, 10) - 1 for i in range(0, 10, together)]
    assert some.begun == [*range(0, 10, together)] * 2
    assert [batch for batch, _ in some.ended] == ends * 2
    assert some.ended == [pair for pair in each.ended if pair[0] in ends]
