"""`jit_compile=True` on PyTorch: whole steps as one graph, with the same results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import hornbeam
from hornbeam import layers, losses, ops, optimizers
from hornbeam.backends import torch_compiled
from hornbeam.errors import UnsupportedError
from tests.backends.test_engines_agree import MODELS, data


@pytest.fixture(autouse=True)
def on_torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        torch_compiled, "COMPILER", "eager"
    )  # Dynamo without code generation: quick
    with hornbeam.use_backend("torch") as backend:
        yield backend


def compiled(make: Callable[[], Any], jit_compile: Any, optimizer: Any = None) -> Any:
    hornbeam.utils.set_random_seed(7)
    model = make()
    model.compile(
        optimizer or optimizers.Adam(1e-2),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model


@pytest.mark.parametrize("kind", MODELS)
def test_compiled_steps_compute_the_same(kind: str) -> None:
    x, y = (array[:16] for array in data(kind))
    results = []
    for jit_compile in (True, "auto"):
        model = compiled(MODELS[kind][0], jit_compile)
        results.append([model.train_on_batch(x, y) for _ in range(3)])
        assert (model._step("train")._run is not None) is (jit_compile is True)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4, atol=1e-5)


def dropout() -> Any:
    stack = [layers.Dense(8, "relu"), layers.Dropout(0.5), layers.BatchNormalization()]
    return hornbeam.Sequential([hornbeam.Input((4,)), *stack, layers.Dense(3)])


X = np.random.default_rng(0).standard_normal((32, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def test_dropout_and_moving_averages() -> None:
    model = compiled(dropout, True, optimizers.SGD(0.0))
    model.train_on_batch(X, Y)
    first = [v.numpy() for v in model.non_trainable_weights]
    model.reset_metrics()
    before = model.train_on_batch(X, Y)[0]
    model.reset_metrics()
    after = model.train_on_batch(X, Y)[0]
    assert before != after  # another mask
    for old, variable in zip(first, model.non_trainable_weights, strict=True):
        assert not np.array_equal(old, variable.numpy())
        assert not variable.value.requires_grad
    leaf = model.trainable_weights[0].value
    learning = compiled(dropout, True)
    curve = learning.fit(X, Y, epochs=12, batch_size=32, verbose=0).history["loss"]
    assert curve[-1] < curve[0]
    assert model.trainable_weights[0].value is leaf


def test_accumulated_gradients() -> None:
    results = []
    for jit_compile in (True, "auto"):
        optimizer = optimizers.Adam(0.1, gradient_accumulation_steps=2)
        model = compiled(lambda: hornbeam.Sequential([layers.Dense(3)]), jit_compile, optimizer)
        results.append([model.train_on_batch(X, Y)[0] for _ in range(5)])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    assert results[0][0] == results[0][1]


def test_each_shape_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *a, **k: made.append(k) or real(*a, **k))
    model = compiled(lambda: hornbeam.Sequential([layers.Dense(3)]), True)
    model.fit(X, Y, batch_size=12, epochs=2, verbose=0)
    assert len(made) == 2  # whole batches and the last one
    assert all(kwargs["fullgraph"] for kwargs in made)


class Iterated(layers.Layer):
    """As many rounds as the values ask for."""

    def call(self, inputs: Any) -> Any:
        return ops.while_loop(lambda x: ops.max(x) < 10.0, lambda x: (x * 2.0,), (inputs,))[0]


def test_what_depends_on_values_is_refused() -> None:
    model = compiled(lambda: hornbeam.Sequential([layers.Dense(3), Iterated()]), True)
    with pytest.raises(UnsupportedError, match="needs a value in Python.*jit_compile='auto'"):
        model.train_on_batch(X, Y)
    eager = compiled(lambda: hornbeam.Sequential([layers.Dense(3), Iterated()]), "auto")
    assert np.isfinite(eager.train_on_batch(X, Y)[0])


def test_generated_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_compiled, "COMPILER", "inductor")
    results = []
    for jit_compile in (True, "auto"):
        model = compiled(lambda: hornbeam.Sequential([layers.Dense(3)]), jit_compile, "sgd")
        results.append([model.train_on_batch(X, Y)[0] for _ in range(2)])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


UNIFORM = {"float64": 1e-9, "float32": 1e-6, "float16": 1e-3, "bfloat16": 1e-2}


@pytest.mark.parametrize("draw", ["uniform", "normal", "integers", "permutation"])
def test_numbers_from_traced_keys(draw: str) -> None:
    from hornbeam.backends import torch_random as r

    key = torch.tensor([1, 2], dtype=torch.uint32)
    if draw == "uniform":
        for dtype in UNIFORM:
            found = r.traced_uniform(key, (10_000,), dtype).to(torch.float64)
            assert found.min() >= 0
            assert found.max() < 1
            assert abs(found.mean() - 0.5) < 0.01
    elif draw == "normal":
        found = r.traced_normal(key, (10_000,), "float32")
        assert abs(found.mean()) < 0.04
        assert abs(found.std() - 1) < 0.03
    elif draw == "integers":
        found = r.traced_integers(key, (10_000,), -2, 3)
        assert torch.bincount(found.long() + 2).tolist() == pytest.approx([2000] * 5, abs=200)
    else:
        assert sorted(r.traced_permutation(key, 50).tolist()) == list(range(50))
        assert r.traced_permutation(key, 50).tolist() != list(range(50))


def test_traced_words_are_threefrys() -> None:
    from hornbeam.backends import torch_random as r

    zero = torch.zeros(2, dtype=torch.uint32)
    assert hex(int(r.words(zero, 1)[0])) == "0x6b200159"
