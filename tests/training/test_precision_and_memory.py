"""Training in every precision on every engine, and memory that stays flat."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from tests.engines import ENGINES, TRAINABLE

X = np.random.default_rng(0).random((32, 4)).astype("float32")
Y = (X.sum(1) > 2).astype("int32")


def classifier(**options):
    model = hornbeam.Sequential(
        [hornbeam.Input((4,)), layers.Dense(8, "relu"), layers.Dense(2, "softmax", dtype="float32")]
    )
    model.compile(hornbeam.optimizers.Adam(0.02), "sparse_categorical_crossentropy", **options)
    return model


@pytest.fixture
def policy():
    before = hornbeam.config.dtype_policy(), hornbeam.config.floatx()
    yield hornbeam.config.set_dtype_policy
    hornbeam.config.set_dtype_policy(before[0])
    hornbeam.config.set_floatx(before[1])


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(engine, name, policy):
    with hornbeam.use_backend(engine):
        policy(name)
        hornbeam.utils.set_random_seed(1)
        model = classifier()
        history = model.fit(X, Y, 8, 8, verbose=0).history["loss"]
        assert history[-1] < 0.97 * history[0]
        kernel = model.layers[0].kernel
        assert kernel.dtype == "float32"
        hidden = model.layers[0](X)
        assert hornbeam.backend.standardize_dtype(hidden.dtype) == name.removeprefix("mixed_")
        scales = isinstance(model.optimizer, hornbeam.optimizers.LossScaleOptimizer)
        assert scales == (name == "mixed_float16")
        plain = classifier(auto_scale_loss=False)
        assert not isinstance(plain.optimizer, hornbeam.optimizers.LossScaleOptimizer)
        if scales:  # an overflow halves the scale and changes no weight
            model.optimizer.dynamic_scale.assign(2.0**40)
            before = kernel.numpy().copy()
            model.train_on_batch(X, Y)
            np.testing.assert_array_equal(kernel.numpy(), before)
            assert float(model.optimizer.dynamic_scale) == 2.0**39


@pytest.mark.parametrize("engine", TRAINABLE)
def test_double_precision(engine, policy):
    with hornbeam.use_backend(engine):
        policy("float64")
        hornbeam.config.set_floatx("float64")
        model = hornbeam.Sequential([hornbeam.Input((4,)), layers.Dense(1, use_bias=False)])
        model.compile(hornbeam.optimizers.SGD(0.1), "mse")
        x, w = X.astype("float64"), np.full((4, 1), 1 / 3)
        model.set_weights([w])
        y = x.sum(1, keepdims=True)
        model.fit(x, y, 32, 1, verbose=0)
        step = w - 0.1 * 2 * x.T @ (x @ w - y) / 32
        assert model.weights[0].dtype == "float64"
        np.testing.assert_allclose(model.get_weights()[0], step, rtol=1e-13)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_models_are_freed(engine):
    """What a round leaves behind does not grow: no live models, no growing number of objects."""
    counts, alive = [], []
    with hornbeam.use_backend(engine):
        for _ in range(6):
            model = hornbeam.Sequential([hornbeam.Input((4,)), layers.Dense(3), layers.Dense(1)])
            model.compile("sgd", "mse")
            model.fit(X[:8], X[:8, :1], 4, verbose=0)
            alive.append(weakref.ref(model))
            del model
            gc.collect()
            counts.append(sum(type(o) is hornbeam.Variable for o in gc.get_objects()))
    assert [ref() for ref in alive] == [None] * 6
    assert counts[-1] == counts[2]


@pytest.mark.parametrize("engine", ENGINES)
def test_predictions_leave_nothing(engine):
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential([hornbeam.Input((4,)), layers.Dense(1)])
        counts = []
        for _ in range(4):
            for _ in range(50):
                model.predict(X[:4], verbose=0)
            model.predict(X, batch_size=8, verbose=0)
            gc.collect()
            counts.append(len(gc.get_objects()))
        assert counts[-1] - counts[1] < 50
