"""The architectures, against what was recorded of Keras's (see `facts.py`), and a few against Keras."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hornbeam
from hornbeam import applications, layers, saving
from hornbeam.backends import registry
from tests.applications import facts
from tests.engines import ENGINES

RECORDED = json.loads(facts.FILE.read_text())
OUTPUTS_OF = (
    "VGG16 ResNet50 MobileNet MobileNetV2 MobileNetV3Small EfficientNetB0 ConvNeXtTiny".split()
)
QUICK = "numpy"
"""Runs each op at once, so that no deep network has to be compiled for one image."""


@pytest.mark.parametrize(
    ("name", "arguments"), facts.ROWS, ids=[facts.key_of(*row) for row in facts.ROWS]
)
def test_the_same_graph_as_in_keras(name, arguments):
    hornbeam.utils.clear_session()
    with hornbeam.use_backend("symbolic"):  # shapes alone: no weights are made
        model = facts.built(applications, name, arguments)
    assert facts.facts_of(model) == RECORDED[facts.key_of(name, arguments)]


def test_every_architecture_is_in_the_table():
    models = {name for name in applications.__all__ if name[0].isupper()}
    assert models == {name for name, arguments in facts.ROWS if not arguments}
    assert len(facts.SMALLEST) == 14


@pytest.mark.parametrize("name", OUTPUTS_OF)
def test_the_same_outputs_as_in_keras(name):
    hornbeam.utils.clear_session()
    with hornbeam.use_backend(QUICK):
        found = facts.outputs(facts.logits_of(applications, name), facts.SMALLEST[name])
    expected = RECORDED[f"{name} outputs"]
    assert np.std(expected) > 1e-2
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_on_each_engine(engine):
    with hornbeam.use_backend(engine):
        found = facts.outputs(
            facts.logits_of(applications, "MobileNet"), facts.SMALLEST["MobileNet"]
        )
    np.testing.assert_allclose(found, RECORDED["MobileNet outputs"], rtol=1e-3, atol=1e-3)


# ---------------------------------------------------------------------------------- beside Keras


SMALL = {"alpha": 0.35, "input_shape": (32, 32, 3), "classes": 7}


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5"])
def test_files_of_weights_that_keras_wrote(suffix, tmp_path):
    keras = pytest.importorskip("keras")
    theirs = keras.applications.MobileNetV2(weights=None, **SMALL)
    path = tmp_path / f"file{suffix}"
    (theirs.save_weights if suffix == ".weights.h5" else theirs.save)(path)
    ours = applications.MobileNetV2(weights=path, **SMALL)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), np.asarray(other))
    if suffix == ".keras":
        whole = saving.load_model(path)
        image = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
        expected = theirs.predict(image, verbose=0)
        np.testing.assert_allclose(whole.predict(image, verbose=0), expected, atol=1e-5)


def test_a_graph_of_keras_with_layers_of_its_own():
    keras = pytest.importorskip("keras")
    theirs = keras.applications.MobileNetV3Small(weights=None, minimalistic=True, alpha=0.35)
    with hornbeam.use_backend("symbolic"):
        ours = hornbeam.models.model_from_json(theirs.to_json())
    assert ours.count_params() == theirs.count_params()
    record = {"class_name": "CustomScaleLayer", "config": {"scale": 0.5, "name": "s"}}
    record |= {
        "module": "keras.src.applications.inception_resnet_v2",
        "registered_name": "CustomScaleLayer",
    }
    layer = saving.deserialize_keras_object(record)
    assert hornbeam.ops.convert_to_numpy(layer([np.ones(1), np.ones(1)])).tolist() == [1.5]
    record = saving.serialize_keras_object(applications.parts.LayerScale(0.5, 4, name="scale"))
    assert (record["module"], record["class_name"]) == (
        "keras.src.applications.convnext",
        "LayerScale",
    )
    assert saving.deserialize_keras_object(record).projection_dim == 4


@pytest.mark.parametrize("module", ["vgg16", "xception", "densenet", "efficientnet"])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_images_are_prepared_as_in_keras(module, layout, kind):
    keras = pytest.importorskip("keras")
    image = np.random.default_rng(1).integers(0, 256, (2, 3, 4, 3)).astype(kind)
    image = image.transpose(0, 3, 1, 2) if layout == "channels_first" else image
    before = image.copy()
    ours = getattr(applications, module).preprocess_input
    theirs = getattr(keras.applications, module).preprocess_input
    for batch in (image, image[0]):
        expected = theirs(batch.copy(), data_format=layout)
        found = ours(batch, data_format=layout)
        assert isinstance(found, np.ndarray)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(image, before)  # Keras changes what it is given


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_images_of_each_engine(engine, mode):
    image = np.random.default_rng(1).random((2, 4, 4, 3), "float32") * 255
    expected = applications.imagenet_utils.preprocess_input(image, mode=mode)
    with hornbeam.use_backend(engine):
        array = hornbeam.ops.convert_to_tensor(image)
        found = applications.imagenet_utils.preprocess_input(array, mode=mode)
        assert isinstance(found, registry.get(engine).array_types())
        np.testing.assert_allclose(hornbeam.ops.convert_to_numpy(found), expected, atol=1e-4)


def test_images_within_a_model():
    image = hornbeam.Input((None, None, 3))
    model = hornbeam.Model(image, applications.vgg16.preprocess_input(image))
    pixels = np.full((1, 2, 2, 3), 100.0, "float32")
    expected = applications.vgg16.preprocess_input(pixels)
    np.testing.assert_allclose(model.predict(pixels, verbose=0), expected, rtol=1e-6)


# ------------------------------------------------------------------------------------ the classes


@pytest.fixture
def class_index(tmp_path, monkeypatch):
    import hashlib

    content = json.dumps({str(i): [f"n{i:08d}", f"thing_{i}"] for i in range(1000)}).encode()
    (tmp_path / "index.json").write_bytes(content)
    where = ((tmp_path / "index.json").as_uri(), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(applications.imagenet_utils, "CLASS_INDEX", where)
    monkeypatch.setenv("HORNBEAM_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_best_classes_by_name(class_index):
    scores = np.zeros((2, 1000), "float32")
    scores[0, [3, 999]] = 0.25, 0.5
    scores[1, 7] = 1.0
    found = applications.resnet50.decode_predictions(scores, top=2)
    assert found[0] == [("n00000999", "thing_999", 0.5), ("n00000003", "thing_3", 0.25)]
    assert found[1][0] == ("n00000007", "thing_7", 1.0)
    assert [len(row) for row in found] == [2, 2]
    (class_index / "index.json").unlink()  # from now on it is in the cache
    assert len(applications.resnet50.decode_predictions(scores)[0]) == 5


def test_names_that_are_not_those_of_imagenet(class_index, monkeypatch):
    origin, _ = applications.imagenet_utils.CLASS_INDEX
    monkeypatch.setattr(applications.imagenet_utils, "CLASS_INDEX", (origin, "0" * 64))
    with pytest.raises(ValueError, match="damaged, or another version"):
        applications.vgg16.decode_predictions(np.zeros((1, 1000)))
    gone = ((class_index / "nowhere.json").as_uri(), "0" * 64)
    monkeypatch.setattr(applications.imagenet_utils, "CLASS_INDEX", gone)
    with pytest.raises(OSError, match="could not load") as caught:
        applications.vgg16.decode_predictions(np.zeros((1, 1000)))
    assert "put the file into the folder `models`" in caught.value.__notes__[0]


# --------------------------------------------------------------------------------------- mistakes


def mobile(**kwargs):
    with hornbeam.use_backend("symbolic"):
        return applications.MobileNetV2(**{"weights": None, **kwargs})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "imagenet"}, r'no hash .*save\("model\.keras"\).*load_model'),
        ({"weights": "imagenet", "classes": 3}, "know 1000 classes, got classes=3"),
        ({"weights": "nowhere.h5"}, "no file 'nowhere.h5'"),
        ({"weights": 3.5}, "no file 3.5"),
        ({"pooling": "sum"}, '"avg" or "max", got \'sum\''),
        ({"input_shape": (16, 16, 3)}, r"at least 32 by 32, got input_shape=\(16, 16, 3\)"),
        ({"input_shape": (32, 32)}, "height, width and channels"),
        ({"input_shape": (None, 64, 3)}, "whole `input_shape`, or include_top=False"),
        ({"input_tensor": np.ones((1, 64, 64, 3))}, "must be symbolic.*got ndarray"),
        ({"alpha": 0}, "`alpha` must be a positive number, got 0"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises((ValueError, NotImplementedError), match=message):
        mobile(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: applications.imagenet_utils.preprocess_input(np.ones((1, 2, 2, 3)), mode="x"),
            "'caffe'",
        ),
        (lambda: applications.vgg16.preprocess_input(np.ones((2, 2, 3)), "last"), "channels_first"),
        (lambda: applications.vgg16.preprocess_input(np.ones((2, 2))), "array of 2 dimensions"),
        (lambda: applications.vgg16.decode_predictions(np.ones((1, 5))), r"got \(1, 5\)"),
    ],
)
def test_mistakes_with_images(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_images_with_many_channels_are_warned_of():
    with pytest.warns(UserWarning, match="1 or 3 channels as a rule"):
        assert mobile(input_shape=(64, 64, 5), include_top=False).input_shape == (None, 64, 64, 5)


def test_an_image_that_comes_from_layers():
    with hornbeam.use_backend("symbolic"):
        image = hornbeam.Input((64, 64, 3))
        scaled = layers.Rescaling(1 / 255)(image)
        model = applications.MobileNet(
            weights=None, input_tensor=scaled, include_top=False, pooling="avg"
        )
    assert model.inputs[0] is image
    assert model.layers[1].name == "rescaling" or isinstance(model.layers[1], layers.Rescaling)
    assert model.output_shape == (None, 1024)


@pytest.fixture
def channels_first():
    before = hornbeam.config.image_data_format()
    hornbeam.config.set_image_data_format("channels_first")
    yield
    hornbeam.config.set_image_data_format(before)


@pytest.mark.parametrize("name", [n for n in facts.SMALLEST if n != "ConvNeXtTiny"])
def test_channels_first(channels_first, name):
    with hornbeam.use_backend("symbolic"):
        model = getattr(applications, name)(weights=None)
    assert model.input_shape[1] == 3
    assert model.count_params() == RECORDED[facts.key_of(name, {})]["parameters"]


def test_convnext_needs_its_channels_last(channels_first):
    with pytest.raises(NotImplementedError, match=r'set_image_data_format\("channels_last"\)'):
        applications.ConvNeXtTiny(weights=None)
