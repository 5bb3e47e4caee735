"""Loops of JAX outside of compiled code: compiled once, and right wherever they stand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.backends import jax_scan

XS = jnp.arange(6.0).reshape(3, 2)


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    jax_scan._compiled.clear()


def total(factor: Any, reverse: bool = False, op: Any = jnp.add) -> Any:
    def step(carry: Any, x: Any) -> Any:
        new = op(carry["sum"], x * factor)
        return {"sum": new}, (new, None)

    return jax_scan.scan(step, {"sum": jnp.zeros(2)}, XS, None, reverse)


def test_values_are_those_of_the_loop() -> None:
    for reverse in (False, True):
        carry, (ys, none) = total(2.0, reverse)
        rows = np.asarray(XS)[::-1] if reverse else np.asarray(XS)
        expected = np.cumsum(2 * rows, 0)
        np.testing.assert_allclose(carry["sum"], expected[-1])
        np.testing.assert_allclose(ys, expected[::-1] if reverse else expected)
        assert none is None


def test_what_is_held_is_an_argument() -> None:
    results = [total(jnp.asarray(factor))[0]["sum"] for factor in (1.0, 2.0, 3.0)]
    assert len(jax_scan._compiled) == 1
    np.testing.assert_allclose(results[2], 3 * results[0])
    total(jnp.asarray(1.0), op=jnp.subtract)
    total(jnp.asarray(1.0), reverse=True)
    assert len(jax_scan._compiled) == 3


def test_keys_tell_numbers_apart() -> None:
    first, second = (total(np.float32(f))[0]["sum"] for f in (1.0, 1.0000001))
    assert len(jax_scan._compiled) == 2 or not np.array_equal(first, second)
    big = np.arange(4000, dtype="float32")
    for change in (0.0, 1.0):
        held = big.copy()
        held[2000] += change
        found = jax_scan.scan(
            lambda c, x, held=held: (c + held.sum() * x, None), 0.0, jnp.ones(1), None, False
        )
        assert float(found[0]) == held.sum()
    rows = jnp.asarray(big)
    for change in (0.0, 1.0):
        moved = rows.at[2000].add(change)
        found = jax_scan.scan(
            lambda c, x, moved=moved: (c + moved * x, None), rows * 0, jnp.ones(1), None, False
        )
        np.testing.assert_array_equal(found[0], moved)
    for change in (0.0, 1.0):
        held = big.copy()
        held[2000] += change
        found = jax_scan.scan(
            lambda c, x, held=held: (c + held * x, None), rows * 0, jnp.ones(1), None, False
        )
        np.testing.assert_array_equal(found[0], held)


def test_within_traces_it_is_jaxs_own() -> None:
    def loss(factor: Any) -> Any:
        return total(factor)[0]["sum"].sum()

    assert float(jax.jit(loss)(2.0)) == 30
    assert float(jax.grad(loss)(2.0)) == 15
    assert float(jax.jit(jax.grad(loss))(2.0)) == 15
    assert jax.vmap(loss)(jnp.arange(2.0)).tolist() == [0, 15]
    assert len(jax_scan._compiled) == 0


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax_scan, "KEPT", 2)
    for factor in (1.0, 2.0, 3.0, 4.0):
        total(factor)
    assert len(jax_scan._compiled) == 2


@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU"])
def test_layers_compile_their_loop_once(kind: str) -> None:
    x = np.random.default_rng(0).random((2, 5, 3)).astype("float32")
    with hornbeam.use_backend("jax"):
        layer = getattr(layers, kind)(4, return_sequences=True)
        first = layer(x)
        for _ in range(3):
            np.testing.assert_array_equal(layer(x), first)
        assert len(jax_scan._compiled) == 1
        layer.set_weights([2 * w for w in layer.get_weights()])
        assert np.abs(np.asarray(layer(x)) - np.asarray(first)).max() > 1e-3
        assert len(jax_scan._compiled) == 1


def test_64_bits() -> None:
    x = np.random.default_rng(0).random((2, 5, 3))
    with hornbeam.use_backend("jax"):
        layer = layers.SimpleRNN(4, dtype="float64")
        found = layer(x)
        assert str(found.dtype) == "float64"
        np.testing.assert_allclose(found, layer(x), rtol=1e-14)
