"""What TensorFlow computes in another way, as arrays are large or small, equals the plain way."""

import gc

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.backends import get
from hornbeam.backends.protocol import COMPOSITIONS

tf = pytest.importorskip("tensorflow")
from tensorflow.python.eager import context as tf_context  # noqa: E402

from hornbeam.backends import tensorflow_arrays, tensorflow_compiled  # noqa: E402

ROWS, WIDTH = 512, 300


def drawn(*shape):
    return tf.constant(np.random.default_rng(0).standard_normal(shape).astype("float32"))


def with_gradient(fn, *values):
    with tf.GradientTape() as tape:
        tape.watch(values)
        out = fn(*values)
        total = tf.reduce_sum(out * tf.cos(out))
    return out, *tape.gradient(total, values)


def graph_of(compiled, *args):
    (function,) = compiled._functions.values()
    return str(function.run.get_concrete_function(*args).graph.as_graph_def())


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu(approximate):
    backend, x = get("tensorflow"), drawn(ROWS, WIDTH)
    compiled = backend.compile(lambda x: with_gradient(lambda x: backend.gelu(x, approximate), x))
    found = compiled(x)
    assert '"_XlaMustCompile"' in graph_of(compiled, x)
    expected = with_gradient(lambda x: COMPOSITIONS["gelu"](backend, x, approximate), x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("shape", [(300,), (1, 300), (1, 1, 300), (4, 300), (1, 4, 300)])
def test_a_bias_is_added_to_many_rows(shape):
    backend, x, bias = get("tensorflow"), drawn(ROWS // 4, 4, WIDTH), drawn(*shape)
    assert tensorflow_arrays.is_bias(x, bias)
    for run in (with_gradient, backend.compile(lambda *args: with_gradient(*args))):
        found = run(backend.add, x, bias)
        expected = with_gradient(tf.add, x, bias)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_what_is_no_bias():
    x = drawn(ROWS, WIDTH)
    others = [x, x[:, :1], drawn(WIDTH, 1), drawn(1), drawn(), drawn(1, 1, WIDTH), x[0, 0], 1.0]
    assert not any(tensorflow_arrays.is_bias(x, other) for other in others)
    assert not tensorflow_arrays.is_bias(x[:4], x[0])  # few rows
    assert not tensorflow_arrays.is_bias(tf.cast(x, "int32"), tf.cast(x[0], "int32"))
    assert not tensorflow_arrays.is_bias(x, tf.cast(x[0], "float64"))


@pytest.mark.parametrize(
    ("equation", "first", "second"),
    [
        ("abc,cde->abde", (2, 3, 4), (4, 5, 6)),
        ("abcd,cde->abe", (2, 3, 4, 5), (4, 5, 6)),
        ("abc,bc->a", (2, 3, 4), (3, 4)),
        ("btnh,bsnh->bnts", (2, 3, 4, 5), (2, 6, 4, 5)),
        ("bnts,bsnh->btnh", (2, 4, 3, 6), (2, 6, 4, 5)),
        ("ab,cb->ca", (2, 3), (4, 3)),
        ("ab, bc -> ac", (2, 3), (3, 4)),
        ("abc,dba->cd", (2, 3, 4), (5, 3, 2)),
    ],
)
def test_einsums_as_products_of_matrices(equation, first, second):
    x, y = drawn(*first), drawn(*second)
    found = tensorflow_arrays._as_matmul(equation, x, y)
    expected = np.einsum(equation, x.numpy(), y.numpy())
    assert tuple(found.shape) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("equation", "first", "second"),
    [
        ("ab,ab->ab", (2, 3), (2, 3)),
        ("aa,ab->b", (3, 3), (3, 2)),
        ("abc,cd->ad", (2, 3, 4), (4, 5)),
        ("ab,cd->abcd", (2, 3), (4, 5)),
        ("...a,ab->...b", (2, 3), (3, 4)),
    ],
)
def test_einsums_that_are_left_to_tensorflow(equation, first, second):
    x, y = drawn(*first), drawn(*second)
    assert tensorflow_arrays._as_matmul(equation, x, y) is None
    expected = np.einsum(equation, x.numpy(), y.numpy())
    np.testing.assert_allclose(tensorflow_arrays.einsum(equation, x, y), expected, rtol=1e-5)


def program_of(compiled):
    (function,) = compiled._functions.values()
    (program,) = function.programs.values()
    return program


def called(monkeypatch):
    """A list that gets True for each program called where it is, False for those in threads."""
    calls = []
    real, call = tf.raw_ops.StatefulPartitionedCall, tensorflow_compiled._Program.__call__

    def counted(*args, **kwargs):
        calls[-1] = True
        return real(*args, **kwargs)

    def counting(self, inputs):
        calls.append(False)
        return call(self, inputs)

    monkeypatch.setattr(tf.raw_ops, "StatefulPartitionedCall", counted)
    monkeypatch.setattr(tensorflow_compiled._Program, "__call__", counting)
    return calls


def test_light_programs_are_computed_where_they_are_called(monkeypatch):
    """In steps of training, with the same bits; heavy ones go to the threads."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, 8), "float32"), rng.integers(0, 4, 16)
    calls = called(monkeypatch)

    def trained(light):
        monkeypatch.setattr(tensorflow_compiled, "LIGHT", light)
        del calls[:]
        with hornbeam.use_backend("tensorflow"):
            hornbeam.utils.set_random_seed(1)
            model = hornbeam.Sequential(
                [
                    layers.Input((8,)),
                    layers.Dense(8, activation="relu"),
                    layers.BatchNormalization(),
                    layers.Dropout(0.2),
                    layers.Dense(4, activation="softmax"),
                ]
            )
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            logs = [model.train_on_batch(x, y) for _ in range(5)]
            logs += [model.test_on_batch(x, y), model.predict_on_batch(x), model.predict(x[:1])]
            return logs, model.get_weights()

    light = trained(2**21)
    assert len(calls) == 8
    assert all(calls)
    heavy = trained(0)
    assert len(calls) == 8
    assert not any(calls)
    for one, other in zip(*map(hornbeam.tree.flatten, (light, heavy)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_numbers_that_a_program_passes_on():
    """What goes in, two results, and perhaps one that is made ready for the outside."""
    backend = get("tensorflow")
    assert 3 <= tensorflow_compiled._numbers(graph(backend, 300)) // 120_000 <= 4
    assert 3 <= tensorflow_compiled._numbers(graph(backend, 1)) // 400 <= 4


def graph(backend, rows):
    compiled = backend.compile(lambda x: tf.exp(x) + 1.0)
    compiled(drawn(rows, 400))
    return program_of(compiled).traced.graph


def test_a_tape_sees_through_light_programs(monkeypatch):
    compiled = get("tensorflow").compile(lambda x: x**3)
    x, calls = drawn(4), called(monkeypatch)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = compiled(x)
    np.testing.assert_allclose(tape.gradient(y, x), 3 * x**2, rtol=1e-6)
    assert calls == [False]
    np.testing.assert_array_equal(compiled(x), y)
    assert calls == [False, True]


def test_a_light_program_within_a_graph(monkeypatch):
    compiled = get("tensorflow").compile(lambda x: x + 1)
    calls = called(monkeypatch)
    np.testing.assert_array_equal(tf.function(compiled)(tf.constant([1.0, 2.0])), [2.0, 3.0])
    assert calls == [False]


def test_a_light_program_without_results():
    backend, total = get("tensorflow"), tf.Variable(1.0)

    def add(x):
        total.assign_add(x)
        return {"state": total, "none": None}

    compiled = backend.compile(add)
    for expected in (3.0, 5.0):
        found = compiled(tf.constant(2.0))
        assert found["state"] is total
        assert found["none"] is None
        assert float(total) == expected
    assert program_of(compiled).here
    assert not program_of(compiled).dtypes


def test_what_light_programs_leave_is_cleared(monkeypatch):
    """Once for so many; those that live on are computed afterwards as before."""
    backend, x, kind = get("tensorflow"), drawn(2), tensorflow_compiled._Program
    living = backend.compile(lambda x: x + 0.5)
    expected = living(x)
    cleared = []
    clear = tf_context.context().clear_kernel_cache
    monkeypatch.setattr(tf_context.context(), "clear_kernel_cache", lambda: cleared.append(clear()))
    gc.collect()
    kind.left = 0
    for i in range(3 * kind.MAY_BE_LEFT):
        backend.compile(lambda x, i=i: x + i)(x)
        gc.collect()
    assert len(cleared) in (2, 3)
    np.testing.assert_array_equal(living(x), expected)


def test_errors_of_light_programs_say_where():
    def picked(i):
        return tf.gather(tf.eye(3), i)

    compiled = get("tensorflow").compile(picked)
    compiled(tf.constant([1, 2]))
    assert program_of(compiled).here
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"(?s)defined at .*in picked.* 5 is not"
    ):
        compiled(tf.constant([1, 5]))


@pytest.mark.parametrize("shape", [(1, 10), (32, 10), (4, 5, 6), (600, 100)])
def test_softmax(shape):
    """By one kernel where it is large."""
    backend, x = get("tensorflow"), 30 * drawn(*shape)
    compiled = backend.compile(lambda x: with_gradient(backend.softmax, x))
    found = compiled(x)
    assert ('op: "Softmax"' in graph_of(compiled, x)) == (shape == (600, 100))
    for one, other in zip(found, with_gradient(tf.nn.softmax, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["Adam", "RMSprop", "SGD", "Adagrad"])
def test_rules_as_one_kernel(kind, monkeypatch):
    """In steps and in fused loops, with the same weights as without XLA."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((64, 400), "float32"), rng.standard_normal((64, 200), "float32")

    def trained(large):
        monkeypatch.setattr(tensorflow_compiled, "LARGE", large)
        with hornbeam.use_backend("tensorflow"):
            hornbeam.utils.set_random_seed(1)
            model = hornbeam.Sequential([layers.Input((400,)), layers.Dense(200)])
            model.compile(getattr(hornbeam.optimizers, kind)(0.01), "mse")
            model.fit(x, y, batch_size=16, epochs=2, verbose=0)
            model.train_on_batch(x, y)
            assert model.count_params() > 2**16
            return ops.convert_to_numpy(model.layers[-1].kernel)

    plain = trained(2**40)
    found = trained(2**16)
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)


def test_small_arrays_are_not_compiled_again():
    def rule(x, y):
        return x + y

    found = []

    def traced(x):
        found.append(tensorflow_compiled.one_kernel(rule))
        return found[-1](x, x)

    backend = get("tensorflow")
    small, large = backend.compile(traced), backend.compile(traced)
    small(drawn(3))
    assert '"_XlaMustCompile"' not in graph_of(small, drawn(3))
    x = drawn(ROWS, WIDTH)
    np.testing.assert_allclose(large(x), 2 * x)
    assert '"_XlaMustCompile"' in graph_of(large, x)
    assert tensorflow_compiled.one_kernel(rule) is rule  # outside of graphs of our own
