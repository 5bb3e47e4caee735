"""Files that stay for ever: of each Keras, and of each schema of our own.

Each was written after one step of training, with what the model then predicted, the loss of one more
step on the same data, and what it predicted after that, which takes the state of the optimizer.  Those
with the version of an engine in their JSON are of ``tools/exchange.py``.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import hornbeam
from tools import exchange

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(p for p in CORPUS.iterdir() if p.suffix in (".keras", ".h5"))
WEIGHTS = [path for path in FILES if path.name.endswith(".weights.h5")]
MODELS = [path for path in FILES if path not in WEIGHTS]
VERSIONS = ("keras_3.4.1", "keras_3.8.0", "keras_3.12.0", "keras_3.15.1", "tf_keras_2.21.0")
BFLOAT16 = "mixed"


def close(name):
    return {"atol": 0.03, "rtol": 0.03} if BFLOAT16 in name else {"atol": 1e-5, "rtol": 1e-4}


def held(path):
    expected = json.loads(path.with_suffix(".json").read_text())
    dtype = "int32" if expected["int"] else "float32"
    x = [np.array(v, dtype) for v in expected["x"]]
    return expected, x if len(x) > 1 else x[0]


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_predictions_and_the_next_step(path):
    expected, x = held(path)
    if path.stem.endswith("_custom"):
        exchange.custom(hornbeam)  # registers the layer
    model = hornbeam.models.load_model(path)
    limits = close(path.name)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected["before"], **limits)
    assert int(model.optimizer.iterations.numpy()) == 1
    model.reset_metrics()
    loss = model.train_on_batch(x, np.array(expected["y"], "float32"), return_dict=True)["loss"]
    if "-torch" not in path.stem:  # of those the mean over both steps was recorded
        np.testing.assert_allclose(loss, expected["loss"], **limits)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected["after"], **limits)


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda p: p.stem)
def test_weights_of_keras_2(path):
    expected, x = held(path)
    name = path.name.removesuffix(".weights.h5").rpartition("_")[2]
    model = exchange.made(hornbeam, name, "h5")
    assert model.load_weights(path).complete
    np.testing.assert_allclose(model.predict(x, verbose=0), expected["before"], **close(name))


def test_the_corpus_has_every_generation():
    stems = {path.stem for path in MODELS}
    pairs = itertools.product(VERSIONS, exchange.MODELS)
    assert {f"{version}_{name}" for version, name in pairs} <= stems
    assert any(stem.startswith("hornbeam") for stem in stems)
    assert WEIGHTS


def test_files_of_a_later_schema_say_so(tmp_path):
    from hornbeam.errors import CorruptFileError, UnsafeFileError
    from hornbeam.saving import schema

    assert sorted(schema.UPGRADERS) == list(range(1, schema.CURRENT))
    with pytest.raises(UnsafeFileError, match=r"later Hornbeam.*pip install -U hornbeam"):
        schema.upgrade({}, {"hornbeam_schema": schema.CURRENT + 1}, "x")
    with pytest.raises(CorruptFileError, match="has the schema 'two'"):
        schema.upgrade({}, {"hornbeam_schema": "two"}, "x")
    with pytest.raises(CorruptFileError, match="no object"):
        schema.upgrade({}, [], "x")
    assert schema.upgrade({"a": 1}, {"hornbeam_version": "0.1"}, "x") == {"a": 1}
