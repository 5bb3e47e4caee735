"""Quantizers against Keras, on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import ops, quantizers, tree
from hornbeam.errors import InputError, UnknownNameError
from tests.engines import ENGINES, TRAINABLE

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
TWO_SIGNED = np.concatenate([X, -1.07 * X])
NIBBLES = np.random.default_rng(0).integers(-8, 8, (5, 3)).astype(np.int8)
F32 = np.float32

CALLS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "axis 0": ("abs_max_quantize", (X, 0), {}),
    "axes": ("abs_max_quantize", (X, (0, 1)), {"value_range": (-7, 7)}),
    "all": ("abs_max_quantize", (X, None), {}),
    "by numpy": ("abs_max_quantize", (X, -1), {"to_numpy": True}),
    "blocks": ("abs_max_quantize_grouped_with_zero_point", (TWO_SIGNED, 12), {}),
    "a short last block": (
        "abs_max_quantize_grouped_with_zero_point",
        (np.concatenate([TWO_SIGNED, TWO_SIGNED, X[:1] * 0]), 12),
        {"to_numpy": True},
    ),
    "pack": ("pack_int4", (NIBBLES,), {}),
    "pack axis": ("pack_int4", (NIBBLES,), {"axis": 1}),
    "pack unsigned": ("pack_int4", (NIBBLES.astype(np.uint8) & 15,), {"dtype": "uint8"}),
    "scale": ("compute_float8_scale", (F32(2), F32(1), F32(448)), {"margin": 1}),
    "scale of zero": ("compute_float8_scale", (F32(0), F32(3), F32(448)), {}),
    "scale of infinity": ("compute_float8_scale", (F32(np.inf), F32(3), F32(448)), {}),
    "history": ("compute_float8_amax_history", (X, np.float32([1, 2, 3, 4])), {}),
    "e4m3": ("quantize_and_dequantize", (X * 500, F32(2), "float8_e4m3fn", "float32"), {}),
    "e5m2": ("quantize_and_dequantize", (X * 5e4, F32(2), "float8_e5m2", "bfloat16"), {}),
    "fake": ("fake_quant_with_min_max_vars", (X, -1.0, 1.0), {"num_bits": 3}),
    "fake narrow": ("fake_quant_with_min_max_vars", (X, -1.0, 1.0), {"narrow_range": True}),
    "fake channels": (
        "fake_quant_with_min_max_vars",
        (X, np.float32([-1, -0.5, -2, -1]), np.float32([1, 2, 0.3, 1])),
        {"axis": 1},
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CALLS)
def test_values_are_those_of_keras(name: str, engine: str) -> None:
    import keras

    function, args, kwargs = CALLS[name]
    expected = tree.flatten(getattr(keras.quantizers, function)(*args, **kwargs))
    with hornbeam.use_backend(engine):
        got = tree.flatten(getattr(quantizers, function)(*args, **kwargs))
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        if isinstance(theirs, int):
            assert mine == theirs
            continue
        mine, theirs = ops.convert_to_numpy(mine), np.asarray(theirs)
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine.astype(F32), theirs.astype(F32), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_unpacking_undoes_packing(dtype: str, axis: int, engine: str) -> None:
    given = NIBBLES if dtype == "int8" else NIBBLES.astype(np.uint8) & 15
    with hornbeam.use_backend(engine):
        packed, shape, size = quantizers.pack_int4(given, axis, dtype)
        assert tuple(packed.shape) == shape
        back = ops.convert_to_numpy(quantizers.unpack_int4(packed, size, axis, dtype))
    assert back.dtype == given.dtype
    assert np.array_equal(back, given)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_block_is_the_whole_axis(engine: str) -> None:
    with hornbeam.use_backend(engine):
        quantize = quantizers.abs_max_quantize_grouped_with_zero_point
        for one, other in zip(quantize(X, -1), quantize(X, 6), strict=True):
            assert np.array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


@pytest.mark.parametrize("engine", ENGINES)
def test_blocks_hold_numbers_of_one_sign(engine: str) -> None:
    """Where Keras, whose ranges need not reach zero, loses them."""
    x = np.abs(X) + 1
    with hornbeam.use_backend(engine):
        integers, scale, zero = map(
            ops.convert_to_numpy, quantizers.abs_max_quantize_grouped_with_zero_point(x, 3)
        )
    back = (integers.astype(F32).reshape(2, 3, 4) - zero[:, None]) * scale[:, None]
    assert np.all(np.abs(back.reshape(6, 4) - x) <= scale.max() * 0.51)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_gradient_of_a_fake_passes_within_the_range(engine: str) -> None:
    with hornbeam.use_backend(engine):
        x, low, high = (ops.convert_to_tensor(F32(v)) for v in ([-3, 0.2, 3, 4], -1, 1))
        fake = quantizers.fake_quant_with_min_max_vars
        by_x = hornbeam.grad(lambda x: ops.sum(fake(x, low, high)))(x)
        by_high = hornbeam.grad(lambda high: ops.sum(fake(x, low, high)))(high)
        assert ops.convert_to_numpy(by_x).tolist() == [0, 1, 0, 0]
        assert float(ops.convert_to_numpy(by_high)) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda q: q.AbsMaxQuantizer(),
        lambda q: q.AbsMaxQuantizer(axis=(0, 1), value_range=(-8, 7)),
        lambda q: q.Int8QuantizationConfig(),
        lambda q: q.Int8QuantizationConfig(activation_quantizer=None),
        lambda q: q.Int4QuantizationConfig(block_size=32),
        lambda q: q.Float8QuantizationConfig(),
        lambda q: q.GPTQConfig(["a"], None, group_size=8, symmetric=True),
        lambda q: q.AWQConfig(["a"], None, num_grid_points=3),
    ],
)
def test_configs_are_those_of_keras(make: Any) -> None:
    import keras

    ours, theirs = make(quantizers), make(keras.quantizers)
    config = quantizers.serialize(ours)
    assert config == keras.quantizers.serialize(theirs)
    again = hornbeam.saving.deserialize_keras_object(config)
    assert again.get_config() == ours.get_config()
    if hasattr(theirs, "mode"):
        assert ours.mode == theirs.mode
        assert getattr(theirs, "dtype_policy_string", ours.policy_mode)() == ours.policy_mode()


def test_mistakes() -> None:
    with pytest.raises(InputError, match=r"need a matrix, got an array of shape \(4,\)"):
        quantizers.abs_max_quantize_grouped_with_zero_point(X[0], 2)
    with pytest.raises(InputError, match="packs int8 or uint8 arrays.* got an array of int32"):
        quantizers.pack_int4(np.int32([1]))
    with pytest.raises(InputError, match="makes int8 or uint8 arrays, not 'int32'"):
        quantizers.unpack_int4(np.int8([1]), 2, dtype="int32")
    with pytest.raises(InputError, match="A quantizer must be a `Quantizer`.* got 8"):
        quantizers.Int8QuantizationConfig(weight_quantizer=8)
    with pytest.raises(InputError, match="leave it at None"):
        quantizers.Int4QuantizationConfig(weight_quantizer=quantizers.AbsMaxQuantizer())
    with pytest.raises(InputError, match="`block_size` must be a positive int or -1, got 0"):
        quantizers.Int4QuantizationConfig(block_size=0)
    with pytest.raises(InputError, match="`hessian_damping` must be in"):
        quantizers.GPTQConfig(None, None, hessian_damping=2.0)
    with pytest.raises(InputError, match="`weight_bits` must be 4, got 8"):
        quantizers.AWQConfig(None, None, weight_bits=8)
    with pytest.raises(UnknownNameError, match="There is no quantizer named 'absmax'"):
        quantizers.get("absmax")
    assert quantizers.get("abs_max_quantizer", axis=0).axis == (0,)
    with pytest.raises(NotImplementedError, match="must define `get_config"):
        quantizers.Quantizer().get_config()
    with pytest.raises(NotImplementedError, match="must define the property `mode`"):
        _ = quantizers.QuantizationConfig().mode
