"""Every layer of the table on every engine: values, gradients, shapes, dtypes, configs and weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import hornbeam
from hornbeam import ops, tree
from tests.engines import ENGINES, TRAINABLE
from tests.layers.oracle import built, call, compare, compiled_result, oracle, training_argument
from tests.layers.table import ROWS, Row

rows = pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
engines = pytest.mark.parametrize("engine", ENGINES)


@rows
@engines
def test_outputs_are_those_of_keras(row: Row, engine: str) -> None:
    expected = oracle(row.name)
    with hornbeam.use_backend(engine):
        layer = built(row)
        assert [w.path.split("/", 1)[-1] for w in layer.weights] == expected.paths
        layer.set_weights(expected.weights)
        inputs = row.inputs()
        compare("output", call(layer, row, inputs), expected.result.outputs, row.tol)
        compare("the arguments", inputs, row.inputs(), 0)
        if engine not in TRAINABLE and not row.random:
            trained = call(layer, row, inputs, **training_argument(layer))
            compare("output in training", trained, expected.result.trained, row.tol)


@rows
@pytest.mark.parametrize("engine", TRAINABLE)
def test_compiled_gradients_and_state_are_those_of_keras(row: Row, engine: str) -> None:
    expected = oracle(row.name)
    with hornbeam.use_backend(engine) as backend:
        layer = built(row)
        layer.set_weights(expected.weights)
        got, compilations = compiled_result(row, layer, [backend.asarray(x) for x in row.inputs()])
    assert compilations == 1
    compare("output", got.outputs, expected.result.outputs, row.tol)
    compare("gradient", got.grads, expected.result.grads, 10 * row.tol)
    if not row.random:
        compare("output in training", got.trained, expected.result.trained, row.tol)
        compare("state after training", got.after, expected.result.after, row.tol)


@rows
def test_symbolic_shape_and_dtype_are_the_computed_ones(row: Row) -> None:
    inputs = row.inputs()
    with hornbeam.use_backend("numpy"):
        layer = built(row)
        outputs = call(layer, row, inputs)
        for opened in [(), (0,), (0, 1)] if row.time else [(), (0,)]:
            shapes = [[None if a in opened else d for a, d in enumerate(x.shape)] for x in inputs]
            tensors = [
                hornbeam.KerasTensor(s, str(x.dtype)) for s, x in zip(shapes, inputs, strict=True)
            ]
            for made in (layer, row.make(hornbeam.layers)):
                symbolic = tree.flatten(made(*row.arguments(tensors), **row.call))
                assert [s.dtype for s in symbolic] == [str(y.dtype) for y in outputs]
                for s, y in zip(symbolic, outputs, strict=True):
                    assert all(a in (None, b) for a, b in zip(s.shape, y.shape, strict=True)), (
                        s.shape
                    )
                    assert None not in (s.shape[1:] if opened == (0,) else s.shape) or 1 in opened


@pytest.mark.parametrize("row", [r for r in ROWS if r.shape_of], ids=lambda r: r.name)
def test_output_shape_is_found_without_a_trace(row: Row) -> None:
    with hornbeam.use_backend("numpy"):
        layer = row.make(hornbeam.layers)
        shapes = [tuple(x.shape) for x in row.inputs()]
        found = layer.compute_output_shape(*row.arguments(shapes))
        assert not layer.weights
        outputs = [
            ops.convert_to_numpy(y) for y in tree.flatten(layer(*row.arguments(row.inputs())))
        ]
        if not isinstance(found, tuple) or (found and isinstance(found[0], (tuple, list))):
            assert [tuple(s) for s in found] == [y.shape for y in outputs]
        else:
            assert [tuple(found)] == [y.shape for y in outputs]


@rows
def test_config_makes_an_equal_layer_and_has_the_keys_of_keras(row: Row) -> None:
    with hornbeam.use_backend("numpy"):
        layer = built(row)
        config = layer.get_config()
        again = type(layer).from_config(config)
        assert again.get_config() == config
        saved = hornbeam.saving.serialize_keras_object(layer)
        loaded = hornbeam.saving.deserialize_keras_object(saved)
        assert loaded.get_config() == config
        theirs = oracle(row.name).config
        assert set(theirs) - set(config) <= row.extra_keys | {"quantization_config"}
        known = {k: v for k, v in theirs.items() if k != "quantization_config"}
        from_theirs = type(layer).from_config(known)
        call(from_theirs, row, row.inputs())
        assert [w.shape for w in from_theirs.weights] == [w.shape for w in layer.weights]


@rows
def test_weights_survive_a_round_trip(row: Row) -> None:
    with hornbeam.use_backend("numpy"):
        first, second = built(row), built(row)
        second.set_weights(first.get_weights())
        compare("weights", second.get_weights(), first.get_weights(), 0)
        inputs = row.inputs()
        compare("output", call(second, row, inputs), call(first, row, inputs), 0)


@contextmanager
def policy_of(name: str) -> Iterator[None]:
    """A context in which `name` is the dtype policy of new layers."""
    before = hornbeam.dtype_policies.dtype_policy()
    hornbeam.dtype_policies.set_dtype_policy(name)
    try:
        yield
    finally:
        hornbeam.dtype_policies.set_dtype_policy(before)


POLICIES = ("mixed_bfloat16", "mixed_float16", "float16", "float64")
# Eager calls compile each op anew, so the engines with a compiler take every third row.
WHERE = [(row, "numpy", policy) for row in ROWS for policy in POLICIES]
WHERE += [
    (row, engine, policy)
    for engine in TRAINABLE
    for row in ROWS[::3]
    for policy in ("mixed_bfloat16", "float64")
]


@pytest.mark.parametrize(
    ("row", "engine", "policy"), WHERE, ids=lambda value: getattr(value, "name", value)
)
def test_dtype_policy(row: Row, engine: str, policy: str) -> None:
    expected = oracle(row.name)
    compute = policy.removeprefix("mixed_")
    with hornbeam.use_backend(engine), policy_of(policy):
        layer = built(row)
        layer.set_weights(expected.weights)
        outputs = tree.flatten(layer(*row.arguments(row.inputs()), **row.call))
        assert {ops.dtype(y) for y in outputs} == {compute}
        variable = "float32" if policy.startswith("mixed") else compute
        assert {w.dtype for w in layer.weights} <= {variable}
        got = [ops.convert_to_numpy(ops.cast(y, "float32")) for y in outputs]
    tol = row.tol if compute == "float64" else row.low_tol
    compare(policy, got, expected.result.outputs, tol)


MASKED = [r for r in ROWS if r.masked]


@pytest.mark.parametrize("row", MASKED, ids=lambda r: r.name)
@engines
def test_masked_steps_change_nothing(row: Row, engine: str) -> None:
    with hornbeam.use_backend(engine):
        layer = built(row)
        (x,) = row.inputs()
        steps = x.shape[1]
        mask = np.arange(steps)[None, :] < np.array([[steps - 2], [steps]])
        wide = mask.reshape(mask.shape + (1,) * (x.ndim - 2))
        spoiled = np.where(wide, x, 100.0).astype("float32")
        masked = call(layer, row, [spoiled], mask=mask)
        short = call(layer, row, [x[:1, : steps - 2]])
        whole = call(layer, row, [x[1:]])
        for got, a, b in zip(masked, short, whole, strict=True):
            kept = got[:1] if got.shape[1:] == a.shape[1:] else got[:1, : a.shape[1]]
            np.testing.assert_allclose(kept, a, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(got[1:], b, rtol=1e-5, atol=1e-5)


RANDOM = [r for r in ROWS if r.random]


@pytest.mark.parametrize("row", RANDOM, ids=lambda r: r.name)
@engines
def test_random_layers_act_in_training_only(row: Row, engine: str) -> None:
    with hornbeam.use_backend(engine):
        layer = built(row)
        still = [call(layer, row, row.inputs())[0] for _ in range(2)]
        moved = [call(layer, row, row.inputs(), training=True)[0] for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert (moved[0] != moved[1]).any(), "two calls in training drew the same numbers"
    assert (moved[0] != still[0]).any()
    assert np.isfinite(moved[0]).all()


def test_compare_finds_what_is_wrong() -> None:
    ones = np.ones((2, 3))
    compare("same", [ones], [ones], 0)
    for wrong in ([ones[:1]], [ones, ones], [ones + 1e-3], [ones * np.nan]):
        with pytest.raises(AssertionError):
            compare("different", wrong, [ones], 1e-5)
