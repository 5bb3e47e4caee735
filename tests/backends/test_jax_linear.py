"""Primitives of the JAX backend: derivatives of any kind are those of JAX's own operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hornbeam.backends import jax_linear, jax_windows, registry, windows

jax = pytest.importorskip("jax")
PADS = ((1, 0), (2, 1))


def _conv(x: Any, kernel: Any) -> Any:
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), PADS, dimension_numbers=jax_linear.LAYOUT
    )


def _product(x: Any, kernel: Any) -> Any:
    assert jax_linear.is_thin(x, kernel)
    return jax_linear.matmul(x, kernel)


def _depthwise(x: Any, kernel: Any, stride: int) -> Any:
    plan = windows.plan(2, stride, 1, "channels_last")
    return jax_windows._depthwise_primitive().bind(x, kernel, plan=plan, pads=PADS)


def _grouped(x: Any, kernel: Any, stride: int) -> Any:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        PADS,
        dimension_numbers=jax_linear.LAYOUT,
        feature_group_count=x.shape[-1],
    )


PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[tuple[int, ...]]]] = {
    "conv": (lambda x, k: jax_linear.conv(x, k, PADS), _conv, [(2, 5, 6, 3), (3, 2, 3, 4)]),
    "bias": (jax_linear.plus_bias, lambda x, b: x + b, [(2, 5, 3), (3,)]),
    "bias of two axes": (jax_linear.plus_bias, lambda x, b: x + b, [(4, 5, 3), (5, 3)]),
    "scale": (jax_linear.times_scale, lambda x, w: x * w, [(2, 5, 4, 3), (3,)]),
    "columns": (
        lambda x, w: jax_linear.column_sums(x) * w,
        lambda x, w: x.sum((0, 1)) * w,
        [(2, 5, 3), (3,)],
    ),
    "depthwise": (
        lambda x, k: _depthwise(x, k, 1),
        lambda x, k: _grouped(x, k, 1),
        [(2, 5, 6, 3), (3, 2, 1, 3)],
    ),
    "depthwise by strides": (
        lambda x, k: _depthwise(x, k, 2),
        lambda x, k: _grouped(x, k, 2),
        [(2, 5, 6, 3), (3, 2, 1, 3)],
    ),
    "thin": (_product, lambda x, k: x @ k, [(6, 9), (9, 2)]),
}


def _derivatives(fn: Callable[..., Any], x: Any, w: Any) -> dict[str, Any]:
    def loss(x: Any, w: Any) -> Any:
        return (fn(x, w) ** 3).sum()

    slope = jax.grad(loss, argnums=(0, 1))
    rows = jax.numpy.stack([x, 2 * x])
    return {
        "value": fn(x, w),
        "reverse": slope(x, w),
        "forward": jax.jvp(fn, (x, w), (w.sum() * x, 2 * w))[1],
        "forward over reverse": jax.jvp(slope, (x, w), (x, w))[1],
        "reverse over reverse": jax.grad(lambda w: (slope(x, w)[1] ** 2).sum())(w),
        "mapped over x": jax.vmap(slope, (0, None))(rows, w),
        "mapped over both": jax.vmap(fn)(rows, jax.numpy.stack([w, -w])),
    }


@pytest.mark.parametrize("name", PAIRS)
def test_derivatives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax_linear, "SOME", 1)
    ours, theirs, shapes = PAIRS[name]
    rng = np.random.default_rng(0)
    arrays = [jax.numpy.asarray(rng.standard_normal(s).astype("float32")) for s in shapes]
    expected = jax.jit(lambda *a: _derivatives(theirs, *a))(*arrays)
    found = jax.jit(lambda *a: _derivatives(ours, *a))(*arrays)
    for kind, values in expected.items():
        for a, b in zip(jax.tree.leaves(found[kind]), jax.tree.leaves(values), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-2, err_msg=kind)


def test_large_biases_alone_are_added_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax_linear, "MANY", 24)
    zeros = jax.numpy.zeros
    assert jax_linear.is_bias(zeros((2, 4, 3)), zeros(3))
    assert not jax_linear.is_bias(zeros((2, 3, 3)), zeros(3))  # few
    assert not jax_linear.is_bias(zeros((2, 4, 3)), zeros(1))
    assert jax_linear.is_bias(zeros((2, 4, 3)), zeros((4, 3)))
    assert not jax_linear.is_bias(zeros((2, 4, 3)), zeros((2, 4, 3)))
    assert not jax_linear.is_bias(zeros((2, 4, 3)), zeros((1, 3)))
    assert not jax_linear.is_bias(zeros((2, 4, 3), "float16"), zeros(3, "float16"))
    assert not jax_linear.is_bias(zeros((2, 4, 3)), 1.0)


def test_sums_of_many_rows_alone_are_taken_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax_linear, "MANY", 24)
    zeros = jax.numpy.zeros
    assert jax_linear.is_columns(zeros((2, 4, 3)), (0, 1))
    assert jax_linear.is_columns(zeros((2, 4, 3)), [-2, 0])
    assert not jax_linear.is_columns(zeros((2, 3, 3)), (0, 1))  # few
    assert not jax_linear.is_columns(zeros((2, 4, 3)), (0, 2))
    assert not jax_linear.is_columns(zeros((2, 4, 3)), (0, 1, 2))
    assert not jax_linear.is_columns(zeros((2, 4, 3)), 0)
    assert not jax_linear.is_columns(zeros((2, 4, 3)), None)
    assert not jax_linear.is_columns(zeros((8, 3)), (0,))
    assert not jax_linear.is_columns(zeros((2, 4, 3), "float16"), (0, 1))


@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_of_rows_where_hornbeam_compiles(keepdims: bool) -> None:
    b = registry.get("jax")
    x = np.random.default_rng(0).standard_normal((4, 128, 8, 64)).astype("float32")
    seen: list[str] = []

    def both(x: Any) -> Any:
        def sums(x: Any) -> Any:
            return b.sum(x, (0, 1, 2), keepdims), b.mean(x, (0, 1, 2), keepdims)

        seen.append(str(jax.make_jaxpr(sums)(x)))
        return sums(x)

    for found, whole in zip(b.compile(both)(x), (np.sum, np.mean), strict=True):
        expected = whole(x.astype("float64"), axis=(0, 1, 2), keepdims=keepdims)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    on = jax_windows.compiler_options() is not None
    assert seen[0].count("hornbeam_columns") == 2 * on
    assert "hornbeam_columns" not in str(jax.make_jaxpr(lambda x: b.sum(x, (0, 1, 2)))(x))


def test_normalization_and_depthwise_convolutions_of_many_rows() -> None:
    """A step of a block of a mobile network: the same slopes as without any of these ways."""
    import hornbeam
    from hornbeam import layers

    if jax_windows.compiler_options() is None:
        pytest.skip("XLA does not compute on a CPU, or knows no such option")
    inputs = hornbeam.Input((16, 16, 8))
    x = layers.BatchNormalization()(layers.Conv2D(32, 1)(inputs))
    x = layers.DepthwiseConv2D(3, padding="same")(layers.ReLU(6.0)(x))
    x = layers.LayerNormalization()(layers.BatchNormalization()(x))
    model = hornbeam.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(x)))
    rng = np.random.default_rng(0)
    data = rng.standard_normal((32, 16, 16, 8)).astype("float32")
    state = (
        [v.value for v in model.trainable_variables],
        [v.value for v in model.non_trainable_variables],
    )
    found = []
    for own in (False, True):

        def slopes(trainable: Any, other: Any, x: Any, own: bool = own) -> Any:
            def loss(trainable: Any) -> Any:
                return (model.stateless_call(trainable, other, x, training=True)[0] ** 2).sum()

            token = jax_windows.in_own_compilation.set(own)
            try:
                return jax.grad(loss)(trainable)
            finally:
                jax_windows.in_own_compilation.reset(token)

        text = str(jax.make_jaxpr(slopes)(*state, data))
        for name in ("hornbeam_columns", "hornbeam_spread", "hornbeam_depthwise"):
            assert (name in text) == own
        found.append(jax.jit(slopes)(*state, data))
    for ours, plain in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, plain, rtol=2e-3, atol=2e-3)


def _slopes(shapes: list[tuple[int, ...]]) -> tuple[list[Any], bool]:
    """Values after a step down their squares, which takes their memory; whether it waits for all."""
    b = registry.get("jax")
    seen = []

    def step(values: list[Any]) -> Any:
        def sums(values: list[Any]) -> Any:
            return sum(b.sum(b.multiply(v, v)) for v in values), None

        seen.append(
            "name=_same" in str(jax.make_jaxpr(lambda v: b.value_and_grad(sums, v))(values))
        )
        (total, _), slopes = b.value_and_grad(sums, values)
        return [
            b.subtract(v, b.multiply(s, 0.25)) for v, s in zip(values, slopes, strict=True)
        ], total

    values, total = b.compile(step, donate=True)([b.ones(s, "float32") for s in shapes])
    assert total == sum(np.prod(s) for s in shapes)
    (together,) = seen
    return values, together


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([2**8, 2**8, 1], True),
        ([2**13, 2**13, 1], True),
        ([2**13, 2**13 + 1], False),  # much memory
        ([2**8, 2**8 - 1, 2**8 - 1], False),  # one, and small ones
    ],
)
def test_large_gradients_are_used_together(rows: list[int], expected: bool) -> None:
    values, together = _slopes([(n, 256) for n in rows])
    assert together == (expected and jax_windows.compiler_options() is not None)
    for value in values:
        np.testing.assert_array_equal(value, 0.5)


def test_few_columns_alone_are_multiplied_so() -> None:
    zeros = jax.numpy.zeros
    x = zeros((128, 128))
    assert jax_linear.is_thin(x, zeros((128, 2)))
    assert jax_linear.is_thin(x, zeros((128, 32)))
    assert not jax_linear.is_thin(x, zeros((128, 1)))  # a vector
    assert not jax_linear.is_thin(x, zeros((128, 33)))
    assert not jax_linear.is_thin(zeros((1024, 16)), zeros((16, 5)))  # x is as thin
    assert not jax_linear.is_thin(zeros((127, 128)), zeros((128, 2)))  # few numbers
    assert not jax_linear.is_thin(zeros((128, 128), "float16"), zeros((128, 2), "float16"))
    assert not jax_linear.is_thin(zeros(2**14), zeros((2**14, 2)))


def test_thin_kernels_are_multiplied_so_where_hornbeam_compiles() -> None:
    b = registry.get("jax")
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((2, 64, 128)), rng.standard_normal((128, 2))
    seen: list[bool] = []

    def slope(x: Any, kernel: Any) -> Any:
        seen.append("hornbeam_thin" in str(jax.make_jaxpr(b.matmul)(x, kernel)))
        return jax.grad(lambda kernel: b.sum(b.matmul(x, kernel) ** 2))(kernel)

    given = [b.asarray(a, "float32") for a in (x, kernel)]
    found = b.compile(slope)(*given)
    assert seen == [jax_windows.compiler_options() is not None]
    expected = 2 * np.einsum("abi,abo->io", x, x @ kernel)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)
    assert "hornbeam_thin" not in str(jax.make_jaxpr(b.matmul)(*given))


def test_where_hornbeam_compiles_the_sum_is_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax_linear, "MANY", 1)
    b = registry.get("jax")
    x, bias = b.ones((4, 3), "float32"), b.ones((3,), "float32")

    def is_product() -> bool:
        return "hornbeam_spread" in str(jax.make_jaxpr(lambda x, bias: b.add(x, bias))(x, bias))

    assert not is_product()
    found: list[bool] = []

    def own(x: Any, bias: Any) -> Any:
        found.append(is_product())
        return jax.grad(lambda bias: (b.add(x, bias) * x).sum())(bias)

    assert b.compile(own)(x, bias).tolist() == [4.0, 4.0, 4.0]
    assert found == [jax_windows.compiler_options() is not None]


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("abc,cde->abde", [(2, 3, 4), (4, 5, 6)]),
        ("abcd, cde -> abe", [(2, 3, 4, 5), (4, 5, 6)]),
        ("ab,bc->ac", [(2, 3), (3, 4)]),
        ("abc,dc->abd", [(2, 3, 4), (5, 4)]),
        ("abc,acd->abd", [(2, 3, 4), (2, 4, 5)]),
        ("abc,cd->adb", [(2, 3, 4), (4, 5)]),
        ("...c,cd->...d", [(2, 3, 4), (4, 5)]),
        ("abc,cd->", [(2, 3, 4), (4, 5)]),
        ("ab,cd->abcd", [(2, 3), (4, 5)]),
        ("abb->ab", [(2, 3, 3)]),
    ],
)
def test_einsum(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    b = registry.get("jax")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype("float32") for s in shapes]
    own = b.compile(lambda *arrays: b.einsum(subscripts, *arrays))
    expected = np.einsum(subscripts.replace(" ", ""), *arrays)
    np.testing.assert_allclose(own(*map(b.asarray, arrays)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 4), (4,), (2, 2, 3, 4)])
def test_matmul(shape: tuple[int, ...]) -> None:
    b = registry.get("jax")
    x, kernel = np.ones(shape, "float32"), np.arange(20, dtype="float32").reshape(4, 5)
    own = b.compile(lambda x, kernel: b.matmul(x, kernel))
    np.testing.assert_allclose(own(b.asarray(x), b.asarray(kernel)), x @ kernel)


@pytest.mark.parametrize("rows", [(2,), (2, 1), (0,), (2, 0)])
def test_matmul_of_nothing(rows: tuple[int, ...]) -> None:
    b = registry.get("jax")
    own = b.compile(lambda x, kernel: b.matmul(x, kernel))
    found = own(b.zeros((*rows, 0), "float32"), b.zeros((0, 3), "float32"))
    assert found.shape == (*rows, 3)
    assert not found.any()
