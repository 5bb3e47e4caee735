"""The programs of `programs.py` as one would write them in PyTensor by hand: a compiled function.

They do what `fit` does, and no more: shuffle, step, and add up the loss and the hits.  There is no
convolutional network: PyTensor has no convolution, so nobody would write one by hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from benchmarks.timing import Scale

Program = Callable[[], Any]
Model = Callable[[list[Any], Any], Any]
Updates = list[tuple[Any, Any]]


def _weights(rng: Any, *shape: int) -> Any:
    limit = (6 / (int(np.prod(shape[:-1])) + shape[-1])) ** 0.5
    return pytensor.shared(rng.uniform(-limit, limit, shape).astype("float32"), shape=shape)


def _zeros(*shape: int) -> Any:
    return pytensor.shared(np.zeros(shape, "float32"), shape=shape)


def _number(value: float) -> Any:
    return pt.constant(np.float32(value))


def _crossentropy(logits: Any, y: Any) -> Any:
    rows = pt.special.log_softmax(logits, axis=-1)
    hits = pt.eq(logits.argmax(-1), y).sum(dtype="float32")
    return -rows[pt.arange(y.shape[0]), y].mean(dtype="float32"), hits


def _binary(logits: Any, y: Any) -> Any:
    losses = pt.maximum(logits, 0) - logits * y + pt.log1p(pt.exp(-pt.abs(logits)))
    return losses.mean(dtype="float32"), pt.eq(logits > 0, y > 0.5).sum(dtype="float32")


def _squares(out: Any, y: Any) -> Any:
    return ((out - y) ** 2).mean(dtype="float32"), _number(0)


def _rmsprop(p: Any, g: Any) -> Updates:
    v = _zeros(*p.get_value(borrow=True).shape)
    new = _number(0.9) * v + _number(0.1) * g * g
    return [(p, p - _number(1e-3) * g / (pt.sqrt(new) + _number(1e-7))), (v, new)]


def _adam(p: Any, g: Any) -> Updates:
    shape = p.get_value(borrow=True).shape
    m, v, t = _zeros(*shape), _zeros(*shape), _zeros()
    new_m = _number(0.9) * m + _number(0.1) * g
    new_v = _number(0.999) * v + _number(0.001) * g * g
    now = t + _number(1)
    rate = _number(1e-3) * pt.sqrt(1 - _number(0.999) ** now) / (1 - _number(0.9) ** now)
    moved = p - rate * new_m / (pt.sqrt(new_v) + _number(1e-7))
    return [(p, moved), (m, new_m), (v, new_v), (t, now)]


def _sgd(p: Any, g: Any) -> Updates:
    return [(p, p - _number(0.01) * g)]


def _trained(
    model: Model, params: list[Any], rule: Any, loss: Any, x: Any, y: Any, batch: int
) -> tuple[Program, int]:
    """(one epoch, how many steps it has)."""
    steps = -(-len(x) // batch)
    xs = pt.tensor("xs", dtype=x.dtype, shape=(None, *x.shape[1:]))
    ys = pt.tensor("ys", dtype=y.dtype, shape=(None, *y.shape[1:]))
    value, hits = loss(model(params, xs), ys)
    grads = pytensor.grad(value, params)
    updates = [u for p, g in zip(params, grads, strict=True) for u in rule(p, g)]
    step = pytensor.function([xs, ys], [value, hits], updates=updates)

    def run() -> Any:
        order = np.random.permutation(len(x))
        totals = np.zeros(2)
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            value, hits = step(x[rows], y[rows])
            totals += float(value) * len(rows), float(hits)
        return totals / len(x)

    return run, steps


def _mlp(scale: Scale) -> tuple[Model, list[Any], Any, Any]:
    hidden, rng = scale.size(512), np.random.default_rng(0)
    params = []
    for a, b in itertools.pairwise([784, hidden, hidden, 10]):
        params += [_weights(rng, a, b), _zeros(b)]

    def model(params: list[Any], x: Any) -> Any:
        for i in range(0, len(params), 2):
            x = x @ params[i] + params[i + 1]
            x = pt.maximum(x, 0) if i + 2 < len(params) else x
        return x

    rows = 128 * scale.steps
    x = rng.random((rows, 784), dtype="float32")
    return model, params, x, rng.integers(0, 10, rows).astype("int32")


def mlp_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the MLP."""
    model, params, x, y = _mlp(scale)
    return _trained(model, params, _rmsprop, _crossentropy, x, y, 128)


def lstm_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the LSTM over embedded words, by PyTensor's scan."""
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

    def model(p: list[Any], x: Any) -> Any:
        table, kernel, recurrent, bias, out, out_bias = p
        projected = table[x].transpose(1, 0, 2) @ kernel + bias

        def step(z: Any, h: Any, c: Any, recurrent: Any) -> Any:
            gates = z + h @ recurrent
            i, f, g, o = (gates[:, k * width : (k + 1) * width] for k in range(4))
            c = pt.sigmoid(f) * c + pt.sigmoid(i) * pt.tanh(g)
            return pt.sigmoid(o) * pt.tanh(c), c

        zeros = pt.zeros((x.shape[0], width), dtype="float32")
        h, _ = pytensor.scan(
            step, [projected], [zeros, zeros], [recurrent], strict=True, return_updates=False
        )
        return h[-1] @ out + out_bias

    rows = 32 * max(1, scale.steps // 4)
    x = rng.integers(0, words, (rows, length)).astype("int32")
    y = rng.integers(0, 2, (rows, 1)).astype("float32")
    return _trained(model, params, _adam, _binary, x, y, 32)


def tiny_fit(scale: Scale) -> tuple[Program, int]:
    """A 2x2 layer on 10,000 rows at batch 32."""
    rng = np.random.default_rng(0)
    x = rng.random((scale.size(10_000), 2), dtype="float32")

    def model(p: list[Any], x: Any) -> Any:
        return x @ p[0] + p[1]

    params = [_weights(rng, 2, 2), _zeros(2)]
    return _trained(model, params, _sgd, _squares, x, np.sort(x, axis=1), 32)


def predict_one_row(scale: Scale) -> tuple[Program, int]:
    """The compiled function of a small MLP on one row."""
    model, params, x, _ = _mlp(Scale(scale.repeats, 1, scale.width / 8))
    xs = pt.fmatrix("xs")
    call = pytensor.function([xs], pt.special.softmax(model(params, xs), axis=-1))

    def run() -> None:
        for _ in range(scale.steps):
            call(x[:1])

    return run, scale.steps


BY_HAND: dict[str, Callable[[Scale], tuple[Program, int]]] = {
    fn.__name__: fn for fn in (mlp_fit, lstm_fit, tiny_fit, predict_one_row)
}
"""Name of a program of `programs.py` -> the same by hand."""
