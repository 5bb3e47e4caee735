"""Images, texts and sounds out of folders: the same as Keras's, as far as the order is given."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import io
import wave

import keras
import numpy as np
import pytest

import hornbeam
from hornbeam import utils
from hornbeam.errors import CorruptFileError, InputError

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name in ("cat", "dog", "owl"):
        (folder / name).mkdir()
        for i in range(4):
            pixels = RNG.integers(0, 256, (9 + i, 12, 3)).astype("uint8")
            utils.save_img(folder / name / f"{i}.png", pixels, scale=False)
    (folder / "cat" / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for name in ("bad", "good"):
        (folder / name).mkdir()
        for i in range(5):
            (folder / name / f"{i}.txt").write_text(f"{name} héllo {i}", "utf-8")
    return folder


def write_wave(path, samples, width=2, rate=8000, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def test_img_to_array_and_back():
    x = RNG.integers(0, 256, (4, 5, 3))
    for array in (x, x[..., :1]):
        image = utils.array_to_img(array, scale=False)
        expected = keras.utils.img_to_array(keras.utils.array_to_img(array, scale=False))
        np.testing.assert_array_equal(utils.img_to_array(image), expected)
        np.testing.assert_array_equal(utils.img_to_array(image), array)
    for values in (RNG.normal(size=(3, 3, 3)), np.full((1, 1, 3), 7.0), np.zeros((2, 2, 4))):
        found = np.asarray(utils.array_to_img(values))
        np.testing.assert_array_equal(found, np.asarray(keras.utils.array_to_img(values)))
    first = utils.img_to_array(utils.array_to_img(x, scale=False), "channels_first", "uint8")
    assert first.shape == (3, 4, 5)
    assert first.dtype == np.uint8


@pytest.mark.parametrize("mode", ["grayscale", "rgb", "rgba"])
@pytest.mark.parametrize("size", [None, (5, 7), (20, 6)])
@pytest.mark.parametrize("keep", [False, True])
def test_load_img(images, mode, size, keep):
    options = {"color_mode": mode, "target_size": size, "interpolation": "bilinear"}
    path = images / "cat" / "1.png"
    found = utils.load_img(path, keep_aspect_ratio=keep, **options)
    expected = keras.utils.load_img(path, keep_aspect_ratio=keep, **options)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_save_img(tmp_path):
    x = RNG.integers(0, 256, (4, 4, 4))
    utils.save_img(tmp_path / "x.jpg", x, scale=False)  # JPEG has no transparency
    assert utils.load_img(tmp_path / "x.jpg").size == (4, 4)
    file = io.BytesIO()
    utils.save_img(file, x[..., :3], file_format="png", scale=False)
    np.testing.assert_array_equal(utils.load_img(io.BytesIO(file.getvalue())), x[..., :3])


@pytest.mark.parametrize("size", [(4, 4), (2, 9)])
def test_smart_resize(size):
    x = RNG.random((2, 8, 6, 3)).astype("float32")
    expected = keras.preprocessing.image.smart_resize(x, size)
    found = hornbeam.preprocessing.image.smart_resize(x, size)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_mode": "categorical", "color_mode": "grayscale", "batch_size": 5},
        {"label_mode": None, "crop_to_aspect_ratio": True},
        {"class_names": ["owl", "dog", "cat"]},
        {"labels": list(range(12)), "batch_size": None},
        {"labels": None, "label_mode": None, "interpolation": "nearest"},
    ],
)
def test_images_as_in_keras(images, options):
    options = {"image_size": (6, 5), "shuffle": False, "verbose": False, **options}
    theirs = keras.utils.image_dataset_from_directory(images, **options)
    ours = utils.image_dataset_from_directory(images, **options)
    expected = list(theirs)
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected, strict=True):
        pairs = zip(a, b, strict=True) if isinstance(b, tuple) else [(a, b)]
        for found, wanted in pairs:
            assert found.shape == tuple(wanted.shape)
            np.testing.assert_allclose(
                found,
                np.asarray(wanted),
                rtol=1e-4,
                atol=2e-3 if "color_mode" not in options else 1.01,
            )
    if options.get("label_mode", "int") and "labels" not in options:
        assert ours.class_names == theirs.class_names


def test_padding_instead_of_distortion(tmp_path):
    (tmp_path / "a").mkdir()
    utils.save_img(tmp_path / "a" / "1.png", np.full((4, 8, 3), 200), scale=False)
    options = {"image_size": (8, 8), "pad_to_aspect_ratio": True, "verbose": False}
    image = utils.image_dataset_from_directory(tmp_path, label_mode=None, **options)[0][0]
    np.testing.assert_allclose(image[2:6], 200, rtol=1e-5)
    assert not image[:2].any() and not image[6:].any()  # noqa: PT018


def test_parts_share_no_file_and_lose_none(images, capsys):
    options = {"image_size": (4, 4), "validation_split": 0.25, "seed": 3}
    train = utils.image_dataset_from_directory(images, subset="training", **options)
    held = utils.image_dataset_from_directory(images, subset="validation", **options)
    both = utils.image_dataset_from_directory(images, subset="both", **options)
    assert (train.file_paths, held.file_paths) == tuple(part.file_paths for part in both)
    assert len({*train.file_paths, *held.file_paths}) == 12
    assert (train.rows, held.rows) == (9, 3)
    out = capsys.readouterr().out
    assert "Found 12 files of 3 classes.\nUsing 9 files for training." in out


def test_a_model_learns_from_a_folder(images):
    data = utils.image_dataset_from_directory(images, image_size=(4, 4), verbose=False, seed=1)
    model = hornbeam.Sequential([hornbeam.layers.Flatten(), hornbeam.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert len(model.fit(data.with_workers(2), epochs=2, verbose=0).epoch) == 2


@pytest.mark.parametrize(
    "options", [{}, {"label_mode": "binary", "max_length": 6, "batch_size": 3}]
)
def test_texts_as_in_keras(texts, options):
    options = {"shuffle": False, "verbose": False, **options}
    theirs = list(keras.utils.text_dataset_from_directory(texts, **options))
    ours = list(utils.text_dataset_from_directory(texts, **options))
    for (x, y), (wanted_x, wanted_y) in zip(ours, theirs, strict=True):
        decoded = [t.decode("utf-8", "ignore") for t in wanted_x.numpy().tolist()]
        assert x.tolist() == decoded
        np.testing.assert_array_equal(y, wanted_y.numpy())


def test_sounds(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            write_wave(
                tmp_path / name / f"{i}.wav", RNG.integers(-9000, 9000, 20 + i).astype("<i2")
            )
    for options in ({}, {"output_sequence_length": 21}):
        options = {"shuffle": False, "verbose": False, **options}
        theirs = list(keras.utils.audio_dataset_from_directory(tmp_path, **options))
        ours = list(utils.audio_dataset_from_directory(tmp_path, **options))
        for (x, y), (wanted_x, wanted_y) in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(x, wanted_x.numpy(), atol=1e-7)
            np.testing.assert_array_equal(y, wanted_y.numpy())
    faster = utils.audio_dataset_from_directory(
        tmp_path, sampling_rate=16000, verbose=False, shuffle=False
    )
    assert faster[0][0].shape == (6, 44, 1)


@pytest.mark.parametrize(("width", "kind"), [(1, "u1"), (2, "<i2"), (4, "<i4")])
def test_widths_of_samples(tmp_path, width, kind):
    from hornbeam.utils.from_directory import read_wave

    highest = np.iinfo(kind).max
    samples = np.array([highest, highest // 2 + (width == 1), 0], kind)
    write_wave(tmp_path / "x.wav", samples, width, 11025, 1)
    found, rate = read_wave(str(tmp_path / "x.wav"))
    assert rate == 11025
    lowest = -1.0 if width == 1 else 0.0
    np.testing.assert_allclose(found[:, 0], [1, 0 if width == 1 else 0.5, lowest], atol=0.01)
    (tmp_path / "y.wav").write_bytes(b"no sound")
    with pytest.raises(CorruptFileError, match="is not a PCM .wav file"):
        read_wave(str(tmp_path / "y.wav"))


def test_24_bits(tmp_path):
    from hornbeam.utils.from_directory import read_wave

    write_wave(tmp_path / "x.wav", np.array([0, 0, 64, 0, 0, 192], "u1"), 3)
    np.testing.assert_allclose(read_wave(str(tmp_path / "x.wav"))[0][:, 0], [0.5, -0.5])


def test_links_are_not_followed_unless_asked_for(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "1.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("outside")
    (tmp_path / "in" / "a" / "2.txt").symlink_to(tmp_path / "secret.txt")
    options = {"verbose": False, "label_mode": None}
    assert len(utils.text_dataset_from_directory(tmp_path / "in", **options).file_paths) == 1
    options["follow_links"] = True
    assert len(utils.text_dataset_from_directory(tmp_path / "in", **options).file_paths) == 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"labels": "guessed"}, "`labels` must be 'inferred', None, or a list"),
        ({"labels": [1, 2]}, "There are 2 labels for 12 files"),
        ({"labels": None}, "pass `label_mode=None` as well"),
        ({"label_mode": "onehot"}, "`label_mode` must be one of"),
        ({"label_mode": "binary"}, "needs exactly 2 classes, but there are 3"),
        ({"class_names": ["cat", "dog", "fox"]}, "`class_names` must be the names of the folders"),
        ({"validation_split": 0.2}, "must be given together"),
        ({"validation_split": 2, "subset": "training", "seed": 1}, "must lie between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test", "seed": 1}, "`subset` must be one of"),
        ({"validation_split": 0.2, "subset": "training"}, "pass a `seed`"),
        ({"validation_split": 0.01, "subset": "training", "seed": 1}, "of 12 files leaves none"),
        ({"color_mode": "cmyk"}, "`color_mode` must be one of"),
        ({"interpolation": "area"}, "`interpolation` must be one of"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Only one of"),
    ],
)
def test_errors(images, options, match):
    with pytest.raises(InputError, match=match):
        utils.image_dataset_from_directory(images, **{"verbose": False, **options})


def test_more_errors(images, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        utils.image_dataset_from_directory(tmp_path / "absent")
    with pytest.raises(InputError, match="There are no files ending in .wav"):
        utils.audio_dataset_from_directory(images, verbose=False)
    with pytest.raises(InputError, match="no ragged batches"):
        utils.audio_dataset_from_directory(images, ragged=True)
    with pytest.raises(InputError, match="images of 1, 3 or 4 channels, got 2"):
        utils.array_to_img(np.zeros((2, 2, 2)))
    with pytest.raises(InputError, match="three axes"):
        utils.array_to_img(np.zeros((2, 2)))
    with pytest.raises(InputError, match="needs one image"):
        utils.img_to_array(np.zeros((1, 2, 2, 3)))
    with pytest.raises(InputError, match="`color_mode` must be"):
        utils.load_img("x", "cmyk")
    with pytest.raises(InputError, match="`interpolation` must be"):
        utils.load_img(images / "cat" / "0.png", target_size=(2, 2), interpolation="mitchell")
