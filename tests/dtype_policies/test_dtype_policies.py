"""Dtype policies: dtypes, the global one, maps, configs as Keras's."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import dtype_policies
from hornbeam.errors import InputError, UnknownNameError


@pytest.mark.parametrize(
    "name", ["float32", "float64", "bfloat16", "mixed_float16", "mixed_bfloat16", "int32"]
)
def test_dtypes_and_configs(name):
    theirs, ours = keras.DTypePolicy(name), hornbeam.DTypePolicy(name)
    assert (ours.compute_dtype, ours.variable_dtype) == (
        theirs.compute_dtype,
        theirs.variable_dtype,
    )
    config = dtype_policies.serialize(ours)
    assert config == keras.dtype_policies.serialize(theirs)
    assert dtype_policies.deserialize(config) == ours == dtype_policies.get(ours)
    assert dtype_policies.get(config) == ours
    assert ours.quantization_mode is None


def test_the_global_policy():
    assert dtype_policies.get(None).name == "float32"
    try:
        hornbeam.config.set_dtype_policy("mixed_bfloat16")
        assert hornbeam.mixed_precision.global_policy().compute_dtype == "bfloat16"
        assert hornbeam.DTypePolicy().name == "mixed_bfloat16"
    finally:
        hornbeam.config.set_dtype_policy(None)
    assert hornbeam.config.dtype_policy().name == "float32"


def test_convert_input():
    policy = hornbeam.DTypePolicy("mixed_bfloat16")
    x = policy.convert_input(np.ones(2, np.float32), True, "bfloat16")
    assert hornbeam.dtypes.standardize(x.dtype) == "bfloat16"
    assert (
        hornbeam.dtypes.standardize(policy.convert_input([1, 2], True, "bfloat16").dtype) == "int32"
    )
    x = policy.convert_input(np.ones(2, np.float32), False, "bfloat16")
    assert hornbeam.dtypes.standardize(x.dtype) == "float32"
    assert policy.convert_input("text", True, "bfloat16") == "text"


def test_maps():
    policies = dtype_policies.DTypePolicyMap()
    policies["encoder/.*"] = "mixed_bfloat16"
    policies["head"] = hornbeam.DTypePolicy("float16")
    assert policies["encoder/dense"].name == "mixed_bfloat16"
    assert policies["head"].name == "float16"
    assert policies["other"].name == policies.compute_dtype == "float32"
    assert (len(policies), list(policies)) == (2, ["encoder/.*", "head"])
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert again.get_config() == policies.get_config()
    assert again == policies
    assert policies.get_config()["default_policy"] is None
    with pytest.raises(InputError, match="has 'head' already"):
        policies["head"] = "float32"
    policies["encoder/d.*"] = "float32"
    with pytest.raises(InputError, match="matches several keys"):
        policies["encoder/dense"]


def test_errors():
    with pytest.raises(UnknownNameError, match="'mixed_float61'.*Did you mean 'mixed_float16'"):
        hornbeam.DTypePolicy("mixed_float61")
    with pytest.raises(InputError, match="must be a string, got 3"):
        hornbeam.DTypePolicy(3)
    with pytest.raises(InputError, match="must be a policy, a dtype or a name"):
        dtype_policies.get(object())


@pytest.mark.parametrize(
    "name",
    [
        "int8_from_float32",
        "int4_from_mixed_bfloat16",
        "int4/64_from_float32",
        "float8_from_mixed_bfloat16",
        "gptq/4/128_from_float32",
        "awq/4/-1_from_mixed_bfloat16",
    ],
)
def test_quantized_policies(name):
    theirs, ours = keras.dtype_policies.get(name), dtype_policies.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    config = dtype_policies.serialize(ours)
    assert config == keras.dtype_policies.serialize(theirs)
    assert dtype_policies.deserialize(config) == ours
    for attribute in ("block_size", "weight_bits", "group_size", "amax_history_length"):
        assert getattr(ours, attribute, None) == getattr(theirs, attribute, None)


def test_quantized_policies_refuse():
    with pytest.raises(InputError, match="mode must be one of 'int8', 'int4'.* got 'int3'"):
        dtype_policies.QuantizedDTypePolicy("int3", "float32")
    with pytest.raises(InputError, match="cannot be used in float16.* 'mixed_float16'"):
        dtype_policies.QuantizedDTypePolicy("int8", "mixed_float16")
    with pytest.raises(InputError, match="must look like 'int4/<block_size>'.* got 'int4'"):
        dtype_policies.Int4DTypePolicy("int4", "float32")
    with pytest.raises(InputError, match="must look like 'gptq/<weight_bits>/<group_size>'"):
        dtype_policies.GPTQDTypePolicy("gptq/4/", "float32")
    with pytest.raises(InputError, match="`amax_history_length` must be an int"):
        dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", 1.5)
