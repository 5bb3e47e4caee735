"""Portable random numbers: the same on every engine, and of the right distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import config, layers, ops, random
from hornbeam.backends import registry
from hornbeam.backends.threefry import threefry2x32
from hornbeam.random.portable import words
from tests.engines import ENGINES


@pytest.fixture(autouse=True)
def portable() -> Iterator[None]:
    config.enable_portable_random()
    yield
    config.disable_portable_random()


ONES = np.ones(1000, np.float32)
DRAWS: dict[str, Callable[[Any], Any]] = {
    "normal": lambda seed: random.normal((1000,), seed=seed),
    "normal of 64 bits": lambda seed: random.normal((1000,), dtype="float64", seed=seed),
    "normal of 16 bits": lambda seed: random.normal((1000,), dtype="float16", seed=seed),
    "truncated": lambda seed: random.truncated_normal((1000,), seed=seed),
    "uniform": lambda seed: random.uniform((1000,), seed=seed),
    "uniform of 64 bits": lambda seed: random.uniform((1000,), dtype="float64", seed=seed),
    "integers": lambda seed: random.randint((1000,), -5, 1000, seed=seed),
    "order": lambda seed: random.shuffle(np.arange(1000), seed=seed),
    "dropout": lambda seed: random.dropout(ONES, 0.3, seed=seed),
    "gamma": lambda seed: random.gamma((1000,), 0.7, seed=seed),
    "layer": lambda seed: layers.GaussianNoise(1.0, seed=seed)(ONES, training=True),
}


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "numpy"])
@pytest.mark.parametrize("kind", DRAWS)
def test_numbers_are_those_of_the_other_engines(kind: str, engine: str) -> None:
    drawn = {}
    for name in ("numpy", engine):
        with hornbeam.use_backend(name):
            drawn[name] = ops.convert_to_numpy(DRAWS[kind](3))
    assert drawn[engine].dtype == drawn["numpy"].dtype
    np.testing.assert_allclose(
        drawn[engine].astype(np.float64), drawn["numpy"].astype(np.float64), rtol=2e-6, atol=1e-7
    )


def test_words_are_those_of_threefry() -> None:
    b = registry.get("numpy")
    key = np.array([0x13198A2E, 0x03707344], np.uint32)
    place = np.arange(5, dtype=np.uint32)
    expected = threefry2x32((key[0], key[1]), (place, np.full(5, 2, np.uint32)))[0]
    assert words(b, key, 5, 2).tolist() == expected.tolist()


def test_distributions() -> None:
    from scipy import stats

    with hornbeam.use_backend("numpy"):
        assert stats.kstest(random.normal((20000,), seed=1), "norm").pvalue > 0.01
        assert stats.kstest(random.uniform((20000,), seed=2), "uniform").pvalue > 0.01
        counts = np.bincount(random.randint((20000,), 0, 10, seed=3), minlength=10)
        assert stats.chisquare(counts).pvalue > 0.01
        kept = float(np.mean(random.dropout(np.ones(20000, np.float32), 0.3, seed=4) > 0))
        assert abs(kept - 0.7) < 0.01


def test_setting_is_off_at_first_and_engines_differ_then() -> None:
    config.disable_portable_random()
    with hornbeam.use_backend("numpy"):
        own = random.uniform((4,), seed=3)
        config.enable_portable_random()
        assert not np.array_equal(own, random.uniform((4,), seed=3))
