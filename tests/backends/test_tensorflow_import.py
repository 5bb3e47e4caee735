"""TensorFlow is imported without what it would import only in case it is needed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.engines import ENGINES

if "tensorflow" not in ENGINES:
    pytest.skip("TensorFlow is not among the engines that are tested", allow_module_level=True)

from hornbeam.backends.tensorflow_import import put_off


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package that can be imported and has not been."""
    (tmp_path / "hornbeam_not_yet").mkdir()
    (tmp_path / "hornbeam_not_yet" / "__init__.py").write_text("")
    (tmp_path / "hornbeam_not_yet" / "part.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "hornbeam_not_yet", raising=False)
    monkeypatch.delitem(sys.modules, "hornbeam_not_yet.part", raising=False)
    return "hornbeam_not_yet"


def test_a_package_is_found_but_not_imported(package: str, tmp_path: Path) -> None:
    with put_off(package):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin == str(tmp_path / package / "__init__.py")
        for name in (package, f"{package}.part"):
            with pytest.raises(
                ImportError, match=f"{package} is not imported for the sake of another"
            ):
                importlib.import_module(name)
    importlib.import_module(f"{package}.part")


def test_what_is_imported_already_and_what_does_not_exist_are_what_they_were(package: str) -> None:
    module = importlib.import_module(package)
    with put_off(package, "hornbeam_nowhere"):
        assert importlib.import_module(package) is module
        importlib.import_module(f"{package}.part")
        assert importlib.util.find_spec("hornbeam_nowhere") is None


def test_other_threads_import_it(package: str) -> None:
    imported = []
    with put_off(package):
        thread = threading.Thread(target=lambda: imported.append(importlib.import_module(package)))
        thread.start()
        thread.join()
    assert [module.__name__ for module in imported] == [package]


def test_an_error_within_ends_it_too(package: str) -> None:
    with pytest.raises(KeyError), put_off(package):
        raise KeyError
    importlib.import_module(package)


AFTERWARDS = """
import sys
import hornbeam
hornbeam.config.set_backend("tensorflow")
hornbeam.ops.zeros((1,))
print(sorted({"keras", "jax", "pandas", "sklearn", "matplotlib"} & set(sys.modules)))
import tensorflow as tf
print(tf.keras.layers.Dense(2)(tf.ones((1, 3))).shape)
from tensorflow.keras import losses
print(losses.MeanSquaredError.__name__, tf.optimizers.SGD.__name__)
import jax.numpy as jnp
import numpy as np
inputs = [[("x", jnp.zeros((1, 3)))]]
written = tf.lite.TFLiteConverter.experimental_from_jax([lambda x: jnp.sin(x) * 2], inputs).convert()
lite = tf.lite.Interpreter(model_content=written)
lite.allocate_tensors()
lite.set_tensor(lite.get_input_details()[0]["index"], np.float32([[0.0, 1.0, 2.0]]))
lite.invoke()
print(lite.get_tensor(lite.get_output_details()[0]["index"]).astype(float).round(3).tolist())
"""


def test_what_was_put_off_works_when_it_is_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, check=True
    )
    first, *others = done.stdout.splitlines()
    assert first == "[]"
    assert others == ["(1, 2)", "MeanSquaredError SGD", "[[0.0, 1.683, 1.819]]"]
