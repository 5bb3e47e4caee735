"""Constraints against Keras, on every engine."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import constraints
from hornbeam.errors import UnknownNameError
from tests.engines import ENGINES

X = np.random.default_rng(0).standard_normal((3, 5, 4)).astype(np.float32)
ROWS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.5, "axis": (0, 1)}),
    ("NonNeg", {}),
    ("UnitNorm", {"axis": 1}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 1.5, "max_value": 2.0, "rate": 0.3, "axis": 2}),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "kwargs"), ROWS)
def test_values_and_configs(engine, name, kwargs):
    theirs, ours = getattr(keras.constraints, name)(**kwargs), getattr(constraints, name)(**kwargs)
    with hornbeam.use_backend(engine):
        value = hornbeam.ops.convert_to_numpy(ours(hornbeam.ops.convert_to_tensor(X)))
    np.testing.assert_allclose(value, theirs(X), rtol=1e-5, atol=1e-6)
    assert ours.get_config() == theirs.get_config()
    again = constraints.deserialize(constraints.serialize(ours))
    assert type(again) is type(ours)


@pytest.mark.parametrize("name", ["max_norm", "NonNeg", "unit_norm", "min_max_norm"])
def test_names(name):
    assert isinstance(constraints.get(name), constraints.Constraint)


def test_errors():
    with pytest.raises(UnknownNameError, match="no constraint named 'maxnrm'. Did you mean"):
        constraints.get("maxnrm")
