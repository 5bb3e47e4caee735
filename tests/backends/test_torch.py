"""What is PyTorch's own: dtypes that it only stores, its graph, its generators, its overrides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import hornbeam
import hornbeam.layers.recurrent.loops  # registers the compositions
from hornbeam import dtypes, layers, losses, ops, optimizers, tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import COMPOSITIONS
from hornbeam.errors import InputError, MixedEnginesError, UnsupportedError
from tests.ops import rows_basic, rows_nn  # noqa: F401  (they fill ROWS)
from tests.ops.compare import assert_same_values, on_engine, signature
from tests.ops.table import ROWS
from tests.ops.test_table import find, in_dtype


@pytest.fixture(autouse=True)
def on_torch() -> Any:
    with hornbeam.use_backend("torch") as backend:
        yield backend


# ------------------------------------------------------------------------------ arrays and dtypes

STORED = [d for d in dtypes.ALL if d != "string"]


@pytest.mark.parametrize("dtype", STORED)
def test_arrays_go_there_and_back(dtype: str, on_torch: Any) -> None:
    values = np.array([[1, 0], [2, 3]]).astype(registry.get("numpy").native_dtype(dtype))
    there = on_torch.asarray(values)
    assert on_torch.dtype(there) == dtype
    assert there.dtype is on_torch.native_dtype(dtype)
    back = on_torch.to_numpy(there)
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back.astype("complex64"), values.astype("complex64"))


def test_memory_is_shared_with_nobody(on_torch: Any) -> None:
    ours = np.zeros(3, np.float32)
    there = on_torch.asarray(ours)
    ours[0] = 1
    back = on_torch.to_numpy(there)
    back[1] = 1
    assert there.tolist() == [0, 0, 0]


def test_odd_layouts(on_torch: Any) -> None:
    x = np.arange(6, dtype=">i4").reshape(2, 3)[::-1]
    assert on_torch.asarray(x).tolist() == x.tolist()


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "int64", "uint8", "uint16", "uint32", "bfloat16"]
)
@pytest.mark.parametrize("row", [r for r in ROWS if r.dtypes][::3], ids=str)
def test_dtypes_are_those_of_the_reference(row: Any, dtype: str) -> None:
    inputs = in_dtype(row, dtype)
    with hornbeam.use_backend("numpy"), np.errstate(all="ignore"):
        try:
            computed = signature(find(row.op)(*inputs[0], **inputs[1]))
        except Exception:
            pytest.skip("not for this dtype")
    args, kwargs = on_engine("torch", inputs)
    assert signature(find(row.op)(*args, **kwargs)) == computed


def test_uint64_up_to_a_point() -> None:
    x = np.array([3, 2**62], np.uint64)
    doubled = ops.maximum(x, np.array([5, 1], np.uint64))
    assert ops.dtype(doubled) == "uint64"
    assert ops.convert_to_numpy(doubled).tolist() == [5, 2**62]
    with pytest.raises(UnsupportedError, match=r"uint64 numbers from 2\*\*63 on"):
        ops.maximum(np.array([2**63], np.uint64), x)


def test_strings_are_refused(on_torch: Any) -> None:
    with pytest.raises(UnsupportedError, match="no arrays of dtype 'string'"):
        on_torch.asarray(np.array(["a"]))


KEYS = [
    slice(None, None, -1),
    (slice(4, 0, -2), 1),
    (..., slice(None, None, -1)),
    (None, 1, slice(2, None, -1)),
    (slice(1, 1, -1), slice(None, None, -3)),
    ([2, 0, -1], slice(None, None, -1)),
    (np.array([[True, False, True]] * 5), slice(None, None, -1)),
    (np.uint8(3), [0, 1], [1, 1]),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_is_numpys(key: Any, on_torch: Any) -> None:
    x = np.arange(60).reshape(5, 3, 4)
    found = on_torch.getitem(on_torch.asarray(x), key)
    np.testing.assert_array_equal(on_torch.to_numpy(found), x[key])


def test_two_engines_in_one_op() -> None:
    with hornbeam.use_backend("jax"):
        other = ops.ones(2)
    with pytest.raises(MixedEnginesError, match="'torch' and 'jax'"):
        ops.add(ops.ones(2), other)


# --------------------------------------------------------------------------------------- gradients


def test_users_graph_is_kept() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    ops.sum(ops.square(x) * 3).backward()
    assert x.grad.tolist() == [6, 12]


def test_a_gradient_in_the_users_graph() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    hornbeam.grad(lambda v: v**3)(x).backward()
    assert float(x.grad) == 12


def test_models_in_the_users_graph() -> None:
    model = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(1, use_bias=False)])
    x = torch.ones((1, 3), requires_grad=True)
    model(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0], model.weights[0].numpy()[:, 0])


def test_nothing_outside_hangs_on_a_graph() -> None:
    counter = hornbeam.Variable(0.0, trainable=False)
    w = hornbeam.Variable([1.0, 2.0])

    def loss() -> Any:
        counter.assign(ops.sum(w.value))
        return ops.sum(w.value**2), w.value * 2

    (value, aux), grads = hornbeam.value_and_grad(loss, has_aux=True)([w])
    tensors = [value, aux, *grads, counter.value]
    assert not any(t.requires_grad for t in tensors)
    assert w.value.is_leaf
    assert float(counter.value) == 3


def test_gradients_of_what_is_not_used() -> None:
    a, b = hornbeam.Variable([1.0]), hornbeam.Variable([[2.0]])
    _, grads = hornbeam.value_and_grad(lambda: ops.sum(a.value))([a, b])
    assert [g.tolist() for g in grads] == [[1.0], [[0.0]]]
    _, grads = hornbeam.value_and_grad(lambda: ops.sum(ops.stop_gradient(a.value)))([a, b])
    assert [g.tolist() for g in grads] == [[0.0], [[0.0]]]


def test_gradients_of_integers() -> None:
    with pytest.raises(InputError, match="floating numbers, got int32"):
        hornbeam.grad(ops.sum)(ops.array([1, 2]))


@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_gradients_of_gradients(engine: str) -> None:
    with hornbeam.use_backend(engine):
        third = hornbeam.grad(hornbeam.grad(hornbeam.grad(lambda x: x**4)))
        assert float(third(ops.array(2.0))) == 48
        mixed = hornbeam.grad(lambda y: hornbeam.grad(lambda x: x * x * y * y)(y * 1.0))
        assert float(mixed(ops.array(2.0))) == 3 * 2 * 4  # d/dy of 2 x y^2 at x = y


@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_custom_gradients_of_gradients(engine: str) -> None:
    @ops.custom_gradient
    def cube(x: Any) -> Any:
        return x**3, lambda upstream: upstream * 3 * x**2

    @ops.custom_gradient
    def scaled(x: Any, y: Any) -> Any:
        return (x * y, x + y), lambda up: (up[0] * 10, up[1] * 100)

    with hornbeam.use_backend(engine):
        x = ops.array(2.0)
        assert float(hornbeam.grad(cube)(x)) == 12
        assert float(hornbeam.grad(hornbeam.grad(cube))(x)) == 12
        found = hornbeam.grad(lambda p: sum(scaled(p[0], p[1])))([x, x])
        assert [float(g) for g in found] == [10, 100]


def test_complex_gradients_are_jaxs() -> None:
    found = []
    for engine in ("jax", "torch"):
        with hornbeam.use_backend(engine):
            z = ops.array(np.array([1 + 2j], np.complex64))
            gradient = hornbeam.grad(lambda z: ops.sum(ops.real(z * z)))(z)
            found.append(ops.convert_to_numpy(gradient))
    np.testing.assert_allclose(found[1], found[0])


def test_evaluation_builds_no_graph() -> None:
    seen = []

    class Watching(hornbeam.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            seen.append(torch.is_grad_enabled())
            return self.dense(x)

    model = Watching()
    model.compile("sgd", "mse")
    x, y = np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)
    model.train_on_batch(x, y)
    del seen[:]
    model.predict(x, verbose=0)
    model.evaluate(x, y, verbose=0)
    assert seen == [False, False]
    model.train_on_batch(x, y)
    assert seen[-1] is True


# ------------------------------------------------------------------------------------------ random


def test_keys_decide(on_torch: Any) -> None:
    draws = [
        lambda key: on_torch.random_uniform(key, (1000,), "float32"),
        lambda key: on_torch.random_normal(key, (1000,), "float64"),
        lambda key: on_torch.random_integers(key, (1000,), 0, 10),
        lambda key: on_torch.random_permutation(key, 1000),
    ]
    keys = [on_torch.asarray(np.array(k, np.uint32)) for k in ([1, 0], [1, 1], [2**32 - 1, 7])]
    for draw in draws:
        assert torch.equal(draw(keys[0]), draw(keys[0]))
        assert not torch.equal(draw(keys[0]), draw(keys[1]))
        assert not torch.equal(draw(keys[0]), draw(keys[2]))
    normal = draws[1](keys[0])
    assert abs(float(normal.mean())) < 0.1
    assert abs(float(normal.std()) - 1) < 0.1
    torch.manual_seed(0)
    state = torch.get_rng_state()
    draws[0](keys[0])
    assert torch.equal(torch.get_rng_state(), state)  # the user's own generator is left alone


# --------------------------------------------------------------------------------------- recurrence

TIME, BATCH, FEATURES, UNITS = 7, 4, 5, 6
MASKS = {
    "none": None,
    "full": np.ones((TIME, BATCH), bool),
    "end": np.arange(TIME)[:, None] < np.array([7, 3, 1, 5]),
    "empty": np.arange(TIME)[:, None] < np.array([7, 3, 0, 5]),
    "start": np.arange(TIME)[:, None] >= np.array([0, 3, 6, 5]),
    "holes": np.random.default_rng(5).random((TIME, BATCH)) > 0.4,
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("zero_output", [False, True])
@pytest.mark.parametrize("rested", [False, True])
@pytest.mark.parametrize("op", ["lstm", "gru", "lstm without bias", "gru without bias"])
def test_recurrent_layers_are_the_compositions(
    op: str, rested: bool, mask: str, zero_output: bool, on_torch: Any
) -> None:
    rng = np.random.default_rng(0)
    name, gates = op.partition(" ")[0], 4 if op.startswith("lstm") else 3
    shapes = [(TIME, BATCH, FEATURES), *[(BATCH, UNITS)] * (gates - 2)]
    shapes += [(FEATURES, gates * UNITS), (UNITS, gates * UNITS)]
    bias_shape = (gates * UNITS,) if gates == 4 else (2, gates * UNITS)
    values = [on_torch.asarray(0.3 * rng.standard_normal(s)) for s in (*shapes, bias_shape)]
    states: list[Any] = []
    if rested:  # zeros, and not among what is differentiated
        states, values[1 : gates - 1] = [torch.zeros_like(v) for v in values[1 : gates - 1]], []
    valid = None if MASKS[mask] is None else on_torch.asarray(MASKS[mask])

    def run(fn: Any) -> Any:
        def loss(values: list[Any]) -> Any:
            arrays = [values[0], *states, *values[1:-1]]
            bias = None if op.endswith("bias") else values[-1]
            parts = fn(*arrays, bias, valid, zero_output)
            weighted = [
                (p * torch.arange(p.numel(), dtype=p.dtype).reshape(p.shape).cos()).sum()
                for p in parts
            ]
            return sum(weighted), parts

        (_, parts), grads = on_torch.value_and_grad(loss, values)
        return [*parts, *grads]

    expected = run(lambda *args: COMPOSITIONS[name](on_torch, *args))
    for one, other in zip(run(getattr(on_torch, name)), expected, strict=True):
        torch.testing.assert_close(one, other)


# ------------------------------------------------------------------------- convolution and pooling


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize("spatial", [(9,), (8, 7), (6, 5, 4)])
@pytest.mark.parametrize(
    ("strides", "dilation", "groups"), [(1, 1, 1), (2, 1, 2), (1, 2, 1), (3, 1, 4)]
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_windows(
    padding: str,
    spatial: tuple[int, ...],
    strides: int,
    dilation: int,
    groups: int,
    data_format: str,
    on_torch: Any,
) -> None:
    if padding == "causal" and len(spatial) > 1:
        padding = "same"
    rng = np.random.default_rng(0)
    shape = (2, *spatial, 4) if data_format == "channels_last" else (2, 4, *spatial)
    x = on_torch.asarray(rng.standard_normal(shape))
    kernel = on_torch.asarray(rng.standard_normal((*(2, 3, 2)[: len(spatial)], 4 // groups, 8)))
    args = (x, kernel, strides, padding, data_format, dilation)
    torch.testing.assert_close(on_torch.conv(*args), COMPOSITIONS["conv"](on_torch, *args))
    if padding != "causal" and dilation == 1:
        for name in ("max_pool", "average_pool"):
            args = (x, (2, 3, 2)[: len(spatial)], strides, padding, data_format)
            own = getattr(on_torch, name)(*args)
            torch.testing.assert_close(own, COMPOSITIONS[name](on_torch, *args))


def test_convolutions_of_integers(on_torch: Any) -> None:
    x = on_torch.asarray(np.arange(5).reshape(1, 5, 1))
    assert on_torch.conv(x, on_torch.ones((2, 1, 1), "int64")).flatten().tolist() == [1, 3, 5, 7]


# -------------------------------------------------------------------------------------- everything


def test_a_loss_and_a_metric_follow_their_data() -> None:
    with hornbeam.use_backend("jax"):
        value = losses.MeanSquaredError()(torch.ones(2), torch.zeros(2))
    assert isinstance(value, torch.Tensor)
    assert_same_values(value, np.float32(1), 0, 0, "loss")


def test_scan_without_rows(on_torch: Any) -> None:
    with pytest.raises(ValueError, match="zero steps"):
        on_torch.scan(lambda c, x: (c, x), 0, torch.zeros((0, 2)))
    carry, ys = on_torch.scan(
        lambda c, _: (c + 1, c), torch.tensor(0), None, length=3, reverse=True
    )
    assert (int(carry), ys.tolist()) == (3, [2, 1, 0])
    assert tree.flatten(ys)


# --------------------------------------------------------------------------------- what boxes hold


def test_trainable_variables_hold_leaves_that_stay_themselves() -> None:
    w = hornbeam.Variable([1.0, 2.0])
    leaf = w.value
    assert isinstance(leaf, torch.nn.Parameter)
    assert leaf.requires_grad
    w.assign([3.0, 4.0])
    assert w.value is leaf
    assert leaf.tolist() == [3, 4]
    w.trainable = False
    assert w.value is leaf
    assert not leaf.requires_grad
    assert type(hornbeam.Variable(1, dtype="int32").value) is torch.Tensor
    assert type(hornbeam.Variable(1.0, trainable=False).value) is torch.Tensor


@pytest.mark.parametrize(
    "alias",
    [
        lambda w: w.value,
        lambda w: ops.stop_gradient(w),
        lambda w: ops.reshape(w, (2,)),
        lambda w: w.value.view(2),
    ],
)
def test_no_box_shares_memory_with_a_leaf(alias: Any) -> None:
    w = hornbeam.Variable([1.0, 2.0])
    copy = hornbeam.Variable(alias(w), trainable=False)
    later = hornbeam.Variable([0.0, 0.0], trainable=False)
    later.assign(alias(w))

    def loss() -> Any:
        within.assign(alias(w))
        return ops.sum(w * w)

    within = hornbeam.Variable([0.0, 0.0], trainable=False)
    hornbeam.value_and_grad(loss)([w])
    w.assign([5.0, 6.0])
    for box in (copy, later, within):
        assert box.numpy().tolist() == [1, 2]


def test_a_variable_of_a_variable_is_another_one() -> None:
    first = hornbeam.Variable([1.0])
    second = hornbeam.Variable(first.value)
    second.assign([2.0])
    assert first.numpy().tolist() == [1]


def test_state_keeps_no_graph_alive() -> None:
    w, mean = hornbeam.Variable([1.0]), hornbeam.Variable([0.0], trainable=False)
    for _ in range(3):
        mean.assign(mean * 0.5 + w)
        assert mean.value.grad_fn is None


RULES = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda: optimizers.RMSprop(0.1),
    "centered": lambda: optimizers.RMSprop(0.1, momentum=0.9, centered=True),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "adam": lambda: optimizers.Adam(0.1),
    "amsgrad": lambda: optimizers.Adam(0.1, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.1),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("layout", ["as it is", "transposed"])
def test_rules_for_all_variables_at_once(rule: str, layout: str, on_torch: Any) -> None:
    results = []
    for native in (True, False):
        rng = np.random.default_rng(0)
        shapes = [(3, 4), (5,)]
        boxes = [hornbeam.Variable(rng.normal(size=s).astype("float32")) for s in shapes]
        optimizer = RULES[rule]()
        if not native:  # a class with an `update` of its own is run by it
            kind = type(optimizer)
            optimizer.__class__ = type("Own", (kind,), {"update": kind.update})
        leaves = [box.value for box in boxes]
        for _ in range(4):
            grads = [torch.tensor(rng.normal(size=s).astype("float32")) for s in shapes]
            if layout == "transposed":
                grads[0] = grads[0].t().contiguous().t()
            optimizer.apply(grads, boxes)
        assert all(box.value is leaf for box, leaf in zip(boxes, leaves, strict=True))
        results.append([v.numpy() for v in (*boxes, *optimizer.variables)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_rules_overwrite_nothing_that_is_not_theirs() -> None:
    w = hornbeam.Variable([1.0])
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    optimizer.build([w])
    mine = torch.tensor([2.0])
    optimizer.variables[-1].assign(mine)
    optimizer.apply([torch.tensor([1.0])])
    assert mine.tolist() == [2]
    np.testing.assert_allclose(optimizer.variables[-1].numpy(), [1.7], rtol=1e-6)


def test_an_update_can_be_differentiated() -> None:
    w, x = hornbeam.Variable([2.0]), torch.tensor([3.0], requires_grad=True)
    optimizer = optimizers.SGD(0.1)
    optimizer.build([w])
    (new,), _ = optimizer.stateless_apply(
        [v.value for v in optimizer.variables], [x * x], [w.value]
    )
    new.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [-0.6], rtol=1e-6)
    assert w.numpy().tolist() == [2]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="float32").reshape(2, 3),
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.arange(6, dtype="uint16"),
        np.arange(6, dtype="float32").reshape(2, 3).T,
        np.ones(3, registry.get("numpy").native_dtype("bfloat16")),
        np.broadcast_to(np.float32(1), (3,)),
    ],
    ids=["plain", "other bytes", "unsigned", "transposed", "bfloat16", "read-only"],
)
def test_adopted_arrays_are_what_asarray_gives(array: Any, on_torch: Any) -> None:
    adopted, copied = on_torch.adopt(array), on_torch.asarray(array)
    assert adopted.dtype is copied.dtype
    assert torch.equal(adopted, copied)
    with torch.device("meta"):
        assert on_torch.adopt(array).device == on_torch.asarray(array).device


@pytest.mark.parametrize("shuffle", [True, False])
def test_steps_may_overwrite_batches_but_not_the_data(shuffle: bool) -> None:
    class Overwriting(hornbeam.Sequential):
        def train_step(self, data: Any) -> Any:
            seen.append(data[0].clone())
            data[0].zero_()
            return {"loss": ops.zeros(())}

    seen: list[Any] = []
    model = Overwriting([hornbeam.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(20, dtype="float32").reshape(10, 2)
    kept = x.copy()
    model.fit(x, np.ones((10, 1), "float32"), batch_size=4, shuffle=shuffle, epochs=2, verbose=0)
    np.testing.assert_array_equal(x, kept)
    for rows in (torch.cat(seen[-6:-3]), torch.cat(seen[-3:])):
        assert sorted(rows[:, 0].tolist()) == kept[:, 0].tolist()


def test_batches_that_were_picked_for_a_step_are_not_copied_again(monkeypatch: Any) -> None:
    from hornbeam.backends import torch_arrays

    def asarray(x: Any, dtype: Any = None) -> Any:
        copies.append(isinstance(x, np.ndarray))
        return whole(x, dtype)

    whole, copies = torch_arrays.asarray, []
    monkeypatch.setattr(torch_arrays, "asarray", asarray)
    model = hornbeam.Sequential([hornbeam.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((320, 2), "float32"), np.ones((320, 1), "float32")
    counts = []
    for shuffle in (True, False):
        copies.clear()
        model.fit(x, y, batch_size=8, shuffle=shuffle, verbose=0)
        counts.append(sum(copies))
    assert counts[0] < 40 < 80 <= counts[1]
