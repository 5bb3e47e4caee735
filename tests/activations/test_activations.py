"""Activation functions against Keras: values and gradients on every engine, names, configs."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import inspect

import jax
import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import activations
from hornbeam.errors import InputError, UnknownNameError
from tests.engines import ENGINES, TRAINABLE

X = np.linspace(-4.03, 6.97, 48, dtype=np.float32).reshape(6, 8)
EXTRA = {"threshold": {"threshold": 0.5, "default_value": -1.0}}
VARIANTS = [
    *(
        (name, EXTRA.get(name, {}))
        for name in sorted(activations.ALL_FUNCTIONS)
        if name != "sparsemax"  # Keras 3.15.1 returns rows that do not add up to 1
    ),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 3.0, "threshold": 1.0, "negative_slope": 0.2}),
    ("elu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("softmax", {"axis": 0}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("squareplus", {"b": 2}),
]


@pytest.mark.parametrize(("name", "kwargs"), VARIANTS)
def test_values_and_gradients(name, kwargs):
    theirs = getattr(keras.activations, name)
    ours = activations.get(name)
    expected = np.asarray(theirs(X, **kwargs))
    slope = np.asarray(jax.grad(lambda x: (theirs(x, **kwargs) ** 2).sum())(X))
    for engine in ENGINES:
        with hornbeam.use_backend(engine):
            value = hornbeam.ops.convert_to_numpy(ours(X, **kwargs))
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    for engine in TRAINABLE:
        with hornbeam.use_backend(engine):
            own = hornbeam.grad(lambda x: hornbeam.ops.sum(ours(x, **kwargs) ** 2))(X)
            own = hornbeam.ops.convert_to_numpy(own)
        np.testing.assert_allclose(own, slope, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(activations.ALL_FUNCTIONS))
def test_signatures_and_symbolic_shapes(name):
    ours = inspect.signature(activations.ALL_FUNCTIONS[name]).parameters.values()
    theirs = inspect.signature(getattr(keras.activations, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]
    x = hornbeam.KerasTensor((None, 8))
    y = activations.ALL_FUNCTIONS[name](x, **EXTRA.get(name, {}))
    assert y.shape == ((None, 4) if name == "glu" else (None, 8))


@pytest.mark.parametrize("engine", ENGINES)
def test_sparsemax_is_the_nearest_point_of_the_simplex(engine):
    rows = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    with hornbeam.use_backend(engine):
        y = hornbeam.ops.convert_to_numpy(activations.sparsemax(rows))
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-5)
    assert y.min() == 0
    for x, p in zip(
        rows, y, strict=True
    ):  # optimal: x - p is constant on the support, lower off it
        gap = x - p
        level = gap[p > 0].max()
        np.testing.assert_allclose(gap[p > 0], level, atol=1e-5)
        assert (gap[p == 0] <= level + 1e-5).all()


def test_configs():
    assert activations.serialize(activations.relu) == "relu"
    assert activations.serialize(activations.swish) == "silu"
    assert activations.get(None) is activations.linear
    assert activations.deserialize("tanh") is activations.tanh

    @hornbeam.saving.register_keras_serializable("tests")
    def cube(x):
        return x**3

    assert activations.deserialize(activations.serialize(cube)) is cube
    with hornbeam.saving.custom_object_scope({"cube": cube}):
        assert activations.get("cube") is cube


def test_errors():
    with pytest.raises(
        UnknownNameError, match="no activation function named 'sofmax'. Did you mean"
    ):
        activations.get("sofmax")
    with pytest.raises(InputError, match="3 of type int is no activation function"):
        activations.get(3)
