"""Large models: their variables wait for the file's values, and arrays are taken without a copy."""

import numpy as np
import pytest

import hornbeam
from benchmarks.saving import measure
from hornbeam import layers
from hornbeam.backends import registry
from hornbeam.backends.numpy import empty_array
from hornbeam.variables import AllocationBudget
from tests.engines import ENGINES


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bfloat16", "bool"])
def test_adopted_arrays_have_their_values(engine, dtype):
    with hornbeam.use_backend(engine):
        box = hornbeam.Variable(np.zeros((2, 3)), dtype=dtype, trainable=dtype == "float32")
        array = empty_array((2, 3), dtype)
        array[...] = np.arange(6).reshape(2, 3)
        box.adopt(array)
        assert box.dtype == dtype
        wanted = np.arange(6).reshape(2, 3).astype(array.dtype).astype("float32")
        assert box.numpy().astype("float32").tolist() == wanted.tolist()
        box.adopt(np.ones((2, 3), "float64"))  # of another dtype: cast, as `assign` does
        assert (box.dtype, box.numpy().astype(float).tolist()) == (dtype, [[1.0] * 3] * 2)
        with pytest.raises(ValueError, match="Cannot assign a value of shape"):
            box.adopt(np.ones((3, 2), array.dtype))


def test_arrays_begin_where_engines_want_them():
    for _ in range(5):
        array = empty_array((3, 100), "float32", zeros=True)
        assert (array.ctypes.data % 64, array.any(), array.shape) == (0, False, (3, 100))
    assert empty_array((), "int8").shape == ()
    assert empty_array((0, 2), "float32").size == 0


@pytest.mark.parametrize("engine", [e for e in ENGINES if registry.get(e).differentiable])
def test_what_the_file_lacks_gets_its_first_value(engine, tmp_path):
    """A model saved before its first step has no accumulators, which begin at 0.1."""
    with hornbeam.use_backend(engine):
        model = hornbeam.Sequential([hornbeam.Input((600,)), layers.Dense(600)])
        model.compile(hornbeam.optimizers.Adagrad(0.1, initial_accumulator_value=0.1), "mse")
        kernel = model.get_weights()[0]
        model.save(tmp_path / "m.keras")
        back = hornbeam.models.load_model(tmp_path / "m.keras")
        np.testing.assert_array_equal(back.get_weights()[0], kernel)
        x = np.random.default_rng(0).normal(size=(4, 600)).astype("float32")
        for one in (model, back):
            one.train_on_batch(x, x)
        for one, other in zip(model.get_weights(), back.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
        model.save(tmp_path / "m.keras")
        again = hornbeam.models.load_model(tmp_path / "m.keras")
        for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_blank_variables_are_filled_or_get_their_initializer():
    with AllocationBudget(2**30, "'x'") as budget:
        small = hornbeam.Variable(hornbeam.initializers.Ones(), shape=(10,))
        large = hornbeam.Variable(hornbeam.initializers.Ones(), shape=(2**18,))
        other = hornbeam.Variable(hornbeam.initializers.Ones(), shape=(2**18,))
    assert (small.numpy().sum(), large.numpy().sum(), other.numpy().sum()) == (10, 0, 0)
    other.adopt(np.full(2**18, 2, "float32"))
    budget.filled(other)
    budget.finish()
    assert (large.numpy().sum(), other.numpy().sum()) == (2**18, 2**19)


def test_a_donated_array_leaves_the_adopted_one_alone(tmp_path):
    """JAX reads the reader's array where it lies; a step that overwrites its state must not."""
    array = empty_array((2, 600, 600), "float32", zeros=True)
    box = hornbeam.Variable(np.zeros((2, 600, 600), "float32"))
    box.adopt(array)
    step = box.backend.compile(lambda x: x + 1, donate=True)
    assert float(np.asarray(step(box.array)).min()) == 1
    assert not array.any()


@pytest.mark.slow
def test_loading_takes_little_more_memory_than_the_model(tmp_path):
    path = str(tmp_path / "m.keras")
    measure("hornbeam", "save", path, 0.25)
    assert measure("hornbeam", "load", path, 0.25)["extra"] < 1.2
