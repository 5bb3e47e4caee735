"""The layers that Keras 3 has dropped, against their formulae, on every engine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import ops, tree
from hornbeam.compat import layers as old
from tests.engines import ENGINES, TRAINABLE

LINE = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
SEQ = np.random.default_rng(1).normal(size=(2, 6, 4)).astype("float32")
IMAGE = np.random.default_rng(2).normal(size=(2, 5, 6, 3)).astype("float32")


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def highway(x: Any, w: Any, carry: Any, b: Any, b_carry: Any) -> Any:
    gate = sigmoid(x @ carry + b_carry)
    return gate * np.tanh(x @ w + b) + (1 - gate) * x


def srelu(x: Any, left: Any, a_left: Any, right: Any, a_right: Any) -> Any:
    right = left + np.abs(right)
    below, above = left + a_left * (x - left), right + a_right * (x - right)
    return np.where(x <= left, below, np.where(x >= right, above, x))


def local_1d(x: Any, w: Any, b: Any, size: int = 3, stride: int = 2) -> Any:
    steps = [x[:, i * stride : i * stride + size].reshape(len(x), -1) for i in range(len(w))]
    return np.stack([step @ kernel for step, kernel in zip(steps, w, strict=True)], 1) + b


def local_2d(x: Any, w: Any, b: Any, more: Any = ((0, 0), (0, 0))) -> Any:
    x = np.pad(x, ((0, 0), *more, (0, 0)))
    rows, columns, filters = b.shape
    found = np.zeros((len(x), rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            patch = x[:, i : i + 2, j : j + 3].reshape(len(x), -1)
            found[:, i, j] = patch @ w[i * columns + j]
    return found + b


def local_first(x: Any, w: Any, b: Any) -> Any:
    return np.moveaxis(local_2d(np.moveaxis(x, 1, -1), w, b), -1, 1)


CASES: dict[str, tuple[Callable[[], Any], Any, Callable[..., Any]]] = {
    "Highway": (lambda: old.Highway(activation="tanh"), LINE, highway),
    "Highway without bias": (
        lambda: old.Highway(bias=False),
        LINE,
        lambda x, w, c: sigmoid(x @ c) * (x @ w) + (1 - sigmoid(x @ c)) * x,
    ),
    "MaxoutDense": (
        lambda: old.MaxoutDense(5, nb_feature=3),
        LINE,
        lambda x, w, b: (np.einsum("ni,kio->nko", x, w) + b).max(1),
    ),
    "ThresholdedReLU": (lambda: old.ThresholdedReLU(0.5), LINE, lambda x: np.where(x > 0.5, x, 0)),
    "SReLU": (lambda: old.SReLU(), SEQ, srelu),
    "SReLU shared": (lambda: old.SReLU(shared_axes=[1]), SEQ, srelu),
    "ParametricSoftplus": (
        lambda: old.ParametricSoftplus(),
        LINE,
        lambda x, alpha, beta: alpha * np.log1p(np.exp(beta * x)),
    ),
    "TimeDistributedDense": (
        lambda: old.TimeDistributedDense(5, activation="tanh"),
        SEQ,
        lambda x, w, b: np.tanh(x @ w + b),
    ),
    "LocallyConnected1D": (lambda: old.LocallyConnected1D(3, 3, strides=2), SEQ, local_1d),
    "LocallyConnected2D": (lambda: old.LocallyConnected2D(4, (2, 3)), IMAGE, local_2d),
    "LocallyConnected2D same": (
        lambda: old.LocallyConnected2D(4, (2, 3), padding="same", implementation=2),
        IMAGE,
        functools.partial(local_2d, more=((0, 1), (1, 1))),
    ),
    "LocallyConnected2D first": (
        lambda: old.LocallyConnected2D(4, (2, 3), data_format="channels_first"),
        np.moveaxis(IMAGE, -1, 1),
        local_first,
    ),
}
cases = pytest.mark.parametrize("case", CASES)


def with_weights(layer: Any, x: Any) -> Any:
    """The layer, built for `x`, with weights in (-1, 1)."""
    layer(hornbeam.KerasTensor(x.shape, "float32"))
    rng = np.random.default_rng(3)
    layer.set_weights([rng.uniform(-1, 1, w.shape).astype("float32") for w in layer.weights])
    return layer


@cases
@pytest.mark.parametrize("engine", ENGINES)
def test_values_are_those_of_the_formula(case: str, engine: str) -> None:
    make, x, formula = CASES[case]
    with hornbeam.use_backend(engine):
        layer = with_weights(make(), x)
        got = ops.convert_to_numpy(layer(x))
        assert layer.compute_output_shape(x.shape) == got.shape
        expected = formula(x, *layer.get_weights())
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@cases
@pytest.mark.parametrize("engine", TRAINABLE)
def test_gradients_are_those_of_differences(case: str, engine: str) -> None:
    make, x, formula = CASES[case]
    with hornbeam.use_backend(engine) as backend:
        layer = with_weights(make(), x)
        variables = layer.trainable_variables
        if not variables:
            return

        def loss(*values: Any) -> Any:
            y, _ = layer.stateless_call(values, [], backend.asarray(x))
            return ops.sum(ops.square(y)), None

        def run(values: Any) -> Any:
            return backend.value_and_grad(lambda v: loss(*v), values)[1]

        compiled = backend.compile(run)
        values = [v._value for v in variables]
        for _ in range(2):
            grads = [ops.convert_to_numpy(g) for g in compiled(values)]
        if hasattr(compiled, "compilations"):
            assert compiled.compilations() == 1
        weights = layer.get_weights()
    rng, step = np.random.default_rng(4), 1e-4
    directions = [rng.uniform(-1, 1, w.shape) for w in weights]
    ends = [
        (formula(x.astype("float64"), *(w + s * d for w, d in zip(weights, directions))) ** 2).sum()
        for s in (step, -step)
    ]
    slope = sum((g * d).sum() for g, d in zip(grads, directions, strict=True))
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=2e-2, atol=1e-2)


@cases
def test_configs_and_dtypes(case: str) -> None:
    make, x, _ = CASES[case]
    with hornbeam.use_backend("numpy"):
        layer = with_weights(make(), x)
        saved = hornbeam.saving.serialize_keras_object(layer)
        again = hornbeam.saving.deserialize_keras_object(saved)
        assert again.get_config() == layer.get_config()
        again(hornbeam.KerasTensor(x.shape, "float32"))
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(again(x), layer(x))
        config = {**layer.get_config(), "dtype": "mixed_float16"}
        half = type(layer).from_config(config)
        assert {ops.dtype(y) for y in tree.flatten(half(x))} == {"float16"}


def test_given_weights_are_taken() -> None:
    kernel, bias = np.ones((4, 2), "float32"), np.full(2, 3, "float32")
    with hornbeam.use_backend("numpy"):
        layer = old.TimeDistributedDense(2, weights=[kernel, bias])
        np.testing.assert_allclose(layer(SEQ), SEQ @ kernel + bias, rtol=1e-5)
        gate = old.Highway(weights=[np.eye(4), np.zeros((4, 4)), np.zeros(4), np.zeros(4)])
        np.testing.assert_allclose(gate(LINE), LINE, rtol=1e-5)


def test_highway_lets_inputs_pass_at_first() -> None:
    with hornbeam.use_backend("numpy"):
        layer = old.Highway()
        layer.build((None, 4))
        np.testing.assert_array_equal(layer.b_carry.numpy(), np.full(4, -2.0))


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "sizes": (
        lambda: old.LocallyConnected1D(3, 2)(hornbeam.KerasTensor((None, None, 4))),
        "all sizes but the batch must be known",
    ),
    "kernel": (lambda: old.LocallyConnected1D(3, 7)(SEQ), "does not fit into inputs"),
    "same": (
        lambda: old.LocallyConnected1D(3, 2, padding="same"),
        "padding='same' needs `implementation` 2 or 3",
    ),
    "padding": (lambda: old.LocallyConnected1D(3, 2, padding="causal"), "'valid' or 'same'"),
    "filters": (lambda: old.LocallyConnected2D(0, 2), "`filters` must be a positive int"),
    "window": (lambda: old.LocallyConnected2D(3, (2,)), "`kernel_size` must be 2 positive ints"),
    "way": (lambda: old.LocallyConnected2D(3, 2, implementation=4), "must be 1, 2 or 3, got 4"),
    "theta": (lambda: old.ThresholdedReLU(-1), "`theta` must not be negative, got -1"),
    "maxout": (lambda: old.MaxoutDense(0), "`output_dim` must be a positive int, got 0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake: str) -> None:
    run, message = MISTAKES[mistake]
    with hornbeam.use_backend("numpy"), pytest.raises(ValueError, match=message):
        run()
