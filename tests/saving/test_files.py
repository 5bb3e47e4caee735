"""Models as files: round trips, exchange with Keras, and what is refused."""

import json
import os
import subprocess
import sys
import textwrap
import zipfile

import h5py
import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import (
    CorruptFileError,
    InputError,
    LimitExceededError,
    UnknownObjectError,
    UnsafeFileError,
)


def cnn():
    model = hornbeam.Sequential(
        [
            hornbeam.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    model.fit(rng.random((16, 6, 6, 1)), rng.integers(0, 3, 16), verbose=0)
    return model


def branched():
    a, b = hornbeam.Input((3,), name="a"), hornbeam.Input((3,), name="b")
    shared = layers.Dense(4, activation="tanh")
    h = layers.Concatenate()([shared(a), shared(b) * 2.0])
    return hornbeam.Model({"a": a, "b": b}, layers.LayerNormalization()(h))


def inputs_of(model, rows=4):
    rng = np.random.default_rng(1)
    made = {t.name: rng.random((rows, *t.shape[1:]), np.float32) for t in model.inputs}
    return made if len(made) > 1 else next(iter(made.values()))


@pytest.mark.parametrize("build", [cnn, branched])
def test_a_saved_model_predicts_the_same(build, tmp_path):
    model = build()
    path = tmp_path / "m.keras"
    model.save(path)
    loaded = hornbeam.models.load_model(path)
    x = inputs_of(model)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]


def test_training_goes_on_where_it_was(tmp_path):
    model = cnn()
    model.save(tmp_path / "m.keras")
    loaded = hornbeam.models.load_model(tmp_path / "m.keras")
    assert int(loaded.optimizer.iterations.numpy()) == int(model.optimizer.iterations.numpy()) == 1
    rng = np.random.default_rng(2)
    x, y = rng.random((16, 6, 6, 1)), rng.integers(0, 3, 16)
    losses = []
    for one in (model, loaded):
        one.reset_metrics()
        losses.append([one.train_on_batch(x, y)[0] for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


def test_a_model_that_was_compiled_but_never_trained(tmp_path):
    model = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    loaded = hornbeam.models.load_model(tmp_path / "m.keras")
    assert loaded.compiled
    loaded.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)


def test_uncompiled_on_request(tmp_path):
    cnn().save(tmp_path / "m.keras")
    assert not hornbeam.models.load_model(tmp_path / "m.keras", compile=False).compiled


def test_another_process_predicts_the_same(tmp_path):
    model = cnn()
    model.save(tmp_path / "m.keras")
    x = inputs_of(model)
    np.save(tmp_path / "x.npy", x)
    program = textwrap.dedent(
        f"""
        import numpy as np, hornbeam
        model = hornbeam.models.load_model({str(tmp_path / "m.keras")!r})
        x = np.load({str(tmp_path / "x.npy")!r})
        np.save({str(tmp_path / "y.npy")!r}, model.predict(x, verbose=0))
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=os.getcwd())
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0))


@pytest.mark.parametrize("build", [cnn, branched])
def test_keras_loads_what_was_saved(build, tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    model = build()
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    x = inputs_of(model)
    np.testing.assert_allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


def test_what_keras_saved_is_loaded(tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    i = keras.Input((5,), name="i")
    h = keras.layers.Dense(4, activation="relu")(i)
    h = keras.layers.Add()([h, keras.layers.Dense(4)(h)])
    theirs = keras.Model(i, keras.layers.Dense(2)(h))
    theirs.compile("adam", "mse")
    theirs.fit(np.ones((4, 5)), np.ones((4, 2)), verbose=0)
    theirs.save(tmp_path / "k.keras")
    ours = hornbeam.models.load_model(tmp_path / "k.keras")
    x = inputs_of(ours)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-5)
    assert int(ours.optimizer.iterations.numpy()) == 1


def test_seeds_that_keras_did_not_write_stay_as_they_are(tmp_path):
    import keras

    i = keras.Input((5,))
    theirs = keras.Model(i, keras.layers.Dense(2)(keras.layers.Dropout(0.5)(i)))
    theirs.save(tmp_path / "k.keras")
    ours = hornbeam.models.load_model(tmp_path / "k.keras")
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), atol=1e-6)


def test_seeds_missing_in_a_file_of_ours_are_damage(tmp_path):
    i = hornbeam.Input((5,))
    outputs = layers.Dense(2)(layers.Dropout(0.5)(i))
    model = hornbeam.Model(i, outputs)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        del file["layers/dropout/seed_generator/vars/0"]
    with pytest.raises(CorruptFileError, match="seed_generator"):
        model.load_weights(tmp_path / "m.weights.h5")


def test_a_model_without_layers_yet(tmp_path):
    hornbeam.Sequential([hornbeam.Input((2,))]).save(tmp_path / "m.keras")
    model = hornbeam.models.load_model(tmp_path / "m.keras")
    model.add(layers.Dense(3))
    assert model.output_shape == (None, 3)


def test_weights_alone(tmp_path):
    model, other = branched(), branched()
    model.save_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match=r"ends in '\.weights\.h5'"):
        model.save_weights(tmp_path / "w.h5")


def test_half_precision_weights(tmp_path):
    model = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(2, dtype="bfloat16")])
    model.save(tmp_path / "m.keras")
    loaded = hornbeam.models.load_model(tmp_path / "m.keras")
    assert loaded.weights[0].dtype == "bfloat16"
    np.testing.assert_array_equal(
        loaded.get_weights()[0].astype("float32"), model.get_weights()[0].astype("float32")
    )


class Doubled(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


def test_custom_layers_need_no_config_but_a_registration(tmp_path):
    model = hornbeam.Sequential([hornbeam.Input((3,)), Doubled(3.0)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnknownObjectError, match="'Doubled'.*custom_objects"):
        hornbeam.models.load_model(tmp_path / "m.keras")
    loaded = hornbeam.models.load_model(tmp_path / "m.keras", custom_objects={"Doubled": Doubled})
    assert loaded.layers[0].factor == 3.0


def test_what_could_not_be_loaded_again_is_not_saved(tmp_path):
    model = hornbeam.Sequential(
        [hornbeam.Input((3,)), layers.Dense(2, activation=lambda x: x, name="bad")]
    )
    with pytest.raises(TypeError, match="`activation` of Dense \\('bad'\\).*register"):
        model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_overwriting(tmp_path):
    model = branched()
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.raises(InputError, match=r"ends in '\.keras'"):
        model.save(tmp_path / "m.model")


def test_a_failed_save_leaves_the_old_file_and_no_debris(tmp_path, monkeypatch):
    model = branched()
    path = tmp_path / "m.keras"
    model.save(path)
    before = path.read_bytes()

    def broken(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def rewritten(path, target, **members):
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.pop(name.split(".")[0], old.read(name)))
        for name, content in members.items():
            new.writestr(name, content)


def test_refusals(tmp_path):
    model = branched()
    good = tmp_path / "good.keras"
    model.save(good)
    load = hornbeam.models.load_model
    bad = tmp_path / "bad.keras"
    bad.write_bytes(b"no archive")
    with pytest.raises(CorruptFileError, match="not a `.keras` archive"):
        load(bad)
    rewritten(good, bad, **{"evil.py": b"print(1)"})
    with pytest.raises(UnsafeFileError, match=r"evil\.py"):
        load(bad)
    rewritten(good, bad, config=b"{not json")
    with pytest.raises(CorruptFileError, match="not valid JSON"):
        load(bad)
    rewritten(good, bad, config=b'{"a": 1, "a": 2}')
    with pytest.raises(CorruptFileError, match="'a' twice"):
        load(bad)
    rewritten(good, bad, config=b"[" * 300 + b"]" * 300)
    with pytest.raises(LimitExceededError, match="nested"):
        load(bad)
    evil = {"module": "os", "class_name": "system", "config": {"command": "true"}}
    rewritten(good, bad, config=json.dumps(evil).encode())
    with pytest.raises(UnknownObjectError, match="'system'"):
        load(bad)
    lambda_config = {"class_name": "__lambda__", "config": {"value": "AAAA"}}
    with pytest.raises(UnknownObjectError, match="never run"):
        hornbeam.saving.deserialize_keras_object(lambda_config)
    with pytest.raises(ValueError, match="safe_mode=False is not offered"):
        load(good, safe_mode=False)
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path / "nothing.keras")


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    model = branched()
    model.save_weights(tmp_path / "w.weights.h5")
    other = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(7)])
    before = other.get_weights()
    with pytest.raises(CorruptFileError, match=r"has shape \(3, 7\), the file \(3, 4\)"):
        other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[0], before[0])
    with h5py.File(tmp_path / "link.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "x")
    with pytest.raises(UnsafeFileError, match="link at"):
        other.load_weights(tmp_path / "link.weights.h5")


def test_frozen_layers_are_frozen_when_they_are_loaded(tmp_path):
    x = hornbeam.Input((3,))
    model = hornbeam.Model(x, layers.Dense(2, name="b")(layers.Dense(2, name="a")(x)))
    model.get_layer("a").trainable = False
    model.save(tmp_path / "m.keras")
    again = hornbeam.saving.load_model(tmp_path / "m.keras")
    assert [layer.trainable for layer in again.layers] == [True, False, True]
    assert len(again.trainable_weights) == 2
    assert not hornbeam.Model(x, model.output, trainable=False).trainable_weights
