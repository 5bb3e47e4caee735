"""JAX's ways to convolve and to pool equal the compositions, wherever they are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hornbeam.ops  # noqa: F401  (defines the compositions)
from hornbeam.backends import jax_windows, registry
from hornbeam.backends.protocol import COMPOSITIONS

jax = pytest.importorskip("jax")

KERNELS = {
    "dense": ((3, 3), 4, 6),
    "1x1": ((1, 1), 4, 6),
    "depthwise": ((3, 2), 1, 4),
    "depthwise 1x1": ((1, 1), 1, 4),
    "grouped": ((2, 3), 2, 8),
}


def _ways(fn: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    return {"user's jit": jax.jit(fn), "own": registry.get("jax").compile(fn)}


def _agree(ours: Callable[..., Any], composed: Callable[..., Any], *arrays: Any) -> None:
    def with_gradients(fn: Callable[..., Any]) -> Callable[..., Any]:
        places = tuple(range(len(arrays)))
        slope = jax.grad(lambda *a: (fn(*a) ** 2).sum(), argnums=places)
        return lambda *a: (fn(*a), *slope(*a))

    expected = jax.jit(with_gradients(composed))(*arrays)
    np.testing.assert_allclose(ours(*arrays), expected[0], rtol=1e-4, atol=1e-4)
    for way, run in _ways(with_gradients(ours)).items():
        for a, b in zip(run(*arrays), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=way)


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize(
    ("strides", "dilation", "padding", "layout"),
    [
        (1, 1, "valid", "channels_last"),
        (1, 1, "same", "channels_last"),
        (1, 1, "valid", "channels_first"),
        (2, 1, "same", "channels_first"),
        (1, 2, "same", "channels_last"),
    ],
)
def test_conv_equals_the_composition(
    kind: str, strides: int, dilation: int, padding: str, layout: str
) -> None:
    b = registry.get("jax")
    rng = np.random.default_rng(0)
    size, depth, filters = KERNELS[kind]
    x = b.asarray(rng.standard_normal((2, 7, 8, 4)).astype("float32"))
    x = x if layout == "channels_last" else x.transpose(0, 3, 1, 2)
    kernel = b.asarray(rng.standard_normal((*size, depth, filters)).astype("float32"))
    options = (strides, padding, layout, dilation)
    _agree(
        lambda x, k: b.conv(x, k, *options),
        lambda x, k: COMPOSITIONS["conv"](b, x, k, *options),
        x,
        kernel,
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("op", ["max_pool", "average_pool"])
@pytest.mark.parametrize(
    ("size", "strides", "layout"),
    [(2, None, "channels_last"), (3, 2, "channels_first"), (6, 1, "channels_last")],
)
def test_pooling_equals_the_composition(
    op: str, padding: str, size: int, strides: int | None, layout: str
) -> None:
    b = registry.get("jax")
    rng = np.random.default_rng(0)
    x = b.asarray(rng.permutation(2 * 7 * 8 * 3).astype("float32").reshape(2, 7, 8, 3) / 100)
    x = x if layout == "channels_last" else x.transpose(0, 3, 1, 2)
    options = (size, strides, padding, layout)
    _agree(lambda x: getattr(b, op)(x, *options), lambda x: COMPOSITIONS[op](b, x, *options), x)


def test_of_equal_entries_the_first_has_the_gradient() -> None:
    from jax import lax

    b = registry.get("jax")
    x = b.asarray(np.random.default_rng(0).integers(0, 2, (2, 6, 6, 3)).astype("float32"))

    def windowed(x: Any) -> Any:
        return lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    weights = b.asarray(np.random.default_rng(1).random((2, 3, 3, 3)).astype("float32"))
    ours = jax.grad(lambda x: (b.max_pool(x, 2) * weights).sum())(x)
    theirs = jax.grad(lambda x: (windowed(x) * weights).sum())(x)
    np.testing.assert_array_equal(ours, theirs)


def test_max_pool_of_nans_integers_and_bools() -> None:
    b = registry.get("jax")

    def pooled(values: list[Any], dtype: str) -> list[Any]:
        x = b.asarray(np.asarray(values, dtype).reshape(1, -1, 1))
        return np.asarray(b.max_pool(x, 2)).ravel().tolist()

    assert np.isnan(pooled([1.0, np.nan, np.nan, 1.0], "float32")).all()
    assert pooled([-5, -3, 2, 1], "int32") == [-3, 2]
    assert pooled([False, False, True, False], "bool") == [False, True]


def test_a_compiled_function_runs_within_the_users_own_compilation() -> None:
    b = registry.get("jax")
    inner = b.compile(lambda state, x: state + b.conv(x, x[:, :2, :2].reshape(2, 2, 1, 1)))
    x = b.asarray(np.arange(9.0, dtype="float32").reshape(1, 3, 3, 1))
    expected = inner(x[:, :2, :2], x)
    np.testing.assert_allclose(jax.jit(lambda x: inner(x[:, :2, :2], x))(x), expected)


def test_options_that_the_compiler_does_not_know_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jax_windows, "OWN_CONVOLUTION", {"xla_cpu_no_such_option": "1"})
    assert jax_windows.compiler_options.__wrapped__() is None
    monkeypatch.undo()
    (option,) = jax_windows.OWN_CONVOLUTION
    monkeypatch.setenv("XLA_FLAGS", f"--{option}=1")
    assert jax_windows.compiler_options.__wrapped__() is None
