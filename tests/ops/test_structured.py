"""Control flow and functions of functions, on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import KerasTensor, config, ops
from hornbeam.backends import registry
from hornbeam.errors import InputError, MixedEnginesError
from tests.engines import ENGINES, TRAINABLE

engines = pytest.mark.parametrize("engine", ENGINES)
trainable = pytest.mark.parametrize("engine", TRAINABLE)


def on(engine: str, values: Any, dtype: str = "float32") -> Any:
    return registry.get(engine).asarray(np.asarray(values, dtype))


def listed(x: Any) -> Any:
    return ops.convert_to_numpy(x).tolist()


@engines
@pytest.mark.parametrize("value", [3.0, 1.0])
def test_cond_calls_the_chosen_branch(engine: str, value: float) -> None:
    x = on(engine, value)
    got = ops.cond(x > 2, lambda: {"a": x * 10}, lambda: {"a": x - 1})
    assert float(ops.convert_to_numpy(got["a"])) == (30.0 if value > 2 else 0.0)


@engines
@pytest.mark.parametrize(
    ("index", "expected"), [(-3, 1.0), (0, 1.0), (1, 20.0), (2, 300.0), (9, 300.0)]
)
def test_switch_clamps_the_index(engine: str, index: int, expected: float) -> None:
    branches = [lambda x: x, lambda x: 20.0 * x, lambda x: 300.0 * x]
    for given in (index, on(engine, index, "int32")):
        got = ops.switch(given, branches, on(engine, 1.0))
        assert float(ops.convert_to_numpy(got)) == expected


@engines
def test_while_loop_keeps_structure_and_stops(engine: str) -> None:
    start = (on(engine, 0, "int32"), {"s": on(engine, 1.0)})
    i, rest = ops.while_loop(lambda i, s: i < 10, lambda i, s: (i + 1, {"s": s["s"] * 2}), start)
    assert int(ops.convert_to_numpy(i)) == 10
    assert float(ops.convert_to_numpy(rest["s"])) == 1024.0
    i, rest = ops.while_loop(
        lambda i, s: i < 10, lambda i, s: (i + 1, {"s": s["s"] * 2}), start, maximum_iterations=3
    )
    assert int(ops.convert_to_numpy(i)) == 3
    single = ops.while_loop(lambda x: x < 5, lambda x: x + 2, on(engine, 0, "int32"))
    assert int(ops.convert_to_numpy(single)) == 6
    as_list = ops.while_loop(lambda x: x < 5, lambda x: [x + 2], [on(engine, 0, "int32")])
    assert isinstance(as_list, list)


@engines
def test_fori_loop_with_known_and_with_computed_ends(engine: str) -> None:
    for end in (5, on(engine, 5, "int32")):
        got = ops.fori_loop(1, end, lambda i, p: p * ops.cast(i, "float32"), on(engine, 1.0))
        assert float(ops.convert_to_numpy(got)) == 24.0
    untouched = ops.fori_loop(3, 3, lambda i, p: p * 0, on(engine, 7.0))
    assert float(ops.convert_to_numpy(untouched)) == 7.0


@trainable
def test_gradient_flows_through_loops(engine: str) -> None:
    with config.use_backend(engine):
        power = hornbeam.grad(lambda x: ops.fori_loop(0, 3, lambda i, y: y * x, ops.ones_like(x)))
        assert float(ops.convert_to_numpy(power(on(engine, 2.0)))) == pytest.approx(12.0)
        total = hornbeam.grad(
            lambda x: ops.scan(lambda c, v: (c + v * v, None), on(engine, 0.0), x)[0]
        )
        assert listed(total(on(engine, [1.0, 2.0, 3.0]))) == [2.0, 4.0, 6.0]


@engines
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_a_loop(engine: str, reverse: bool) -> None:
    xs = {"a": on(engine, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])}
    carry, ys = ops.scan(lambda c, x: (c + x["a"], c), on(engine, [0.0, 0.0]), xs, reverse=reverse)
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    state, expected = np.zeros(2), []
    for r in reversed(rows) if reverse else rows:
        expected.append(state.tolist())
        state = state + np.array(r)
    assert listed(carry) == state.tolist()
    assert listed(ys) == (expected[::-1] if reverse else expected)


@engines
def test_scan_without_inputs_or_outputs(engine: str) -> None:
    carry, ys = ops.scan(lambda c, _: (c * 2, None), on(engine, 1.0), length=4)
    assert float(ops.convert_to_numpy(carry)) == 16.0
    assert ys is None


def test_scan_says_what_is_wrong() -> None:
    with pytest.raises(InputError, match="needs `xs`, or `length`"):
        ops.scan(lambda c, x: (c, x), 0.0)
    with pytest.raises(InputError, match=r"different numbers of steps: \[2, 3\]"):
        ops.scan(lambda c, x: (c, x), 0.0, ops.ones(3), length=2)
    with pytest.raises(InputError, match="`unroll` of scan"):
        ops.scan(lambda c, x: (c, x), 0.0, ops.ones(3), unroll=0)
    with pytest.raises(InputError, match="needs a function"):
        ops.scan(3, 0.0, ops.ones(3))


@engines
@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_is_the_running_result(engine: str, size: int, reverse: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, size)).astype("float32")
    got = ops.associative_scan(ops.add, on(engine, x), reverse=reverse, axis=1)
    expected = np.cumsum(x[:, ::-1], 1)[:, ::-1] if reverse else np.cumsum(x, 1)
    np.testing.assert_allclose(ops.convert_to_numpy(got), expected, rtol=1e-5)


@engines
def test_associative_scan_of_pairs_solves_a_linear_recurrence(engine: str) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.normal(size=7).astype("float32") for _ in range(2))

    def combine(first: Any, second: Any) -> Any:
        return first[0] * second[0], second[0] * first[1] + second[1]

    _, got = ops.associative_scan(combine, (on(engine, a), on(engine, b)))
    state, expected = 0.0, []
    for factor, offset in zip(a, b):
        state = factor * state + offset
        expected.append(state)
    np.testing.assert_allclose(ops.convert_to_numpy(got), expected, rtol=1e-4)


@engines
@pytest.mark.parametrize("mapper", [ops.map, ops.vectorized_map])
def test_maps_stack_the_results(engine: str, mapper: Any) -> None:
    xs = {"a": on(engine, [[1.0, 2.0], [3.0, 4.0]]), "b": on(engine, [10.0, 20.0])}
    got = mapper(lambda x: (ops.sum(x["a"]) * x["b"], x["b"]), xs)
    assert listed(got[0]) == [30.0, 140.0]
    assert listed(got[1]) == [10.0, 20.0]


@engines
def test_vectorize_broadcasts_leading_axes(engine: str) -> None:
    with config.use_backend(engine):
        rng = np.random.default_rng(0)
        u, v = rng.normal(size=(2, 1, 3)).astype("f"), rng.normal(size=(4, 3)).astype("f")
        dot = ops.vectorize(lambda x, y: ops.sum(x * y), signature="(n),(n)->()")
        np.testing.assert_allclose(
            ops.convert_to_numpy(dot(u, v)), (u * v).sum(-1), rtol=1e-5, atol=1e-6
        )
        scaled = ops.vectorize(lambda x, factor: x * factor, excluded={1})
        np.testing.assert_allclose(ops.convert_to_numpy(scaled(v, 2.0)), v * 2.0)
    with pytest.raises(InputError, match="`signature` must be like"):
        ops.vectorize(ops.add, signature="(n->()")


@trainable
def test_custom_gradient_replaces_the_gradient(engine: str) -> None:
    @ops.custom_gradient
    def doubled(x: Any) -> Any:
        return x * 1.0, lambda upstream: upstream * 2.0

    with config.use_backend(engine):
        assert float(ops.convert_to_numpy(hornbeam.grad(doubled)(on(engine, 5.0)))) == 2.0


@trainable
def test_stop_gradient_stops_it(engine: str) -> None:
    with config.use_backend(engine):
        slope = hornbeam.grad(lambda x: ops.stop_gradient(x) * x)(on(engine, 3.0))
    assert float(ops.convert_to_numpy(slope)) == 3.0


@trainable
def test_jvp_is_the_directional_derivative(engine: str) -> None:
    def fun(x: Any, y: Any) -> Any:
        return {"a": ops.sin(x) * y, "b": ops.sum(y)}

    x, y, dx, dy = (
        np.asarray(v, "float32") for v in ([1.0, 2.0], [3.0, 4.0], [0.5, 0.0], [1.0, -1.0])
    )
    value, slope = ops.jvp(
        fun, tuple(on(engine, v) for v in (x, y)), tuple(on(engine, v) for v in (dx, dy))
    )
    np.testing.assert_allclose(ops.convert_to_numpy(value["a"]), np.sin(x) * y, rtol=1e-5)
    expected = np.cos(x) * dx * y + np.sin(x) * dy
    np.testing.assert_allclose(ops.convert_to_numpy(slope["a"]), expected, rtol=1e-5)
    assert float(ops.convert_to_numpy(slope["b"])) == pytest.approx(0.0)


def test_the_general_jvp_is_the_engines_own() -> None:
    from hornbeam.backends.protocol import Backend

    b = registry.get("jax")
    values, tangents = [b.asarray(np.float32([1.0, 2.0]))], [b.asarray(np.float32([0.5, -1.0]))]

    def fn(v: list[Any]) -> Any:
        return [b.sin(v[0]) * v[0]], "aux"

    own, general = b.jvp(fn, values, tangents), Backend.jvp(b, fn, values, tangents)
    np.testing.assert_allclose(own[1][0], general[1][0], rtol=1e-6)
    assert own[2] == general[2] == "aux"


def test_structured_ops_infer_shapes_and_leave_nodes() -> None:
    x = KerasTensor((None, 5, 3))
    total, ys = ops.scan(
        lambda c, v: (c + v, c), KerasTensor((None, 3)), ops.transpose(x, (1, 0, 2))
    )
    assert total.shape == (None, 3)
    assert ys.shape == (5, None, 3)
    mapped = ops.map(lambda v: ops.sum(v, axis=0), x)
    assert mapped.shape == (None, 3)
    assert mapped._node is not None
    assert ops.cond(KerasTensor((), "bool"), lambda: x, lambda: x).shape == (None, 5, 3)


def test_arrays_of_two_engines_do_not_mix() -> None:
    mine, other = on("numpy", 1.0), on("jax", 1.0)
    assert float(ops.add(mine, other)) == 2.0  # NumPy goes with every engine
    if len(TRAINABLE) > 1:
        first, second = TRAINABLE[:2]
        with pytest.raises(MixedEnginesError, match=rf"'{first}' and '{second}'"):
            ops.add(on(first, 1.0), on(second, 1.0))
        with pytest.raises(MixedEnginesError, match="two engines"):
            ops.scan(lambda c, x: (c, x), on(first, 1.0), on(second, [1.0]))


@pytest.mark.parametrize("engine", TRAINABLE)
def test_segment_prod_has_a_gradient_at_zeros(engine: str) -> None:
    with config.use_backend(engine):
        x = ops.convert_to_tensor(np.float32([2, 3, 0, 5, 0, 0, 7]))
        ids = np.int32([0, 0, 1, 1, 2, 2, 3])
        slope = hornbeam.grad(lambda x: ops.sum(ops.segment_prod(x, ids, num_segments=4)))(x)
        assert ops.convert_to_numpy(slope).tolist() == [3, 2, 5, 0, 0, 0, 1]
