"""Estimates of work, beside XLA's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engines import ENGINES

if "jax" not in ENGINES:
    pytest.skip("JAX is not among the engines that are tested", allow_module_level=True)

import jax
import jax.numpy as jnp

from hornbeam.backends import jax_costs


def _convolution(x: Any, kernel: Any) -> Any:
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _rounds(x: Any, kernel: Any) -> Any:
    return jax.lax.scan(lambda x, _: (x @ kernel, None), x, None, length=7)[0]


def _slope(x: Any, kernel: Any) -> Any:
    return jax.grad(lambda kernel: jnp.tanh(x @ kernel).sum())(kernel)


@pytest.mark.parametrize(
    ("fn", "x", "kernel", "expected"),
    [
        (jnp.matmul, (8, 16), (16, 32), 2 * 8 * 16 * 32),
        (lambda x, kernel: jnp.einsum("bij,bjk->bik", x, kernel), (3, 4, 5), (3, 5, 6), 2 * 360),
        (_convolution, (2, 10, 10, 3), (3, 3, 3, 8), 2 * (2 * 8 * 8 * 8) * 3 * 3 * 3),
        (_rounds, (8, 16), (16, 16), 7 * 2 * 8 * 16 * 16),
        (jax.jit(jnp.matmul), (8, 16), (16, 32), 2 * 8 * 16 * 32),
        (jnp.add, (8, 16), (8, 16), 8 * 16),
    ],
)
def test_known_numbers(
    fn: Callable[..., Any], x: tuple[int, ...], kernel: tuple[int, ...], expected: int
) -> None:
    traced = jax.jit(fn).trace(jnp.ones(x), jnp.ones(kernel))
    assert jax_costs.flops(traced.jaxpr) == expected


@pytest.mark.parametrize("fn", [jnp.matmul, _slope], ids=["product", "gradient"])
def test_it_is_near_to_what_xla_estimates(fn: Callable[..., Any]) -> None:
    traced = jax.jit(fn).trace(jnp.ones((64, 32)), jnp.ones((32, 48)))
    theirs = traced.lower().cost_analysis()["flops"]
    assert jax_costs.flops(traced.jaxpr) == pytest.approx(theirs, rel=0.1)
