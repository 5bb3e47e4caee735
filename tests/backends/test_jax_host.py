"""What JAX does with NumPy arrays, and in which thread."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from hornbeam.backends import jax_host, registry
from hornbeam.backends.numpy import ALIGNMENT, copied

jax = pytest.importorskip("jax")

LONG = jax.jit(
    lambda k, x: jax.lax.fori_loop(0, 300, lambda i, k: jax.numpy.tanh(k @ k), k) + x.sum()
)


def kernel() -> Any:
    return registry.get("jax").asarray(np.ones((300, 300), "float32"))


PROGRAM = """
import sys
if sys.argv[1] == "used":
    import jax
    jax.devices()
from hornbeam.backends import registry
b = registry.get("jax")
from tests.backends.test_jax_host import LONG, kernel
import numpy as np
LONG(kernel(), np.ones(3, "float32")).block_until_ready()
print(LONG(kernel(), np.ones(3, "float32")).is_ready())
"""


@pytest.mark.parametrize(
    ("asked", "state", "here"), [("", "new", True), ("1", "new", False), ("", "used", False)]
)
def test_computes_in_the_thread_that_asks_unless_told_or_too_late(
    asked: str, state: str, here: bool
) -> None:
    environment = {**os.environ, jax_host.ASYNC: asked, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", PROGRAM, state]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == [str(here)], done.stderr


@pytest.mark.parametrize("shape", [(4,), (8000, 100)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "float64"])
def test_what_takes_long_returns_before_it_has_computed(shape: tuple[int, ...], dtype: str) -> None:
    if not jax_host.computes_here():
        pytest.skip("JAX was in use before the tests")
    x, k = np.ones(shape, dtype), kernel()

    def ready(takes: float) -> bool:
        given = jax_host.handed_over({"x": x, "none": None}, takes, None)["x"]
        assert (given.dtype, given.shape) == (x.dtype, x.shape)
        result = LONG(k, given)
        found = result.is_ready()
        result.block_until_ready()
        return bool(found)

    with jax.enable_x64(True):
        assert all(ready(0.0) for _ in range(3))
        # where other programs use all cores, what it waits for may have come before it is asked for
        assert not all(ready(1.0) for _ in range(40))


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("takes", [0.0, 1.0])
@pytest.mark.parametrize("rows", [1, 100_000])
def test_what_is_handed_over_may_be_overwritten_after_the_call(
    rows: int, takes: float, aligned: bool
) -> None:
    """Without a copy JAX may see the twos."""
    x = copied(np.ones((rows, 8), "float32"), aligned)
    assert (x.ctypes.data % ALIGNMENT == 0) is aligned
    total = jax.jit(lambda k, x: LONG(k, x), inline=True)
    total(kernel(), x).block_until_ready()
    seen, result = [], None
    for _ in range(3):
        x[...] = 1
        result = total(kernel(), *jax_host.handed_over([x], takes, result))
        x[...] = 2
        seen.append(float(result.min()))
    expected = float(LONG(kernel(), np.ones((rows, 8), "float32")).min())
    assert seen == [expected] * 3


@pytest.mark.parametrize("told", [True, False])
def test_what_waits_for_an_earlier_call_may_be_overwritten(told: bool) -> None:
    """Arrays that JAX would read where they lie are read when the call that it waits for is through."""
    total = jax.jit(lambda earlier, x: earlier.min() + x.sum())
    large, x = (
        copied(np.ones((100_000, 8), "float32"), aligned=False),
        copied(np.ones(16, "float32")),
    )
    expected = float(total(LONG(kernel(), large), x))
    for _ in range(5):
        x[...] = 1
        earlier = LONG(kernel(), jax_host.handed_over(large, 1.0, None))
        after = earlier if told else None
        result = total(earlier, *jax_host.handed_over([x], 0.0, after))
        x[...] = 2
        assert float(result) == expected


def test_what_jax_can_read_at_once_is_not_copied() -> None:
    x, done = copied(np.ones(16, "float32")), LONG(kernel(), np.ones((1, 8), "float32"))
    done.block_until_ready()
    assert (jax_host.handed_over(x, 0.0, done) is x) is jax_host.computes_here()
    assert jax_host.handed_over(x, 0.0, None) is not x


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("size", [10, 30_000, 10_000_000])
def test_an_array_does_not_change_with_what_it_was_made_of(size: int, aligned: bool) -> None:
    b = registry.get("jax")
    for _ in range(3):
        x = copied(np.ones(size, "float32"), aligned)
        made = b.asarray(x)
        x[...] = 2
        assert b.to_numpy(made).max() == 1
