"""The programs of `programs.py` as one would write them in TensorFlow by hand: a `tf.function`.

They do what `fit` does, and no more: shuffle, step, and add up the loss and the hits on the device.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.timing import Scale

Program = Callable[[], Any]
Model = Callable[[Any, Any], Any]


def _weights(rng: Any, *shape: int) -> Any:
    limit = (6 / (int(np.prod(shape[:-1])) + shape[-1])) ** 0.5
    return tf.Variable(rng.uniform(-limit, limit, shape).astype("float32"))


def _zeros(*shape: int) -> Any:
    return tf.Variable(tf.zeros(shape))


def _crossentropy(logits: Any, y: Any) -> Any:
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    hits = tf.equal(tf.argmax(logits, -1, output_type=y.dtype), y)
    return tf.reduce_mean(losses), tf.reduce_sum(tf.cast(hits, tf.float32))


def _binary(logits: Any, y: Any) -> Any:
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
    hits = tf.equal(logits > 0, y > 0.5)
    return tf.reduce_mean(losses), tf.reduce_sum(tf.cast(hits, tf.float32))


def _squares(out: Any, y: Any) -> Any:
    return tf.reduce_mean((out - y) ** 2), tf.zeros(())


def _rmsprop(p: Any, g: Any, m: Any, v: Any, t: Any) -> None:
    v.assign(0.9 * v + 0.1 * g * g)
    p.assign_sub(1e-3 * g / (tf.sqrt(v) + 1e-7))


def _adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> None:
    m.assign(0.9 * m + 0.1 * g)
    v.assign(0.999 * v + 0.001 * g * g)
    rate = 1e-3 * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    p.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))


def _sgd(p: Any, g: Any, m: Any, v: Any, t: Any) -> None:
    p.assign_sub(0.01 * g)


def _trained(
    model: Model, params: list[Any], rule: Any, loss: Any, x: Any, y: Any, batch: int
) -> tuple[Program, int]:
    """(one epoch, how many steps it has)."""
    steps = -(-len(x) // batch)
    slots = [(_zeros(*p.shape), _zeros(*p.shape)) for p in params]
    time, total, hits = (tf.Variable(0.0) for _ in range(3))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(xs: Any, ys: Any) -> None:
        with tf.GradientTape() as tape:
            value, hit = loss(model(params, xs), ys)
        time.assign_add(1.0)
        for p, g, (m, v) in zip(params, tape.gradient(value, params), slots, strict=True):
            rule(p, tf.convert_to_tensor(g), m, v, time)
        total.assign_add(value * tf.cast(tf.shape(xs)[0], tf.float32))
        hits.assign_add(hit)

    def run() -> Any:
        order = np.random.permutation(len(x))
        total.assign(0.0)
        hits.assign(0.0)
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            step(tf.constant(x[rows]), tf.constant(y[rows]))
        return float(total) / len(x), float(hits) / len(x)

    return run, steps


def _mlp(scale: Scale) -> tuple[Model, list[Any], Any, Any]:
    hidden, rng = scale.size(512), np.random.default_rng(0)
    params = []
    for a, b in itertools.pairwise([784, hidden, hidden, 10]):
        params += [_weights(rng, a, b), _zeros(b)]

    def model(params: Any, x: Any) -> Any:
        for i in range(0, len(params), 2):
            x = x @ params[i] + params[i + 1]
            x = tf.nn.relu(x) if i + 2 < len(params) else x
        return x

    rows = 128 * scale.steps
    x = rng.random((rows, 784), dtype="float32")
    return model, params, x, rng.integers(0, 10, rows).astype("int32")


def mlp_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the MLP."""
    model, params, x, y = _mlp(scale)
    return _trained(model, params, _rmsprop, _crossentropy, x, y, 128)


def cnn_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the convolutional network."""
    filters, side, width = scale.size(32), max(8, scale.size(28)), scale.size(128)
    rng = np.random.default_rng(0)
    flat = filters * ((side - 4) // 2) ** 2
    params = []
    for shape in [(3, 3, 1, filters), (3, 3, filters, filters), (flat, width), (width, 10)]:
        params += [_weights(rng, *shape), _zeros(shape[-1])]

    def model(p: Any, x: Any) -> Any:
        for i in (0, 2):
            x = tf.nn.relu(tf.nn.conv2d(x, p[i], 1, "VALID") + p[i + 1])
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.nn.relu(tf.reshape(x, (-1, flat)) @ p[4] + p[5])
        return x @ p[6] + p[7]

    batch = scale.size(128)
    rows = batch * max(1, scale.steps // 10)
    x = rng.random((rows, side, side, 1), dtype="float32")
    y = rng.integers(0, 10, rows).astype("int32")
    return _trained(model, params, _adam, _crossentropy, x, y, batch)


def lstm_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the LSTM over embedded words, as a plain scan."""
    words, width, length = scale.size(20_000), scale.size(128), scale.size(100)
    rng = np.random.default_rng(0)
    params = [
        _weights(rng, words, width),
        _weights(rng, width, 4 * width),
        _weights(rng, width, 4 * width),
        _zeros(4 * width),
        _weights(rng, width, 1),
        _zeros(1),
    ]

    def model(p: Any, x: Any) -> Any:
        table, kernel, recurrent, bias, out, out_bias = p
        projected = tf.transpose(tf.gather(table, x), (1, 0, 2)) @ kernel + bias

        def step(carry: Any, z: Any) -> Any:
            h, c = carry
            i, f, g, o = tf.split(z + h @ recurrent, 4, -1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            return tf.sigmoid(o) * tf.tanh(c), c

        zeros = tf.zeros((tf.shape(x)[0], width))
        h, _ = tf.scan(step, projected, (zeros, zeros))
        return h[-1] @ out + out_bias

    rows = 32 * max(1, scale.steps // 4)
    x = rng.integers(0, words, (rows, length)).astype("int32")
    y = rng.integers(0, 2, (rows, 1)).astype("float32")
    return _trained(model, params, _adam, _binary, x, y, 32)


def _normalized(x: Any, scale: Any, offset: Any) -> Any:
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-5)


def transformer_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the two-block transformer."""
    width, length = scale.size(256), scale.size(128)
    head = max(1, width // 8)
    rng = np.random.default_rng(0)
    params: list[Any] = []
    for _ in range(2):
        sizes = (width, 24 * head), (8 * head, width), (width, 4 * width), (4 * width, width)
        for a, b in sizes:
            params += [_weights(rng, a, b), _zeros(b)]
        for _ in range(2):
            params += [tf.Variable(tf.ones(width)), _zeros(width)]
    params += [_weights(rng, width, 10), _zeros(10)]

    def dense(x: Any, kernel: Any, bias: Any) -> Any:
        return tf.matmul(x, kernel) + bias

    def model(p: Any, x: Any) -> Any:
        for i in (0, 12):
            qkv, qkv_b, out, out_b, up, up_b, down, down_b, s1, o1, s2, o2 = p[i : i + 12]
            parts = tf.reshape(dense(x, qkv, qkv_b), (-1, length, 3, 8, head))
            q, k, v = tf.unstack(tf.transpose(parts, (2, 0, 3, 1, 4)))
            weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * head**-0.5)
            attended = tf.transpose(tf.matmul(weights, v), (0, 2, 1, 3))
            attended = tf.reshape(attended, (-1, length, 8 * head))
            x = _normalized(x + dense(attended, out, out_b), s1, o1)
            x = _normalized(x + dense(tf.nn.gelu(dense(x, up, up_b)), down, down_b), s2, o2)
        return tf.reduce_mean(x, 1) @ p[24] + p[25]

    rows = 16 * max(1, scale.steps // 8)
    x = rng.random((rows, length, width), dtype="float32")
    y = rng.integers(0, 10, rows).astype("int32")
    return _trained(model, params, _adam, _crossentropy, x, y, 16)


def tiny_fit(scale: Scale) -> tuple[Program, int]:
    """A 2x2 layer on 10,000 rows at batch 32."""
    rng = np.random.default_rng(0)
    x = rng.random((scale.size(10_000), 2), dtype="float32")

    def model(p: Any, x: Any) -> Any:
        return x @ p[0] + p[1]

    params = [_weights(rng, 2, 2), _zeros(2)]
    return _trained(model, params, _sgd, _squares, x, np.sort(x, axis=1), 32)


def predict_one_row(scale: Scale) -> tuple[Program, int]:
    """The bare `tf.function` of a small MLP on one row, and the result on the host."""
    model, params, x, _ = _mlp(Scale(scale.repeats, 1, scale.width / 8))
    call = tf.function(lambda x: tf.nn.softmax(model(params, x)))

    def run() -> None:
        for _ in range(scale.steps):
            call(tf.constant(x[:1])).numpy()

    return run, scale.steps


BY_HAND: dict[str, Callable[[Scale], tuple[Program, int]]] = {
    fn.__name__: fn
    for fn in (mlp_fit, cnn_fit, lstm_fit, transformer_fit, tiny_fit, predict_one_row)
}
"""Name of a program of `programs.py` -> the same by hand."""
