"""Blocks that repeat, run as one loop: found where they are equal, and nothing changes but the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers
from hornbeam.backends import registry
from hornbeam.models import repeats
from tests.engines import TRAINABLE

BLOCKS = repeats.FEWEST + 1  # the first one takes the input, which may be of another dtype
WIDTH = 4


def residual(x: Any) -> Any:
    return layers.Add()([x, layers.BatchNormalization()(layers.Dense(WIDTH)(x))])


def plain(x: Any) -> Any:
    return layers.Dense(WIDTH, activation="tanh")(x)


def with_ops(x: Any) -> Any:
    return hb.ops.tanh(layers.LayerNormalization()(x) * 0.5) + x


def with_dropout(x: Any) -> Any:
    return layers.Dropout(0.1, seed=1)(layers.Dense(WIDTH, kernel_regularizer="l2")(x))


def with_einsum(x: Any) -> Any:
    return layers.EinsumDense("ab,bc->ac", WIDTH, bias_axes="c", activation="tanh")(x) + x


BLOCK_KINDS = [residual, plain, with_ops, with_dropout, with_einsum]


def model_of(block: Callable[[Any], Any], dtype: Any = None, blocks: int = BLOCKS) -> Any:
    hb.utils.set_random_seed(0)
    if dtype:
        hb.config.set_dtype_policy(dtype)
    try:
        x = inputs = hb.Input((WIDTH,))
        for _ in range(blocks):
            x = block(x)
        return hb.Model(inputs, layers.Dense(1)(x))
    finally:
        hb.config.set_dtype_policy("float32")


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.random((8, WIDTH), "float32"), rng.random((8, 1), "float32")


def trained(model: Any, optimizer: str = "sgd", eagerly: bool = False) -> list[Any]:
    """Losses, weights and predictions after two steps."""
    made = hb.optimizers.get({"class_name": optimizer, "config": {"learning_rate": 1e-3}})
    model.compile(made, "mse", run_eagerly=eagerly)
    losses = model.fit(*data(), batch_size=8, epochs=2, verbose=0, shuffle=False).history["loss"]
    values = [v.numpy() for v in model.variables if v.dtype != "uint32"]
    return [np.array(losses), *values, model.predict(data()[0], verbose=0)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of blocks of the loops that are made."""
    found: list[int] = []
    run_blocks = repeats.run_blocks

    def counting(graph: Any, run: Any, values: Any) -> bool:
        done = run_blocks(graph, run, values)
        if done:
            found.append(run.blocks)
        return done

    monkeypatch.setattr(repeats, "run_blocks", counting)
    return found


CASES = [(block, "float32", 1e-4) for block in BLOCK_KINDS]
CASES += [(residual, "float64", 1e-6), (with_dropout, "mixed_bfloat16", 3e-2)]


@pytest.mark.parametrize(("block", "dtype", "close"), CASES)
def test_training_is_the_same(
    block: Callable[[Any], Any], dtype: str, close: float, counted: list[int]
) -> None:
    looped = trained(model_of(block, dtype))
    assert counted
    counted.clear()
    by_steps = trained(model_of(block, dtype), eagerly=True)
    assert not counted
    for ours, theirs in zip(looped, by_steps, strict=True):
        np.testing.assert_allclose(
            ours.astype("float64"), theirs.astype("float64"), rtol=close, atol=close
        )


def test_optimizers_see_each_variable(counted: list[int]) -> None:
    looped = trained(model_of(plain), "adam")
    assert counted
    by_steps = trained(model_of(plain), "adam", eagerly=True)
    for ours, theirs in zip(looped, by_steps, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", [name for name in TRAINABLE if name != "pytensor"])
def test_engines_can_loop(engine: str, counted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    with hb.use_backend(engine):
        expected = trained(model_of(plain), eagerly=True)
        counted.clear()
        monkeypatch.setattr(type(registry.get(engine)), "worth_looping", lambda *_: True)
        looped = trained(model_of(plain), eagerly=True)
    assert counted
    for ours, theirs in zip(looped, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_dropout_differs_from_block_to_block(counted: list[int]) -> None:
    model = model_of(with_dropout)
    model.compile("sgd", "mse")
    model.fit(*data(), verbose=0)
    states = [v.numpy().tolist() for v in model.variables if v.dtype == "uint32"]
    assert counted
    assert len(states) == BLOCKS


# ----------------------------------------------------------------------------- what is no run of blocks


def found(model: Any) -> list[int]:
    return [run.blocks for run in repeats.runs_of(model._graph)]


def functional(
    build: Callable[[Any, int], Any],
    outputs: Callable[[list[Any]], Any] | None = None,
    blocks: int = BLOCKS,
) -> Any:
    tensors = [hb.Input((WIDTH,))]
    for i in range(blocks):
        tensors.append(build(tensors[-1], i))
    return hb.Model(tensors[0], tensors[-1] if outputs is None else outputs(tensors))


class OwnDense(layers.Dense):
    pass


SHARED = layers.Dense(WIDTH)
NOT_EQUAL: list[Callable[[Any, int], Any]] = [
    lambda x, i: layers.Dense(WIDTH, activation=["relu", "tanh"][i * i % 7 % 2])(x),
    lambda x, i: layers.Dense(WIDTH, trainable=i * i % 7 % 2 == 0)(x),
    lambda x, i: layers.Dense(WIDTH, use_bias=i * i % 7 % 2 == 0)(x),
    lambda x, i: layers.BatchNormalization(momentum=0.5 + i / 100)(x),
    lambda x, i: layers.Dropout(i / 100)(x),
    lambda x, i: x * float(i),
    lambda x, i: layers.Dense(WIDTH, activity_regularizer="l2")(x),
    lambda x, i: layers.Dense(WIDTH, activation=hb.layers.LeakyReLU())(x),
    lambda x, i: OwnDense(WIDTH)(x),
    lambda x, i: SHARED(x),
]


@pytest.mark.parametrize("i", range(len(NOT_EQUAL)))
def test_blocks_that_are_not_equal(i: int) -> None:
    assert found(functional(NOT_EQUAL[i])) == []


def test_what_is_used_outside() -> None:
    count = 2 * BLOCKS

    def ends(outputs: Callable[[list[Any]], Any]) -> list[int]:
        return found(functional(lambda x, _: layers.Dense(WIDTH)(x), outputs, count))

    assert ends(lambda t: t[-1]) == [count]
    assert ends(lambda t: [t[BLOCKS], t[-1]]) == [BLOCKS, BLOCKS]
    assert ends(lambda t: [t[5], t[-5], t[-1]]) == [count - 9]
    assert ends(lambda t: layers.Add()([t[3], t[-1]])) == [count - 3]
    assert ends(lambda t: layers.Add()([t[-2], t[-1]])) == [count - 1]


def test_long_connections_are_no_blocks() -> None:
    first = hb.Input((WIDTH,))
    x = layers.Dense(WIDTH)(first)
    y = x
    for _ in range(BLOCKS):
        y = layers.Add()([layers.Dense(WIDTH)(y), x])  # each takes the first as well
    assert found(hb.Model(first, y)) == []


def test_a_changed_layer_is_seen(counted: list[int]) -> None:
    model = model_of(plain)
    for layer in model.layers[5:12]:
        layer.trainable = False
    model.compile("sgd", "mse")
    before = [v.numpy() for v in model.layers[6].weights]
    model.fit(*data(), verbose=0)
    for old, variable in zip(before, model.layers[6].weights, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


def test_masks_are_no_part_of_loops(counted: list[int]) -> None:
    inputs = hb.Input((5, WIDTH))
    x = layers.Masking()(inputs)
    for _ in range(BLOCKS):
        x = layers.Dense(WIDTH)(x)
    model = hb.Model(inputs, layers.LSTM(2)(x))
    model.predict(np.ones((2, 5, WIDTH), "float32"), verbose=0)
    assert not counted


def test_large_blocks_are_not_stacked(counted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    from hornbeam.backends import jax

    monkeypatch.setattr(jax, "LOOPED_BYTES", 100)
    model_of(plain).predict(data()[0], verbose=0)
    assert not counted


def test_calls_outside_of_steps_are_not_looped(counted: list[int]) -> None:
    model = model_of(residual)
    model(data()[0])
    assert not counted


def test_forward_differentiation_within_a_step(counted: list[int]) -> None:
    model = model_of(plain)
    backend = registry.get("jax")
    x = backend.asarray(data()[0])
    direct = hb.ops.jvp(lambda x: hb.ops.sum(model(x)), (x,), (x,))
    compiled = backend.compile(
        lambda state, x: hb.ops.jvp(lambda x: hb.ops.sum(model(x)), (x,), (x,))
    )([], x)
    assert counted
    np.testing.assert_allclose(direct[1], compiled[1], rtol=1e-5)
