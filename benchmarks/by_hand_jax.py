"""The programs of `programs.py` as one would write them in JAX by hand: a jitted step and a loop.

They do what `fit` does, and no more: shuffle, step, and add up the loss and the hits on the device.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.timing import Scale

Program = Callable[[], Any]
Model = Callable[[Any, Any], Any]


def _weights(rng: Any, *shape: int) -> Any:
    limit = (6 / (int(np.prod(shape[:-1])) + shape[-1])) ** 0.5
    return jnp.asarray(rng.uniform(-limit, limit, shape).astype("float32"))


def _crossentropy(logits: Any, y: Any) -> Any:
    rows = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(rows, y[:, None], 1)), jnp.sum(logits.argmax(-1) == y)


def _binary(logits: Any, y: Any) -> Any:
    loss = jnp.mean(jnp.maximum(logits, 0) - logits * y + jnp.log1p(jnp.exp(-jnp.abs(logits))))
    return loss, jnp.sum((logits > 0) == (y > 0.5))


def _squares(out: Any, y: Any) -> Any:
    return jnp.mean((out - y) ** 2), jnp.zeros(())


def _rmsprop(p: Any, g: Any, s: Any, t: Any) -> Any:
    v = 0.9 * s[0] + 0.1 * g * g
    return p - 1e-3 * g / (jnp.sqrt(v) + 1e-7), (v, s[1])


def _adam(p: Any, g: Any, s: Any, t: Any) -> Any:
    m, v = 0.9 * s[0] + 0.1 * g, 0.999 * s[1] + 0.001 * g * g
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return p - rate * m / (jnp.sqrt(v) + 1e-7), (m, v)


def _sgd(p: Any, g: Any, s: Any, t: Any) -> Any:
    return p - 0.01 * g, s


def _trained(
    model: Model, params: list[Any], rule: Any, loss: Any, x: Any, y: Any, batch: int
) -> tuple[Program, int]:
    """(one epoch, how many steps it has)."""
    steps = -(-len(x) // batch)

    def of(params: Any, xs: Any, ys: Any) -> Any:
        return loss(model(params, xs), ys)

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params: Any, slots: Any, totals: Any, t: Any, xs: Any, ys: Any) -> Any:
        (value, hits), grads = jax.value_and_grad(of, has_aux=True)(params, xs, ys)
        pairs = [rule(p, g, s, t) for p, g, s in zip(params, grads, slots, strict=True)]
        totals = (totals[0] + value * len(xs), totals[1] + hits)
        return [p for p, _ in pairs], [s for _, s in pairs], totals

    state = [params, [(jnp.zeros_like(p), jnp.zeros_like(p)) for p in params], 0]

    def run() -> Any:
        order = np.random.permutation(len(x))
        totals: Any = (jnp.zeros(()), jnp.zeros(()))
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            state[2] += 1
            state[0], state[1], totals = step(
                state[0], state[1], totals, np.float32(state[2]), x[rows], y[rows]
            )
        return float(totals[0]) / len(x), float(totals[1]) / len(x)

    return run, steps


def _mlp(scale: Scale) -> tuple[Model, list[Any], Any, Any]:
    hidden, rng = scale.size(512), np.random.default_rng(0)
    sizes = [784, hidden, hidden, 10]
    params = []
    for a, b in itertools.pairwise(sizes):
        params += [_weights(rng, a, b), jnp.zeros(b)]

    def model(params: Any, x: Any) -> Any:
        for i in range(0, len(params), 2):
            x = x @ params[i] + params[i + 1]
            x = jax.nn.relu(x) if i + 2 < len(params) else x
        return x

    rows = 128 * scale.steps
    x = rng.random((rows, 784), dtype="float32")
    return model, params, x, rng.integers(0, 10, rows).astype("int32")


def mlp_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the MLP."""
    model, params, x, y = _mlp(scale)
    return _trained(model, params, _rmsprop, _crossentropy, x, y, 128)


def cnn_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the convolutional network, with JAX's convolution and pooling as they come."""
    filters, side, width = scale.size(32), max(8, scale.size(28)), scale.size(128)
    rng = np.random.default_rng(0)
    flat = filters * ((side - 4) // 2) ** 2
    shapes = [(3, 3, 1, filters), (3, 3, filters, filters), (flat, width), (width, 10)]
    params = []
    for shape in shapes:
        params += [_weights(rng, *shape), jnp.zeros(shape[-1])]

    def model(p: Any, x: Any) -> Any:
        for i in (0, 2):
            numbers = ("NHWC", "HWIO", "NHWC")
            x = lax.conv_general_dilated(x, p[i], (1, 1), "VALID", dimension_numbers=numbers)
            x = jax.nn.relu(x + p[i + 1])
        x = lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = jax.nn.relu(x.reshape(len(x), -1) @ p[4] + p[5])
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
        jnp.zeros(4 * width),
        _weights(rng, width, 1),
        jnp.zeros(1),
    ]

    def model(p: Any, x: Any) -> Any:
        table, kernel, recurrent, bias, out, out_bias = p
        projected = jnp.swapaxes(table[x], 0, 1) @ kernel + bias

        def step(carry: Any, z: Any) -> Any:
            h, c = carry
            i, f, g, o = jnp.split(z + h @ recurrent, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((len(x), width))
        (h, _), _ = lax.scan(step, (zeros, zeros), projected)
        return h @ out + out_bias

    rows = 32 * max(1, scale.steps // 4)
    x = rng.integers(0, words, (rows, length)).astype("int32")
    y = rng.integers(0, 2, (rows, 1)).astype("float32")
    return _trained(model, params, _adam, _binary, x, y, 32)


def _normalized(x: Any, scale: Any, offset: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + offset


def transformer_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the two-block transformer, with `jax.nn.dot_product_attention`."""
    width, length = scale.size(256), scale.size(128)
    head = max(1, width // 8)
    rng = np.random.default_rng(0)
    params: list[Any] = []
    for _ in range(2):
        sizes = (width, 24 * head), (8 * head, width), (width, 4 * width), (4 * width, width)
        for a, b in sizes:
            params += [_weights(rng, a, b), jnp.zeros(b)]
        params += [jnp.ones(width), jnp.zeros(width), jnp.ones(width), jnp.zeros(width)]
    params += [_weights(rng, width, 10), jnp.zeros(10)]

    def model(p: Any, x: Any) -> Any:
        for i in (0, 12):
            qkv, qkv_b, out, out_b, up, up_b, down, down_b, s1, o1, s2, o2 = p[i : i + 12]
            parts = (x @ qkv + qkv_b).reshape(*x.shape[:2], 3, 8, head)
            q, k, v = (parts[:, :, j] for j in range(3))
            attended = jax.nn.dot_product_attention(q, k, v).reshape(*x.shape[:2], -1)
            x = _normalized(x + attended @ out + out_b, s1, o1)
            x = _normalized(x + jax.nn.gelu(x @ up + up_b, False) @ down + down_b, s2, o2)
        return x.mean(1) @ p[24] + p[25]

    rows = 16 * max(1, scale.steps // 8)
    x = rng.random((rows, length, width), dtype="float32")
    y = rng.integers(0, 10, rows).astype("int32")
    return _trained(model, params, _adam, _crossentropy, x, y, 16)


def tiny_fit(scale: Scale) -> tuple[Program, int]:
    """A 2x2 layer on 10,000 rows at batch 32."""
    rng = np.random.default_rng(0)
    x = rng.random((scale.size(10_000), 2), dtype="float32")
    params = [_weights(rng, 2, 2), jnp.zeros(2)]

    def model(p: Any, x: Any) -> Any:
        return x @ p[0] + p[1]

    return _trained(model, params, _sgd, _squares, x, np.sort(x, axis=1), 32)


def predict_one_row(scale: Scale) -> tuple[Program, int]:
    """The bare compiled call of a small MLP on one row, and the result on the host."""
    model, params, x, _ = _mlp(Scale(scale.repeats, 1, scale.width / 8))
    call = jax.jit(lambda p, x: jax.nn.softmax(model(p, x)))
    row = x[:1]

    def run() -> None:
        for _ in range(scale.steps):
            np.asarray(call(params, row))

    return run, scale.steps


BY_HAND: dict[str, Callable[[Scale], tuple[Program, int]]] = {
    fn.__name__: fn
    for fn in (mlp_fit, cnn_fit, lstm_fit, transformer_fit, tiny_fit, predict_one_row)
}
"""Name of a program of `programs.py` -> the same by hand."""
