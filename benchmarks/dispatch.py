"""What one eager op costs over the engine's own call: the lookup, the dtype rule, the checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import hornbeam
from benchmarks.timing import Result, Scale, alternate

CALLS = 500
TURNS = 2  # per repeat: a microsecond is easily lost in noise
TARGET = 2e-6  # seconds per call


def cases() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Name -> (the op, the engine's function it ends in), both on the same small arrays."""
    ops = hornbeam.ops
    x, y = jnp.ones((4, 4)), jnp.ones((4, 4))
    pair = [x, y]
    return {
        "exp": (lambda: ops.exp(x), lambda: jnp.exp(x)),
        "add": (lambda: ops.add(x, y), lambda: jnp.add(x, y)),
        "add a number": (lambda: ops.add(x, 2.0), lambda: jnp.add(x, 2.0)),
        "sum": (lambda: ops.sum(x, axis=0), lambda: jnp.sum(x, axis=0)),
        "reshape": (lambda: ops.reshape(x, (2, 8)), lambda: jnp.reshape(x, (2, 8))),
        "concatenate": (
            lambda: ops.concatenate(pair, axis=0),
            lambda: jnp.concatenate(pair, axis=0),
        ),
        "matmul": (lambda: ops.matmul(x, y), lambda: jnp.matmul(x, y)),
        "softmax": (lambda: ops.softmax(x), lambda: jax.nn.softmax(x)),
    }


def _repeated(call: Callable[[], Any], times: int) -> Callable[[], Any]:
    def run() -> Any:
        result = None
        for _ in range(times):
            result = call()
        return jax.block_until_ready(result)

    return run


def run(scale: Scale) -> list[Result]:
    """One result per op, in seconds a call."""
    calls = max(2, int(CALLS * scale.width))
    results = []
    for name, (ours, native) in cases().items():
        a, b = alternate(_repeated(ours, calls), _repeated(native, calls), TURNS * scale.repeats)
        results.append(Result("dispatch", name, a / calls, "jax", b / calls, TARGET, "overhead"))
    return results
