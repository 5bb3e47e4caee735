"""Random functions: moments, seeds, compiled code, shapes; and one seed for everything."""

import numpy as np
import pytest

import hornbeam
from hornbeam import ops, random
from hornbeam.backends import registry
from hornbeam.errors import InputError
from tests.engines import ENGINES

N = 40_000
ROWS = [  # name, arguments, mean, variance, lowest, highest
    ("normal", (2.0, 3.0), 2.0, 9.0, -np.inf, np.inf),
    ("uniform", (-1.0, 3.0), 1.0, 16 / 12, -1.0, 3.0),
    ("truncated_normal", (1.0, 2.0), 1.0, 4 * 0.773741, -3.0, 5.0),
    ("gamma", (2.5,), 2.5, 2.5, 0.0, np.inf),
    ("gamma", (0.4,), 0.4, 0.4, 0.0, np.inf),
    ("beta", (2.0, 5.0), 2 / 7, 10 / (49 * 8), 0.0, 1.0),
    ("binomial", (10, 0.3), 3.0, 2.1, 0, 10),
    ("binomial", (1000, 0.3), 300.0, 210.0, 0, 1000),
    ("randint", (0, 10), 4.5, 8.25, 0, 9),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "args", "mean", "variance", "low", "high"), ROWS)
def test_moments(engine, name, args, mean, variance, low, high):
    with hornbeam.use_backend(engine):
        x = ops.convert_to_numpy(getattr(random, name)((N,), *args, seed=7)).astype(np.float64)
    error = 5 * np.sqrt(variance / N)
    assert abs(x.mean() - mean) < error
    np.testing.assert_allclose(x.var(), variance, rtol=0.06)
    assert x.min() >= low
    assert x.max() <= high
    halves = np.corrcoef(x[: N // 2], x[N // 2 :])[0, 1]
    assert abs(halves) < 5 / np.sqrt(N / 2)


@pytest.mark.parametrize("engine", ENGINES)
def test_seeds(engine):
    with hornbeam.use_backend(engine):
        draw = lambda seed: np.asarray(random.normal((50,), seed=seed))  # noqa: E731
        np.testing.assert_array_equal(draw(3), draw(3))
        assert (draw(3) != draw(4)).any()
        seeds = random.SeedGenerator(3)
        first, second = draw(seeds), draw(seeds)
        assert (first != second).any()
        np.testing.assert_array_equal(first, draw(random.SeedGenerator(3)))
        assert seeds.state.numpy().tolist() == [3, 2]
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.6
        assert (draw(None) != draw(None)).any()


def test_set_random_seed_repeats_everything():
    import random as python_random

    def draws():
        hornbeam.utils.set_random_seed(11)
        return [
            python_random.random(),
            np.random.random(),
            float(random.normal(())),
            float(random.uniform(())),
            random.SeedGenerator().seed,
            float(hornbeam.initializers.HeNormal()((1, 1))[0, 0]),
        ]

    assert draws() == draws()
    with pytest.raises(InputError, match="from 0 to 2"):
        hornbeam.utils.set_random_seed(-1)


def test_generators_in_compiled_code_are_state():
    backend = registry.get("jax")
    seeds = random.SeedGenerator(1)

    def step(values):
        return hornbeam.variables.pure(
            lambda: random.normal((4,), seed=seeds), [seeds.state], values
        )

    compiled = backend.compile(step)
    first, state = compiled([seeds.state.value])
    second, _ = compiled(state)
    np.testing.assert_allclose(first, random.normal((4,), seed=random.SeedGenerator(1)), rtol=1e-6)
    assert (np.asarray(first) != np.asarray(second)).any()
    with pytest.raises(InputError, match="does not carry its state"):
        backend.compile(lambda x: x + random.normal((), seed=seeds))(np.float32(1))
    with pytest.raises(InputError, match="'global_seed_generator' was used inside a compiled"):
        backend.compile(lambda x: x + random.normal(()))(np.float32(1))


@pytest.mark.parametrize("engine", ENGINES)
def test_dropout(engine):
    x = np.ones((200, 300), np.float32)
    with hornbeam.use_backend(engine):
        y = ops.convert_to_numpy(random.dropout(x, 0.3, seed=1))
        rows = ops.convert_to_numpy(random.dropout(x, 0.5, noise_shape=(None, 1), seed=1))
        np.testing.assert_array_equal(ops.convert_to_numpy(random.dropout(x, 0.0)), x)
        assert not ops.convert_to_numpy(random.dropout(x, 1.0)).any()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((y > 0).mean() - 0.7) < 0.01
    assert (rows == rows[:, :1]).all()
    assert 0.3 < (rows[:, 0] > 0).mean() < 0.7
    for matrix in (y > 0, (y > 0).T):  # neighbours are independent of each other
        both = (matrix[1:] & matrix[:-1]).mean()
        assert abs(both - 0.49) < 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_shuffle_and_categorical(engine):
    x = np.arange(24).reshape(4, 6)
    with hornbeam.use_backend(engine):
        shuffled = ops.convert_to_numpy(random.shuffle(x, axis=1, seed=3))
        logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]], np.float32))
        drawn = ops.convert_to_numpy(random.categorical(logits, 5000, seed=3))
    assert (np.sort(shuffled, 1) == x).all()
    assert (shuffled != x).any()
    assert drawn.shape == (2, 5000)
    shares = np.stack([(drawn == c).mean(1) for c in range(3)], 1)
    np.testing.assert_allclose(shares, [[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], atol=0.03)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_float_dtypes_stay_in_range(dtype):
    x = random.uniform((N,), dtype=dtype, seed=1)
    assert hornbeam.dtypes.standardize(x.dtype) == dtype
    values = np.asarray(x).astype(np.float64)
    assert values.min() >= 0
    assert values.max() < 1
    assert hornbeam.dtypes.standardize(random.normal((3,), dtype=dtype).dtype) == dtype


def test_symbolic_shapes():
    x = hornbeam.KerasTensor((None, 3))
    assert random.dropout(x, 0.5).shape == (None, 3)
    assert random.normal((None, 3)).shape == (None, 3)
    assert random.shuffle(x).shape == (None, 3)
    assert random.categorical(x, 5).shape == (None, 5)


def test_config():
    seeds = random.SeedGenerator(3, name="mine")
    assert seeds.get_config() == {"seed": 3, "name": "mine"}
    assert random.SeedGenerator.from_config(seeds.get_config()).seed == 3
    assert seeds.state.path == "mine/seed_generator_state"
    assert not seeds.state.trainable


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda: random.uniform((2,), dtype="int32"), "use randint"),
        (lambda: random.randint((2,), 5, 5), "minval < maxval"),
        (lambda: random.dropout(np.ones(2, np.float32), 1.5), r"rate in \[0, 1\], got 1.5"),
        (lambda: random.dropout(np.ones((2, 2), np.float32), 0.5, (1,)), "one size per axis"),
        (lambda: random.categorical(np.ones(3, np.float32), 2), r"shape \(batch, classes\)"),
        (lambda: random.normal((2,), seed="x"), "must be an int, a SeedGenerator or None"),
        (lambda: random.SeedGenerator(1.5), "`seed` must be an int or None"),
    ],
)
def test_errors(act, match):
    with pytest.raises(InputError, match=match):
        act()
