"""The properties that every op has, over the table."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import config, dtypes, ops, tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import ARRAY_PRIMITIVES, COMPOSITIONS, Backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import UnsupportedError
from hornbeam.ops.record import RECORDS
from hornbeam.ops.structured import STRUCTURED
from tests.engines import ENGINES, TRAINABLE
from tests.ops import rows_basic, rows_more, rows_nn  # noqa: F401  (they fill ROWS)
from tests.ops.compare import assert_same_values, fits, on_engine, signature, to_numpy
from tests.ops.table import ROWS, Row, Spec

table = pytest.mark.parametrize("row", ROWS, ids=str)


def find(name: str, module: Any = ops) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


_references: dict[int, Any] = {}


def oracle(row: Row) -> Any:
    """The right answer, computed once for all engines."""
    if id(row) not in _references:
        _references[id(row)] = _oracle(row)
    return _references[id(row)]


def _oracle(row: Row) -> Any:
    args, kwargs = row.inputs()
    if row.reference is not None:
        wide = tree.map_structure(_widened, (args, kwargs))
        return row.reference(*wide[0], **wide[1])
    import keras

    result = find(row.op, keras.ops)(*args, **kwargs)
    return tree.map_structure(keras.ops.convert_to_numpy, result)


def _widened(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.dtype == np.float32:
        return leaf.astype(np.float64)
    return leaf


def skip_if_declared(row: Row, engine: str) -> None:
    if engine in row.skip:
        pytest.skip(row.skip[engine])


# ---------------------------------------------------------------------------------- values


@pytest.mark.parametrize("engine", ENGINES)
@table
def test_value_is_the_reference_and_arguments_are_untouched(row: Row, engine: str) -> None:
    skip_if_declared(row, engine)
    inputs = row.inputs()
    before = copy.deepcopy(inputs)
    with config.use_backend(engine), np.errstate(all="ignore"):  # NumPy warns of infinities
        args, kwargs = on_engine(engine, inputs)
        got = find(row.op)(*args, **kwargs)
        assert_same_values(got, oracle(row), row.rtol, row.atol, str(row))
        for kept, original in zip(to_numpy((args, kwargs)), to_numpy(before), strict=True):
            np.testing.assert_array_equal(kept, original)


# ------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("row", [r for r in ROWS if r.gradient], ids=str)
def test_gradient_is_that_of_finite_differences(row: Row, engine: str) -> None:
    skip_if_declared(row, engine)
    args, kwargs = row.inputs(np.float64)
    flat = tree.flatten((args, kwargs))
    places = [i for i, leaf in enumerate(flat) if _is_float(leaf)]
    assert places, f"{row} has no float argument: give it _gradient=False"
    rng = np.random.default_rng(0)

    def loss(values: list[Any]) -> Any:
        leaves = list(flat)
        for i, value in zip(places, values, strict=True):
            leaves[i] = value
        given = tree.pack_sequence_as((args, kwargs), leaves)
        parts = [
            leaf
            for leaf in tree.flatten(find(row.op)(*given[0], **given[1]))
            if ops.dtype(leaf) == "float64"
        ]
        return sum(ops.sum(ops.multiply(part, _weights(part.shape))) for part in parts)

    values = [flat[i] for i in places]
    directions = [rng.normal(size=v.shape) for v in values]
    step = 1e-5
    with config.use_backend("numpy"):
        ahead, behind = (
            float(loss([v + sign * step * d for v, d in zip(values, directions, strict=True)]))
            for sign in (1, -1)
        )
    with config.use_backend(engine):
        slope = hornbeam.grad(loss)
        slope = registry.get(engine).compile(slope) if row.jit else slope
        grads = slope(on_engine(engine, values))
    pairs = zip(to_numpy(grads), directions, strict=True)
    got = sum(float(np.sum(g * d)) for g, d in pairs)
    assert got == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-6)


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) and leaf.dtype == np.float64


def _weights(shape: Any) -> np.ndarray:
    size = int(np.prod(tuple(shape)))
    return np.cos(np.arange(size, dtype=np.float64) * 1.7 + 0.3).reshape(tuple(shape))


# -------------------------------------------------------------------- symbolic == computed

DTYPES = (
    """bool int8 int16 int32 int64 uint8 uint16 uint32 float16 bfloat16 float32 float64""".split()
)


def symbolic(inputs: Any, unknown: bool | str = False) -> Any:
    """`inputs` with KerasTensors for arrays, their first dimension left open if `unknown`."""
    lifted: list[KerasTensor] = []

    def lift(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        opened = unknown and leaf.ndim and not (unknown == "first" and lifted)
        shape = (None, *leaf.shape[1:]) if opened else leaf.shape
        lifted.append(KerasTensor(shape, dtypes.standardize(leaf.dtype)))
        return lifted[-1]

    return tree.map_structure(lift, inputs)


def in_dtype(row: Row, dtype: str) -> Any:
    """The inputs of `row` with the arrays that may vary in another dtype."""
    native = registry.get("numpy").native_dtype(dtype)
    args, kwargs = row.inputs()
    flags = [
        s.varies if isinstance(s, Spec) else False for s in tree.flatten((row.args, row.kwargs))
    ]
    whole = dtypes.is_int(dtype)  # and then not zero: it may be divided by
    leaves = [
        (np.ceil(np.abs(leaf)) if whole else np.abs(leaf)).astype(native) if vary else leaf
        for leaf, vary in zip(tree.flatten((args, kwargs)), flags, strict=True)
    ]
    return tree.pack_sequence_as((args, kwargs), leaves)


def outcome(call: Any) -> Any:
    """(shape, dtype) of each result, or the error."""
    try:
        with np.errstate(all="ignore"):
            return signature(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def abstract(row: Row, inputs: Any) -> Any:
    """The op on abstract JAX arrays: JAX's own idea of shapes and dtypes, without computing."""
    import jax

    flat = tree.flatten(inputs)
    places = [i for i, leaf in enumerate(flat) if isinstance(leaf, np.ndarray)]
    kept: list[Any] = []

    def run(values: list[Any]) -> Any:
        leaves = list(flat)
        for i, value in zip(places, values, strict=True):
            leaves[i] = value
        args, kwargs = tree.pack_sequence_as(inputs, leaves)
        kept[:] = tree.flatten(find(row.op)(*args, **kwargs))
        return kept

    with jax.enable_x64(True):
        avals = [jax.ShapeDtypeStruct(flat[i].shape, flat[i].dtype) for i in places]
        return jax.eval_shape(run, avals)


def has_arrays(row: Row) -> bool:
    return any(
        isinstance(leaf, (np.ndarray, Spec)) for leaf in tree.flatten((row.args, row.kwargs))
    )


@pytest.mark.parametrize("row", [r for r in ROWS if has_arrays(r)], ids=str)
def test_symbolic_shape_and_dtype_are_the_computed_ones(row: Row) -> None:
    inputs = row.inputs()
    with config.use_backend("numpy"), np.errstate(all="ignore"):
        computed = signature(find(row.op)(*inputs[0], **inputs[1]))
    args, kwargs = symbolic(inputs)
    static = signature(find(row.op)(*args, **kwargs))
    assert [d for _, d in static] == [d for _, d in computed]
    if row.unknown:
        assert static == computed
        args, kwargs = symbolic(inputs, unknown=row.unknown)
        opened = signature(find(row.op)(*args, **kwargs))
        for (shape, dtype), (real, real_dtype) in zip(opened, computed, strict=True):
            assert dtype == real_dtype
            assert fits(shape, real), f"{shape} is not {real}"
    else:
        for (shape, _), (real, _) in zip(static, computed, strict=True):
            assert fits(shape, real), f"{shape} is not {real}"


@pytest.mark.parametrize("floatx", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("row", [r for r in ROWS if r.dtypes], ids=str)
def test_all_engines_agree_about_dtypes(row: Row, floatx: str) -> None:
    varied = any(s.varies for s in row.specs())
    config.set_floatx(floatx)
    few = ["int32", "bool"] if varied else ["float32"]
    for dtype in DTYPES if varied and floatx == "float32" else few:
        inputs = in_dtype(row, dtype)
        with config.use_backend("numpy"):
            computed = outcome(lambda: find(row.op)(*inputs[0], **inputs[1]))  # noqa: B023
        args, kwargs = symbolic(inputs)
        inferred = outcome(lambda: find(row.op)(*args, **kwargs))  # noqa: B023
        if isinstance(computed, str) or isinstance(inferred, str):
            assert isinstance(computed, str), f"{dtype}: numpy {computed}, symbolic {inferred}"
            continue
        assert [d for _, d in inferred] == [d for _, d in computed], f"{dtype} on numpy"


def has_dtype(engine: str, dtype: str) -> bool:
    """Whether an engine knows a dtype at all; which ones it knows is asked in test_protocol.py."""
    try:
        registry.get(engine).native_dtype(dtype)
    except UnsupportedError:
        return False
    return True


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "numpy"])
@pytest.mark.parametrize("row", [r for r in ROWS if r.dtypes], ids=str)
def test_dtypes_are_those_of_numpy(row: Row, engine: str) -> None:
    """On JAX abstractly, which is quick, where that can be; elsewhere by computing."""
    skip_if_declared(row, engine)
    varied = any(s.varies for s in row.specs())
    for dtype in DTYPES if varied else ["float32"]:
        if not has_dtype(engine, dtype):
            continue
        inputs = in_dtype(row, dtype)
        with config.use_backend("numpy"):
            expected = outcome(lambda: find(row.op)(*inputs[0], **inputs[1]))  # noqa: B023
        if isinstance(expected, str) or (engine == "jax" and not row.jit):
            continue

        def computed() -> Any:
            if engine == "jax":
                return abstract(row, inputs)  # noqa: B023
            args, kwargs = on_engine(engine, inputs)  # noqa: B023
            return find(row.op)(*args, **kwargs)

        with config.use_backend(engine):
            assert outcome(computed) == expected, f"{dtype} on {engine}"


# ------------------------------------------------------------------- overrides, compilation


def overriding(engine: str) -> set[str]:
    """The ops that an engine does in its own way."""
    b = registry.get(engine)
    own = {name for name in COMPOSITIONS if name in type(b).__dict__}
    return own | {name for name in COMPOSITIONS if name in b.native}


@pytest.mark.parametrize(
    ("row", "engine"),
    [(r, e) for e in ENGINES for r in ROWS if r.op.rpartition(".")[2] in overriding(e)],
    ids=str,
)
def test_override_is_the_composition(row: Row, engine: str) -> None:
    name = row.op.rpartition(".")[2]
    skip_if_declared(row, engine)
    b = registry.get(engine)
    bound = RECORDS[name].signature.bind(*row.inputs()[0], **row.inputs()[1])
    bound.apply_defaults()
    inputs = on_engine(engine, bound.args)
    with np.errstate(all="ignore"):
        own = getattr(b, name)(*inputs)
        composed = COMPOSITIONS[name](b, *inputs)
    assert_same_values(own, tree.map_structure(b.to_numpy, composed), 1e-4, 1e-4, str(row))


@pytest.mark.parametrize("engine", ENGINES)
def test_overrides_are_few_and_say_why(engine: str) -> None:
    kind = type(registry.get(engine))
    own = {
        name: base.__dict__[name]
        for base in kind.__mro__
        if base.__module__ != "hornbeam.backends.protocol"
        for name in RECORDS
        if name in base.__dict__ and name not in ARRAY_PRIMITIVES and not hasattr(Backend, name)
    }
    assert len(own) <= 0.08 * len(RECORDS), f"{len(own)} of {len(RECORDS)} ops: {sorted(own)}"
    assert [name for name, method in own.items() if not method.__doc__] == []


def first_of_each_op(rows: list[Row]) -> list[Row]:
    """One row for each op: compiling takes its time."""
    return list({row.op: row for row in reversed(rows)}.values())[::-1]


@pytest.mark.parametrize("engine", [e for e in TRAINABLE if registry.get(e).compiled])
@pytest.mark.parametrize(
    "row", first_of_each_op([r for r in ROWS if r.jit and has_arrays(r)]), ids=str
)
def test_compiled_value_is_the_reference(row: Row, engine: str) -> None:
    skip_if_declared(row, engine)
    inputs = row.inputs()
    flat = tree.flatten(inputs)
    places = [i for i, leaf in enumerate(flat) if isinstance(leaf, np.ndarray)]

    def run(values: list[Any]) -> Any:
        leaves = list(flat)
        for i, value in zip(places, values, strict=True):
            leaves[i] = value
        args, kwargs = tree.pack_sequence_as(inputs, leaves)
        return tree.flatten(find(row.op)(*args, **kwargs))

    with config.use_backend(engine):
        values = on_engine(engine, [flat[i] for i in places])
        compiled = registry.get(engine).compile(run)(values)
        assert_same_values(compiled, oracle(row), row.rtol, row.atol, str(row))


# --------------------------------------------------------------------------------- the table


def test_the_table_has_a_row_for_every_op() -> None:
    tested = {r.op.rpartition(".")[2] for r in ROWS}
    random = {"elastic_transform"}  # see test_elastic.py
    assert sorted(set(RECORDS) - tested - random) == []


def test_structured_ops_are_known() -> None:
    assert set(STRUCTURED) >= {"cond", "scan", "while_loop", "map"}
