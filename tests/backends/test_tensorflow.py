"""What is TensorFlow's own: tapes, graphs with open sizes, variables, XLA, its overrides."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import dtypes, layers, ops, optimizers
from hornbeam.backends import registry
from hornbeam.backends.protocol import COMPOSITIONS
from hornbeam.errors import InputError, MixedEnginesError, UnsupportedError
from tests.engines import ENGINES

if "tensorflow" not in ENGINES:
    pytest.skip("TensorFlow is not among the engines that are tested", allow_module_level=True)

import tensorflow as tf


@pytest.fixture(autouse=True)
def on_tensorflow() -> Any:
    with hornbeam.use_backend("tensorflow") as backend:
        yield backend


def mlp() -> Any:
    return hornbeam.Sequential(
        [
            hornbeam.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).standard_normal((32, 4)).astype(np.float32)
    return x, x.sum(1, keepdims=True)


# ------------------------------------------------------------------------------ arrays and dtypes


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d != "string"])
def test_arrays_go_there_and_back(dtype: str, on_tensorflow: Any) -> None:
    values = np.array([[1, 0], [2, 3]]).astype(registry.get("numpy").native_dtype(dtype))
    there = on_tensorflow.asarray(values)
    assert on_tensorflow.dtype(there) == dtype
    assert there.dtype is on_tensorflow.native_dtype(dtype)
    back = on_tensorflow.to_numpy(there)
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back.astype("complex64"), values.astype("complex64"))
    box = hornbeam.Variable(there, trainable=False)
    assert (box.dtype, box.numpy().tolist()) == (dtype, back.tolist())


@pytest.mark.parametrize("size", [3, 100_000])
def test_memory_is_shared_with_nobody(size: int, on_tensorflow: Any) -> None:
    ours = np.zeros(size, np.float32)
    there = on_tensorflow.asarray(ours)
    ours[0] = 1
    back = on_tensorflow.to_numpy(there)
    back[1] = 1
    assert float(tf.reduce_sum(there)) == 0


def test_uint64_up_to_a_point() -> None:
    x = np.array([3, 2**62], np.uint64)
    doubled = ops.maximum(x, np.array([5, 1], np.uint64))
    assert (ops.dtype(doubled), doubled.numpy().tolist()) == ("uint64", [5, 2**62])
    big = np.array([2**63 + 1], np.uint64)
    assert ops.convert_to_numpy(ops.add(big, big)).tolist() == [2]
    with pytest.raises(UnsupportedError, match=r"uint64 numbers from 2\*\*63 on"):
        ops.power(big, big)


def test_division_by_zero_stops_nothing() -> None:
    x = ops.array([7, -7, 0])
    assert ops.floor_divide(x, 0).numpy().tolist() == [0, 0, 0]
    assert ops.mod(x, ops.array([0, 3, 0])).numpy().tolist() == [0, 2, 0]


KEYS = [
    slice(None, None, -1),
    (slice(4, 0, -2), 1),
    (None, 1, slice(2, None, -1)),
    ([2, 0, -1], slice(None, None, -1)),
    ([0, 1], slice(None), [1, -1]),
    (slice(None), [0, 1], [1, -1]),
    (..., [0, 1]),
    (1, ..., [[0], [3]]),
    (np.array([[True, False, True]] * 5), slice(None, None, -1)),
    (np.uint8(3), [0, 1], [1, 1]),
    [],
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_is_numpys(key: Any, on_tensorflow: Any) -> None:
    x = np.arange(60).reshape(5, 3, 4)
    found = on_tensorflow.getitem(on_tensorflow.asarray(x), key)
    np.testing.assert_array_equal(on_tensorflow.to_numpy(found), x[key])


def test_two_engines_in_one_op() -> None:
    with hornbeam.use_backend("numpy"):
        assert ops.add(tf.ones(2), np.ones(2, np.float32)).numpy().tolist() == [2, 2]
    if "jax" in ENGINES:
        with hornbeam.use_backend("jax"):
            other = ops.ones(2)
        with pytest.raises(MixedEnginesError, match="'tensorflow' and 'jax'"):
            ops.add(ops.ones(2), other)


def test_its_own_variables_go_into_ops() -> None:
    held = tf.Variable([[1.0, 4.0]])
    assert ops.sqrt(held).numpy().tolist() == [[1, 2]]
    assert ops.add(held, 1).numpy().tolist() == [[2, 5]]


# --------------------------------------------------------------------------------------- gradients


def test_gradients_of_integers() -> None:
    with pytest.raises(InputError, match="floating numbers, got int32"):
        hornbeam.grad(ops.sum)(ops.array([1, 2]))


def test_gradients_of_one_array_twice_and_of_rows() -> None:
    x = ops.array([2.0, 3.0])
    first, second = hornbeam.grad(lambda p: ops.sum(p[0] * p[0] * p[1]))([x, x])
    assert (first.numpy().tolist(), second.numpy().tolist()) == ([8, 18], [4, 9])
    rows = hornbeam.grad(lambda t: ops.sum(ops.take(t, [0, 0, 1], axis=0)))(ops.ones((3, 1)))
    assert isinstance(rows, tf.Tensor)
    assert rows.numpy().tolist() == [[2], [1], [0]]


def test_gradients_of_gradients() -> None:
    third = hornbeam.grad(hornbeam.grad(hornbeam.grad(lambda x: x**4)))
    assert float(third(ops.array(2.0))) == 48


def test_custom_gradients_of_gradients() -> None:
    @ops.custom_gradient
    def cube(x: Any) -> Any:
        return x**3, lambda upstream: upstream * 3 * x**2

    x = ops.array(2.0)
    assert float(hornbeam.grad(cube)(x)) == 12
    assert float(hornbeam.grad(hornbeam.grad(cube))(x)) == 12

    @ops.custom_gradient
    def wrong(x: Any) -> Any:
        return x, lambda upstream: (upstream, upstream)

    with pytest.raises(InputError, match="one gradient per argument: 1, got 2"):
        hornbeam.grad(wrong)(x)


def test_a_tape_sees_our_variables() -> None:
    model = mlp()
    x, y = data()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    grads = tape.gradient(loss, model.trainable_weights)
    _, expected = hornbeam.value_and_grad(lambda: ops.mean(ops.square(model(x) - y)))(
        model.trainable_variables
    )
    for one, other in zip(grads, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)
    optimizer = optimizers.SGD(0.1)
    before = model.weights[0].numpy()
    optimizer.apply(grads, model.trainable_weights)
    np.testing.assert_allclose(model.weights[0].numpy(), before - 0.1 * grads[0].numpy(), atol=1e-6)


def test_variables_go_into_its_own_functions() -> None:
    w = hornbeam.Variable([[2.0]])
    with tf.GradientTape() as tape:
        out = tf.matmul(tf.constant([[3.0]]), w) + tf.constant(1.0) * w
    assert out.numpy().tolist() == [[8]]
    assert tape.gradient(out, w).numpy().tolist() == [[4]]
    assert tf.convert_to_tensor(w, tf.float32).numpy().tolist() == [[2]]


class Taped(hornbeam.Model):
    """A training step as it was written for TensorFlow."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = layers.Dense(8, activation="tanh")
        self.last = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.last(self.hidden(x))

    def train_step(self, batch: Any) -> dict[str, Any]:
        x, y = batch[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(grads, self.trainable_weights)
        return {"loss": loss}


class Plain(Taped):
    def train_step(self, batch: Any) -> dict[str, Any]:
        x, y = batch[:2]
        value, grads = hornbeam.value_and_grad(lambda: ops.mean(ops.square(self(x) - y)))(
            self.trainable_variables
        )
        self.optimizer.apply(grads, self.trainable_variables)
        return {"loss": value}


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_with_a_tape(eagerly: bool) -> None:
    x, y = data()
    curves = []
    for kind in (Taped, Plain):
        hornbeam.utils.set_random_seed(1)
        model = kind()
        model.compile(optimizers.Adam(0.05), run_eagerly=eagerly)
        history = model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
        curves.append(history.history["loss"])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-5)
    assert curves[0][-1] < curves[0][0]


# ------------------------------------------------------------------------------------------ graphs


def test_a_loop_of_the_users_own() -> None:
    """Built, run, differentiated and updated within `tf.function`, states included."""
    x, y = data()
    hornbeam.utils.set_random_seed(1)
    model = hornbeam.Sequential(
        [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(1)]
    )
    optimizer = optimizers.Adam(0.05)
    traces = []

    @tf.function
    def step(x: Any, y: Any) -> Any:
        traces.append(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
        grads = tape.gradient(loss, model.trainable_weights)
        optimizer.apply(grads, model.trainable_weights)
        return loss

    found = [float(step(tf.constant(x), tf.constant(y))) for _ in range(20)]
    assert found[-1] < 0.7 * found[0]
    assert int(optimizer.iterations.numpy()) == 20
    assert np.abs(model.layers[1].moving_mean.numpy()).max() > 0
    seeds = model.layers[2].seed_generator.state.numpy()
    assert seeds[1] == 20
    assert len(traces) <= 2  # the first makes the variables


def test_open_sizes() -> None:
    model = hornbeam.Sequential(
        [
            hornbeam.Input((6, 4)),
            layers.Conv1D(4, 3, padding="same", activation="relu"),
            layers.LSTM(5, return_sequences=True),
            layers.Dense(3),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(2, activation="softmax"),
        ]
    )
    x = np.random.default_rng(0).standard_normal((7, 6, 4)).astype(np.float32)
    expected = model.predict(x, verbose=0)
    rows = tf.data.Dataset.from_tensor_slices(x).batch(3).map(lambda b: model(b))
    assert rows.element_spec.shape.as_list() == [None, 2]
    found = list(rows)
    assert [len(batch) for batch in found] == [3, 3, 1]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)

    @tf.function(input_signature=[tf.TensorSpec((None, 6, 4))])
    def trained(batch: Any) -> Any:
        return model(batch, training=True)

    assert trained(x).shape == (7, 2)


def test_compositions_with_open_sizes() -> None:
    def run(x: Any) -> Any:
        shape = ops.shape(x)
        flat = ops.reshape(x, (shape[0], -1))
        tiled = ops.broadcast_to(ops.expand_dims(flat, 1), (shape[0], 2, 12))
        return tiled + ops.zeros((shape[0], 1, 1)), ops.softmax(ops.transpose(flat))

    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    traced = tf.function(run, input_signature=[tf.TensorSpec((None, 3, 4))])
    for one, other in zip(traced(x), run(ops.array(x)), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy())


def test_equal_signatures_are_traced_once(on_tensorflow: Any) -> None:
    def fn(state: Any, batch: Any) -> Any:
        return [state[0] + ops.sum(batch["x"])], None

    compiled = on_tensorflow.compile(fn, donate=True)
    held = tf.Variable(0.0)
    for turn in range(1, 4):
        (new,), nothing = compiled([held], {"x": np.ones(3, np.float32)})
        assert new is held
        assert nothing is None
        assert float(held) == 3 * turn
    assert compiled.compilations() == 1
    compiled([held], {"x": np.ones(4, np.float32)})
    compiled([held], {"x": 1.5})
    compiled([held], {"x": 2.5})
    assert compiled.compilations() == 3


def test_a_step_is_traced_once_per_shape() -> None:
    model = mlp()
    model.compile("adam", "mse")
    x, y = data()
    for _ in range(3):
        model.train_on_batch(x[:8], y[:8])
    assert model._step("train")._run.compilations() == 1


@pytest.mark.parametrize("choice", [False, True, "auto"])
def test_xla_by_choice(choice: Any) -> None:
    x, y = data()
    curves = []
    for options in ({"jit_compile": choice}, {"run_eagerly": True}):
        hornbeam.utils.set_random_seed(1)
        model = mlp()
        model.layers[2].rate = 0  # XLA draws other numbers from the same key
        model.compile(optimizers.SGD(0.01), "mse", **options)
        curves.append(model.fit(x, y, epochs=2, shuffle=False, verbose=0).history["loss"])
        if "jit_compile" in options:
            assert model._step("train")._run.xla is (choice is True)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-4)


def test_scan_without_rows(on_tensorflow: Any) -> None:
    with pytest.raises(ValueError, match="zero steps"):
        on_tensorflow.scan(lambda c, x: (c, x), tf.constant(0), tf.zeros((0, 2)))
    carry, ys = on_tensorflow.scan(
        lambda c, _: (c + 1, c), tf.constant(0), None, length=3, reverse=True
    )
    assert (int(carry), ys.numpy().tolist()) == (3, [2, 1, 0])


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
    on_tensorflow: Any,
) -> None:
    if padding == "causal" and len(spatial) > 1:
        padding = "same"
    b = on_tensorflow
    rng = np.random.default_rng(0)
    shape = (2, *spatial, 4) if data_format == "channels_last" else (2, 4, *spatial)
    x = b.asarray(rng.standard_normal(shape).astype(np.float32))
    window = (2, 3, 2)[: len(spatial)]
    kernel = b.asarray(rng.standard_normal((*window, 4 // groups, 8)).astype(np.float32))
    cases = [("conv", (x, kernel, strides, padding, data_format, dilation))]
    if padding != "causal" and dilation == 1:
        pools = ("max_pool", "average_pool")
        cases += [(name, (x, window, strides, padding, data_format)) for name in pools]
    for name, args in cases:
        found = []
        for fn in (getattr(b, name), lambda *a, name=name: COMPOSITIONS[name](b, *a)):
            with tf.GradientTape() as tape:
                tape.watch(x)
                out = fn(*args)
                loss = tf.reduce_sum(out**2)
            found.append((out, tape.gradient(loss, x)))
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-4)


# ---------------------------------------------------------------------------------------- imports

QUIET = """
import os, sys
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
import hornbeam
assert "tensorflow" not in sys.modules
hornbeam.config.set_backend("tensorflow")
print(hornbeam.ops.ones(2).numpy().tolist(), os.environ["TF_CPP_MIN_LOG_LEVEL"])
print(sorted({"torch", "pytensor", "jax", "keras"} & set(sys.modules)))
"""


def test_importing_brings_in_no_other_engine() -> None:
    result = subprocess.run(
        [sys.executable, "-c", QUIET], capture_output=True, text=True, check=True
    )
    assert result.stdout.split("\n")[:2] == ["[1.0, 1.0] 2", "[]"]
