"""Regularizers against Keras, on every engine."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import regularizers
from hornbeam.errors import InputError, UnknownNameError
from tests.engines import ENGINES

X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
ROWS = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.3, "mode": "columns"}),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "kwargs"), ROWS)
def test_values_and_configs(engine, name, kwargs):
    theirs, ours = (
        getattr(keras.regularizers, name)(**kwargs),
        getattr(regularizers, name)(**kwargs),
    )
    with hornbeam.use_backend(engine):
        value = hornbeam.ops.convert_to_numpy(ours(hornbeam.ops.convert_to_tensor(X)))
    np.testing.assert_allclose(value, theirs(keras.ops.convert_to_tensor(X)), rtol=1e-5)
    config = ours.get_config()
    expected = theirs.get_config()
    assert set(config) == set(expected)
    for key, value in expected.items():  # Keras rounds to float32
        assert config[key] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6))
    again = regularizers.deserialize(regularizers.serialize(ours))
    assert again.get_config() == ours.get_config()


@pytest.mark.parametrize("name", ["l1", "L2", "l1l2", "l1_l2", "orthogonal_regularizer"])
def test_names(name):
    assert isinstance(regularizers.get(name), regularizers.Regularizer)


@pytest.mark.parametrize(
    ("act", "error", "match"),
    [
        (lambda: regularizers.get("l1l3"), UnknownNameError, "Did you mean 'L1L2'"),
        (
            lambda: regularizers.L2(-1.0),
            InputError,
            "`l2` must be a number of at least 0, got -1.0",
        ),
        (lambda: regularizers.L1(float("inf")), InputError, "must be finite"),
        (lambda: regularizers.L1("a"), InputError, "must be a number"),
        (lambda: regularizers.OrthogonalRegularizer(mode="x"), InputError, "'rows' or 'columns'"),
        (lambda: regularizers.OrthogonalRegularizer()(X[0]), InputError, "takes matrices"),
    ],
)
def test_errors(act, error, match):
    with pytest.raises(error, match=match):
        act()
