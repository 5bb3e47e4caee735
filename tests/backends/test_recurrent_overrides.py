"""Recurrent layers written by hand for an engine equal the compositions, in value and gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hornbeam.layers.recurrent.loops  # noqa: F401  (registers the compositions)
from hornbeam.backends import get
from hornbeam.backends.protocol import COMPOSITIONS

TIME, BATCH, FEATURES, UNITS = 7, 4, 5, 6


def arguments():
    rng = np.random.default_rng(0)

    def draw(*shape):
        return jnp.asarray(0.3 * rng.standard_normal(shape).astype(np.float32))

    arrays = [
        draw(TIME, BATCH, FEATURES),
        draw(BATCH, UNITS),
        draw(BATCH, UNITS),
        draw(FEATURES, 4 * UNITS),
        draw(UNITS, 4 * UNITS),
        draw(4 * UNITS),
    ]
    return arrays, jnp.asarray(rng.random((TIME, BATCH)) > 0.4)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("zero_output", [False, True])
def test_lstm(masked, zero_output):
    backend = get("jax")
    arrays, mask = arguments()
    mask = mask if masked else None

    def loss(fn, arrays):
        last, outputs, h, c = fn(*arrays, mask, zero_output)
        weights = jnp.arange(outputs.size, dtype=jnp.float32).reshape(outputs.shape) / 100
        return jnp.sum(outputs * weights) + 2 * jnp.sum(last) + 3 * jnp.sum(h * h) + jnp.sum(c * c)

    def composed(*args):
        return COMPOSITIONS["lstm"](backend, *args)

    expected, expected_grads = jax.value_and_grad(lambda a: loss(composed, a))(arrays)
    found, grads = jax.value_and_grad(lambda a: loss(backend.lstm, a))(arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for one, other in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    wrong = [arrays[0], *[a + 1 for a in arrays[1:]]]
    assert abs(loss(backend.lstm, wrong) - expected) > 1e-3  # the comparison can fail


def test_lstm_in_half_precision():
    backend = get("jax")
    arrays, _ = arguments()
    halves = [a.astype(jnp.bfloat16) for a in arrays]
    last, outputs, _, _ = backend.lstm(*halves)
    expected, *_ = COMPOSITIONS["lstm"](backend, *arrays)
    assert last.dtype == outputs.dtype == jnp.bfloat16
    np.testing.assert_allclose(last.astype(jnp.float32), expected, atol=0.03)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("zero_output", [False, True])
def test_lstm_on_tensorflow(masked, zero_output, dtype):
    tf = pytest.importorskip("tensorflow")
    backend = get("tensorflow")
    arrays, mask = arguments()
    arrays = [tf.constant(np.asarray(a), dtype) for a in arrays]
    mask = tf.constant(np.asarray(mask)) if masked else None

    def loss(fn, arrays):
        last, outputs, h, c = fn(*arrays, mask, zero_output)
        weights = tf.reshape(tf.range(tf.size(outputs)), outputs.shape)
        total = tf.reduce_sum(outputs * tf.cast(weights, dtype) / 100) + 2 * tf.reduce_sum(last)
        return total + 3 * tf.reduce_sum(h * h) + tf.reduce_sum(c * c)

    def composed(*args):
        return COMPOSITIONS["lstm"](backend, *args)

    def differentiated(fn, values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            found = loss(fn, values)
        return found, tape.gradient(found, values)

    expected, expected_grads = differentiated(composed, arrays)
    compiled = backend.compile(lambda values: differentiated(backend.lstm, values))
    for found, grads in (differentiated(backend.lstm, arrays), compiled(arrays)):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        for one, other in zip(grads, expected_grads, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    wrong = [arrays[0], *[a + 1 for a in arrays[1:]]]
    assert abs(loss(backend.lstm, wrong) - expected) > 1e-3  # the comparison can fail


def test_where_the_lstm_on_tensorflow_is_left_to_xla():
    tf = pytest.importorskip("tensorflow")
    backend = get("tensorflow")
    arrays = [tf.constant(np.asarray(a)) for a in arguments()[0]]
    in_xla = '"_XlaMustCompile"'

    def graph_of(fn):
        traced = tf.function(fn, autograph=False).get_concrete_function(*arrays)
        return str(traced.graph.as_graph_def())

    compiled = backend.compile(lambda *values: backend.lstm(*values))
    compiled(*arrays)
    (inner,) = compiled._functions.values()
    ours = inner.run.get_concrete_function(*arrays).graph.as_graph_def()
    assert in_xla in str(ours)
    assert in_xla not in graph_of(backend.lstm)  # a graph of the user's, which may be saved


def test_lstm_on_tensorflow_can_be_differentiated_twice():
    tf = pytest.importorskip("tensorflow")
    backend = get("tensorflow")
    arrays = [tf.constant(np.asarray(a), "float64") for a in arguments()[0]]

    def second(fn):
        with tf.GradientTape() as outer:
            outer.watch(arrays[4])
            with tf.GradientTape() as inner:
                inner.watch(arrays[4])
                total = tf.reduce_sum(fn(*arrays)[1] ** 2)
            slope = inner.gradient(total, arrays[4])
            size = tf.reduce_sum(slope**2)
        return outer.gradient(size, arrays[4])

    expected = second(lambda *args: COMPOSITIONS["lstm"](backend, *args))
    found = second(backend.lstm)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert float(tf.reduce_max(tf.abs(found))) > 1e-3
