"""Quantized layers and models: against Keras, through files, in training, on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops, quantizers
from hornbeam.errors import InputError, UnsupportedError
from tests.engines import ENGINES, TRAINABLE

F32 = np.float32
RNG = np.random.default_rng(0)
FLOATS = RNG.normal(size=(3, 8)).astype(F32)
SEQUENCES = RNG.normal(size=(2, 3, 4, 6)).astype(F32)
INDICES = RNG.integers(0, 10, (2, 3))

LAYERS: dict[str, tuple[Any, Any]] = {
    "dense": (lambda m: m.Dense(5, activation="relu"), FLOATS),
    "einsum": (
        lambda m: m.EinsumDense("abc,cde->abde", (None, 4, 6), bias_axes="de"),
        SEQUENCES[0],
    ),
    "einsum back": (lambda m: m.EinsumDense("abcd,cde->abe", (None, 5), bias_axes="e"), SEQUENCES),
    "einsum turned": (lambda m: m.EinsumDense("ab,cb->ac", 5), FLOATS),
    "embedding": (lambda m: m.Embedding(10, 6), INDICES),
    "reversible": (lambda m: m.ReversibleEmbedding(10, 6), INDICES),
    "untied": (lambda m: m.ReversibleEmbedding(10, 6, tie_weights=False), INDICES),
}
CASES = [
    (name, mode)
    for name in LAYERS
    for mode in ("int8", "int4", "float8")
    if mode != "float8" or name not in ("embedding", "reversible", "untied")
]


def stored(layer: Any) -> dict[str, np.ndarray]:
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return {key: np.asarray(value) for key, value in store.items()}


# Keras keeps the blocks of a kernel whose summed axis is not the first in another order.
OTHERWISE = [("einsum turned", "int4")]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "mode"), [case for case in CASES if case not in OTHERWISE])
def test_outputs_and_variables_are_those_of_keras(name: str, mode: str, engine: str) -> None:
    import keras

    make, x = LAYERS[name]
    theirs = make(keras.layers)
    theirs(x)
    with hornbeam.use_backend(engine):
        ours = make(layers)
        ours(x)
        values = [w.numpy() for w in ours.weights]
        theirs.set_weights(values)
        theirs.quantize(mode)
        ours.quantize(mode)
        assert ours.quantization_mode == mode
        assert ours.dtype_policy.name == theirs.dtype_policy.name
        expected = {key: np.asarray(v) for key, v in _stored(theirs).items()}
        found = stored(ours)
        assert found.keys() == expected.keys()
        for key, right in expected.items():
            assert found[key].shape == right.shape
            assert found[key].dtype == right.dtype
            np.testing.assert_allclose(found[key].astype(F32), right.astype(F32), atol=1e-5)
        assert ours.variable_serialization_spec[mode] == theirs.variable_serialization_spec[mode]
        got = ops.convert_to_numpy(ours(x))
        np.testing.assert_allclose(got, np.asarray(theirs(x)), rtol=1e-4, atol=1e-4)
        if isinstance(ours, layers.ReversibleEmbedding):
            back = ops.convert_to_numpy(ours(got, reverse=True))
            expected_back = np.asarray(theirs(got, reverse=True))
            np.testing.assert_allclose(back, expected_back, rtol=0.02, atol=0.002)


def _stored(layer: Any) -> dict[str, Any]:
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return store


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_files_and_configs_hold_them(name: str, mode: str, engine: str, tmp_path: Path) -> None:
    make, x = LAYERS[name]
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential([hornbeam.Input(x.shape[1:], dtype=str(x.dtype)), make(layers)])
        before = ops.convert_to_numpy(model(x))
        model.quantize(mode)
        after = ops.convert_to_numpy(model(x))
        assert 0 < np.abs(after - before).max() < 0.5
        model.save(tmp_path / "m.keras")
        again = hornbeam.saving.load_model(tmp_path / "m.keras")
        assert again.layers[0].quantization_mode == mode
        assert [str(w.dtype) for w in again.weights] == [str(w.dtype) for w in model.weights]
        np.testing.assert_array_equal(ops.convert_to_numpy(again(x)), after)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_keras_reads_the_file(mode: str, tmp_path: Path) -> None:
    import keras

    model = hornbeam.Sequential([hornbeam.Input((8,)), layers.Dense(5), layers.Dense(2)])
    model.quantize(mode)
    model.save(tmp_path / "m.keras")
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(
        np.asarray(theirs(FLOATS)), ops.convert_to_numpy(model(FLOATS)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("engine", TRAINABLE)
def test_float8_trains_as_in_keras(engine: str) -> None:
    import keras

    # Fixed numbers, so that none lies in the middle of two numbers of 8 bits, where an error of rounding
    # decides where it goes.  No biases: Keras 3.15 rounds these to bfloat16.
    rng = np.random.default_rng(4)
    x, y, *start = (rng.normal(size=s).astype(F32) for s in ((3, 8), (3, 2), (8, 4), (4, 2)))

    def trained(module: Any) -> tuple[Any, list[Any]]:
        model = module.Sequential(
            [
                module.Input((8,)),
                module.layers.Dense(4, use_bias=False),
                module.layers.Dense(2, use_bias=False),
            ]
        )
        model.set_weights(start)
        for layer in model.layers:
            layer.quantize("float8")
        model.compile(module.optimizers.SGD(0.1), "mse")
        return model, model.fit(x, y, batch_size=3, epochs=4, verbose=0).history["loss"]

    with hornbeam.use_backend(engine):
        ours, losses = trained(hornbeam)
    theirs, expected = trained(keras)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for mine, right in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), np.asarray(right), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_adaptation_of_a_quantized_layer(engine: str) -> None:
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential([hornbeam.Input((8,)), layers.Dense(4, lora_rank=2)])
        model.quantize("int8")
        kernel = model.layers[0].kernel.base.values.numpy()
        assert len(model.trainable_variables) == 3
        model.compile("sgd", "mse")
        losses = model.fit(FLOATS, FLOATS[:, :4], epochs=20, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        assert np.array_equal(model.layers[0].kernel.base.values.numpy(), kernel)


# -------------------------------------------------------------------------------------- by samples


def language_model(units: int = 12) -> tuple[Any, Any, Any]:
    inputs = hornbeam.Input((8,), dtype="int32")
    embedding = layers.Embedding(20, 16)
    block = hornbeam.Sequential(
        [
            layers.Dense(units, activation="relu"),
            layers.EinsumDense("abc,cde->abde", (None, 3, 4)),
            layers.Reshape((8, 12)),
            layers.Dense(16),
        ]
    )
    return hornbeam.Model(inputs, block(embedding(inputs))), embedding, block


TOKENS = [RNG.integers(0, 20, 40) for _ in range(10)]


def calibrated(config_class: Any, **kwargs: Any) -> tuple[Any, float]:
    """A model and how far its outputs moved, relative to their size."""
    hornbeam.utils.set_random_seed(0)
    model, embedding, block = language_model()
    x = np.random.default_rng(1).integers(0, 20, (16, 8))
    before = ops.convert_to_numpy(model(x))
    structure = {"pre_block_layers": [embedding], "sequential_blocks": [block]}
    config = config_class(
        TOKENS, None, sequence_length=8, quantization_layer_structure=structure, **kwargs
    )
    model.quantize(config.mode, config=config)
    after = ops.convert_to_numpy(model(x))
    return model, float(np.abs(after - before).mean() / np.abs(before).mean())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["gptq", "gptq ordered", "gptq symmetric", "gptq 8", "awq"])
def test_samples_choose_the_rounding(kind: str, engine: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "gptq": {},
        "gptq ordered": {"activation_order": True, "group_size": 4},
        "gptq symmetric": {"symmetric": True},
        "gptq 8": {"weight_bits": 8},
        "awq": {"group_size": 4},
    }
    config_class = quantizers.AWQConfig if kind == "awq" else quantizers.GPTQConfig
    with hornbeam.use_backend(engine):
        model, moved = calibrated(config_class, **options[kind])
        assert 0 < moved < (0.01 if kind == "gptq 8" else 0.25)
        dense = model.get_layer(index=2).layers[0]
        assert dense.quantization_mode == kind.partition(" ")[0]
        model.save(tmp_path / "m.keras")
        again = hornbeam.saving.load_model(tmp_path / "m.keras")
        x = RNG.integers(0, 20, (2, 8))
        np.testing.assert_allclose(
            ops.convert_to_numpy(again(x)), ops.convert_to_numpy(model(x)), atol=1e-6
        )


def lost(matrix: Any, moment: Any, parts: Any) -> float:
    """The mean square of what the outputs lose, times the number of inputs."""
    values, scale, zero, groups, rows = (None if p is None else p.astype(np.float64) for p in parts)
    g = groups.astype(int)
    held = ((values - zero[:, g]) * scale[:, g]).T
    held = held if rows is None else held / rows[:, None]
    return float(np.trace((matrix - held).T @ moment @ (matrix - held)))


def test_samples_lose_less_than_rounding() -> None:
    from hornbeam import dtype_policies
    from hornbeam.quantizers.calibrated import awq, gptq, rounded

    losses: dict[str, float] = dict.fromkeys(["nearest", "gptq", "nearest 4", "awq"], 0.0)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        mixed = rng.normal(size=(400, 24)) @ rng.normal(size=(24, 32))
        mixed *= np.logspace(0, 1, 32)[rng.permutation(32)]
        matrix, moment = rng.normal(size=(32, 6)), mixed.T @ mixed
        three = dtype_policies.get("gptq/3/32_from_float32")
        losses["nearest"] += lost(matrix, moment, rounded(matrix, three))
        config = quantizers.GPTQConfig(
            None, None, weight_bits=3, group_size=32, activation_order=True
        )
        losses["gptq"] += lost(matrix, moment, gptq(matrix, moment, config))
        four = dtype_policies.get("awq/4/32_from_float32")
        losses["nearest 4"] += lost(matrix, moment, rounded(matrix, four))
        sized = quantizers.AWQConfig(None, None, group_size=32)
        losses["awq"] += lost(matrix, moment, awq(matrix, moment, np.abs(mixed).mean(0), sized))
    assert losses["gptq"] < 0.5 * losses["nearest"]
    assert losses["awq"] < 0.9 * losses["nearest 4"]


# ---------------------------------------------------------------------------------------- mistakes


def test_mistakes() -> None:
    dense = layers.Dense(4)
    with pytest.raises(InputError, match="must be built before quantize"):
        dense.quantize("int8")
    dense(FLOATS)
    with pytest.raises(InputError, match="`mode` must be one of 'int8'.* got 'int9'"):
        dense.quantize("int9")
    with pytest.raises(InputError, match="needs a mode, such as 'int8'"):
        dense.quantize()
    with pytest.raises(InputError, match="The mode is 'int8', but that of `config` is 'int4'"):
        dense.quantize("int8", config=quantizers.Int4QuantizationConfig())
    with pytest.raises(InputError, match=r"pass `config=hornbeam.quantizers.GPTQConfig"):
        dense.quantize("gptq")
    with pytest.raises(InputError, match="quantize the model, with"):
        dense.quantize("gptq", config=quantizers.GPTQConfig(None, None))
    dense.quantize("int8")
    with pytest.raises(InputError, match="quantized already, with the policy 'int8_from_float32'"):
        dense.quantize("int4")
    with pytest.raises(InputError, match="is quantized and cannot be assigned"):
        dense.kernel.assign(FLOATS)
    with pytest.raises(UnsupportedError, match=r"\(Activation\) cannot be quantized; Dense"):
        layers.Activation("relu").quantize("int8")
    table = layers.Embedding(4, 4)
    table.build()
    with pytest.raises(UnsupportedError, match="cannot be quantized as 'float8', only as 'int8'"):
        table.quantize("float8")
    with pytest.raises(InputError, match="`quantization_config` must be one of"):
        layers.Dense(4, quantization_config=8)


def test_mistakes_with_models() -> None:
    model, embedding, block = language_model()
    with pytest.raises(
        InputError, match="no layer that can be quantized as 'int8' and that `filters`"
    ):
        model.quantize("int8", filters="nowhere")
    config = quantizers.GPTQConfig(TOKENS, None, sequence_length=8)
    with pytest.raises(InputError, match="needs to know the model's blocks"):
        model.quantize("gptq", config=config)
    structure = {"pre_block_layers": [embedding], "sequential_blocks": [block]}
    for data, message in ((["a b"], "pass a `tokenizer`"), (TOKENS[:1], "has 40 tokens, but")):
        config = quantizers.GPTQConfig(data, None, quantization_layer_structure=structure)
        with pytest.raises(InputError, match=message):
            model.quantize("gptq", config=config)
    model.quantize("int8", filters=lambda layer: layer is block.layers[0])
    assert [layer.quantization_mode for layer in block.layers] == ["int8", None, None, None]
    assert quantizers.Int8QuantizationConfig().mode == "int8"
