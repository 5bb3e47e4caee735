"""All optimizers on all engines, on problems with gradients of their own, against Keras: 30 steps.

One run trains the variables of three problems side by side: a quadratic form with a condition number of
300, a logistic regression and a small network, on mini-batches.
"""

import functools
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import pytest

import hornbeam
from hornbeam.backends import registry
from hornbeam.training.steps import Step
from tests.engines import TRAINABLE
from tests.optimizers.test_optimizers import SCHEDULE, make

RNG = np.random.default_rng(7)
STEPS, BATCH = 30, 8
CURVES = np.geomspace(1 / 300, 1.0, 6).astype("float32")
X = RNG.standard_normal((STEPS, BATCH, 5)).astype("float32")
LABELS = (X[..., :2].sum(-1) + 0.5 * RNG.standard_normal((STEPS, BATCH)) > 0).astype("float32")
TARGETS = np.sin(X.sum(-1, keepdims=True)).astype("float32")
SHAPES = {
    "quadratic": (6,),
    "slopes": (5,),
    "kernel": (5, 7),
    "out_kernel": (7, 1),
}
FIRST = {name: RNG.standard_normal(shape).astype("float32") for name, shape in SHAPES.items()}
ROWS = [
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {"amsgrad": True, "clipnorm": 0.5}),
    ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "learning_rate": SCHEDULE}),
    ("AdamW", {"global_clipnorm": 0.3}),
    ("Adagrad", {"weight_decay": 0.1, "clipvalue": 0.2}),
    ("Adadelta", {}),
    ("Adafactor", {}),
    ("Adamax", {"loss_scale_factor": 4.0}),
    ("Ftrl", {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.1, "beta": 0.2}),
    ("Lamb", {"weight_decay": 0.01}),
    ("Lion", {"weight_decay": 0.02, "clipnorm": 0.7}),
    ("Muon", {}),
    ("Nadam", {"weight_decay": 0.02, "use_ema": True, "ema_momentum": 0.9}),
    ("ScheduleFreeAdamW", {"warmup_steps": 5, "weight_decay": 0.01}),
    ("LossScaleOptimizer", {}),
    ("MultiOptimizer", {}),
]
IDS = [f"{name}-{'-'.join(kwargs)}" for name, kwargs in ROWS]


def objective(ops, w, x, labels, targets):
    quadratic, slopes, kernel, out_kernel = w
    form = ops.sum(ops.multiply(CURVES, ops.square(quadratic - 1.0))) / 2.0
    logits = ops.matmul(x, slopes)
    logistic = ops.mean(ops.softplus(logits) - labels * logits)
    hidden = ops.tanh(ops.matmul(x, kernel))
    network = ops.mean(ops.square(ops.matmul(hidden, out_kernel) - targets))
    return form + logistic + network


def build(library, name, kwargs):
    trained = [library.Variable(value, name=key) for key, value in FIRST.items()]
    if name == "LossScaleOptimizer":
        optimizer = library.optimizers.LossScaleOptimizer(
            library.optimizers.Adam(0.05), initial_scale=8.0, dynamic_growth_steps=4
        )
    elif name == "MultiOptimizer":
        rest = library.optimizers.SGD(0.05, momentum=0.9)
        chosen = library.optimizers.OptimizerMap(rest, {"kernel": library.optimizers.Adam(0.05)})
        optimizer = library.optimizers.MultiOptimizer(chosen, loss_scale_factor=2.0)
    else:
        optimizer = make(library, name, kwargs)
    optimizer.build(trained)
    return optimizer, trained


@functools.cache
def of_keras(row):
    """The values of all variables after each step, by Keras on JAX."""
    optimizer, trained = build(keras, *ROWS[row])
    scaled = optimizer.scale_loss if ROWS[row][0] != "LossScaleOptimizer" else None

    @jax.jit
    def step(values, state, batch):
        def loss(values):
            value = objective(keras.ops, values, *batch)
            if scaled is not None:
                return scaled(value)
            with keras.StatelessScope(list(zip(optimizer.variables, state, strict=True))):
                return optimizer.scale_loss(value)

        return optimizer.stateless_apply(state, jax.grad(loss)(values), values)

    values, state = [v.value for v in trained], [v.value for v in optimizer.variables]
    history = []
    for batch in zip(X, LABELS, TARGETS, strict=True):
        values, state = step(values, state, batch)
        history.append([np.asarray(value) for value in values])
    return history


@pytest.mark.parametrize("row", range(len(ROWS)), ids=IDS)
@pytest.mark.parametrize("engine", TRAINABLE)
def test_thirty_steps_are_those_of_keras(engine, row):
    with hornbeam.use_backend(engine):
        optimizer, trained = build(hornbeam, *ROWS[row])

        def step(batch):
            def loss():
                value = objective(hornbeam.ops, [v.value for v in trained], *batch)
                return optimizer.scale_loss(value)

            value, grads = hornbeam.value_and_grad(loss)(trained)
            optimizer.apply(grads, trained)
            return {"loss": value}

        backend = registry.get(engine)
        # tracing a graph takes TensorFlow longer than thirty eager steps
        run = Step(step, [*trained, *optimizer.variables], backend, not backend.graphs)
        for i, batch in enumerate(zip(X, LABELS, TARGETS, strict=True)):
            run(batch)
            if i % 10 == 9:
                for variable, expected in zip(trained, of_keras(row)[i], strict=True):
                    np.testing.assert_allclose(
                        variable.numpy(), expected, rtol=1e-5, atol=1e-5, err_msg=variable.name
                    )
    last, first = of_keras(row)[-1], list(FIRST.values())  # that all have moved says that it works
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(last, first, strict=True))
