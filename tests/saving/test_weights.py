"""Weights in all formats, partial loads and their reports, clones, copies and the editor."""

import copy
import json
import pickle

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import CorruptFileError, InputError, UnsafeFileError

FORMATS = ["w.weights.h5", "w.weights.json", "w.safetensors", "w.npz"]


def build(units=4, dtype=None):
    model = hornbeam.Sequential(
        [
            hornbeam.Input((3,)),
            layers.Dense(units, name="first", dtype=dtype),
            layers.BatchNormalization(name="norm"),
            layers.Dense(2, name="last"),
        ],
        name="net",
    )
    rng = np.random.default_rng(len(model.weights))
    model.set_weights([rng.normal(size=v.shape).astype(v.numpy().dtype) for v in model.weights])
    return model


def same(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def zeroed(model):
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_round_trips_and_is_verified(name, tmp_path):
    model, other = build(), zeroed(build())
    model.save_weights(tmp_path / name)
    report = other.load_weights(tmp_path / name)
    same(model, other)
    assert report.complete
    assert report.verified == len(report.matched) == len(model.weights)


@pytest.mark.parametrize("name", ["w.weights.h5", "w.safetensors"])
def test_small_floats_keep_their_bits(name, tmp_path):
    model, other = build(dtype="bfloat16"), zeroed(build(dtype="bfloat16"))
    model.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name)
    assert other.weights[0].dtype == "bfloat16"
    same(model, other)


def test_npz_says_what_it_cannot_hold(tmp_path):
    with pytest.raises(
        ValueError, match=r"`.npz` files cannot hold bfloat16 \('net/first/kernel'\)"
    ):
        build(dtype="bfloat16").save_weights(tmp_path / "w.npz")
    assert list(tmp_path.iterdir()) == []


def test_safetensors_are_those_of_the_library(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    model, other = build(), zeroed(build())
    model.save_weights(tmp_path / "ours.safetensors")
    read = library.load_file(tmp_path / "ours.safetensors")
    assert sorted(read) == sorted(v.path for v in model.weights)
    np.testing.assert_array_equal(read["net/first/kernel"], model.get_weights()[0])
    library.save_file(read, tmp_path / "theirs.safetensors")
    report = other.load_weights(tmp_path / "theirs.safetensors")
    assert report.verified == 0
    same(model, other)


def test_npz_is_numpys(tmp_path):
    model, other = build(), zeroed(build())
    model.save_weights(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as read:
        np.testing.assert_array_equal(read["net/first/kernel"], model.get_weights()[0])
    np.savez(tmp_path / "theirs.npz", **{v.path: v.numpy() for v in model.weights})
    other.load_weights(tmp_path / "theirs.npz")
    same(model, other)


def test_shards_as_keras_makes_them(tmp_path):
    import keras

    model = build(units=100)
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=1e-6)
    assert len(list(tmp_path.glob("w_0000*.weights.h5"))) == 3
    theirs = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(100),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2),
        ]
    )
    theirs.load_weights(tmp_path / "w.weights.json")
    for a, b in zip(model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    theirs.save_weights(tmp_path / "k.weights.json", max_shard_size=2e-6)
    other = zeroed(build(units=100))
    other.load_weights(tmp_path / "k.weights.json")
    same(model, other)
    with pytest.raises(
        InputError, match="`max_shard_size` is for files that end in '.weights.json'"
    ):
        model.save_weights(tmp_path / "w.npz", max_shard_size=1)


@pytest.mark.parametrize("shard", ["../w.weights.h5", "/etc/passwd", "a/b.weights.h5", "w.h5", 7])
def test_shards_stand_beside_their_index(shard, tmp_path):
    index = {"metadata": {}, "weight_map": {"/layers/dense/vars": shard}}
    (tmp_path / "w.weights.json").write_text(json.dumps(index))
    with pytest.raises(UnsafeFileError, match="stand beside their index"):
        build().load_weights(tmp_path / "w.weights.json")


@pytest.mark.parametrize("name", FORMATS)
def test_partial_loads_say_what_they_did(name, tmp_path):
    build(units=4).save_weights(tmp_path / name)
    other = zeroed(build(units=5))
    with pytest.raises(
        CorruptFileError, match=r"first/kernel has shape \(3, 5\), the file \(3, 4\)"
    ):
        other.load_weights(tmp_path / name)
    assert not any(w.any() for w in other.get_weights())
    report = other.load_weights(tmp_path / name, skip_mismatch=True)
    assert report.mismatched["net/first/kernel"] == ((3, 5), (3, 4))
    assert report.matched.keys() == {"net/last/bias"}
    assert not report.complete
    assert "net/first/kernel: shape (3, 5), in the file (3, 4)" in str(report)


@pytest.mark.parametrize("name", ["w.weights.h5", "w.safetensors", "w.npz"])
def test_by_name(name, tmp_path):
    model = build()
    model.save_weights(tmp_path / name)
    other = hornbeam.Sequential(
        [hornbeam.Input((4,)), layers.Dense(2, name="last"), layers.Dense(7, name="new")]
    )
    report = other.load_weights(tmp_path / name, by_name=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_layer("last").get_weights()[0])
    assert set(report.matched) == {v.path for v in other.layers[0].weights}


def test_what_says_no_format(tmp_path):
    (tmp_path / "w.bin").write_bytes(b"")
    with pytest.raises(InputError, match="says no format"):
        build().load_weights(tmp_path / "w.bin")
    (tmp_path / "f.weights.h5").mkdir()
    with pytest.raises(UnsafeFileError, match="no regular file"):
        build().load_weights(tmp_path / "f.weights.h5")
    with pytest.raises(FileNotFoundError, match="no file"):
        build().load_weights(tmp_path / "no.weights.h5")


# ------------------------------------------------------------------------------------------- copies


def functional():
    a, b = hornbeam.Input((3,), name="a"), hornbeam.Input((3,), name="b")
    shared = layers.Dense(3, activation="tanh", name="shared")
    inner = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(3, name="low")], name="inner")
    out = layers.Dropout(0.5)(inner(shared(a)) + shared(b) * 2.0)
    return hornbeam.Model({"a": a, "b": b}, [out, out[:, 0]])


DATA = {k: np.random.default_rng(0).normal(size=(4, 3)).astype("float32") for k in "ab"}


def agree(one, other):
    for p, q in zip(one.predict_on_batch(DATA), other.predict_on_batch(DATA), strict=True):
        np.testing.assert_array_equal(p, q)


def test_clone_of_a_functional_model():
    model = functional()
    clone = hornbeam.models.clone_model(model)
    assert {id(v) for v in clone.weights}.isdisjoint({id(v) for v in model.weights})
    assert [v.path for v in clone.weights] == [v.path for v in model.weights]
    assert len(clone.weights) == 4  # the shared layer is one layer
    clone.set_weights(model.get_weights())
    agree(clone, model)


def test_clone_with_functions():
    model = functional()
    seen = []

    def wider(layer):
        seen.append(layer.name)
        config = layer.get_config()
        return type(layer).from_config({**config, "name": f"{config['name']}_2"})

    clone = hornbeam.models.clone_model(model, clone_function=wider, recursive=True)
    assert {"shared", "low"} <= set(seen)
    assert "inner" not in seen
    assert clone.get_layer("shared_2").built
    calls = []

    def call(layer, *args, **kwargs):
        calls.append(layer.name)
        return layer(*args, **kwargs)

    hornbeam.models.clone_model(model, call_function=call)
    assert calls.count("shared") == 2


def test_clone_on_other_inputs():
    model = build()
    clone = hornbeam.models.clone_model(model, input_tensors=hornbeam.Input((3,), batch_size=8))
    assert clone.input_shape == (8, 3)
    two = functional()
    inputs = [hornbeam.Input((3,), batch_size=2), hornbeam.Input((3,), batch_size=2)]
    assert hornbeam.models.clone_model(two, input_tensors=inputs).output_shape[0] == (2, 3)
    with pytest.raises(InputError, match="has 2 inputs"):
        hornbeam.models.clone_model(two, input_tensors=inputs[0])
    with pytest.raises(InputError, match="takes one `Input"):
        hornbeam.models.clone_model(model, input_tensors=[1, 2])
    with pytest.raises(InputError, match="`call_function` is for functional"):
        hornbeam.models.clone_model(model, call_function=lambda layer, x: layer(x))
    with pytest.raises(TypeError, match="unknown arguments"):
        hornbeam.models.clone_model(model, deep=True)


class Own(hornbeam.Model):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_clone_of_a_subclass():
    model = Own(3)
    model.build((None, 2))
    assert hornbeam.models.clone_model(model).units == 3
    with pytest.raises(InputError, match="subclassed model, which is cloned by its config"):
        hornbeam.models.clone_model(model, clone_function=lambda layer: layer)


@pytest.mark.parametrize(
    "copier", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_whole(copier):
    model = functional()
    again = copier(model)
    agree(again, model)
    own = Own(3)
    own.compile("adam", "mse")
    own.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)
    own.reset_metrics()
    again = copier(own)
    assert type(again) is Own
    losses = [m.train_on_batch(np.ones((4, 2)), np.ones((4, 3))) for m in (own, again)]
    assert losses[0] == losses[1]


def test_a_copy_is_refused_as_a_file_is():
    model = hornbeam.Sequential([hornbeam.Input((2,)), layers.Dense(1, activation=lambda x: x)])
    with pytest.raises(TypeError, match="cannot be saved"):
        copy.deepcopy(model)


def test_state_trees():
    model = build()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    tree = model.get_state_tree("numpy_array")
    assert set(tree) == {
        "trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables",
    }  # fmt: skip
    kernel = tree["trainable_variables"]["net"]["first"]["kernel"]
    np.testing.assert_array_equal(kernel, model.get_weights()[0])
    other = zeroed(build())
    other.set_state_tree({"trainable_variables": tree["trainable_variables"]})
    np.testing.assert_array_equal(other.get_weights()[0], kernel)
    with pytest.raises(InputError, match="no variable 'x'"):
        other.set_state_tree({"trainable_variables": {"x": kernel}})
    with pytest.raises(InputError, match="unknown part 'all'"):
        other.set_state_tree({"all": {}})
    wrong = {"trainable_variables": {"net": {"first": {"kernel": kernel[:1]}}}}
    with pytest.raises(InputError, match=r"has shape \(3, 4\), got \(1, 4\)"):
        other.set_state_tree(wrong)
    with pytest.raises(InputError, match="`value_format` must be"):
        model.get_state_tree("list")


# ------------------------------------------------------------------------------------------- editor


def test_the_editor(tmp_path, capsys):
    model = build()
    model.save(tmp_path / "m.keras")
    editor = hornbeam.saving.KerasFileEditor(tmp_path / "m.keras")
    assert editor.config["class_name"] == "Sequential"
    assert editor.compare(model) == {"status": "match"}
    editor.summary()
    assert "layers/batch_normalization" in capsys.readouterr().out
    assert editor.compare(build(5))["mismatched"]["layers/dense/vars/0"] == ((3, 5), (3, 4))
    editor.rename_object("dense_1", "dense_9")
    editor.delete_object("layers/batch_normalization")
    editor.add_object("layers/new", {"0": np.ones(3)})
    editor.add_weights("new", {"1": np.zeros((2, 2), "float32")})
    editor.delete_weight("new", "0")
    editor.save(tmp_path / "e.weights.h5")
    again = hornbeam.saving.KerasFileEditor(tmp_path / "e.weights.h5")
    assert sorted(again.weights_dict) == ["layers/dense", "layers/dense_9", "layers/new"]
    assert list(again.weights_dict["layers/new"]) == ["1"]
    with pytest.raises(InputError, match="no object called 'dense_1'"):
        again.delete_object("dense_1")
    with pytest.raises(InputError, match="already has an object"):
        again.add_object("layers/new", {})
    with pytest.raises(InputError, match="already has an object"):
        again.rename_object("dense", "new")
    with pytest.raises(InputError, match="has no weight '5'"):
        again.delete_weight("new", "5")
    with pytest.raises(InputError, match="reads '.keras' and '.weights.h5'"):
        hornbeam.saving.KerasFileEditor(tmp_path / "m.bin")
