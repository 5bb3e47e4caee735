"""`make_train_function` and its siblings: a step as a function of an iterator over batches.

`fit`, `evaluate` and `predict` have quicker ways of their own and do not need these functions.  A model
that overrides ``make_train_function``, or whose ``train_function`` was set, is driven by that function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.training.data import pack_x_y_sample_weight, unpack_x_y_sample_weight

Function = Callable[[Iterator[Any]], Any]


class StepFunction:
    """``function(iterator)`` runs a step of a model on the next batches of an iterator.

    Training takes `Model.steps_per_execution` batches, as far as there are so many; evaluation and
    prediction take one.  The result is that of the last step: a dict of logs, or the outputs.

    Args:
        model: the model.
        kind: "train", "test" or "predict".
    """

    def __init__(self, model: Any, kind: str) -> None:
        self.model = model
        self.kind = kind

    def __call__(self, iterator: Iterator[Any]) -> Any:
        """Run.

        Args:
            iterator: an iterator over batches ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.

        Raises:
            StopIteration: if there is no batch left.
        """
        result = self._step(next(iterator))
        for _ in range(self.model.steps_per_execution - 1 if self.kind == "train" else 0):
            try:
                batch = next(iterator)
            except StopIteration:
                break
            result = self._step(batch)
        return result

    def _step(self, batch: Any) -> Any:
        data = self.model._one_batch(*unpack_x_y_sample_weight(batch), None, self.kind)
        backend = self.model._model_backend()
        with registry.on(backend):
            return self.model._step(self.kind)(backend.handed_over(data))


class StepFunctions:
    """The part of `Trainer` that makes functions of steps.

    Attributes:
        train_function: what `make_train_function` made last, or None; one of your own may be put here.
        test_function: likewise, of `make_test_function`.
        predict_function: likewise, of `make_predict_function`.
    """

    train_function: Any
    test_function: Any
    predict_function: Any

    def make_train_function(self, force: bool = False) -> Any:
        """A function that takes an iterator over batches, trains on the next and returns the logs.

        Override it to put something around the steps of `fit` and `train_on_batch`: return a function of
        an iterator, and call that of ``super()`` in it.

        Args:
            force: whether to make and compile it anew if there is one.

        Example:

        >>> import hornbeam, numpy
        >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = numpy.ones((2, 1))
        >>> train = model.make_train_function()
        >>> sorted(train(iter([(x, x)])))
        ['loss']
        """
        return self._made("train", force)

    def make_test_function(self, force: bool = False) -> Any:
        """A function that takes an iterator over batches, measures the next and returns the logs.

        Args:
            force: whether to make and compile it anew if there is one.
        """
        return self._made("test", force)

    def make_predict_function(self, force: bool = False) -> Any:
        """A function that takes an iterator over batches and returns the outputs for the next.

        Args:
            force: whether to make and compile it anew if there is one.
        """
        return self._made("predict", force)

    def _made(self, kind: str, force: bool) -> Any:
        name = f"{kind}_function"
        if kind != "predict":
            self._assert_compiled(f"make_{name}")  # type: ignore[attr-defined]
        if force:
            self._forget_compiled()  # type: ignore[attr-defined]
        if force or getattr(self, name) is None:
            setattr(self, name, StepFunction(self, kind))
        return getattr(self, name)

    def _forget_functions(self) -> None:
        self.train_function = self.test_function = self.predict_function = None


def own_function(model: Any, kind: str) -> Function | None:
    """The function that the user has written for steps of a kind, or None.

    Args:
        model: the model.
        kind: "train", "test" or "predict".

    Raises:
        InputError: if it is none, or takes something else than an iterator.
    """
    maker, name = f"make_{kind}_function", f"{kind}_function"
    method = getattr(model, maker)
    made = None
    if getattr(method, "__func__", None) is not getattr(StepFunctions, maker):
        made = method()
        if made is None and getattr(model, name) is None:
            raise InputError(
                f"{type(model).__name__}.{maker}() returned None: it must return a function of an "
                f"iterator over batches, or set `self.{name}` to one."
            )
    made = getattr(model, name) if made is None else made
    if made is None or isinstance(made, StepFunction):
        return None
    if not callable(made) or not _takes_one(made):
        raise InputError(
            f"The {name} of {type(model).__name__} must be a function of one argument, an iterator over "
            f"batches, got {made!r}. For a step from state to state override "
            f"`{kind}_step(self, state, data)`."
        )
    return made  # type: ignore[no-any-return]


def _takes_one(function: Any) -> bool:
    try:
        inspect.signature(function).bind(iter(()))
    except TypeError:
        return False
    except ValueError:  # a function that does not tell
        return True
    return True


class Batches:
    """Batches as the user gave them, one after another; knows how many were taken, and if more come.

    Args:
        batches: triples (x, y, sample_weight).
        taken: how many were taken before these.
    """

    def __init__(self, batches: Iterable[Any], taken: int = 0) -> None:
        self._rest = iter(batches)
        self._next: list[Any] = []
        self.taken = taken

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Any:
        if not self.more():
            raise StopIteration
        self.taken += 1
        return pack_x_y_sample_weight(*self._next.pop())

    def more(self) -> bool:
        """Whether another batch comes."""
        if not self._next:
            self._next.extend(islice(self._rest, 1))
        return bool(self._next)

    def feed(self, function: Function, name: str) -> Any:
        """What `function` makes of the next batches.

        Raises:
            InputError: if it takes none.
        """
        before = self.taken
        result = function(self)
        if self.taken == before:
            raise InputError(
                f"The {name} took no batch: it must call `next(iterator)` at least once."
            )
        return result


def run_once(model: Any, kind: str, data: Any) -> Any:
    """A step on one batch, by the user's function if there is one.

    Args:
        model: the model.
        kind: "train", "test" or "predict".
        data: (x, y, sample_weight).
    """
    function = own_function(model, kind)
    if function is None:
        return model._step(kind)(data)
    return Batches([data]).feed(function, f"{kind}_function")


__all__ = ["Batches", "StepFunction", "StepFunctions", "own_function", "run_once"]
