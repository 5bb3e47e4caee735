"""Distillation: the same losses as in Keras, on each engine; mistakes; files."""

from __future__ import annotations

import numpy as np
import pytest

import hornbeam
from hornbeam import distillation, layers, losses, saving
from tests.engines import TRAINABLE

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
Y = np.array([0, 1, 2, 3, 0, 1])
TEACHER = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]], "float32")
STUDENT = np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 0.0]], "float32")


def network(seed, hidden=4, package=hornbeam):
    inputs = package.Input((3,))
    x = package.layers.Dense(hidden, activation="relu", name="hidden")(inputs)
    model = package.Model(inputs, package.layers.Dense(4, name="out")(x))
    for i, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(seed + i).normal(size=tuple(weight.shape)))
    return model


def distiller(package=hornbeam):
    made = package.distillation
    wanted = [
        made.LogitsDistillation(2.0, "mse"),
        made.FeatureDistillation("mse", "hidden", "hidden"),
    ]
    model = made.Distiller(network(0, 4, package), network(10, 4, package), wanted, [0.7, 0.2], 0.3)
    error = package.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(package.optimizers.SGD(0.1), error, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, 8.290095), ({"temperature": 1.0}, 8.059047), ({"loss": "mse"}, 0.25925928)],
)
def test_losses_are_those_of_keras(arguments, expected):
    """The figures are what `keras.distillation` 3.15.1 gives for the same arrays."""
    found = distillation.LogitsDistillation(**arguments).compute_loss(TEACHER, STUDENT)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    features = distillation.FeatureDistillation("mse").compute_loss(TEACHER, STUDENT)
    assert float(features) == pytest.approx(2.3333335, rel=1e-5)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_training_mixes_the_losses(engine):
    with hornbeam.use_backend(engine):
        model = distiller()
        teacher_before = [w.numpy() for w in model.teacher.weights]
        student_before = [w.numpy() for w in model.student.weights]
        first = model.evaluate(X, Y, verbose=0, return_dict=True)
        history = model.fit(X, Y, epochs=3, batch_size=6, verbose=0).history
    assert first["student_loss"] == pytest.approx(4.01754903793335, rel=1e-4)  # Keras's
    mixed = 0.3 * first["student_loss"] + 0.7 * first["distillation_loss"]
    assert first["loss"] == pytest.approx(mixed, rel=1e-5) == first["total_loss"]
    assert history["loss"][-1] < history["loss"][0]
    for before, weight in zip(teacher_before, model.teacher.weights, strict=True):
        np.testing.assert_array_equal(before, weight.numpy())
    assert any(
        not np.array_equal(before, weight.numpy())
        for before, weight in zip(student_before, model.student.weights, strict=True)
    )
    assert model._seen is None


def test_files_and_configs(tmp_path):
    model = distiller()
    assert [layer.name for layer in model.layers] == [model.teacher.name, model.student.name]
    model.save(tmp_path / "d.keras")
    again = saving.load_model(tmp_path / "d.keras")
    assert again.distillation_loss_weights == [0.7, 0.2]
    assert again.distillation_losses[0].temperature == 2.0
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def logits():
    return distillation.LogitsDistillation(loss="mse")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distillation.LogitsDistillation(0), "above 0, got 0"),
        (lambda: distillation.LogitsDistillation("a"), "must be a number, got 'a'"),
        (lambda: distillation.LogitsDistillation(loss=None), "needs a `loss`"),
        (lambda: logits().compute_loss(TEACHER, STUDENT[:, :2]), "outputs of equal shapes"),
        (lambda: distillation.Distiller(network(0), network(1), "x"), "got \\['str'\\]"),
        (lambda: distillation.Distiller(network(0), network(1), []), "at least one"),
        (
            lambda: distillation.Distiller(network(0), layers.Dense(1), logits()),
            "`student` must be",
        ),
        (
            lambda: distillation.Distiller(network(0), network(1), logits(), [1.0, 2.0]),
            "2 `distillation_loss_weights` for 1",
        ),
        (
            lambda: distillation.Distiller(network(0), network(1), logits(), None, 2.0),
            r"in \[0, 1\], got 2.0",
        ),
        (
            lambda: distillation.Distiller(
                network(0), network(1), distillation.FeatureDistillation("mse", "hiden", "hidden")
            ),
            "teacher has no layer 'hiden'; it has",
        ),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_base_says_what_to_define():
    with pytest.raises(NotImplementedError, match="must define `compute_loss`"):
        distillation.DistillationLoss().compute_loss(1, 2)
    assert losses.get("mse") is distillation.FeatureDistillation().loss
