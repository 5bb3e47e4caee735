"""`TFSMLayer`: programs of TensorFlow as layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import InputError, UnsafeFileError, UnsupportedError
from tests.engines import ENGINES

if "tensorflow" not in ENGINES:
    pytest.skip("TensorFlow is not among the engines that are tested", allow_module_level=True)

import tensorflow as tf


class Doubling(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable([2.0, 2.0, 2.0], name="w")

    @tf.function(input_signature=[tf.TensorSpec((None, 3))])
    def serve(self, x: Any) -> Any:
        return {"out": x * self.w}

    @tf.function(input_signature=[tf.TensorSpec((None, 3))])
    def train(self, x: Any) -> Any:
        return {"out": x * self.w + 1.0}


@pytest.fixture
def folder(tmp_path: Any) -> str:
    module = Doubling()
    path = str(tmp_path / "program")
    tf.saved_model.save(module, path, signatures={"again": module.serve})
    return path


X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_it_calls_its_endpoints(folder: str) -> None:
    with hornbeam.use_backend("tensorflow"):
        layer = layers.TFSMLayer(folder, call_training_endpoint="train")
        assert layer(X)["out"].numpy().tolist() == (2 * X).tolist()
        assert layer(X, training=True)["out"].numpy().tolist() == (2 * X + 1).tolist()
        signature = layers.TFSMLayer(folder, call_endpoint="again")
        assert signature(X)["out"].numpy().tolist() == (2 * X).tolist()


def test_it_is_a_layer_of_a_model(folder: str) -> None:
    with hornbeam.use_backend("tensorflow"):
        layer = layers.TFSMLayer(folder)
        inputs = hornbeam.Input((3,))
        doubled = layer(inputs)["out"]
        assert doubled.shape == (None, 3)
        model = hornbeam.Model(inputs, layers.Dense(1)(doubled))
        model.compile("sgd", "mse")
        before = model.predict(X, verbose=0)
        model.fit(X, X[:, :1], epochs=2, verbose=0)
        assert np.abs(model.predict(X, verbose=0) - before).max() > 0
        (held,) = layer.weights
        assert (held.shape, held.trainable, held.numpy().tolist()) == ((3,), False, [2, 2, 2])
        held.assign([3, 3, 3])
        assert layer(X)["out"].numpy().tolist() == (3 * X).tolist()


def test_files_do_not_name_programs(folder: str, tmp_path: Any) -> None:
    with hornbeam.use_backend("tensorflow"):
        layer = layers.TFSMLayer(folder, name="program")
        config = layer.get_config()
        for mode in (None, True):
            with pytest.raises(UnsafeFileError, match="'program' names a program to load"):
                layers.TFSMLayer.from_config(config, safe_mode=mode)
        again = layers.TFSMLayer.from_config(config, safe_mode=False)
        assert again(X)["out"].numpy().tolist() == (2 * X).tolist()
        model = hornbeam.Sequential([hornbeam.Input((3,)), layer])
        model.save(tmp_path / "model.keras")
        with pytest.raises(UnsafeFileError, match="names a program to load"):
            hornbeam.models.load_model(tmp_path / "model.keras")


def test_mistakes(folder: str, tmp_path: Any) -> None:
    with hornbeam.use_backend("tensorflow"):
        with pytest.raises(InputError, match="no SavedModel in"):
            layers.TFSMLayer(tmp_path)
        with pytest.raises(InputError, match=r"no endpoint 'sevre'; it has .*'again'.*'serve'"):
            layers.TFSMLayer(folder, call_endpoint="sevre")
        layer = layers.TFSMLayer(folder)
    with (
        hornbeam.use_backend("numpy"),
        pytest.raises(UnsupportedError, match="'numpy' cannot load a SavedModel"),
    ):
        layers.TFSMLayer(folder)
    model = hornbeam.Sequential([hornbeam.Input((3,)), layer])
    model.to("numpy")
    with pytest.raises(UnsupportedError, match="cannot run on another"):
        model(X)
