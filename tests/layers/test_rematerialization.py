"""What is computed again has the same values, gradients and state as what is kept."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.errors import InputError
from tests.engines import ENGINES, TRAINABLE

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
SCOPES: dict[str, dict[str, Any]] = {
    "full": {"mode": "full"},
    "activations": {"mode": "activations"},
    "larger": {"mode": "larger_than", "output_size_threshold": 10},
    "listed": {"mode": "list_of_layers", "layer_names": ["wide"]},
    "none": {"mode": None},
}


def result(scope: Any, dtype: str = "float32") -> list[Any]:
    """Value, gradients and state of a small model that was made in a scope."""
    with scope:
        wide = layers.Dense(8, activation="tanh", kernel_initializer="ones", name="wide")
        norm, last = layers.BatchNormalization(), layers.Dense(1, kernel_initializer="ones")
        model = hornbeam.Sequential([wide, norm, layers.Dropout(0.5, seed=3), last])
    for layer in model.layers:
        layer.dtype_policy = hornbeam.dtype_policies.get(dtype)
    model.build((None, 3))

    def loss() -> Any:
        return ops.sum(ops.square(ops.cast(model(X, training=True), "float32")))

    value, grads = hornbeam.value_and_grad(loss)(model.trainable_variables)
    return [ops.convert_to_numpy(a) for a in (value, *grads, *model.non_trainable_variables)]


@pytest.mark.parametrize("engine", TRAINABLE)
def test_every_mode_has_the_same_results(engine: str) -> None:
    with hornbeam.use_backend(engine):
        expected = result(contextlib.nullcontext())
        for mode, given in SCOPES.items():
            found = result(hornbeam.RematScope(**given))
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=mode)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_mixed_precision_is_computed_again_in_the_same_precision(engine: str) -> None:
    with hornbeam.use_backend(engine):
        dtype = "mixed_float16" if engine == "pytensor" else "mixed_bfloat16"
        expected = result(contextlib.nullcontext(), dtype)
        found = result(hornbeam.RematScope(), dtype)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=5e-2, atol=5e-2)


def test_which_layers_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def record(self: Any, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(self.name)
        return layer_call

    monkeypatch.setattr(hornbeam.Layer, "rematerialized_call", record)
    again = {}
    for mode, given in SCOPES.items():
        with hornbeam.RematScope(), hornbeam.RematScope(**given):
            wide, small = layers.Dense(8, name="wide"), layers.Dense(2, name="small")
        seen.clear()
        small(wide(X))
        again[mode] = list(seen)
    both = ["wide", "small"]
    expected = {"full": both, "activations": [], "larger": ["wide"], "listed": ["wide"], "none": []}
    assert again == expected
    assert layers.Dense(1)._remat is None


@pytest.mark.parametrize("engine", ENGINES)
def test_remat_of_a_function(engine: str) -> None:
    with hornbeam.use_backend(engine):
        w, count = hornbeam.Variable([1.0, 2.0]), hornbeam.Variable(0, dtype="int32")
        runs = []

        def f(x: Any, power: int, *, more: Any) -> Any:
            runs.append(power)
            count.assign_add(1)
            return {"y": ops.sum(w * x["x"] ** power) + more}

        x = {"x": ops.convert_to_tensor([3.0, 4.0])}
        again = hornbeam.remat(f)
        assert again.__name__ == "f"
        assert float(ops.convert_to_numpy(again(x, 2, more=1.0)["y"])) == 42
        assert int(count.numpy()) == 1
        assert hornbeam.remat(ops.sin)(hornbeam.Input((3,))).shape == (None, 3)
        if engine in TRAINABLE:
            grads = hornbeam.grad(lambda: again(x, 2, more=0.0)["y"])([w])
            assert ops.convert_to_numpy(grads[0]).tolist() == [9, 16]
            assert int(count.numpy()) == 2


@pytest.mark.parametrize("engine", TRAINABLE)
def test_remat_draws_the_same_numbers_again(engine: str) -> None:
    x = np.ones((1, 50), "float32")
    with hornbeam.use_backend(engine):
        dropout = layers.Dropout(0.5, seed=1)
        w = hornbeam.Variable(x)

        def loss(layer: Any) -> Any:
            return ops.sum(ops.square(layer(w * 1.0, training=True)))

        dropout.build((1, 50))
        results = []
        for layer in (dropout, hornbeam.remat(dropout)):
            dropout.seed_generator.state.assign([1, 0])
            results.append(hornbeam.grad(lambda layer=layer: loss(layer))([w])[0])
        a, b = map(ops.convert_to_numpy, results)
        assert a.tolist() == b.tolist()
        assert 0 < np.count_nonzero(a) < 50


def test_scopes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="the modes are 'full', 'activations'"):
        hornbeam.RematScope(mode="some")
    with pytest.raises(InputError, match="needs `layer_names=`"):
        hornbeam.RematScope(mode="list_of_layers")
