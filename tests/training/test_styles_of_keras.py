"""The ways in which people of Keras write their own steps on JAX and on PyTorch."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import torch

import hornbeam
from hornbeam import layers
from hornbeam.errors import InputError

X = np.random.default_rng(0).random((64, 4)).astype("float32")
Y = np.stack([X.sum(1), X[:, 0] - X[:, 1]], 1)


def stack() -> list[Any]:
    hidden = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.1)]
    return [hornbeam.Input((4,)), *hidden, layers.Dense(2)]


def plain() -> Any:
    hornbeam.utils.set_random_seed(3)
    model = hornbeam.Sequential(stack())
    model.compile(hornbeam.optimizers.Adam(0.02), "mse", metrics=["mae"])
    return model


# ------------------------------------------------------------------- JAX: functions without effects


def test_a_loop_with_jit_and_grad_of_jaxs_own() -> None:
    model, loss_fn = plain(), hornbeam.losses.MeanSquaredError()
    optimizer, metric = hornbeam.optimizers.Adam(0.02), hornbeam.metrics.MeanAbsoluteError()
    optimizer.build(model.trainable_variables)

    def loss_and_updates(trainable: Any, rest: Any, x: Any, y: Any) -> Any:
        y_pred, rest = model.stateless_call(trainable, rest, x, training=True)
        return loss_fn(y, y_pred), (rest, y_pred)

    @jax.jit
    def step(state: Any, x: Any, y: Any) -> Any:
        trainable, rest, optimizer_variables, metric_variables = state
        differentiated = jax.value_and_grad(loss_and_updates, has_aux=True)
        (loss, (rest, y_pred)), grads = differentiated(trainable, rest, x, y)
        trainable, optimizer_variables = optimizer.stateless_apply(
            optimizer_variables, grads, trainable
        )
        metric_variables = metric.stateless_update_state(metric_variables, y, y_pred)
        return loss, (trainable, rest, optimizer_variables, metric_variables)

    boxes = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    state = (*([v.value for v in group] for group in boxes), [v.value for v in metric.variables])
    start = [v.numpy() for v in model.variables]
    losses = []
    for _ in range(40):
        loss, state = step(state, X, Y)
        losses.append(float(loss))
    assert losses[-1] < losses[0] / 3
    for before, variable in zip(start, model.variables, strict=True):
        np.testing.assert_array_equal(before, variable.numpy())  # nothing has happened yet
    assert 0 < float(metric.stateless_result(state[3])) < losses[0]
    for group, values in zip(boxes, state, strict=False):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    assert model.evaluate(X, Y, verbose=0)[0] < losses[0] / 3
    assert int(optimizer.iterations) == 40


class Stateless(hornbeam.Sequential):
    """A step of Keras's form for JAX: the state comes in and goes out."""

    def loss_and_updates(
        self, trainable: Any, rest: Any, metrics: Any, x: Any, y: Any, training: bool
    ) -> Any:
        y_pred, rest = self.stateless_call(trainable, rest, x, training=training)
        loss, (_, rest, _) = self.stateless_compute_loss(
            trainable, rest, metrics, x=x, y=y, y_pred=y_pred, training=training
        )
        return loss, (y_pred, rest)

    def measured(self, metrics_variables: Any, loss: Any, y: Any, y_pred: Any) -> Any:
        new: list[Any] = []
        logs = {}
        for metric in self.metrics:
            own = metrics_variables[len(new) : len(new) + len(metric.variables)]
            given = (loss,) if metric.name == "loss" else (y, y_pred)
            own = metric.stateless_update_state(own, *given)
            logs[metric.name] = metric.stateless_result(own)
            new += own
        return logs, new

    def train_step(self, state: Any, data: Any) -> Any:
        trainable, rest, optimizer_variables, metrics = state
        x, y = data
        differentiated = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (y_pred, rest)), grads = differentiated(trainable, rest, metrics, x, y, True)
        trainable, optimizer_variables = self.optimizer.stateless_apply(
            optimizer_variables, grads, trainable
        )
        logs, metrics = self.measured(metrics, loss, y, y_pred)
        return logs, (trainable, rest, optimizer_variables, metrics)

    def test_step(self, state: Any, data: Any) -> Any:
        trainable, rest, metrics = state
        x, y = data
        loss, (y_pred, rest) = self.loss_and_updates(trainable, rest, metrics, x, y, False)
        logs, metrics = self.measured(metrics, loss, y, y_pred)
        return logs, (trainable, rest, metrics)

    def predict_step(self, state: Any, data: Any) -> Any:
        trainable, rest = state
        x, _, _ = hornbeam.utils.unpack_x_y_sample_weight(data)
        return self.stateless_call(trainable, rest, x, training=False)


def test_steps_from_state_to_state() -> None:
    hornbeam.utils.set_random_seed(3)
    model = Stateless(stack())
    model.compile(hornbeam.optimizers.Adam(0.02), "mse", metrics=["mae"])
    expected = plain()
    kwargs = {"epochs": 4, "batch_size": 16, "shuffle": False, "verbose": 0}
    found, wanted = (m.fit(X, Y, **kwargs).history for m in (model, expected))
    assert list(found) == ["loss", "mae"]
    for key in found:
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-5)
    np.testing.assert_allclose(
        model.evaluate(X, Y, verbose=0), expected.evaluate(X, Y, verbose=0), rtol=1e-5
    )
    np.testing.assert_allclose(
        model.predict(X, verbose=0), expected.predict(X, verbose=0), rtol=1e-4, atol=1e-6
    )
    assert int(model.optimizer.iterations) == 16


def test_a_step_that_forgets_the_state() -> None:
    class Forgets(Stateless):
        def train_step(self, state: Any, data: Any) -> Any:
            return super().train_step(state, data)[0]

    model = Forgets(stack())
    model.compile("sgd", "mse")
    with pytest.raises(InputError, match=r"step\(self, state, data\) must return \(logs, state\)"):
        model.fit(X, Y, verbose=0)


# --------------------------------------------------------------- PyTorch: backward, and what it leaves


class Backward(hornbeam.Sequential):
    """A step of Keras's form for PyTorch: gradients are left in the tensors."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        weights = list(self.trainable_weights)
        gradients = [v.value.grad for v in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def test_a_step_with_backward() -> None:
    with hornbeam.use_backend("torch"):
        hornbeam.utils.set_random_seed(3)
        model = Backward(stack())
        model.compile(hornbeam.optimizers.Adam(0.02), "mse", metrics=["mae"])
        expected = plain()
    kwargs = {"epochs": 4, "batch_size": 16, "shuffle": False, "verbose": 0}
    found, wanted = (m.fit(X, Y, **kwargs).history for m in (model, expected))
    for key in wanted:
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-4)
    np.testing.assert_allclose(
        model.evaluate(X, Y, verbose=0), expected.evaluate(X, Y, verbose=0), rtol=1e-4
    )


def test_a_loop_of_pytorchs_own_on_the_model_itself() -> None:
    with hornbeam.use_backend("torch"):
        model = plain()
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        loss_fn, metric = torch.nn.MSELoss(), hornbeam.metrics.MeanSquaredError()
        losses = []
        for _ in range(40):
            outputs = model(torch.tensor(X), training=True)
            loss = loss_fn(outputs, torch.tensor(Y))
            model.zero_grad()
            loss.backward()
            optimizer.step()
            metric.update_state(torch.tensor(Y), outputs)
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0] / 3
        np.testing.assert_allclose(float(metric.result()), np.mean(losses), rtol=1e-5)
        assert model.evaluate(X, Y, verbose=0)[0] < losses[0] / 3


def test_hornbeams_optimizer_after_backward() -> None:
    with hornbeam.use_backend("torch"):
        model = plain()
        model(torch.tensor(X)).square().sum().backward()
        leaf = model.layers[0].kernel.value
        before = leaf.detach().clone()
        optimizer = hornbeam.optimizers.SGD(0.1)
        optimizer.apply([v.value.grad for v in model.trainable_weights], model.trainable_weights)
        np.testing.assert_allclose(leaf.detach(), before - 0.1 * leaf.grad, rtol=1e-5)
