"""What JAX does outside of compilations: one call per activation, equal to the composition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.backends.jax import ONE_CALL
from hornbeam.backends.protocol import COMPOSITIONS

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
