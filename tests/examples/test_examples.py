"""Programs with their own `train_step`, one source each, on every engine."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import config
from hornbeam.backends import registry
from tests.engines import TRAINABLE

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = ["gan", "vae", "distillation", "gradient_penalty"]
SHOULD_FALL = {"vae": "loss", "distillation": "loss", "gradient_penalty": "loss"}


def history(name: str, engine: str) -> dict[str, list[float]]:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    hornbeam.utils.set_random_seed(0)
    config.enable_portable_random()
    try:
        with hornbeam.use_backend(engine):
            return module.train(epochs=3)  # type: ignore[no-any-return]
    finally:
        config.disable_portable_random()


_expected: dict[str, dict[str, list[float]]] = {}


@pytest.mark.parametrize("engine", [engine for engine in TRAINABLE if engine != "jax"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_losses_are_those_of_jax(name: str, engine: str) -> None:
    if name not in _expected:
        _expected[name] = history(name, "jax")
    expected = _expected[name]
    got = history(name, engine)
    assert list(got) == list(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(got[key], values, rtol=1e-4, atol=1e-4, err_msg=f"{name}: {key}")
    if name in SHOULD_FALL:
        falling = expected[SHOULD_FALL[name]]
        assert falling[-1] < falling[0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_engine_is_named_in_the_code(name: str) -> None:
    """In its text, that is: how to choose another one is said above the code."""
    text = (EXAMPLES / f"{name}.py").read_text().split('"""', 2)[2]
    assert not [engine for engine in registry.known() if engine in text and engine != "numpy"]
