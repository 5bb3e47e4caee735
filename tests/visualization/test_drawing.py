"""Boxes and masks on images: what Keras draws, on arrays of every engine; and what is refused."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.visualization import draw_bounding_boxes, draw_segmentation_masks
from hornbeam.visualization.boxes import write
from tests.engines import ENGINES
from tests.utils.test_bounding_boxes import FORMATS

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 20, 30, 3)).astype("uint8")
MASKS = RNG.integers(-1, 4, (2, 20, 30)).astype("int32")
BOXES = {
    "boxes": np.array([[[2.6, 3.4, 10.5, 12.7], [5, 5, 60, 9]], [[1, 1, 2, 2], [-3, -2, 5, 5]]]),
    "labels": np.array([[0, 1], [-1, 2]]),
}
CONFIDENCES = np.array([[0.5, 0.333333], [1, 0.25]])


# ------------------------------------------------------------------------------------------- masks

MASK_CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "opaque": {"alpha": 1.0},
    "half": {"alpha": 0.5},
    "unblended": {"blend": False},
    "ignored": {"ignore_index": 2},
    "counted": {"num_classes": 2},
    "colors": {"color_mapping": {0: (9, 8, 7), 1: (1, 2, 3), 2: (4, 5, 6), 3: (250, 0, 99)}},
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", MASK_CASES)
def test_masks_are_those_of_keras(case: str, engine: str) -> None:
    import keras

    arguments = {"num_classes": 4, **MASK_CASES[case]}
    theirs = keras.visualization.draw_segmentation_masks(IMAGES, MASKS[..., None], **arguments)
    with hornbeam.use_backend(engine):
        images, masks = ops.convert_to_tensor(IMAGES), ops.convert_to_tensor(MASKS)
        ours = draw_segmentation_masks(images, masks, **arguments)
    assert (type(ours), ours.dtype) == (np.ndarray, np.uint8)
    np.testing.assert_array_equal(ours, theirs)


def test_masks_may_have_an_axis_for_the_channel() -> None:
    expected = draw_segmentation_masks(IMAGES, MASKS)
    np.testing.assert_array_equal(draw_segmentation_masks(IMAGES, MASKS[..., None]), expected)
    first = draw_segmentation_masks(
        IMAGES.transpose(0, 3, 1, 2), MASKS[:, None], data_format="channels_first"
    )
    np.testing.assert_array_equal(first, expected)


def test_the_last_class_is_drawn_too() -> None:
    got = draw_segmentation_masks(IMAGES, MASKS)
    np.testing.assert_array_equal(got, draw_segmentation_masks(IMAGES, MASKS, num_classes=4))


def test_classes_without_a_color_are_left_as_they_are() -> None:
    got = draw_segmentation_masks(
        IMAGES, MASKS, color_mapping={1: (1, 2, 3), 9: (0, 0, 0)}, alpha=1
    )
    assert (got[MASKS == 1] == (1, 2, 3)).all()
    np.testing.assert_array_equal(got[MASKS != 1], IMAGES[MASKS != 1])
    few = draw_segmentation_masks(IMAGES, MASKS, num_classes=2, alpha=1)
    np.testing.assert_array_equal(few[MASKS >= 2], IMAGES[MASKS >= 2])


@pytest.mark.parametrize(("channels", "ink"), [(1, [76]), (3, [255, 0, 0]), (4, [255, 0, 0, 255])])
def test_images_of_other_channels(channels: int, ink: list[int]) -> None:
    images = np.zeros((1, 6, 6, channels), "float32")
    masked = draw_segmentation_masks(
        images, np.zeros((1, 6, 6), "int64"), color_mapping={0: (255, 0, 0)}, alpha=1
    )
    assert (masked == ink).all()
    boxes = {"boxes": np.array([[[1, 1, 4, 4]]]), "labels": np.array([[0]])}
    boxed = draw_bounding_boxes(images, boxes, "xyxy", color=(255, 0, 0), line_thickness=1)
    assert boxed[0, 1, 2].tolist() == ink
    assert boxed[0, 2, 2].tolist() == [0] * channels


def test_images_are_not_changed_and_values_are_cut_off_at_the_edges() -> None:
    images = np.array([-5.0, 0.4, 99.6, 300.0], "float32").reshape(1, 2, 2, 1)
    before = images.copy()
    got = draw_segmentation_masks(images, np.full((1, 2, 2), -1))
    assert got.ravel().tolist() == [0, 0, 99, 255]
    np.testing.assert_array_equal(images, before)
    untouched = IMAGES.copy()
    draw_segmentation_masks(IMAGES, MASKS)
    draw_bounding_boxes(IMAGES, BOXES, "xyxy")
    np.testing.assert_array_equal(IMAGES, untouched)


# ------------------------------------------------------------------------------------------- boxes

NAMES = {0: "cat", 2: "dog"}
BOX_CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "named": {"class_mapping": NAMES},
    "styled": {
        "class_mapping": NAMES, "color": (1, 2, 3), "line_thickness": 3, "text_thickness": 2,
        "font_scale": 0.5,
    },
    "sure": {"class_mapping": NAMES, "confidences": CONFIDENCES},
    **{name: {"bounding_box_format": name} for name in FORMATS},
}  # fmt: skip


def boxes_of(case: dict[str, Any]) -> dict[str, Any]:
    """The arguments after the images."""
    arguments: dict[str, Any] = {"bounding_box_format": "xyxy", **case}
    boxes = BOXES["boxes"] / 40 if arguments["bounding_box_format"].startswith("rel_") else None
    given = {**BOXES, "boxes": BOXES["boxes"] if boxes is None else boxes}
    if "confidences" in case:
        given["confidences"] = arguments.pop("confidences")
    return {"bounding_boxes": given, **arguments}


@pytest.fixture(scope="module")
def asked_of_opencv() -> dict[str, list[Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.visualization.keras_boxes"],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def framed(image: Any, corners: list[int], color: list[int], thickness: int) -> None:
    """Pixel by pixel: what is near to the edges of a box."""
    left, top, right, bottom = corners
    radius = {1: 0, 2: 1, 3: 2, 4: 2}[thickness]  # seen in pictures by OpenCV
    for y, x in itertools.product(range(image.shape[0]), range(image.shape[1])):
        outside = math.hypot(max(left - x, 0, x - right), max(top - y, 0, y - bottom))
        within = min(x - left, right - x, y - top, bottom - y)
        if outside <= radius and within <= radius:
            image[y, x] = color


@pytest.mark.parametrize("case", BOX_CASES)
def test_boxes_and_texts_are_those_of_keras(
    case: str, asked_of_opencv: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = []

    def note(_image: Any, text: str, place: Any, ink: Any, scale: float, thickness: int) -> None:
        texts.append(["text", text, list(place), scale, ink.tolist(), thickness])

    monkeypatch.setattr("hornbeam.visualization.boxes.write", note)
    asked = asked_of_opencv[case]
    expected = np.zeros((2, 20, 30, 3), "uint8")
    frames = [call for call in asked if call[0] == "box"]
    assert len(frames) == 3  # the fourth has the label -1
    for image, (_, corners, color, thickness) in zip((0, 0, 1), frames, strict=True):
        framed(expected[image], corners, color, thickness)
    for engine in ENGINES:
        texts.clear()
        with hornbeam.use_backend(engine):
            arguments = boxes_of(BOX_CASES[case])
            arguments["bounding_boxes"] = {
                key: ops.convert_to_tensor(value.astype("float32"))
                for key, value in arguments["bounding_boxes"].items()
            }
            images = ops.zeros((2, 20, 30, 3))
            got = draw_bounding_boxes(images, **arguments)
        np.testing.assert_array_equal(got, expected)
        assert texts == [call for call in asked if call[0] == "text"]


def test_text_is_written_where_it_belongs() -> None:
    boxes = {"boxes": np.array([[[20, 60, 70, 90]]]), "labels": np.array([[3]])}
    blank = np.zeros((1, 100, 200, 3), "uint8")
    plain = draw_bounding_boxes(blank, boxes, "xyxy")
    heights, widths, inks = [], [], []
    for style in ({}, {"font_scale": 0.5}, {"text_thickness": 4}):
        named = draw_bounding_boxes(blank, boxes, "xyxy", {3: "HHHH"}, (9, 200, 30), **style)
        ys, xs = np.nonzero((named != 0).any(-1)[0] & (plain == 0).all(-1)[0])
        assert 50 <= ys.max() <= 53  # the baseline, and the strokes
        assert 18 <= xs.min() <= 24
        assert named.max(axis=(0, 1, 2)).tolist() == [9, 200, 30]
        heights.append(np.ptp(ys) + 1)
        widths.append(np.ptp(xs) + 1)
        inks.append(len(ys))
    assert 19 <= heights[0] <= 23
    assert 9 <= heights[1] <= 12
    assert widths[1] < 0.6 * widths[0]
    assert inks[2] > 1.4 * inks[0]


@pytest.mark.parametrize("place", [(2, 15), (-20, 8), (5, -3), (25, 30), (-400, 10), (40, 90)])
def test_text_outside_of_the_image_is_cut_off(place: tuple[int, int]) -> None:
    large, small = np.zeros((200, 900, 3), "uint8"), np.zeros((20, 30, 3), "uint8")
    ink = np.array([200, 0, 9], "uint8")
    write(large, "a label", (place[0] + 450, place[1] + 60), ink, 1.0, 1)
    write(small, "a label", place, ink, 1.0, 1)
    assert large.any()
    np.testing.assert_array_equal(small, large[60:80, 450:480])


def test_labels_without_pillow_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        draw_bounding_boxes(IMAGES, BOXES, "xyxy", NAMES)
    draw_bounding_boxes(IMAGES, BOXES, "xyxy")  # lines need nothing


# ---------------------------------------------------------------------------------------- mistakes

MISTAKES: dict[str, tuple[Any, str]] = {
    "one image": (lambda: draw_bounding_boxes(IMAGES[0], BOXES, "xyxy"), r"`image\[None\]`"),
    "channels": (lambda: draw_segmentation_masks(IMAGES[..., :2], MASKS), "1, 3 or 4 channels, got 2"),
    "format": (lambda: draw_bounding_boxes(IMAGES, BOXES, "yx"), "must be one of xyxy"),
    "no dict": (lambda: draw_bounding_boxes(IMAGES, BOXES["boxes"], "xyxy"), "a dict of 'boxes' and"),
    "no labels": (
        lambda: draw_bounding_boxes(IMAGES, {"boxes": BOXES["boxes"]}, "xyxy"),
        r"got \['boxes'\]",
    ),
    "boxes": (
        lambda: draw_bounding_boxes(IMAGES[:1], BOXES, "xyxy"), r"must have shape \(1, boxes, 4\)",
    ),
    "labels": (
        lambda: draw_bounding_boxes(IMAGES, {**BOXES, "labels": np.zeros((2, 3))}, "xyxy"),
        r"\['labels'\]` must have shape \(2, 2\)",
    ),
    "nan": (
        lambda: draw_bounding_boxes(IMAGES, {**BOXES, "boxes": BOXES["boxes"] * np.nan}, "xyxy"),
        "must be finite",
    ),
    "color": (
        lambda: draw_bounding_boxes(IMAGES, BOXES, "xyxy", color=(1, 2, 300)), "`color` must be three",
    ),
    "line": (
        lambda: draw_bounding_boxes(IMAGES, BOXES, "xyxy", line_thickness=0), "`line_thickness` must",
    ),
    "text": (
        lambda: draw_bounding_boxes(IMAGES, BOXES, "xyxy", text_thickness=0), "`text_thickness` must",
    ),
    "scale": (lambda: draw_bounding_boxes(IMAGES, BOXES, "xyxy", font_scale=0), "must be positive"),
    "alpha": (lambda: draw_segmentation_masks(IMAGES, MASKS, alpha=1.5), r"must be in \[0, 1\]"),
    "masks": (lambda: draw_segmentation_masks(IMAGES, MASKS[:, :5]), r"shape \(2, 20, 30\) of the"),
    "soft masks": (lambda: draw_segmentation_masks(IMAGES, MASKS + 0.5), "Take the argmax"),
    "palette": (
        lambda: draw_segmentation_masks(IMAGES, MASKS, color_mapping={1: "red"}),
        r"`color_mapping\[1\]` must be three numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_explained(mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(InputError, match=message):
        make()
