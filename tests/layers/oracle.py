"""Running a layer of the table, here and in Keras, and comparing what comes out."""

from __future__ import annotations

import functools
import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

import hornbeam
from hornbeam import ops, tree
from tests.layers.table import BY_NAME, Row


@dataclass
class Result:
    """What a layer did: arrays only."""

    outputs: list[Any]
    trained: list[Any]  # outputs with training=True
    after: list[Any]  # non-trainable weights after that
    grads: list[Any]  # of sum(outputs * cotangents), for the trainable weights and the inputs


@dataclass
class Oracle:
    """What Keras's layer is and does."""

    result: Result
    weights: list[Any]
    paths: list[str]
    config: dict[str, Any]


def cotangent(shape: Any) -> Any:
    """Fixed weights with which outputs are added up before gradients are taken."""
    return np.random.default_rng(7).uniform(-1, 1, tuple(shape)).astype("float32")


def weights_for(shapes: list[tuple[int, ...]], trainable: list[bool]) -> list[Any]:
    """Values for weights of these shapes: positive for what is not trained (averages)."""
    rng = np.random.default_rng(3)
    return [
        rng.uniform(-0.6 if t else 0.4, 0.6, s).astype("float32")
        for s, t in zip(shapes, trainable, strict=True)
    ]


def training_argument(layer: Any) -> dict[str, Any]:
    """``training=True``, for layers that know of it."""
    takes = "training" in inspect.signature(layer.call).parameters
    return {"training": True} if takes else {}


@functools.cache
def oracle(name: str) -> Oracle:
    """Keras's layer of that row, and what it computes, in one compiled function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, on dtypes that its engine does not have
        return _oracle(name)


def _oracle(name: str) -> Oracle:
    import jax
    import keras

    row = BY_NAME[name]
    keras.utils.clear_session(free_memory=False)
    layer = row.make(keras.layers)
    inputs = [jax.numpy.asarray(x) for x in row.inputs()]
    specs = [keras.KerasTensor(x.shape, str(x.dtype)) for x in inputs]
    layer(*row.arguments(specs), **row.call)
    weights = layer.weights
    values = weights_for([tuple(w.shape) for w in weights], [bool(w.trainable) for w in weights])
    layer.set_weights(values)
    trainable = [v.value for v in layer.trainable_variables]
    fixed = [v.value for v in layer.non_trainable_variables]

    def run(trainable: Any, xs: Any) -> Any:
        out, _ = layer.stateless_call(trainable, fixed, *row.arguments(xs), **row.call)
        out = keras.tree.flatten(out)
        return sum((y * cotangent(y.shape)).sum() for y in out), out

    def everything(trainable: Any, xs: Any) -> Any:
        if row.grad:
            places = 0 if row.high else (0, 1)
            (_, out), grads = jax.value_and_grad(run, argnums=places, has_aux=True)(trainable, xs)
        else:
            (_, out), grads = run(trainable, xs), []
        extra = {**row.call, **training_argument(layer)}
        trained, after = layer.stateless_call(trainable, fixed, *row.arguments(xs), **extra)
        after = [a for v, a in zip(layer.non_trainable_variables, after, strict=True) if _kept(v)]
        return out, keras.tree.flatten(trained), after, jax.tree.leaves(grads)

    found = jax.jit(everything)(trainable, inputs)
    result = Result(*([np.asarray(x) for x in part] for part in found))
    paths = [w.path.split("/", 1)[-1] for w in weights]
    return Oracle(result, values, paths, layer.get_config())


def _kept(variable: Any) -> bool:
    return "seed" not in variable.path


def built(row: Row) -> Any:
    """A built layer of the row, on the current engine."""
    layer = row.make(hornbeam.layers)
    layer(
        *row.arguments([hornbeam.KerasTensor(x.shape, str(x.dtype)) for x in row.inputs()]),
        **row.call,
    )
    return layer


def call(layer: Any, row: Row, inputs: list[Any], **extra: Any) -> list[Any]:
    """The outputs as NumPy arrays."""
    out = layer(*row.arguments(inputs), **{**row.call, **extra})
    return [ops.convert_to_numpy(x) for x in tree.flatten(out)]


def compiled_result(row: Row, layer: Any, inputs: list[Any]) -> tuple[Result, int]:
    """What Hornbeam's layer does in one compiled function called twice, and its compilations."""
    backend = hornbeam.backends.current()
    variables = layer.trainable_variables
    seeds = len(layer.non_trainable_variables) - len(layer.non_trainable_weights)

    def everything(trainable: Any, fixed: Any, xs: Any) -> Any:
        def total(values: list[Any]) -> Any:
            weights, arrays = values[: len(variables)], values[len(variables) :]
            args = row.arguments(xs if row.high else arrays)
            out, _ = layer.stateless_call(weights, fixed, *args, **row.call)
            out = tree.flatten(out)
            return sum(ops.sum(ops.multiply(y, cotangent(y.shape))) for y in out), out

        leaves = [*trainable, *([] if row.high else xs)]
        if row.grad and leaves:
            (_, out), grads = backend.value_and_grad(total, leaves)
        else:
            (_, out), grads = total(leaves), []
        extra = {**row.call, **training_argument(layer)}
        trained, after = layer.stateless_call(trainable, fixed, *row.arguments(xs), **extra)
        return out, tree.flatten(trained), after[: len(after) - seeds], grads

    compiled = backend.compile(everything)
    state = [v._value for v in variables], [v._value for v in layer.non_trainable_variables]
    for _ in range(2):
        found = compiled(*state, inputs)
    count = compiled.compilations() if hasattr(compiled, "compilations") else 1
    return Result(*([ops.convert_to_numpy(x) for x in part] for part in found)), count


def compare(what: str, got: list[Any], expected: list[Any], tol: float) -> None:
    """Fail unless both hold arrays of the same shapes and values within `tol`."""
    shapes = [tuple(np.shape(x)) for x in got], [tuple(np.shape(x)) for x in expected]
    assert shapes[0] == shapes[1], f"{what}: shapes {shapes[0]}, expected {shapes[1]}"
    for index, (a, b) in enumerate(zip(got, expected, strict=True)):
        a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
        np.testing.assert_allclose(a, b, rtol=tol, atol=tol, err_msg=f"{what} {index}")
