"""The promotion table, and names of dtypes."""

import itertools
import os

import ml_dtypes
import numpy as np
import pytest

import hornbeam
from hornbeam import dtypes

NAMES = [d for d in dtypes.ALL if d != "string" and d not in dtypes.FLOAT8]


@pytest.mark.parametrize("pair", list(itertools.combinations_with_replacement(NAMES, 2)))
def test_the_table_is_jaxs_with_64_bits(pair):
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        expected = str(jnp.promote_types(*pair))
    found = dtypes.result_type(*pair)
    if "uint64" in pair and any(d in dtypes.SIGNED for d in pair):
        assert found == dtypes.floatx()  # a weak float, which JAX calls float64 here
    else:
        assert found == expected
    assert dtypes.result_type(*reversed(pair)) == found


@pytest.mark.parametrize("name", [n for n in NAMES if "64" not in n and "128" not in n])
@pytest.mark.parametrize("python", [int, float])
def test_python_numbers_are_weak_as_in_keras(name, python):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    assert dtypes.result_type(name, python) == keras.backend.result_type(name, python)


def test_associative():
    for a, b, c in itertools.product(NAMES[::2], repeat=3):
        left = dtypes._join(dtypes._join(a, b), c)
        assert left == dtypes._join(a, dtypes._join(b, c)), (a, b, c)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (int, "int32"), (float, "float32"), (bool, "bool"), (np.float64, "float64"),
        (np.dtype("int8"), "int8"), (ml_dtypes.bfloat16, "bfloat16"), ("half", "float16"),
        (None, "float32"), ("str", "string"),
    ],
)  # fmt: skip
def test_spellings(given, name):
    assert dtypes.standardize(given) == name


def test_unknown_dtypes_come_with_the_nearest():
    with pytest.raises(ValueError, match="Unknown dtype 'flaot32'.*'float32'"):
        dtypes.standardize("flaot32")


def test_floatx_decides_what_integers_become():
    try:
        hornbeam.config.set_floatx("bfloat16")
        assert str(hornbeam.ops.sin(np.int32(1)).dtype) == "bfloat16"
        assert dtypes.result_type("int32", float) == "bfloat16"
    finally:
        hornbeam.config.set_floatx("float32")
    assert str(hornbeam.ops.sin(np.int32(1)).dtype) == "float32"
    with pytest.raises(ValueError, match="set_floatx"):
        hornbeam.config.set_floatx("int8")
