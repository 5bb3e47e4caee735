"""Initializers: distributions, equality across engines, configs as Keras's."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import initializers
from hornbeam.errors import InputError, UnknownNameError
from hornbeam.initializers.random import fans
from tests.engines import ENGINES

ROWS = [
    ("Constant", {"value": 2.5}, (3, 4)),
    ("Zeros", {}, (3,)),
    ("Ones", {}, (3, 2)),
    ("Identity", {"gain": 2.0}, (3, 4)),
    ("STFT", {}, (8, 1, 5)),
    (
        "STFT",
        {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True},
        (8, 1, 5),
    ),
    ("STFT", {"side": "real", "window": None, "scaling": None}, (8, 1, 9)),
]
RANDOM = [
    ("RandomNormal", {"mean": 1.0, "stddev": 2.0}),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 2.0}),
    ("RandomUniform", {"minval": -1.0, "maxval": 3.0}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"input_axes": (0,), "output_axes": (1, 2)}),
    *((name, {}) for name in "GlorotNormal GlorotUniform HeNormal HeUniform".split()),
    *((name, {}) for name in "LecunNormal LecunUniform Orthogonal".split()),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "kwargs", "shape"), ROWS)
def test_fixed_values_equal_those_of_keras(engine, name, kwargs, shape):
    theirs = getattr(keras.initializers, name)(**kwargs)
    ours = getattr(initializers, name)(**kwargs)
    with hornbeam.use_backend(engine):
        value = ours(shape)
    assert type(value) in registry_types(engine)
    np.testing.assert_allclose(np.asarray(value), np.asarray(theirs(shape)), atol=1e-6)
    config = ours.get_config()
    assert {**config, **theirs.get_config()} == config  # Identity's lacks `gain` in Keras


def registry_types(engine):
    from hornbeam.backends import registry

    class Types:
        def __contains__(self, kind):
            return issubclass(kind, registry.get(engine).array_types())

    return Types()


@pytest.mark.parametrize(("name", "kwargs"), RANDOM)
def test_distributions_equal_those_of_keras(name, kwargs):
    shape = (60, 30, 20)
    theirs = np.asarray(getattr(keras.initializers, name)(seed=1, **kwargs)(shape))
    ours = np.asarray(getattr(initializers, name)(seed=1, **kwargs)(shape))
    spread = theirs.std()
    np.testing.assert_allclose(ours.mean(), theirs.mean(), atol=0.03 * spread)
    np.testing.assert_allclose(ours.std(), spread, rtol=0.02)
    if name != "Orthogonal" and kwargs.get("distribution") != "untruncated_normal":
        if name != "RandomNormal":
            np.testing.assert_allclose(ours.min(), theirs.min(), atol=0.03 * spread)
    assert getattr(initializers, name)(seed=1, **kwargs).get_config() == (
        getattr(keras.initializers, name)(seed=1, **kwargs).get_config()
    )


@pytest.mark.parametrize(("name", "kwargs"), RANDOM)
def test_values_are_equal_on_every_engine_and_repeat_with_an_int_seed(name, kwargs):
    values = []
    for engine in ENGINES:
        with hornbeam.use_backend(engine):
            initializer = getattr(initializers, name)(seed=3, **kwargs)
            values += [np.asarray(initializer((4, 5, 6))), np.asarray(initializer((4, 5, 6)))]
    for value in values[1:]:
        np.testing.assert_array_equal(value, values[0])


def test_without_seed_every_call_is_new_and_set_random_seed_repeats_them():
    initializer = initializers.GlorotUniform()
    hornbeam.utils.set_random_seed(5)
    first, second = (np.asarray(initializer((3, 3))) for _ in range(2))
    hornbeam.utils.set_random_seed(5)
    again = np.asarray(initializer((3, 3)))
    assert (first != second).all()
    np.testing.assert_array_equal(first, again)


def test_seed_generators_as_seeds():
    seeds = hornbeam.random.SeedGenerator(1)
    initializer = initializers.RandomNormal(seed=seeds)
    assert (np.asarray(initializer((9,))) != np.asarray(initializer((9,)))).any()


@pytest.mark.parametrize("shape", [(50, 20), (20, 50), (3, 3, 4, 20)])
def test_orthogonal(shape):
    q = np.asarray(initializers.Orthogonal(seed=1)(shape)).reshape(-1, shape[-1])
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((3, 3, 8, 16), (72, 144))],
)
def test_fans(shape, expected):
    assert fans(shape) == expected


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32"])
def test_dtypes(dtype):
    assert hornbeam.dtypes.standardize(initializers.Ones()((2,), dtype).dtype) == dtype


@pytest.mark.parametrize("name", ["he_normal", "HeNormal", "zero", "uniform", "stft", "orthogonal"])
def test_names(name):
    assert isinstance(initializers.get(name), initializers.Initializer)


def test_round_trip_and_clone():
    ours = initializers.VarianceScaling(2.0, "fan_avg", "uniform", seed=4)
    again = initializers.deserialize(initializers.serialize(ours))
    assert again.get_config() == ours.clone().get_config() == ours.get_config()
    np.testing.assert_array_equal(np.asarray(again((3, 2))), np.asarray(ours((3, 2))))
    assert initializers.get({"class_name": "Constant", "config": {"value": 2}}).value == 2
    assert np.asarray(initializers.get(np.arange(3))((3,))).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("act", "error", "match"),
    [
        (lambda: initializers.get("he_norml"), UnknownNameError, "Did you mean 'he_normal'"),
        (lambda: initializers.Identity()((2, 2, 2)), InputError, "makes matrices"),
        (lambda: initializers.Orthogonal()((2,)), InputError, "at least two dimensions"),
        (lambda: initializers.VarianceScaling(0), InputError, "`scale` must be positive"),
        (lambda: initializers.VarianceScaling(mode="x"), InputError, "`mode` must be"),
        (lambda: initializers.VarianceScaling(distribution="x"), InputError, "`distribution` must"),
        (lambda: initializers.RandomNormal(seed="x"), InputError, "`seed` must be an int"),
        (lambda: initializers.STFT(side="up"), InputError, "'real' or 'imag'"),
        (lambda: initializers.STFT()((3, 2, 5)), InputError, r"\(time, 1, frequencies\)"),
        (lambda: initializers.Initializer()((2,)), NotImplementedError, "must define `__call__"),
    ],
)
def test_errors(act, error, match):
    with pytest.raises(error, match=match):
        act()
