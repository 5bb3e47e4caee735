"""Models as estimators: scikit-learn's own checks, and what people do with estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import hornbeam
from hornbeam import callbacks, layers, optimizers
from hornbeam.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from tests.engines import TRAINABLE


def classifier_model(X, y, units=(), rate=0.5):
    hornbeam.utils.set_random_seed(0)
    hidden = [layers.Dense(n, activation="relu") for n in units]
    inputs = hornbeam.Input(X.shape[1:])
    model = hornbeam.Sequential([inputs, *hidden, layers.Dense(y.shape[1], activation="softmax")])
    model.compile(optimizers.SGD(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def regressor_model(X, y, rate=0.1):
    hornbeam.utils.set_random_seed(0)
    model = hornbeam.Sequential([hornbeam.Input(X.shape[1:]), layers.Dense(y.shape[1])])
    model.compile(optimizers.Adam(rate), "mse")
    return model


ESTIMATORS = [
    SKLearnClassifier(classifier_model, fit_kwargs={"epochs": 30}),
    SKLearnRegressor(regressor_model, fit_kwargs={"epochs": 100}),
    SKLearnTransformer(regressor_model, fit_kwargs={"epochs": 1}),
]


# Its checks fit small models hundreds of times, so they run where nothing is compiled, if there is
# such an engine.
QUICKEST = sorted(TRAINABLE, key=lambda name: name != "torch")[0]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_the_checks_of_scikit_learn(estimator):
    with hornbeam.use_backend(QUICKEST):
        results = check_estimator(estimator, on_skip=None, on_fail="raise")
    assert len(results) > 40


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    return X, names[y]


def make_classifier(**kwargs):
    return SKLearnClassifier(
        classifier_model, fit_kwargs={"epochs": 15, "batch_size": 16}, **kwargs
    )


@pytest.mark.parametrize("engine", TRAINABLE)
def test_a_classifier_learns_on_every_engine(engine, iris):
    X, y = iris
    with hornbeam.use_backend(engine):
        pipeline = make_pipeline(StandardScaler(), make_classifier()).fit(X, y)
        assert pipeline.score(X, y) > 0.9
        assert pipeline.predict_proba(X).sum(1) == pytest.approx(np.ones(len(X)))
        np.testing.assert_array_equal(
            pipeline[-1].classes_[pipeline.decision_function(X).argmax(1)], pipeline.predict(X)
        )


@pytest.mark.parametrize("engine", TRAINABLE)
def test_a_fitted_estimator_can_be_pickled(engine, iris):
    X, y = iris
    with hornbeam.use_backend(engine):
        fitted = make_classifier().fit(X, y)
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
        assert again.history_ == fitted.history_
        assert again.model_.weights[0].backend.name == engine


def test_cross_validation(iris):
    X, y = iris
    scores = cross_val_score(make_pipeline(StandardScaler(), make_classifier()), X, y, cv=3)
    assert scores.mean() > 0.85


def test_grid_search(iris):
    X, y = iris
    search = GridSearchCV(
        make_classifier(),
        {
            "model_kwargs": [{"rate": 1e-9}, {"rate": 0.1, "units": (8,)}],
            "fit_kwargs": [{"epochs": 10}],
        },
        cv=2,
    )
    search.fit(X, y)
    assert search.best_params_["model_kwargs"]["rate"] == 0.1
    assert search.best_estimator_.epoch_ == 10


@pytest.mark.slow
def test_cross_validation_in_processes(iris):
    X, y = iris
    model = classifier_model(X, np.eye(3))
    estimator = SKLearnClassifier(model, fit_kwargs={"epochs": 2})
    scores = cross_val_score(estimator, X, y, cv=2, n_jobs=2, error_score="raise")
    assert len(scores) == 2


def test_clones_share_the_model_and_not_what_was_learned(iris):
    X, y = iris
    model = classifier_model(X, np.eye(3))
    fitted = SKLearnClassifier(model, fit_kwargs={"epochs": 1}).fit(X, y)
    copy = clone(fitted)
    assert copy.model is model
    assert not hasattr(copy, "model_")
    assert copy.fit_kwargs == fitted.fit_kwargs
    assert copy.fit_kwargs is not fitted.fit_kwargs
    assert fitted.model_ is not model
    assert int(model.optimizer.iterations) == 0, "the model that was given stays as it is"
    assert int(fitted.model_.optimizer.iterations) > 0


def test_early_stopping(iris):
    X, y = iris
    stop = callbacks.EarlyStopping("loss", min_delta=100.0, patience=1)
    words = {"epochs": 20, "callbacks": [stop], "validation_split": 0.1}
    fitted = SKLearnClassifier(classifier_model, fit_kwargs=words).fit(X, y)
    assert fitted.epoch_ == 2
    assert "val_loss" in fitted.history_


def test_warm_start(iris):
    X, y = iris
    warm = make_classifier(warm_start=True).fit(X, y)
    before = warm.model_
    steps = int(before.optimizer.iterations)
    warm.fit(X, y, epochs=1)
    assert warm.model_ is before
    assert int(before.optimizer.iterations) == steps + 10
    with pytest.raises(ValueError, match="warm start got labels"):
        warm.fit(X, [f"{name}?" for name in y])


def test_sample_weight_goes_to_the_model(iris):
    X, y = iris
    weight = (y == "setosa").astype(float)
    fitted = make_classifier().fit(X, y, sample_weight=weight)
    assert (fitted.predict(X) == "setosa").all()


def test_a_regressor_with_several_outputs():
    X, y = make_regression(60, 4, n_targets=2, random_state=0)
    y = y / y.std()
    fitted = SKLearnRegressor(regressor_model, fit_kwargs={"epochs": 100}).fit(X, y)
    assert fitted.predict(X).shape == (60, 2)
    assert fitted.score(X, y) > 0.95
    assert fitted.fit(X, y[:, 0]).predict(X).shape == (60,)


def test_an_autoencoder(iris):
    X, _ = iris
    coder = make_pipeline(
        StandardScaler(), SKLearnTransformer(regressor_model, fit_kwargs={"epochs": 60})
    )
    scaled = StandardScaler().fit_transform(X)
    assert np.mean((coder.fit_transform(X) - scaled) ** 2) < 0.2
    np.testing.assert_array_equal(coder[-1].predict(scaled), coder[-1].transform(scaled))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SKLearnClassifier("dense"), "must be a model, or a function"),
        (SKLearnClassifier(hornbeam.Sequential([layers.Dense(2)])), "must be compiled"),
        (SKLearnClassifier(lambda X, y: None), "must be compiled"),
        (SKLearnClassifier(regressor_model, model_kwargs={"n": 1}), "unexpected keyword"),
        (
            SKLearnClassifier(
                classifier_model(np.ones((1, 2)), np.ones((1, 2))), model_kwargs={"n": 1}
            ),
            "`model` is a model",
        ),
    ],
)
def test_mistakes(estimator, message):
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit([[1.0, 2.0], [2.0, 1.0]], [0, 1])


def test_outputs_that_are_no_probabilities():
    X, y = np.random.default_rng(0).random((8, 2)), [0, 1] * 4
    logits = SKLearnClassifier(regressor_model).fit(X, y)
    assert logits.decision_function(X).shape == (8,)
    with pytest.raises(ValueError, match="let it end in a softmax"):
        logits.predict_proba(X)

    narrow = SKLearnClassifier(regressor_model).fit(X, y)
    narrow.model_ = regressor_model(X, np.ones((8, 1)))
    with pytest.raises(ValueError, match="an output for each of the 2 classes"):
        narrow.predict(X)
