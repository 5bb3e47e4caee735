"""`keras.wrappers.scikit_learn` of Keras 1 and 2: `KerasClassifier` and `KerasRegressor`.

Today's estimators are in `hornbeam.wrappers`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import models
from hornbeam.compat.np_utils import to_categorical
from hornbeam.compat.renames import METHOD_WORDS, warn_caller
from hornbeam.errors import InputError


class _Wrapper:
    """What both have in common: a function that makes a model, and arguments for it and for `fit`.

    Args:
        build_fn: makes a compiled model; None if the class is called itself.
        **sk_params: arguments of `build_fn`, and of `fit`, `predict`, `evaluate` of the model.
    """

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        modern = {"KerasClassifier": "SKLearnClassifier", "KerasRegressor": "SKLearnRegressor"}
        name = modern.get(type(self).__name__, "SKLearnClassifier")
        warn_caller(f"{type(self).__name__} is gone: write hornbeam.wrappers.{name}(model, ...).")
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _maker(self) -> Callable[..., Any]:
        if self.build_fn is None:
            return type(self).__dict__["__call__"].__get__(self)  # type: ignore[no-any-return]
        return self.build_fn

    def check_params(self, params: dict[str, Any]) -> None:
        """Refuse arguments that nothing takes.

        Args:
            params: name -> value.

        Raises:
            ValueError: naming the first of them.
        """
        takers: list[Any] = [
            self._maker(),
            models.Model.fit,
            models.Model.predict,
            models.Model.evaluate,
        ]
        known = {"nb_epoch"}
        for taker in takers:
            parameters = inspect.signature(taker).parameters
            if taker is self._maker() and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                return
            known |= set(parameters)
        for name in params:
            if name not in known:
                raise ValueError(f"{name} is not an argument of the model's function, nor of fit.")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All arguments, for scikit-learn.

        Args:
            deep: without effect.
        """
        return {**copy.deepcopy(self.sk_params), "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Any:
        """Set arguments, for scikit-learn.

        Args:
            **params: name -> value.
        """
        self.check_params(params)
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params.update(params)
        return self

    def filter_sk_params(self, fn: Callable[..., Any], override: Any = None) -> dict[str, Any]:
        """Those of the arguments that `fn` takes.

        Args:
            fn: the function.
            override: name -> value, which counts more.
        """
        old = METHOD_WORDS.get(getattr(fn, "__name__", ""), {})
        names = {*inspect.signature(fn).parameters, *old}
        words = {name: value for name, value in self.sk_params.items() if name in names}
        return {**words, **(override or {})}

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Make a model and train it.

        Args:
            x: (rows, ...).
            y: (rows, ...).
            **kwargs: for `Model.fit`.

        Returns:
            The `History`.
        """
        made = self._maker()
        self.model = made(**self.filter_sk_params(made))
        loss = self.model.loss
        if getattr(loss, "__name__", getattr(loss, "name", loss)) == "categorical_crossentropy":
            y = to_categorical(y) if np.ndim(y) < 2 else y
        self.history = self.model.fit(x, y, **self.filter_sk_params(models.Model.fit, kwargs))
        return self.history

    def _predicted(self, x: Any, kwargs: dict[str, Any]) -> np.ndarray:
        if not hasattr(self, "model"):
            raise InputError(f"{type(self).__name__}: call fit() first.")
        words = self.filter_sk_params(models.Model.predict, {"verbose": 0, **kwargs})
        return np.asarray(self.model.predict(x, **words))


class KerasClassifier(_Wrapper):
    """A classifier of scikit-learn, from a function that makes a model.

    Args:
        build_fn: makes a compiled model; None if the class is called itself.
        **sk_params: arguments of `build_fn`, and of `fit`, `predict`, `evaluate` of the model.

    Example:

    >>> import hornbeam, numpy, warnings
    >>> def make(rate=1.0):
    ...     model = hornbeam.Sequential([hornbeam.layers.Dense(2, activation="softmax")])
    ...     model.compile(hornbeam.optimizers.SGD(rate), "categorical_crossentropy")
    ...     return model
    >>> x, y = numpy.array([[0.0], [1.0]] * 20), [5, 7] * 20
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     classifier = KerasClassifier(make, rate=2.0, epochs=40, verbose=0)
    >>> _ = classifier.fit(x, y)
    >>> classifier.predict([[0.0], [1.0]]).tolist()
    [5, 7]
    """

    _estimator_type = "classifier"

    def fit(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Make a model and train it.

        Args:
            x: (rows, ...).
            y: labels (rows,), or rows with a single one.
            sample_weight: factors of the loss, one per row.
            **kwargs: for `Model.fit`.

        Returns:
            The `History`.
        """
        labels = np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] > 1:
            self.classes_ = np.arange(labels.shape[1])
        elif labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1):
            self.classes_, labels = np.unique(labels, return_inverse=True)
            labels = labels.reshape(len(y))
        else:
            raise InputError(
                f"KerasClassifier takes one or two axes of labels, got {labels.shape}."
            )
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, labels, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The most probable label of each row.

        Args:
            x: (rows, ...).
            **kwargs: for `Model.predict`.
        """
        found = self._predicted(x, kwargs)
        wide = found.shape[-1] > 1
        places = found.argmax(-1) if wide else (found.reshape(len(found)) > 0.5).astype(int)
        return np.asarray(self.classes_[places])

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The probability of each label, (rows, classes).

        Args:
            x: (rows, ...).
            **kwargs: for `Model.predict`.
        """
        found = self._predicted(x, kwargs)
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The share of right labels.

        Args:
            x: (rows, ...).
            y: labels (rows,), or rows with a single one.
            **kwargs: for `Model.predict`.
        """
        labels = np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] > 1:
            labels = labels.argmax(1)
        return float(np.mean(self.predict(x, **kwargs) == labels.reshape(len(labels))))


class KerasRegressor(_Wrapper):
    """A regressor of scikit-learn, from a function that makes a model.

    Args:
        build_fn: makes a compiled model; None if the class is called itself.
        **sk_params: arguments of `build_fn`, and of `fit`, `predict`, `evaluate` of the model.

    Example:

    >>> import hornbeam, numpy, warnings
    >>> def make():
    ...     model = hornbeam.Sequential([hornbeam.layers.Dense(1)])
    ...     model.compile(hornbeam.optimizers.SGD(0.5), "mse")
    ...     return model
    >>> x = numpy.linspace(0, 1, 32).reshape(-1, 1)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     regressor = KerasRegressor(make, epochs=60, verbose=0)
    >>> _ = regressor.fit(x, 2 * x)
    >>> regressor.predict([[0.5]]).round(1).tolist()
    [1.0]
    """

    _estimator_type = "regressor"

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The outputs, without an axis of 1.

        Args:
            x: (rows, ...).
            **kwargs: for `Model.predict`.
        """
        found = self._predicted(x, kwargs)
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Minus the loss, so that more is better.

        Args:
            x: (rows, ...).
            y: (rows, ...).
            **kwargs: for `Model.evaluate`.
        """
        words = self.filter_sk_params(models.Model.evaluate, {"verbose": 0, **kwargs})
        loss = self.model.evaluate(x, y, **words)
        return -float(loss[0] if isinstance(loss, list) else loss)


__all__ = ["KerasClassifier", "KerasRegressor"]
