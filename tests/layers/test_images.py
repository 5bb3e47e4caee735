"""Layers for images: the transformations of Keras, boxes and masks that follow, seeds, mistakes."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import ops, tree
from tests.engines import ENGINES, TRAINABLE

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (2, 12, 18, 3)).astype("float32")
MASKS = RNG.integers(0, 5, (2, 12, 18, 1)).astype("int32")
BOXES = np.array([[[1, 1, 4, 4], [3, 2, 8, 5]], [[2, 0, 3, 3], [6, 3, 8, 6]]], "float32")
NUMBERS = np.array([[1, 2], [0, 3]], "int32")
LABELS = np.eye(4, dtype="float32")[[1, 2]]
CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"
engines = pytest.mark.parametrize("engine", ENGINES)


def data() -> dict[str, Any]:
    """Images with all that can go along."""
    boxes = {"boxes": BOXES, "labels": NUMBERS}
    return {
        "images": IMAGES,
        "bounding_boxes": boxes,
        "segmentation_masks": MASKS,
        "labels": LABELS,
    }


def make(kind: str, *args: Any, **kwargs: Any) -> Any:
    """Hornbeam's layer of that name, with a format for its boxes."""
    return getattr(hornbeam.layers, kind)(*args, bounding_box_format="xyxy", **kwargs)


def to_numpy(x: Any) -> Any:
    """All arrays of a nest as NumPy's."""
    return tree.map_structure(ops.convert_to_numpy, x)


# ------------------------------------------------------- the same parameters give Keras's values

UNIT = {"value_range": (0, 1)}
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("RandomBrightness", (0.3,), {}),
    ("RandomContrast", ((0.3, 0.5),), {}),
    ("RandomColorDegeneration", (0.3,), {}),
    ("RandomGrayscale", (0.5,), {}),
    ("RandomSaturation", ((0.2, 0.5),), {}),
    ("RandomHue", (0.5,), {}),
    ("RandomInvert", ((0.5, 0.5),), {}),
    ("RandomPosterization", ((2, 6),), {}),
    ("Solarization", (0.3, 0.6), {}),
    ("AutoContrast", (), {}),
    ("RandomSharpness", (1.0,), {}),
    ("RandomGaussianBlur", ((0.5, 1), (3, 5), (0.5, 1.0)), {}),
    (CLAHE, (), {"tile_grid_size": (2, 3), "clip_limit": 1.5}),
    ("RandomFlip", ("horizontal",), {}),
    ("RandomFlip", ("vertical",), {}),
    ("RandomRotation", ((0.1, 0.1),), {}),
    ("RandomRotation", (0.2,), {"fill_mode": "constant", "fill_value": 7.0}),
    ("RandomTranslation", (0.2, 0.3), {}),
    ("RandomTranslation", (0.2, 0.3), {"interpolation": "nearest", "fill_mode": "wrap"}),
    ("RandomZoom", (0.3, 0.2), {}),
    ("RandomZoom", (0.3,), {"fill_mode": "nearest"}),
    ("RandomShear", (0.3, 0.2), {}),
    ("RandomPerspective", ((1.0, 1.0), 0.5), {}),
    ("RandomErasing", ((1.0, 1.0),), {}),
    ("MixUp", (), {}),
    ("CutMix", (), {}),
    ("CenterCrop", (5, 6), {}),
    ("CenterCrop", (20, 22), {}),
    ("RandomCrop", (5, 6), {}),
    ("Resizing", (20, 22), {"interpolation": "bicubic"}),
    ("Resizing", (7, 7), {"crop_to_aspect_ratio": True}),
    ("Resizing", (9, 9), {"pad_to_aspect_ratio": True, "fill_value": 3.0}),
]
BOXES_DIFFER = {
    "RandomShear": "Keras shears boxes in units of the image's sides, its images in pixels",
    "RandomCrop": "Keras only cuts off boxes that end beyond the window",
    "MixUp": "Keras joins the labels of the boxes along the wrong axis",
    "CutMix": "Keras has none",
    CLAHE: "Keras has none",
    "Resizing": "with crop_to_aspect_ratio or pad_to_aspect_ratio Keras's boxes miss the border",
}
MASKS_DIFFER = {
    CLAHE: "Keras takes none",
    "MixUp": "Keras makes floats of the classes",
    "CutMix": "Keras gives masks the channels of the images",
    "CenterCrop": "Keras mixes classes when it resizes",
}
case_rows = pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")


@functools.cache
def keras_values(case: int) -> tuple[Any, Any, Any, Any]:
    """A transformation that Keras drew, and what it made of images, masks and boxes."""
    import keras

    kind, args, kwargs = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = getattr(keras.layers, kind)(*args, bounding_box_format="xyxy", **kwargs)
        seed = keras.random.SeedGenerator(3)
        drawn = layer.get_random_transformation(IMAGES, training=True, seed=seed)
        images = np.asarray(layer.transform_images(IMAGES, drawn))
        masks = boxes = None
        if kind not in MASKS_DIFFER:
            masks = np.asarray(layer.transform_segmentation_masks(MASKS, drawn))
        if kind not in BOXES_DIFFER:
            given = {"boxes": BOXES, "labels": NUMBERS}
            boxes = keras.tree.map_structure(
                np.asarray, layer.transform_bounding_boxes(given, transformation=drawn)
            )
    drawn = keras.tree.map_structure(lambda x: np.asarray(x) if hasattr(x, "dtype") else x, drawn)
    if kind == "RandomCrop":
        drawn = (int(drawn[0]), int(drawn[1]), *IMAGES.shape[1:3])
    return drawn, images, masks, boxes


@case_rows
@engines
def test_the_same_parameters_give_the_values_of_keras(case: int, engine: str) -> None:
    kind, args, kwargs = CASES[case]
    drawn, images, masks, boxes = keras_values(case)
    with hornbeam.use_backend(engine) as backend:
        layer = make(kind, *args, **kwargs)

        def run(x: Any, m: Any, b: Any) -> Any:
            found = [layer.transform_images(x, drawn)]
            if masks is not None:
                found.append(layer.transform_segmentation_masks(m, drawn))
            if boxes is not None:
                given = {"boxes": b, "labels": backend.asarray(NUMBERS)}
                found.append(layer.transform_bounding_boxes(given, drawn))
            return found

        run = backend.compile(run) if backend.compiled else run
        got = to_numpy(run(*(backend.asarray(x) for x in (IMAGES, MASKS, BOXES))))
    np.testing.assert_allclose(got[0], images, rtol=2e-4, atol=2e-3)
    if masks is not None:
        assert got[1].dtype == MASKS.dtype
        np.testing.assert_array_equal(got[1], masks)
    if boxes is not None:
        np.testing.assert_allclose(got[-1]["boxes"], boxes["boxes"], rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(got[-1]["labels"], boxes["labels"])


@pytest.mark.parametrize("image", [0, 1])
def test_equalization_is_that_of_keras_image_by_image(image: int) -> None:
    import keras

    one = IMAGES[image]
    expected = np.asarray(keras.layers.Equalization()(one))
    for engine in ENGINES:
        with hornbeam.use_backend(engine):
            got = to_numpy(hornbeam.layers.Equalization()(IMAGES))[image]
        apart = np.abs(got - expected)  # a half may be rounded either way
        assert apart.max() <= 1
        assert (apart > 1e-3).mean() < 0.01


# --------------------------------------------------------------------------- all layers, one by one

ALL: dict[str, tuple[Any, ...]] = {
    "AugMix": (),
    "AutoContrast": (),
    "CenterCrop": (5, 6),
    CLAHE: (),
    "CutMix": (),
    "Equalization": (),
    "MaxNumBoundingBoxes": (3,),
    "MixUp": (),
    "RandAugment": (),
    "RandomBrightness": (0.2,),
    "RandomColorDegeneration": (0.5,),
    "RandomColorJitter": ((0, 255), 0.2, 0.2, 0.2, 0.2),
    "RandomContrast": (0.2,),
    "RandomCrop": (5, 6),
    "RandomElasticTransform": (),
    "RandomErasing": (),
    "RandomFlip": (),
    "RandomGaussianBlur": (),
    "RandomGrayscale": (),
    "RandomHue": (0.2,),
    "RandomInvert": (),
    "RandomPerspective": (),
    "RandomPosterization": (4,),
    "RandomRotation": (0.2,),
    "RandomSaturation": (0.2,),
    "RandomSharpness": (0.2,),
    "RandomShear": (0.2, 0.2),
    "RandomTranslation": (0.2, 0.2),
    "RandomZoom": (0.2, 0.2),
    "Resizing": (5, 6),
    "Solarization": (0.2, 0.2),
}
NOT_RANDOM = {"AutoContrast", "CenterCrop", CLAHE, "MaxNumBoundingBoxes", "Resizing"}
SEEDLESS = {*NOT_RANDOM, "Equalization"}
NO_BOXES = {"CutMix", "RandomElasticTransform"}
kinds = pytest.mark.parametrize("kind", ALL)


def given(kind: str) -> dict[str, Any]:
    """What the layer can take."""
    return {k: v for k, v in data().items() if kind not in NO_BOXES or k != "bounding_boxes"}


def seeded(kind: str) -> dict[str, Any]:
    return {} if kind in SEEDLESS else {"seed": 5}


@kinds
def test_shapes_and_dtypes_are_known_beforehand(kind: str) -> None:
    with hornbeam.use_backend("numpy"):
        layer = make(kind, *ALL[kind], **seeded(kind))
        for dtype in ("float32", "uint8"):
            inputs = {**given(kind), "images": IMAGES.astype(dtype)}
            found = to_numpy(layer(inputs, training=True))
            specs = tree.map_structure(
                lambda x: hornbeam.KerasTensor((None, *x.shape[1:]), str(x.dtype)), inputs
            )
            symbolic = layer(specs, training=True)
            for s, y in zip(tree.flatten(symbolic), tree.flatten(found), strict=True):
                assert tuple(s.shape) == (None, *y.shape[1:])
                assert s.dtype == str(y.dtype)
        assert layer.compute_output_shape(IMAGES.shape) == found["images"].shape


@kinds
def test_only_training_changes_images(kind: str) -> None:
    with hornbeam.use_backend("numpy"):
        layer = make(kind, *ALL[kind], **seeded(kind))
        still = to_numpy(layer(given(kind), training=False))
        again = to_numpy(layer(given(kind), training=False))
    for a, b in zip(tree.flatten(still), tree.flatten(again), strict=True):
        np.testing.assert_array_equal(a, b)
    if kind in NOT_RANDOM or kind == "RandomCrop":
        return
    for a, b in zip(tree.flatten(still), tree.flatten(given(kind)), strict=True):
        np.testing.assert_array_equal(a, b)


@kinds
def test_one_image_is_a_batch_of_one(kind: str) -> None:
    with hornbeam.use_backend("numpy"):
        first, second = (make(kind, *ALL[kind], **seeded(kind)) for _ in range(2))
        batch = tree.map_structure(lambda x: x[:1], given(kind))
        one = tree.map_structure(lambda x: x[0], batch)
        got, expected = to_numpy(first(one)), to_numpy(second(batch))
    for a, b in zip(tree.flatten(got), tree.flatten(expected), strict=True):
        np.testing.assert_array_equal(a, b[0])


@kinds
def test_channels_may_come_first(kind: str) -> None:
    options = {"data_format": "channels_first"}
    turned = {**given(kind)}
    for key in ("images", "segmentation_masks"):
        turned[key] = np.moveaxis(turned[key], -1, 1)
    turned["images"] = np.ascontiguousarray(turned["images"])
    with hornbeam.use_backend("numpy"):
        first = make(kind, *ALL[kind], **seeded(kind), **options)
        last = make(kind, *ALL[kind], **seeded(kind))
        got, expected = to_numpy(first(turned)), to_numpy(last(given(kind)))
    if kind in ("RandomErasing", "RandomElasticTransform"):
        assert got["images"].shape == np.moveaxis(expected["images"], -1, 1).shape
        return  # noise is drawn in another order
    np.testing.assert_allclose(
        np.moveaxis(got["images"], 1, -1), expected["images"], rtol=1e-4, atol=1e-3
    )
    masks = np.moveaxis(got["segmentation_masks"], 1, -1)
    np.testing.assert_array_equal(masks, expected["segmentation_masks"])


@kinds
def test_config_makes_an_equal_layer(kind: str) -> None:
    layer = make(kind, *ALL[kind], **seeded(kind))
    config = layer.get_config()
    assert config["data_format"] == "channels_last"
    assert config["bounding_box_format"] == "xyxy"
    again = hornbeam.layers.deserialize(hornbeam.layers.serialize(layer))
    assert again.get_config() == config


ENGINE_NOISE = {"RandomErasing", "RandomElasticTransform"}


@kinds
def test_a_seed_means_the_same_on_every_engine(kind: str) -> None:
    found = []
    for engine in ENGINES:
        with hornbeam.use_backend(engine) as backend:
            layer = make(kind, *ALL[kind], **seeded(kind))
            batch = tree.map_structure(backend.asarray, given(kind))
            drawn = layer.get_random_transformation(batch, training=True)
            if kind == "RandAugment":
                drawn = {k: v for k, v in drawn.items() if k != "images"}
            if drawn is None:
                assert kind in SEEDLESS
                return
            if kind in ENGINE_NOISE:
                drawn = {k: v for k, v in drawn.items() if k != "fill_value"}
            found.append([np.asarray(x) for x in tree.flatten(to_numpy(drawn)) if x is not None])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


COMPILED = (
    "RandomElasticTransform",
    "RandomFlip",
    "RandomRotation",
    "RandomCrop",
    "RandomColorJitter",
    "RandAugment",
    "MixUp",
)


@pytest.mark.parametrize("kind", COMPILED)
@pytest.mark.parametrize("engine", TRAINABLE)
def test_compiled_calls_draw_anew_and_what_eager_ones_draw(kind: str, engine: str) -> None:
    with hornbeam.use_backend(engine) as backend:
        layer = make(kind, *ALL[kind], seed=5)
        other = make(kind, *ALL[kind], seed=5)
        inputs = backend.asarray(IMAGES)
        layer(inputs, training=False)

        def step(state: Any, x: Any) -> Any:
            return layer.stateless_call([], state, x, training=True)

        compiled = backend.compile(step)
        state = [v._value for v in layer.non_trainable_variables]
        found = []
        for _ in range(2):
            images, state = compiled(state, inputs)
            found.append(to_numpy(images))
            expected = to_numpy(other(inputs, training=True))
            np.testing.assert_allclose(found[-1], expected, rtol=1e-3, atol=1e-2)
        if hasattr(compiled, "compilations"):
            before = compiled.compilations()  # an engine may tell boxes from what steps return
            compiled(state, inputs)
            assert compiled.compilations() == before <= 2
    if kind != "RandomFlip":
        assert (found[0] != found[1]).any()


# -------------------------------------------------------------------------- boxes, masks and mixtures

FOLLOWED = {
    "RandomFlip": (),
    "RandomRotation": ((0.04, 0.08),),
    "RandomTranslation": ((-0.2, 0.2), (-0.2, 0.2)),
    "RandomZoom": ((-0.2, 0.3), (-0.2, 0.3)),
    "RandomShear": ((0.1, 0.3), (0.1, 0.2)),
    "RandomPerspective": ((1.0, 1.0), 0.2),
    "RandomCrop": (30, 32),
    "CenterCrop": (30, 32),
    "Resizing": (30, 60),
    "RandAugment": ((0, 255), 2, 0.1),
}


@pytest.mark.parametrize("kind", FOLLOWED)
def test_boxes_and_masks_follow_the_images(kind: str) -> None:
    constant = {"fill_mode": "constant"} if kind.startswith("Random") else {}
    if kind in ("RandomFlip", "RandomCrop", "RandomPerspective"):
        constant = {}
    if kind == "RandAugment":
        constant = {}
    top, left, bottom, right = 16, 14, 26, 30
    images = np.zeros((6, 40, 44, 3), "float32")
    images[:, top:bottom, left:right] = 255
    boxes = np.tile(np.array([[[left, top, right, bottom]]], "float32"), (6, 1, 1))
    inputs = {
        "images": images,
        "segmentation_masks": (images[..., :1] > 0).astype("int32"),
        "bounding_boxes": {"boxes": boxes, "labels": np.ones((6, 1), "int32")},
    }
    with hornbeam.use_backend("numpy"):
        layer = make(kind, *FOLLOWED[kind], **seeded(kind), **constant)
        if kind == "RandAugment":
            layer._choices = [c for c in layer._choices if "fill_mode" in c.get_config()]
            for choice in layer._choices:
                choice.fill_mode = "constant"
        found = to_numpy(layer(inputs, training=True))
    for image, mask, box in zip(
        found["images"], found["segmentation_masks"], found["bounding_boxes"]["boxes"], strict=True
    ):
        rows, columns = np.nonzero(mask[..., 0])
        around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        # a box around a turned box is too large, and one after two turns more so
        np.testing.assert_allclose(box[0], around, atol=4 if kind == "RandAugment" else 1.6)
        bright = image[..., 0] > 250
        assert mask[bright].mean() > 0.95 or not bright.any()


def test_mixup_mixes_images_and_labels_alike() -> None:
    with hornbeam.use_backend("numpy"):
        layer = make("MixUp", 1.0, seed=3)
        images = np.stack([np.full((4, 4, 3), v, "float32") for v in range(8)])
        inputs = {"images": images, "labels": np.eye(8, dtype="float32")}
        found = to_numpy(layer(inputs))
        mean = (found["labels"] * np.arange(8)).sum(-1)
    np.testing.assert_allclose(found["images"][:, 0, 0, 0], mean, rtol=1e-5, atol=1e-5)
    assert (found["labels"] != inputs["labels"]).any()


def test_cutmix_weighs_labels_by_area() -> None:
    with hornbeam.use_backend("numpy"):
        layer = make("CutMix", (1.0, 1.0), seed=3)
        images = np.stack([np.full((8, 8, 3), v, "float32") for v in range(8)])
        inputs = {"images": images, "labels": np.eye(8, dtype="float32")}
        found = to_numpy(layer(inputs))
        mean = (found["labels"] * np.arange(8)).sum(-1)
    np.testing.assert_allclose(found["images"].mean((1, 2, 3)), mean, rtol=1e-4, atol=1e-4)
    assert (found["labels"] != inputs["labels"]).any()


def test_erasing_covers_the_share_that_was_asked_for() -> None:
    with hornbeam.use_backend("numpy"):
        layer = make("RandomErasing", (1.0, 1.0), (0.25, 0.25), fill_value=(1, 2, 3))
        found = layer(np.zeros((5, 16, 16, 3), "float32"))
    np.testing.assert_array_equal((found > 0).mean((1, 2)), np.full((5, 3), 0.25))
    assert sorted(set(found.ravel().tolist())) == [0, 1, 2, 3]


def test_chains_of_nothing_leave_the_image() -> None:
    with hornbeam.use_backend("numpy"):
        layer = make("AugMix", factor=0.0, all_ops=False)
        layer._choices = layer._choices[:3]  # shear, translation and rotation by nothing
        np.testing.assert_allclose(layer(IMAGES), IMAGES, rtol=1e-5, atol=1e-3)


def test_absent_boxes_stay_absent() -> None:
    boxes = {"boxes": np.full((1, 2, 4), -1.0, "float32"), "labels": np.full((1, 2), -1)}
    with hornbeam.use_backend("numpy"):
        layer = make("RandomTranslation", (0.2, 0.2), (0.2, 0.2))
        found = layer({"images": IMAGES[:1], "bounding_boxes": boxes})["bounding_boxes"]
    np.testing.assert_array_equal(found["boxes"], boxes["boxes"])
    np.testing.assert_array_equal(found["labels"], boxes["labels"])


def test_masks_may_lack_a_channel() -> None:
    with hornbeam.use_backend("numpy"):
        found = make("Resizing", 5, 6)({"images": IMAGES, "segmentation_masks": MASKS[..., 0]})
    assert found["segmentation_masks"].shape == (2, 5, 6)


def test_the_layer_follows_the_engine_of_its_data() -> None:
    layer = make("RandomFlip", seed=5)
    for engine in TRAINABLE:
        backend = hornbeam.backends.get(engine)
        found = layer(backend.asarray(IMAGES))
        assert hornbeam.backends.registry.engine_of(type(found)) is backend
    with hornbeam.use_backend("numpy"):
        assert isinstance(layer(IMAGES), np.ndarray)


def test_layers_in_front_of_a_model_train() -> None:
    L = hornbeam.layers
    model = hornbeam.Sequential(
        [L.RandomFlip(), L.RandomRotation(0.1), L.Rescaling(1 / 255), L.Flatten(), L.Dense(1)]
    )
    model.compile("sgd", "mse")
    history = model.fit(IMAGES, np.zeros((2, 1)), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    one, two = model.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(one, two)


def test_pipeline_runs_its_layers_and_is_saved() -> None:
    L = hornbeam.layers
    pipeline = L.Pipeline([L.Resizing(6, 6), L.RandomFlip(seed=1), L.Rescaling(2.0)], name="p")
    again = L.deserialize(L.serialize(pipeline))
    assert [type(x).__name__ for x in again.layers] == ["Resizing", "RandomFlip", "Rescaling"]
    assert again.name == "p"
    np.testing.assert_array_equal(to_numpy(again(IMAGES)), to_numpy(pipeline(IMAGES)))


MISTAKES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no format": (
        lambda L: L.RandomFlip()(data()),
        "make it with bounding_box_format= one of xyxy",
    ),
    "no dict of boxes": (
        lambda L: L.RandomFlip()({"images": IMAGES, "bounding_boxes": BOXES}),
        "'bounding_boxes' must be a dict of 'boxes'",
    ),
    "rank": (lambda L: L.RandomFlip()(IMAGES[0, 0]), "takes images of 3 or 4 axes, got shape"),
    "mode": (lambda L: L.RandomFlip("up"), "`mode` must be one of horizontal, vertical"),
    "factor": (lambda L: L.RandomRotation("a"), "`factor` must be a number or a pair of them"),
    "order": (lambda L: L.RandomZoom((0.5, 0.1)), "the lower end first, got"),
    "range": (lambda L: L.RandomInvert(value_range=(1, 0)), "`value_range` must increase"),
    "pair": (lambda L: L.RandomInvert(value_range=1), r"must be \(lowest, highest\), got 1"),
    "fill_mode": (lambda L: L.RandomRotation(0.1, "edge"), "`fill_mode` must be one of"),
    "interpolation": (
        lambda L: L.RandomZoom(0.1, interpolation="cubic"),
        "must be 'nearest' or 'bilinear'",
    ),
    "size": (lambda L: L.Resizing(0, 3), "`height` must be a positive int, got 0"),
    "both": (
        lambda L: L.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
        "choose one of",
    ),
    "resizing": (lambda L: L.Resizing(3, 3, "cubic"), "must be one of nearest, bilinear, bicubic"),
    "probability": (lambda L: L.RandomGrayscale(2), "a probability in"),
    "elastic boxes": (
        lambda L: L.RandomElasticTransform(bounding_box_format="xyxy")(data()),
        "cannot move bounding boxes: leave 'bounding_boxes' out",
    ),
    "cut boxes": (
        lambda L: L.CutMix(bounding_box_format="xyxy")(data()),
        "cannot cut bounding boxes: leave 'bounding_boxes' out",
    ),
    "bins": (lambda L: L.Equalization(bins=0), "`bins` must be a positive int"),
    "tiles": (lambda L: getattr(L, CLAHE)(tile_grid_size=(0, 1)), "must be two positive ints"),
    "window": (lambda L: L.RandomGaussianBlur(kernel_size=0), "`kernel_size` must be"),
    "scale": (lambda L: L.RandomPerspective(scale=2), r"`scale` must be in \[0, 1\]"),
    "fill": (lambda L: L.RandomErasing(fill_value="x"), "`fill_value` must be None, a number or"),
    "mixup": (lambda L: L.MixUp(0), "`alpha` must be a positive number, got 0"),
    "augmix": (lambda L: L.AugMix(alpha=0), "`alpha` must be a positive number, got 0"),
    "ops": (lambda L: L.RandAugment(num_ops=0), "`num_ops` must be a positive int"),
    "number of boxes": (lambda L: L.MaxNumBoundingBoxes(0), "`max_number` must be a positive int"),
    "pipeline": (lambda L: L.Pipeline([3]), "takes layers or functions, got 3"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake: str) -> None:
    run, message = MISTAKES[mistake]
    with hornbeam.use_backend("numpy"), pytest.raises(ValueError, match=message):
        run(hornbeam.layers)


IN_TF_DATA = [CLAHE, "CenterCrop", "CutMix", "Equalization", "MixUp", "RandAugment", "RandomCrop"]
IN_TF_DATA += ["RandomGaussianBlur", "RandomInvert", "RandomPerspective", "RandomRotation"]


@pytest.mark.skipif("tensorflow" not in ENGINES, reason="the engine is not here")
@pytest.mark.parametrize("kind", IN_TF_DATA)
def test_layers_run_in_pipelines_of_tf_data(kind: str) -> None:
    """On batches whose size is not known, by a layer that belongs to another engine."""
    import tensorflow as tf

    layer = make(kind, *ALL[kind], **seeded(kind))
    dataset = tf.data.Dataset.from_tensor_slices(given(kind)).batch(2)
    dataset = dataset.repeat(4).map(lambda x: layer(x, training=True))
    first, *others = (tree.flatten(found) for found in dataset)
    with hornbeam.use_backend("numpy"):
        expected = tree.flatten(make(kind, *ALL[kind], **seeded(kind))(given(kind), training=True))
    for found, right in zip(first, expected, strict=True):
        assert found.shape == right.shape
        assert found.dtype.name == ops.dtype(right)
    repeated = [all((a.numpy() == b.numpy()).all() for a, b in zip(first, o)) for o in others]
    assert all(repeated) == (kind in SEEDLESS)


@pytest.mark.skipif("torch" not in ENGINES, reason="the engine is not here")
def test_layers_run_in_loaders_of_torch() -> None:
    import torch

    layer = make("RandomFlip", seed=1)
    loader = torch.utils.data.DataLoader(list(torch.asarray(IMAGES)), batch_size=2)
    (found,) = (layer(batch) for batch in loader)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(np.sort(found.numpy(), None), np.sort(IMAGES, None))


@pytest.mark.parametrize("engine", ENGINES)
def test_layers_run_in_pipelines_of_grain(engine: str) -> None:
    grain = pytest.importorskip("grain")
    with hornbeam.use_backend(engine):
        flip, words = (
            make("RandomFlip", seed=1),
            hornbeam.layers.StringLookup(vocabulary=["a", "b"]),
        )
        rows = [{"image": image, "word": word} for image, word in zip(IMAGES, "ba", strict=True)]
        dataset = (
            grain.MapDataset.source(rows)
            .map(lambda row: {"image": to_numpy(flip(row["image"])), "word": words(row["word"])})
            .batch(2)
        )
        (found,) = dataset
    assert to_numpy(found["word"]).tolist() == [2, 1]
    np.testing.assert_array_equal(np.sort(found["image"], None), np.sort(IMAGES, None))
