"""`elastic_transform` has no reference, since its displacements are random: what must hold of it."""

from __future__ import annotations

import numpy as np
import pytest

from hornbeam import KerasTensor, config, ops
from tests.engines import ENGINES

engines = pytest.mark.parametrize("engine", ENGINES)


def transformed(engine: str, x: np.ndarray, **kwargs: object) -> np.ndarray:
    with config.use_backend(engine):
        return ops.convert_to_numpy(ops.image.elastic_transform(x, **kwargs))


@engines
def test_no_strength_changes_nothing_and_a_seed_repeats(engine: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")
    np.testing.assert_allclose(transformed(engine, x, alpha=0.0, seed=1), x, atol=1e-6)
    first = transformed(engine, x, seed=1)
    np.testing.assert_array_equal(first, transformed(engine, x, seed=1))
    assert np.abs(first - transformed(engine, x, seed=2)).max() > 0.01
    assert np.abs(first[0] - first[1]).max() > 0.01


@engines
def test_displacements_have_the_strength_of_smoothed_noise(engine: str) -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32)[None, :, None, None], (4, 64, 64, 1))
    moved = transformed(engine, np.array(ramp), alpha=20.0, sigma=4.0, seed=3) - ramp
    inner = moved[:, 16:-16, 16:-16]
    expected = 20.0 / (2 * np.sqrt(np.pi) * 4.0)  # the root of the sum of the squared weights
    assert expected / 2 < inner.std() < expected * 2
    assert np.abs(np.diff(inner, axis=1)).max() < expected  # smooth


def test_shape_and_dtype_are_kept() -> None:
    assert ops.image.elastic_transform(KerasTensor((None, 8, 9, 3), "float16")).shape == (
        None,
        8,
        9,
        3,
    )
    assert ops.dtype(ops.image.elastic_transform(np.ones((8, 8, 1), "uint8"), seed=1)) == "uint8"
