"""What TensorFlow computes in another way where arrays are large equals the compositions."""

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.backends import get
from hornbeam.backends.protocol import COMPOSITIONS

tf = pytest.importorskip("tensorflow")
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
