"""What JAX does outside of compilations: one call per activation, equal to the composition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import activations, ops
from hornbeam.backends import registry
from hornbeam.backends.jax import ONE_CALL
from hornbeam.backends.protocol import COMPOSITIONS
from hornbeam.layers.core.dense import affine

jax = pytest.importorskip("jax")


@pytest.mark.parametrize("name", sorted(ONE_CALL))
def test_called_as_a_whole_equals_the_composition(name: str) -> None:
    b = registry.get("jax")
    x = b.asarray(np.linspace(-4, 4, 12, dtype="float32").reshape(2, 6))
    whole = getattr(ops, name)
    composed = jax.jit(lambda x: COMPOSITIONS[name](b, x))
    np.testing.assert_allclose(whole(x), composed(x), atol=1e-6)
    slopes = [jax.grad(lambda x, f=f: (f(x) ** 2).sum())(x) for f in (whole, composed)]
    np.testing.assert_allclose(*slopes, atol=1e-5)


def test_relu_has_no_gradient_at_zero() -> None:
    assert jax.grad(ops.relu)(0.0) == 0.0


@pytest.mark.parametrize("axis", [0, (0, 1), [0, 1]])
def test_settings_of_any_kind(axis: Any) -> None:
    x = registry.get("jax").asarray(np.ones((2, 3), "float32"))
    sizes = 2 if axis == 0 else 6
    np.testing.assert_allclose(ops.softmax(x, axis=axis), np.full((2, 3), 1 / sizes), rtol=1e-6)


def test_a_setting_that_is_an_array() -> None:
    b = registry.get("jax")
    x = b.asarray(np.asarray([-1.0, 1.0], "float32"))
    assert np.asarray(b.leaky_relu(x, b.asarray(0.5, "float32"))).tolist() == [-0.5, 1.0]


@pytest.mark.parametrize("name", ["linear", "relu", "softmax", "gelu"])
def test_a_dense_layer_is_one_call_that_equals_the_composition(name: str) -> None:
    b = registry.get("jax")
    rng = np.random.default_rng(0)
    shapes = (2, 5, 3), (3, 4), (4,)
    x, kernel, bias = (b.asarray(rng.normal(size=s).astype("float32")) for s in shapes)
    activation = activations.get(name)

    def composed(*arrays: Any) -> Any:
        return affine(b, *arrays, activation)

    def whole(*arrays: Any) -> Any:
        return b.affine(*arrays, activation)

    np.testing.assert_allclose(whole(x, kernel, bias), composed(x, kernel, bias), atol=1e-6)
    slopes = [
        jax.grad(lambda *arrays, f=f: (f(*arrays) ** 2).sum(), argnums=(0, 1, 2))(x, kernel, bias)
        for f in (whole, composed)
    ]
    for ours, theirs in zip(*slopes, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_an_activation_of_the_users_own_runs_at_every_call() -> None:
    seen: list[Any] = []

    def relu(x: Any) -> Any:  # by the name of one of ours
        seen.append(x)
        return ops.maximum(x, 1.0)

    layer = hornbeam.layers.Dense(2, activation=relu, kernel_initializer="zeros")
    for calls in (1, 2):
        assert np.asarray(layer(np.ones((3, 4), "float32"))).tolist() == [[1.0, 1.0]] * 3
        assert len(seen) == calls
    assert not isinstance(seen[-1], jax.core.Tracer)


def test_integers_are_promoted_and_not_taken_for_floats() -> None:
    layer = hornbeam.layers.Dense(2, kernel_initializer="ones", bias_initializer="ones")
    y = layer(np.full((3, 4), 2, "int32"))
    assert (np.asarray(y).tolist(), str(y.dtype)) == ([[9.0, 9.0]] * 3, "float32")
