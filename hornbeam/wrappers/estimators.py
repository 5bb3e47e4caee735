"""The estimators of scikit-learn that hold a model."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    TransformerMixin,
    check_is_fitted,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from hornbeam import models
from hornbeam.errors import InputError


class ModelEstimator(BaseEstimator):  # type: ignore[misc]
    """What the three estimators have in common: making, fitting and copying the model.

    Args:
        model: a compiled model, of which each `fit` trains a fresh copy; or a function that makes one,
            called as ``model(X, y, **model_kwargs)`` with the data as they go to the model.
        warm_start: whether `fit` goes on with the model of the fit before.
        model_kwargs: more keyword arguments for the function.
        fit_kwargs: keyword arguments for `Model.fit`, such as epochs, batch_size and callbacks.
    """

    __metadata_request__fit: ClassVar[dict[str, Any]] = {"sample_weight": None}

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self) -> Any:
        """A copy without what was learned; the model, or the function that makes it, is shared."""
        words = self.get_params(deep=False)
        shared = {"model": words.pop("model")}
        return type(self)(**shared, **copy.deepcopy(words))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # first weights are random, unless the model's seeds are set
        return tags

    @property
    def epoch_(self) -> int:
        """How many epochs the last `fit` ran."""
        check_is_fitted(self, "history_")
        return len(next(iter(self.history_.values()), []))

    def _made(self, X: Any, y: Any) -> Any:
        if isinstance(self.model, models.Model):
            if self.model_kwargs:
                raise InputError(
                    f"{type(self).__name__}: `model_kwargs` are for a function that makes the model, "
                    "but `model` is a model."
                )
            made = _fresh(self.model)
        elif callable(self.model):
            made = self.model(X=X, y=y, **(self.model_kwargs or {}))
        else:
            raise InputError(
                f"{type(self).__name__}: `model` must be a model, or a function that makes one, got "
                f"{self.model!r}."
            )
        if not isinstance(made, models.Model) or not made.compiled:
            raise InputError(
                f"{type(self).__name__}: the model must be compiled: call model.compile(...) first."
            )
        return made

    def _learn(self, X: Any, y: Any, kwargs: dict[str, Any]) -> Any:
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = self._made(X, y)
        words = {"verbose": 0, **(self.fit_kwargs or {}), **kwargs}
        if words.get("sample_weight") is not None:
            words["sample_weight"] = np.asarray(words["sample_weight"], "float32")
        self.history_ = dict(self.model_.fit(X, y, **words).history)
        return self

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False, dtype="numeric")
        return np.asarray(self.model_.predict(X, verbose=0))

    def _checked(self, X: Any, y: Any) -> tuple[Any, Any]:
        return validate_data(self, X, y, dtype="numeric", multi_output=True, y_numeric=False)  # type: ignore[no-any-return]


def _fresh(model: Any) -> Any:
    """A model of the same architecture and compilation, with new first weights."""
    made = type(model).from_config(model.get_config())
    config = model.get_compile_config()
    if config:
        made.compile_from_config(config)
    return made


class SKLearnClassifier(ClassifierMixin, ModelEstimator):  # type: ignore[misc]
    """A model as a classifier of scikit-learn.

    The model gets the classes as rows with a single one, (batch, classes), and has as many outputs:
    compile it with "categorical_crossentropy".

    Args:
        model: a compiled model, of which each `fit` trains a fresh copy; or a function that makes one,
            called as ``model(X, y, **model_kwargs)`` with the data as they go to the model.
        warm_start: whether `fit` goes on with the model of the fit before.
        model_kwargs: more keyword arguments for the function.
        fit_kwargs: keyword arguments for `Model.fit`, such as epochs, batch_size and callbacks.

    Example:

    >>> import hornbeam, numpy
    >>> def make(X, y):
    ...     model = hornbeam.Sequential([hornbeam.layers.Dense(y.shape[1], activation="softmax")])
    ...     model.compile(hornbeam.optimizers.SGD(1.0), "categorical_crossentropy")
    ...     return model
    >>> X = numpy.array([[0.0], [1.0]] * 20)
    >>> classifier = hornbeam.wrappers.SKLearnClassifier(make, fit_kwargs={"epochs": 40})
    >>> classifier.fit(X, ["no", "yes"] * 20).predict([[0.0], [1.0]]).tolist()
    ['no', 'yes']
    """

    def fit(self, X: Any, y: Any, **kwargs: Any) -> SKLearnClassifier:
        """Train on data.

        Args:
            X: (rows, features).
            y: labels (rows,), of any kind.
            **kwargs: for `Model.fit`, over `fit_kwargs`; `sample_weight` among them.
        """
        X, y = self._checked(X, y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        known = getattr(self, "classes_", None) if self.warm_start else None
        self.classes_ = np.unique(y) if known is None else known
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present: {self.classes_}."
            )
        places = np.searchsorted(self.classes_, y)
        if not np.array_equal(self.classes_[np.minimum(places, len(self.classes_) - 1)], y):
            raise InputError(
                f"A warm start got labels besides those of the fit before, {self.classes_.tolist()}."
            )
        self._learn(X, np.eye(len(self.classes_), dtype="float32")[places], kwargs)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row.

        Args:
            X: (rows, features).
        """
        places = self._scores(X).argmax(-1)
        return np.asarray(self.classes_[places])

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        outputs = self._outputs(X)
        if outputs.ndim != 2 or outputs.shape[1] != len(self.classes_):
            raise InputError(
                f"The model must have an output for each of the {len(self.classes_)} classes, got the "
                f"shape {outputs.shape}."
            )
        return outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each label, (rows, classes).

        Args:
            X: (rows, features).

        Raises:
            InputError: if the model's outputs are no probabilities.
        """
        outputs = self._scores(X).astype("float64")
        sums = outputs.sum(-1, keepdims=True)
        if (outputs < 0).any() or not np.allclose(sums, 1, atol=1e-3):
            raise InputError(
                "The model's outputs are no probabilities: let it end in a softmax, or use "
                "decision_function()."
            )
        return np.asarray(outputs / sums)

    def decision_function(self, X: Any) -> np.ndarray:
        """The model's outputs; for two classes by how much the second is above the first, (rows,).

        Args:
            X: (rows, features).
        """
        outputs = self._scores(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs


class _OnNumbers(ModelEstimator):
    """An estimator whose targets are numbers."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Train on data.

        Args:
            X: (rows, features).
            y: numbers (rows,) or (rows, outputs).
            **kwargs: for `Model.fit`, over `fit_kwargs`; `sample_weight` among them.
        """
        X, y = self._checked(X, y)
        y = check_array(y, ensure_2d=False, dtype="float64")
        self._single = y.ndim == 1
        return self._learn(X, np.reshape(y, (len(y), -1)), kwargs)


class SKLearnRegressor(RegressorMixin, _OnNumbers):  # type: ignore[misc]
    """A model as a regressor of scikit-learn.

    The model gets targets of shape (batch, outputs), with one output for targets of one axis.

    Args:
        model: a compiled model, of which each `fit` trains a fresh copy; or a function that makes one,
            called as ``model(X, y, **model_kwargs)`` with the data as they go to the model.
        warm_start: whether `fit` goes on with the model of the fit before.
        model_kwargs: more keyword arguments for the function.
        fit_kwargs: keyword arguments for `Model.fit`, such as epochs, batch_size and callbacks.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile(hornbeam.optimizers.SGD(0.5), "mse")
    >>> X = numpy.linspace(0, 1, 32).reshape(-1, 1)
    >>> regressor = hornbeam.wrappers.SKLearnRegressor(model, fit_kwargs={"epochs": 60})
    >>> regressor.fit(X, 2 * X[:, 0]).predict([[0.5]]).round(1).tolist()
    [1.0]
    """

    def predict(self, X: Any) -> np.ndarray:
        """The model's outputs: (rows,) after a fit to targets of one axis, else (rows, outputs).

        Args:
            X: (rows, features).
        """
        outputs = self._outputs(X).astype("float64")
        return np.reshape(outputs, -1) if self._single else outputs


class SKLearnTransformer(TransformerMixin, _OnNumbers):  # type: ignore[misc]
    """A model as a transformer of scikit-learn: its outputs are features for what comes next.

    Args:
        model: a compiled model, of which each `fit` trains a fresh copy; or a function that makes one,
            called as ``model(X, y, **model_kwargs)`` with the data as they go to the model.
        warm_start: whether `fit` goes on with the model of the fit before.
        model_kwargs: more keyword arguments for the function.
        fit_kwargs: keyword arguments for `Model.fit`, such as epochs, batch_size and callbacks.

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(2)])
    >>> model.compile("sgd", "mse")
    >>> X = numpy.ones((8, 3))
    >>> hornbeam.wrappers.SKLearnTransformer(model).fit(X, X[:, :2]).transform(X).shape
    (8, 2)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # outputs have the dtype of the model
        return tags

    def fit(self, X: Any, y: Any = None, **kwargs: Any) -> Any:
        """Train on data.

        Args:
            X: (rows, features).
            y: numbers (rows,) or (rows, outputs); None for `X` itself, as for an autoencoder.
            **kwargs: for `Model.fit`, over `fit_kwargs`; `sample_weight` among them.
        """
        if y is None:
            X = validate_data(self, X, dtype="numeric")
            self._single = False
            return self._learn(X, X, kwargs)
        return super().fit(X, y, **kwargs)

    def transform(self, X: Any) -> np.ndarray:
        """The model's outputs, (rows, outputs).

        Args:
            X: (rows, features).
        """
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """As `transform`.

        Args:
            X: (rows, features).
        """
        return self.transform(X)


__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
