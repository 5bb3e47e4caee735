"""`make_train_function` and its siblings: what they give, and that the user's are called."""

from __future__ import annotations

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import InputError
from tests.engines import ENGINES, TRAINABLE

X = np.random.default_rng(0).random((12, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def stack():
    return [hornbeam.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)]


def compiled(kind=hornbeam.Sequential, **options):
    hornbeam.utils.set_random_seed(1)
    model = kind(stack())
    model.compile(hornbeam.optimizers.SGD(0.1), "mse", **options)
    return model


def batches(size=4):
    return iter([(X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size)])


class Counting(hornbeam.Sequential):
    """Puts something around the functions, as users of Keras do."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = {"train": 0, "test": 0, "predict": 0}

    def _around(self, kind, inner):
        def function(iterator):
            self.calls[kind] += 1
            return inner(iterator)

        return function

    def make_train_function(self, force=False):  # returns it
        return self._around("train", super().make_train_function(force))

    def make_test_function(self, force=False):  # returns it and keeps it
        if self.test_function is None or force:
            self.test_function = self._around("test", super().make_test_function(force))
        return self.test_function

    def make_predict_function(self, force=False):  # keeps it
        if self.predict_function is None or force:
            self.predict_function = self._around("predict", super().make_predict_function(force))


@pytest.mark.parametrize("together", [1, 2])
@pytest.mark.parametrize("engine", TRAINABLE)
def test_a_function_runs_steps(engine, together):
    with hornbeam.use_backend(engine):
        by_hand, by_fit = compiled(steps_per_execution=together), compiled()
        train, data, rounds = by_hand.make_train_function(), batches(), 0
        assert train is by_hand.train_function is by_hand.make_train_function()
        while True:
            try:
                logs = train(data)
            except StopIteration:
                break
            rounds += 1
        assert rounds == -(-3 // together)
        history = by_fit.fit(X, Y, 4, shuffle=False, verbose=0).history
        np.testing.assert_allclose(float(logs["loss"]), history["loss"][0], rtol=1e-6)
        for a, b in zip(by_hand.get_weights(), by_fit.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        assert by_hand.make_train_function(force=True) is not train
        by_hand.reset_metrics()
        measured = by_hand.make_test_function()(iter([(X, Y)]))
        expected = by_fit.evaluate(X, Y, verbose=0)
        np.testing.assert_allclose(float(measured["loss"]), expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_predicts(engine):
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential(stack())
        found = model.make_predict_function()(iter([X]))
        found = hornbeam.ops.convert_to_numpy(found)
        np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_functions_of_the_users_are_called(engine):
    with hornbeam.use_backend(engine):
        own, plain = compiled(Counting), compiled()
        options = {"epochs": 2, "batch_size": 4, "verbose": 0, "shuffle": False}
        options["validation_data"] = (X[:8], Y[:8])
        expected = plain.fit(X, Y, **options).history
        found = own.fit(X, Y, **options).history
        assert {key: pytest.approx(value, 1e-6) for key, value in expected.items()} == found
        assert own.calls == {"train": 6, "test": 4, "predict": 0}
        own.evaluate(X, Y, 6, verbose=0)
        found, expected = (model.predict(X, 5, verbose=0) for model in (own, plain))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert own.calls == {"train": 6, "test": 6, "predict": 3}
        own.train_on_batch(X, Y)
        own.test_on_batch(X, Y)
        own.predict_on_batch(X)
        own.predict(X, verbose=0)
        assert own.calls == {"train": 7, "test": 7, "predict": 5}


def test_functions_are_forgotten_by_compile_and_may_be_set():
    model, seen = compiled(), []
    train = model.make_train_function()

    def function(iterator):
        seen.append([x.shape for x, _ in iterator])
        return train(iter([(X, Y)]))

    model.train_function = function

    class Numbers(hornbeam.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_train_batch_end(self, batch, logs=None):
            seen.append(("end", batch))

    model.fit(X, Y, 5, verbose=0, callbacks=[Numbers()])
    assert seen == [("begin", 0), [(5, 3), (5, 3), (2, 3)], ("end", 2)]
    assert int(model.optimizer.iterations) == 1
    model.compile("sgd", "mse")
    assert model.train_function is None


def test_a_run_by_a_function_goes_on_from_a_checkpoint(tmp_path):
    def model():
        return compiled(Counting)

    whole = model()
    whole.fit(X, Y, 4, 4, verbose=0)

    class Stop(hornbeam.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 5 and not self.model.calls["test"]:
                raise KeyboardInterrupt

    broken = model()
    keep = hornbeam.callbacks.RunCheckpoint(tmp_path, 1)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, Y, 4, 4, verbose=0, callbacks=[Stop(), keep])
    again = model()
    again.calls["test"] = 1
    keep = hornbeam.callbacks.RunCheckpoint(tmp_path, 1)
    again.fit(X, Y, 4, 4, verbose=0, callbacks=[Stop(), keep])
    assert again.calls["train"] == 12 - 4
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Nothing(hornbeam.Sequential):
    def make_train_function(self, force=False):
        pass


class WithState(hornbeam.Sequential):
    def make_train_function(self, force=False):
        return lambda state, iterator: ({}, state)


class Idle(hornbeam.Sequential):
    def make_train_function(self, force=False):
        return lambda iterator: {"loss": 0.0}


class NoLogs(hornbeam.Sequential):
    def make_train_function(self, force=False):
        return lambda iterator: len(next(iterator))


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        (
            Nothing,
            r"Nothing.make_train_function\(\) returned None: it must return a function of an",
        ),
        (WithState, r"one argument, an iterator over .*override `train_step\(self, state, data\)`"),
        (Idle, r"The train_function took no batch: it must call `next\(iterator\)`"),
        (NoLogs, "The train_function of NoLogs must return a dict of logs, got int"),
    ],
)
def test_functions_that_cannot_be_right(kind, match):
    with pytest.raises(InputError, match=match):
        compiled(kind).fit(X, Y, verbose=0)


def test_training_needs_a_compiled_model():
    with pytest.raises(InputError, match=r"must be compiled before make_train_function\(\)"):
        hornbeam.Sequential(stack()).make_train_function()
