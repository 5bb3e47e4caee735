"""Losses against Keras: values and gradients with every reduction, mask and weight, on every engine."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import losses
from hornbeam.errors import InputError, UnknownNameError
from tests.engines import ENGINES, TRAINABLE

rng = np.random.default_rng(0)
N, C = 6, 4
REAL = rng.random((N, C)).astype(np.float32)
PRED = rng.random((N, C)).astype(np.float32)
LABEL = np.array([0, 1, 2, 3, 1, 2])
ONE_HOT = np.eye(C, dtype=np.float32)[LABEL]
PROB = PRED / PRED.sum(-1, keepdims=True)
UNIT = PRED / np.linalg.norm(PRED, axis=-1, keepdims=True)
LOGIT = PRED * 6 - 3
WEIGHT = rng.random(N).astype(np.float32)
MASK = np.array([True, False, True, True, False, True])

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)

ROWS = [
    ("MeanSquaredError", {}, REAL, PRED),
    ("MeanAbsoluteError", {}, REAL, PRED),
    ("MeanAbsolutePercentageError", {}, REAL, PRED),
    ("MeanSquaredLogarithmicError", {}, REAL - 0.5, PRED - 0.2),
    ("Huber", {"delta": 0.2}, REAL, PRED),
    ("LogCosh", {}, REAL, 9 * PRED),
    ("Hinge", {}, REAL, PRED),
    ("Hinge", {}, ONE_HOT, PRED),
    ("SquaredHinge", {}, ONE_HOT, PRED),
    ("CategoricalHinge", {}, ONE_HOT, PRED),
    ("CosineSimilarity", {}, REAL, PRED),
    ("BinaryCrossentropy", {}, ONE_HOT, PRED),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ONE_HOT, LOGIT),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3}, ONE_HOT, PRED),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.5}, ONE_HOT, LOGIT),
    ("CategoricalCrossentropy", {}, ONE_HOT, PRED),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, ONE_HOT, LOGIT),
    ("CategoricalFocalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, PRED),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 1.0}, ONE_HOT, LOGIT),
    ("SparseCategoricalCrossentropy", {}, LABEL, PROB),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABEL[:, None], LOGIT),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, LABEL, PROB),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, LABEL, PROB),
    ("KLDivergence", {}, REAL, PRED),
    ("Poisson", {}, REAL, PRED),
    ("Dice", {}, ONE_HOT, PRED),
    ("Dice", {"axis": (1,)}, ONE_HOT, PRED),
    ("Tversky", {"alpha": 0.3, "beta": 0.6}, ONE_HOT, PRED),
    ("Tversky", {"axis": -1}, ONE_HOT, PRED),
    ("Circle", {}, LABEL, UNIT),
    ("Circle", {"gamma": 2.0, "margin": 0.2, "remove_diagonal": False}, LABEL, UNIT),
]
IDS = [f"{name}-{'-'.join(map(str, kwargs))}-{i}" for i, (name, kwargs, _, _) in enumerate(ROWS)]


def close(ours, theirs, rtol=1e-5, atol=1e-6):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "kwargs", "y_true", "y_pred"), ROWS, ids=IDS)
def test_values_with_every_reduction_and_weight(engine, name, kwargs, y_true, y_pred):
    for reduction in REDUCTIONS:
        theirs = getattr(keras.losses, name)(reduction=reduction, **kwargs)
        ours = getattr(losses, name)(reduction=reduction, **kwargs)
        for weight in (None, WEIGHT):
            with hornbeam.use_backend(engine):
                value = hornbeam.ops.convert_to_numpy(ours(y_true, y_pred, weight))
            close(value, theirs(y_true, y_pred, weight))


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize(("name", "kwargs", "y_true", "y_pred"), ROWS, ids=IDS)
def test_gradients(engine, name, kwargs, y_true, y_pred):
    theirs = jax.grad(lambda p: getattr(keras.losses, name)(**kwargs)(y_true, p))(y_pred)
    with hornbeam.use_backend(engine):
        ours = hornbeam.grad(lambda p: getattr(losses, name)(**kwargs)(y_true, p))(y_pred)
        ours = hornbeam.ops.convert_to_numpy(ours)
    close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "kwargs", "y_true", "y_pred"), ROWS, ids=IDS)
def test_config_holds_what_keras_has_and_makes_an_equal_loss(name, kwargs, y_true, y_pred):
    theirs = getattr(keras.losses, name)(**kwargs).get_config()
    ours = getattr(losses, name)(**kwargs)
    config = ours.get_config()
    assert {key: config[key] for key in theirs} == theirs
    again = losses.deserialize(losses.serialize(ours))
    close(again(y_true, y_pred), ours(y_true, y_pred))


@pytest.mark.parametrize("engine", TRAINABLE)
def test_ctc(engine):
    labels = np.array([[1, 2], [1, 1], [3, 0]])
    frames = rng.random((3, 5, C)).astype(np.float32)
    expected, slope = jax.value_and_grad(lambda p: keras.losses.CTC()(labels, p))(frames)
    with hornbeam.use_backend(engine):
        both = hornbeam.value_and_grad(lambda p: losses.CTC()(labels, p))
        value, own = map(hornbeam.ops.convert_to_numpy, both(frames))
    close(value, expected)
    close(own, slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_masks(engine, reduction, weight):
    masked = jax.numpy.asarray(PRED) + 0
    masked._keras_mask = jax.numpy.asarray(MASK)
    theirs = keras.losses.MeanSquaredError(reduction=reduction)(REAL, masked, weight)
    with hornbeam.use_backend(engine):
        ours = losses.MeanSquaredError(reduction=reduction)(REAL, PRED, weight, mask=MASK)
        close(hornbeam.ops.convert_to_numpy(ours), theirs)


@pytest.mark.parametrize(
    ("true", "pred", "weight"),
    [
        ((4,), (4, 1), None),
        ((4, 1), (4,), None),
        ((4, 3), (4, 3), (4, 1)),
        ((4, 3, 2), (4, 3, 2), (4, 3)),
        ((4, 3, 2), (4, 3, 2), (4, 1)),
        ((4, 3, 2), (4, 3, 2), (4, 3, 1)),
        ((4,), (4,), (4, 1)),
        ((4, 1), (4, 1), (4,)),
        ((4, 1, 1), (4, 1), None),
        ((4, 3), (4, 3, 1), None),
        ((1, 3), (4, 3), None),
        ((4, 3), (4, 3), ()),
    ],
)
def test_ranks_of_targets_and_weights(true, pred, weight):
    arrays = [None if s is None else rng.random(s).astype(np.float32) for s in (true, pred, weight)]
    for reduction in ("none", "sum_over_batch_size", "mean_with_sample_weight"):
        theirs = keras.losses.MeanSquaredError(reduction=reduction)(*arrays)
        close(losses.MeanSquaredError(reduction=reduction)(*arrays), theirs)


@pytest.mark.parametrize("name", [n for n in losses.ALL_FUNCTIONS if hasattr(keras.losses, n)])
def test_functions_have_the_names_and_defaults_of_keras(name):
    import inspect

    theirs = inspect.signature(getattr(keras.losses, name)).parameters
    ours = inspect.signature(losses.ALL_FUNCTIONS[name]).parameters
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


def test_losses_on_symbolic_tensors_have_shapes():
    y = hornbeam.KerasTensor((None, C))
    value = losses.CategoricalCrossentropy(reduction="none")(y, y)
    assert value.shape == (None,)
    assert losses.MeanSquaredError()(y, y).shape == ()
    labels = hornbeam.KerasTensor((None,), "int32")
    assert losses.Circle(reduction="none")(labels, y).shape == (None,)


def test_dtype_of_a_loss():
    loss = losses.MeanSquaredError(dtype="float64")
    assert loss.dtype == "float64"
    assert loss.get_config()["dtype"] == "float64"
    value = loss(REAL.astype(np.float64), PRED.astype(np.float64))
    expected = np.mean((REAL.astype(np.float64) - PRED.astype(np.float64)) ** 2)
    assert str(value.dtype) == "float64"
    np.testing.assert_allclose(hornbeam.ops.convert_to_numpy(value), expected, rtol=1e-14)


def test_large_class_numbers_survive_a_small_dtype():
    scores = np.zeros((1, 5000), np.float32)
    scores[0, 4999] = 20.0
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float16")
    assert float(loss(np.array([4999]), scores)) < 0.01


def test_own_losses_and_functions():
    class Twice(losses.Loss):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * abs(y_true - y_pred)[:, 0]

    loss = Twice(3.0, name="mine")
    assert float(loss([[0.0], [0.0]], [[1.0], [2.0]])) == 4.5
    assert loss.get_config()["factor"] == 3.0
    assert losses.get(keras_free := (lambda a, b: b)) is keras_free
    nested = losses.LossFunctionWrapper(lambda t, p: p["a"] - t["a"])
    assert float(nested({"a": np.zeros(2)}, {"a": np.ones(2)})) == 1.0


@pytest.mark.parametrize("name", ["mse", "MSE", "Huber", "huber", "kl_divergence", "KLD", "CTC"])
def test_names(name):
    assert callable(losses.get(name))


@pytest.mark.parametrize(
    ("act", "error", "match"),
    [
        (
            lambda: losses.get("mean_square_error"),
            UnknownNameError,
            "Did you mean 'mean_squared_er",
        ),
        (lambda: losses.get(3), InputError, "3 of type int is no loss"),
        (
            lambda: losses.MeanSquaredError(reduction="avg"),
            InputError,
            "`reduction` must be one of",
        ),
        (
            lambda: losses.MeanSquaredError()(REAL, PRED, np.ones(5)),
            InputError,
            "one weight per sam",
        ),
        (lambda: losses.BinaryCrossentropy(label_smoothing=2), InputError, r"in \[0, 1\], got 2"),
        (
            lambda: losses.SparseCategoricalCrossentropy()(np.array([0, 7, 1]), PROB[:3]),
            InputError,
            "targets from 0 to 7, but the model has 4 outputs",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy()(np.array([0.5, 0, 1]), PROB[:3]),
            InputError,
            "whole class numbers",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy()(ONE_HOT, PROB),
            InputError,
            "these are one-hot",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy()(np.array(["cat"] * 6), PROB),
            InputError,
            "np.unique",
        ),
        (
            lambda: losses.CategoricalCrossentropy().check_targets(LABEL, C),
            InputError,
            "Use 'sparse_categorical_crossentropy'",
        ),
        (lambda: losses.Loss()(REAL, PRED), NotImplementedError, "must define `call"),
    ],
)
def test_errors(act, error, match):
    with pytest.raises(error, match=match):
        act()
