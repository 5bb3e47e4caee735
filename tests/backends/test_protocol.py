"""What `hornbeam.backends.protocol` asks of an engine, asked of each: the tests a new one begins with.

    HORNBEAM_TEST_ENGINES=mine python -m pytest tests/backends/test_protocol.py

Results are held to NumPy's: values, shapes and dtypes, for floats, integers, scalars and empty arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import (
    ARRAY_PRIMITIVES,
    ELEMENTWISE_BINARY,
    ELEMENTWISE_UNARY,
    REDUCTIONS,
    Backend,
)
from hornbeam.errors import UnsupportedError
from tests.engines import BEGINNERS

engines = pytest.mark.parametrize("engine", BEGINNERS)
trainable = pytest.mark.parametrize(
    "engine", [engine for engine in BEGINNERS if registry.get(engine).differentiable]
)

INTEGERS_ONLY = {"bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift"}
INTEGERS_ONLY |= {"right_shift"}
FLOATS_ONLY = set(ELEMENTWISE_UNARY) - INTEGERS_ONLY - {"abs", "negative", "sign", "square"}
FLOATS_ONLY -= {"logical_not", "conj", "real"}
FLOATS_ONLY |= {"divide", "arctan2", "power", "mean"}


def expected_unary(name: str) -> Callable[..., Any]:
    from scipy import special

    own = {"erf": special.erf, "erfinv": special.erfinv, "lgamma": special.gammaln}
    return own.get(name) or getattr(np, name)


def check(b: Backend, got: Any, expected: Any, tol: float = 2e-5) -> None:
    got, expected = tree.flatten(got), [np.asarray(e) for e in tree.flatten(expected)]
    assert len(got) == len(expected)
    for mine, right in zip(got, expected, strict=True):
        assert b.is_array(mine)
        assert tuple(b.shape(mine)) == right.shape
        assert b.dtype(mine) == str(right.dtype)
        np.testing.assert_allclose(b.to_numpy(mine), right, rtol=tol, atol=tol)


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(np.float32)


# ------------------------------------------------------------------------------ array primitives

INPUTS: dict[str, tuple[int, ...]] = {"matrix": (3, 4), "scalar": (), "empty": (0, 2)}


@engines
@pytest.mark.parametrize("shape", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("name", ELEMENTWISE_UNARY)
def test_unary(name: str, shape: tuple[int, ...], engine: str) -> None:
    b = registry.get(engine)
    x = floats(*shape)
    given = x + 1 if name == "arccosh" else x.astype(bool) if name == "logical_not" else x
    arrays = [] if name in INTEGERS_ONLY else [given]
    arrays += [] if name in FLOATS_ONLY else [(x * 10).astype(np.int32)]
    arrays += [x.astype(np.float64)] if name in FLOATS_ONLY - {"arccosh"} else []
    for array in arrays:
        with np.errstate(all="ignore"), b.wide():
            right = expected_unary(name)(array)
            check(b, getattr(b, name)(b.asarray(array)), np.asarray(right))


@engines
@pytest.mark.parametrize("name", ELEMENTWISE_BINARY)
def test_binary_broadcasts(name: str, engine: str) -> None:
    b = registry.get(engine)
    x, y = floats(3, 4) * 10, floats(2, 1, 4) * 3 + 1
    logical = name.startswith("logical")
    pairs = [] if name in INTEGERS_ONLY or logical else [(x, y), (x[0, 0], y), (x[:0], y)]
    pairs += [] if name in FLOATS_ONLY or logical else [(x.astype(np.int32), y.astype(np.int32))]
    pairs += [(x > 5, y > 2)] if logical or name.startswith("bitwise") else []
    if name in ("floor_divide", "mod"):
        pairs += [(-x, y), (-x.astype(np.int32), y.astype(np.int32))]
    for first, second in pairs:
        got = getattr(b, name)(b.asarray(np.asarray(first)), b.asarray(second))
        check(b, got, getattr(np, name)(first, second))


@engines
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 1, -2, (0, 2)], ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str, axis: Any, keepdims: bool, engine: str) -> None:
    if name.startswith("arg") and isinstance(axis, tuple):
        axis = 0
    b = registry.get(engine)
    x = floats(2, 3, 4)
    arrays = [x > 0.5] if name in ("all", "any") else [x]
    arrays += [] if name in ("all", "any", "mean") else [(x * 9).astype(np.int32)]
    for array in arrays:
        right = np.asarray(getattr(np, name)(array, axis=axis, keepdims=keepdims))
        if name.startswith("arg"):
            right = right.astype(np.int32)
            got = b.cast(getattr(b, name)(b.asarray(array), axis=axis, keepdims=keepdims), "int32")
        else:
            right = right.astype(array.dtype)
            got = getattr(b, name)(b.asarray(array), axis=axis, keepdims=keepdims)
            got = got if array.dtype == np.float32 else b.cast(got, str(array.dtype))
        check(b, got, right)


X = floats(3, 4)
CUBE = floats(2, 3, 4)
SQUARE = floats(2, 3, 3) + 2 * np.eye(3, dtype=np.float32)
POSITIVE = SQUARE @ np.swapaxes(SQUARE, -1, -2)
ROWS = np.array([2, 0, -1], np.int32)
PLACES = (np.array([0, 2, 2], np.int32), np.array([1, 3, 3], np.int32))
Call = Callable[[Backend, Callable[[Any], Any]], Any]


def scattered(ufunc: Any, repeated: bool = True) -> np.ndarray:
    result = X.copy()
    updates = np.array([5, 6, 7], np.float32)
    if ufunc is None:
        result[PLACES[0][:2], PLACES[1][:2]] = updates[:2]
    else:
        ufunc.at(result, PLACES, updates)
    return result


def scatter_call(name: str) -> Call:
    count = 2 if name == "scatter_set" else 3  # of two values for one place, neither need win
    updates = np.array([5, 6, 7], np.float32)[:count]
    return lambda b, a: getattr(b, name)(a(X), tuple(a(p[:count]) for p in PLACES), a(updates))


MARKS = np.arange(4, dtype=np.float32)
FOUND = {
    side: np.searchsorted(MARKS, np.floor(X * 3), side).astype(np.int32)  # type: ignore[call-overload]
    for side in ("left", "right")
}


def searched(side: str) -> Call:
    return lambda b, a: b.cast(b.searchsorted(a(MARKS), a(np.floor(X * 3)), side), "int32")


STRUCTURAL: dict[str, list[tuple[Call, Any]]] = {
    "reshape": [
        (lambda b, a: b.reshape(a(CUBE), (6, -1)), CUBE.reshape(6, 4)),
        (lambda b, a: b.reshape(a(X[:0]), (0, 2, 2)), X[:0].reshape(0, 2, 2)),
    ],
    "transpose": [
        (lambda b, a: b.transpose(a(CUBE)), CUBE.T),
        (lambda b, a: b.transpose(a(CUBE), (1, 0, 2)), CUBE.transpose(1, 0, 2)),
    ],
    "broadcast_to": [(lambda b, a: b.broadcast_to(a(X), (2, 3, 4)), np.broadcast_to(X, (2, 3, 4)))],
    "concatenate": [(lambda b, a: b.concatenate([a(X), a(X[:1])], 0), np.concatenate([X, X[:1]]))],
    "stack": [(lambda b, a: b.stack([a(X), a(X)], -1), np.stack([X, X], -1))],
    "expand_dims": [
        (lambda b, a: b.expand_dims(a(X), 1), X[:, None]),
        (lambda b, a: b.expand_dims(a(X), (0, -1)), X[None, :, :, None]),
    ],
    "squeeze": [
        (lambda b, a: b.squeeze(a(X[:1, :1])), X[0, 0]),
        (lambda b, a: b.squeeze(a(X[:1]), 0), X[0]),
    ],
    "flip": [
        (lambda b, a: b.flip(a(X)), np.flip(X)),
        (lambda b, a: b.flip(a(X), -1), np.flip(X, -1)),
    ],
    "pad": [
        (lambda b, a: b.pad(a(X), ((1, 0), (2, 1))), np.pad(X, ((1, 0), (2, 1)))),
        (
            lambda b, a: b.pad(a(X), ((0, 0), (1, 1)), "constant", 3.0),
            np.pad(X, ((0, 0), (1, 1)), constant_values=3),
        ),
        (
            lambda b, a: b.pad(a(X), ((1, 2), (0, 1)), "reflect"),
            np.pad(X, ((1, 2), (0, 1)), "reflect"),
        ),
        (
            lambda b, a: b.pad(a(X), ((2, 1), (1, 1)), "symmetric"),
            np.pad(X, ((2, 1), (1, 1)), "symmetric"),
        ),
    ],
    "where": [(lambda b, a: b.where(a(X > 0.5), a(X), a(-X)), np.where(X > 0.5, X, -X))],
    "getitem": [
        (
            lambda b, a: b.getitem(a(CUBE), (0, slice(None, None, 2), None, -1)),
            CUBE[0, ::2, None, -1],
        ),
        (lambda b, a: b.getitem(a(CUBE), (..., slice(1, 3))), CUBE[..., 1:3]),
        (lambda b, a: b.getitem(a(X), (slice(None, None, -1),)), X[::-1]),
        (lambda b, a: b.getitem(a(X), (a(ROWS),)), X[ROWS]),
        (lambda b, a: b.getitem(a(X), tuple(a(p) for p in PLACES)), X[PLACES]),
    ],
    "take": [(lambda b, a: b.take(a(X), a(ROWS), 0), np.take(X, ROWS, 0))],
    "take_along_axis": [
        (
            lambda b, a: b.take_along_axis(a(X), a(np.argsort(X, 1).astype(np.int32)), 1),
            np.sort(X, 1),
        )
    ],
    "scatter_add": [(scatter_call("scatter_add"), scattered(np.add))],
    "scatter_set": [(scatter_call("scatter_set"), scattered(None))],
    "scatter_max": [(scatter_call("scatter_max"), scattered(np.maximum))],
    "scatter_min": [(scatter_call("scatter_min"), scattered(np.minimum))],
    "scatter_multiply": [(scatter_call("scatter_multiply"), scattered(np.multiply))],
    "nonzero": [
        (
            lambda b, a: [b.cast(p, "int32") for p in b.nonzero(a(X > 0.5))],
            [p.astype(np.int32) for p in np.nonzero(X > 0.5)],
        )
    ],
    "slice": [
        (
            lambda b, a: b.slice(a(X), [a(np.int32(1)), a(np.int32(2))], (2, 2)),
            X[1:3, 2:4],
        )
    ],
    "slice_update": [
        (
            lambda b, a: b.slice_update(a(X * 0), [a(np.int32(1)), a(np.int32(0))], a(X[:2, :3])),
            np.pad(X[:2, :3], ((1, 0), (0, 1))),
        )
    ],
    "sort": [(lambda b, a: b.sort(a(X), 0), np.sort(X, 0))],
    "argsort": [
        (
            lambda b, a: b.cast(b.argsort(a(np.array([1, 0, 1, 0], np.float32))), "int32"),
            np.array([1, 3, 0, 2], np.int32),
        )
    ],
    "searchsorted": [(searched("left"), FOUND["left"]), (searched("right"), FOUND["right"])],
    "cumsum": [(lambda b, a: b.cumsum(a(X), 1), np.cumsum(X, 1))],
    "cumprod": [(lambda b, a: b.cumprod(a(X), 0), np.cumprod(X, 0))],
    "matmul": [
        (lambda b, a: b.matmul(a(CUBE), a(X.T)), CUBE @ X.T),
        (lambda b, a: b.matmul(a(X[0]), a(X[1])), X[0] @ X[1]),
    ],
    "einsum": [
        (lambda b, a: b.einsum("bij,kj->bik", a(CUBE), a(X)), np.einsum("bij,kj->bik", CUBE, X)),
        (lambda b, a: b.einsum("ii", a(SQUARE[0])), np.einsum("ii", SQUARE[0])),
    ],
    "cholesky": [(lambda b, a: b.cholesky(a(POSITIVE)), np.linalg.cholesky(POSITIVE))],
    "qr": [
        (lambda b, a: b.matmul(*b.qr(a(SQUARE), "reduced")), SQUARE),
        (lambda b, a: b.abs(b.qr(a(X.T), "complete")[0]), np.abs(np.linalg.qr(X.T, "complete")[0])),
    ],
    "svd": [(lambda b, a: b.svd(a(CUBE), False)[1], np.linalg.svd(CUBE, False)[1])],
    "eigh": [(lambda b, a: b.eigh(a(POSITIVE))[0], np.linalg.eigh(POSITIVE)[0])],
    "eig": [
        (
            lambda b, a: b.sum(b.eig(a(SQUARE))[0], -1),
            np.trace(SQUARE, axis1=-2, axis2=-1).astype(np.complex64),
        )
    ],
    "solve": [(lambda b, a: b.solve(a(SQUARE), a(CUBE)), np.linalg.solve(SQUARE, CUBE))],
    "solve_triangular": [
        (
            lambda b, a: b.solve_triangular(a(np.tril(SQUARE)), a(CUBE), True),
            np.linalg.solve(np.tril(SQUARE), CUBE),
        )
    ],
    "lu_factor": [
        (lambda b, a: b.abs(b.lu_factor(a(SQUARE))[0])[..., 0, 0], np.abs(SQUARE[..., 0]).max(-1))
    ],
    "fft": [
        (
            lambda b, a: b.fft(b.make_complex(a(X), a(X * 2))),
            np.fft.fft(X + 2j * X).astype(np.complex64),
        )
    ],
    "ifft": [
        (
            lambda b, a: b.ifft(b.make_complex(a(X), a(X * 2))),
            np.fft.ifft(X + 2j * X).astype(np.complex64),
        )
    ],
    "bitcast": [(lambda b, a: b.bitcast(a(X), "int32"), X.view(np.int32))],
    "nextafter": [(lambda b, a: b.nextafter(a(X), a(X + 1)), np.nextafter(X, X + 1))],
    "make_complex": [(lambda b, a: b.make_complex(a(X), a(X)), (X + 1j * X).astype(np.complex64))],
    "zeros": [(lambda b, a: b.zeros((2, 0), "int8"), np.zeros((2, 0), np.int8))],
    "ones": [(lambda b, a: b.ones((2,), "bool"), np.ones(2, bool))],
    "full": [(lambda b, a: b.full((2, 2), 7, "float32"), np.full((2, 2), 7, np.float32))],
    "arange": [
        (lambda b, a: b.arange(2, 9, 3, "int32"), np.arange(2, 9, 3, np.int32)),
        (lambda b, a: b.arange(3, 0, -1, "float32"), np.arange(3, 0, -1, np.float32)),
    ],
}


@engines
@pytest.mark.parametrize("name", STRUCTURAL)
def test_structural(name: str, engine: str) -> None:
    b = registry.get(engine)
    for call, expected in STRUCTURAL[name]:
        check(b, call(b, b.asarray), expected, 1e-4)


def test_every_primitive_is_asked_for() -> None:
    asked = {*ELEMENTWISE_UNARY, *ELEMENTWISE_BINARY, *REDUCTIONS, *STRUCTURAL}
    assert asked == set(ARRAY_PRIMITIVES)


# ----------------------------------------------------------------------------------- conversions

DTYPES = """bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 bfloat16 float32 float64
complex64 complex128 float8_e4m3fn float8_e5m2""".split()


def native(dtype: str) -> Any:
    return registry.get("numpy").native_dtype(dtype)


@engines
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_keep_their_dtype_and_come_back(dtype: str, engine: str) -> None:
    b = registry.get(engine)
    given = np.array([[0, 1, 96]]).astype(native(dtype))
    with b.wide():
        array = b.asarray(given)
        assert isinstance(array, b.array_types())
        assert b.dtype(array) == dtype
        assert b.is_concrete(array)
        back = b.to_numpy(array)
        shown = b.on_host(array)
        assert (shown.dtype, shown.shape) == (back.dtype, back.shape)
        np.testing.assert_array_equal(shown, back)
    assert back.dtype == given.dtype
    assert back.shape == given.shape
    assert np.array_equal(back, given)


@engines
def test_python_numbers_become_arrays(engine: str) -> None:
    b = registry.get(engine)
    made = {str(value): b.dtype(b.asarray(value)) for value in (1, 1.5, True)}
    assert made == {"1": "int32", "1.5": "float32", "True": "bool"}
    check(b, b.asarray([[1.0, 2.0]], "float32"), np.array([[1, 2]], np.float32))


@engines
@pytest.mark.parametrize("dtype", DTYPES)
def test_cast(dtype: str, engine: str) -> None:
    b = registry.get(engine)
    given = np.array([0.0, 1.75, 3.25], np.float32)
    with b.wide():
        cast = b.cast(b.asarray(given), dtype)
        assert b.dtype(cast) == dtype
        back = b.to_numpy(b.cast(cast, "float64" if "complex" not in dtype else dtype))
    expected = given.astype(native(dtype))
    assert np.array_equal(back, expected.astype(back.dtype)), (back, expected)


@engines
def test_what_an_engine_lacks_is_said_with_a_way_out(engine: str) -> None:
    b = registry.get(engine)
    with pytest.raises(UnsupportedError, match="has no 'no_such_primitive'. Use the 'jax' engine"):
        b.no_such_primitive()


@engines
def test_devices_are_named(engine: str) -> None:
    assert all(":" in device for device in registry.get(engine).devices())


# ------------------------------------------------------------------------ gradients, compilation


@trainable
def test_value_and_gradient_with_something_beside(engine: str) -> None:
    b = registry.get(engine)

    def fn(values: list[Any]) -> Any:
        x = values[0]
        return b.sum(b.square(x)), {"doubled": x + x}

    values = [b.asarray(X), b.asarray(X)]
    (value, aux), grads = b.value_and_grad(fn, values)
    check(b, [value, aux["doubled"], *grads], [np.sum(X * X), 2 * X, 2 * X, 0 * X])


@trainable
def test_gradient_of_a_gradient(engine: str) -> None:
    b = registry.get(engine)

    def slope(values: list[Any]) -> Any:
        def cube(inner: list[Any]) -> Any:
            return b.sum(inner[0] * inner[0] * inner[0]), None

        return b.sum(b.value_and_grad(cube, values)[1][0]), None

    check(b, b.value_and_grad(slope, [b.asarray(X)])[1][0], 6 * X)


@trainable
def test_stopped_and_custom_gradients(engine: str) -> None:
    b = registry.get(engine)

    def stopped(values: list[Any]) -> Any:
        return b.sum(values[0] * b.stop_gradient(values[0])), None

    def tripled(x: Any) -> Any:
        return x * x, lambda upstream: upstream * 3.0

    def custom(values: list[Any]) -> Any:
        return b.sum(b.custom_gradient(tripled)(values[0])), None

    check(b, b.value_and_grad(stopped, [b.asarray(X)])[1][0], X)
    check(b, b.value_and_grad(custom, [b.asarray(X)])[1][0], 0 * X + 3)


@trainable
def test_compiled_functions_take_nests_and_new_shapes(engine: str) -> None:
    b = registry.get(engine)

    def fn(state: Any, batch: Any) -> Any:
        return {"w": state["w"] + b.sum(batch["x"])}, [batch["x"] * 2.0]

    compiled = b.compile(fn, donate=True)
    for array in (X, CUBE):
        state, (doubled,) = compiled({"w": b.asarray(np.float32(1))}, {"x": b.asarray(array)})
        check(b, [state["w"], doubled], [np.float32(1 + array.sum()), 2 * array])


# ---------------------------------------------------------------------------------- control flow


def _both_ways(b: Backend, fn: Callable[..., Any]) -> list[Callable[..., Any]]:
    return [fn, b.compile(fn)] if b.differentiable else [fn]


@engines
def test_scan(engine: str) -> None:
    b = registry.get(engine)

    def run(start: Any, rows: Any, reverse: bool) -> Any:
        return b.scan(lambda c, x: (c + x, (c * x, None)), start, rows, reverse=reverse)

    for reverse in (False, True):
        for way in _both_ways(b, lambda s, r: run(s, r, reverse)[0]):  # noqa: B023
            check(b, way(b.asarray(X[0]), b.asarray(X)), X[0] + X.sum(0))
        rows = X[::-1] if reverse else X
        befores = X[0] + np.concatenate([0 * X[:1], np.cumsum(rows, 0)[:-1]])
        products = (befores * rows)[::-1] if reverse else befores * rows
        ys = run(b.asarray(X[0]), b.asarray(X), reverse)[1]
        check(b, ys[0], products)
        assert ys[1] is None


@engines
def test_cond_and_while(engine: str) -> None:
    b = registry.get(engine)

    def chosen(x: Any) -> Any:
        return b.cond(b.sum(x) > 0.0, lambda: x * 2.0, lambda: x - 1.0)

    def doubled(x: Any) -> Any:
        return b.while_loop(
            lambda s: b.sum(s[0]) < 100.0, lambda s: (s[0] * 2.0, s[1] + 1.0), (x, x)
        )

    for way in _both_ways(b, chosen):
        check(b, way(b.asarray(X)), 2 * X)
        check(b, way(b.asarray(-X)), -X - 1)
    turns = int(np.ceil(np.log2(100 / X.sum())))
    for way in _both_ways(b, doubled):
        check(b, way(b.asarray(X)), (X * 2**turns, X + turns))


@engines
def test_vmap(engine: str) -> None:
    b = registry.get(engine)
    mapped = b.vmap(lambda x, y: b.matmul(x, y) + 1.0)
    check(
        b,
        mapped(b.asarray(CUBE), b.asarray(CUBE.transpose(0, 2, 1))),
        CUBE @ CUBE.transpose(0, 2, 1) + 1,
    )


# ---------------------------------------------------------------------------------------- random


@engines
def test_random_numbers_are_functions_of_the_key(engine: str) -> None:
    b = registry.get(engine)

    def draw(word: int) -> list[np.ndarray]:
        key = b.asarray(np.array([word, 0], np.uint32))
        drawn = [
            b.random_uniform(key, (500,), "float32"),
            b.random_normal(key, (500,), "float32"),
            b.random_integers(key, (500,), -3, 4),
            b.random_bernoulli(key, (500,), 0.25),
            b.random_permutation(key, 50),
        ]
        kinds = ["float32", "float32", "int32", "bool", "int32"]
        assert [b.dtype(x) for x in drawn] == kinds
        return [b.to_numpy(x) for x in drawn]

    first, again, other = draw(1), draw(1), draw(2)
    for x, y, z in zip(first, again, other, strict=True):
        assert np.array_equal(x, y)
        assert not np.array_equal(x, z)
    uniform, normal, integers, bernoulli, order = first
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.1
    assert abs(normal.mean()) < 0.2
    assert abs(normal.std() - 1) < 0.2
    assert sorted(set(integers.tolist())) == list(range(-3, 4))
    assert abs(bernoulli.mean() - 0.25) < 0.1
    assert sorted(order.tolist()) == list(range(50))
