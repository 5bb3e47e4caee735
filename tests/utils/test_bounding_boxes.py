"""Bounding boxes: what Keras computes, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import ops, tree
from tests.engines import ENGINES

FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)
BOXES = np.array([[10, 20, 30, 50], [0, 0, 200, 90], [40, 30, 45, 60], [-5, -7, 20, 20]], "float32")
LABELS = np.array([1, 2, 3, 4], "int32")
SHAPE = (100, 150, 3)
VARIANCE = [0.1, 0.1, 0.2, 0.2]
DELTAS = np.array([[0.1, 0.2, 0.3, 0.4]] * 4, "float32")


def line(*numbers: float) -> list[Any]:
    """One number each, as arrays (1,)."""
    return [np.array([n], "float32") for n in numbers]


CASES: dict[str, Callable[[Any], Any]] = {
    "ciou": lambda B: B.compute_ciou(BOXES, BOXES[::-1].copy(), "xyxy"),
    "ciou batch": lambda B: B.compute_ciou(BOXES[None], BOXES[None] + 3, "xywh"),
    "iou": lambda B: B.compute_iou(BOXES, BOXES[:2], "xyxy"),
    "iou relative": lambda B: B.compute_iou(
        BOXES / 200, BOXES / 150, "rel_xyxy", image_shape=SHAPE
    ),
    "iou masked": lambda B: B.compute_iou(
        np.concatenate([BOXES, -np.ones((1, 4), "float32")]), BOXES, "xyxy", use_masking=True
    ),
    "encode": lambda B: B.encode_box_to_deltas(BOXES + 0.5, BOXES[::-1], "xyxy", "yxyx"),
    "encode relative": lambda B: B.encode_box_to_deltas(
        BOXES / 200, BOXES[::-1], "rel_xyxy", "xyxy", "center_xywh", VARIANCE, SHAPE
    ),
    "decode": lambda B: B.decode_deltas_to_boxes(BOXES, DELTAS, "xyxy", "xyxy"),
    "decode scaled": lambda B: B.decode_deltas_to_boxes(
        BOXES, DELTAS, "xyxy", "xywh", "center_xywh", VARIANCE
    ),
    "decode levels": lambda B: B.decode_deltas_to_boxes(
        {"a": BOXES, "b": BOXES + 1}, {"a": DELTAS, "b": -DELTAS}, "xyxy", "xyxy"
    ),
    "clip": lambda B: B.clip_to_image_size({"boxes": BOXES, "labels": LABELS}, 25, 35, "xyxy"),
    "clip relative": lambda B: B.clip_to_image_size(
        {"boxes": BOXES / 40 - 0.3, "labels": LABELS}, 25, 35, "rel_xyxy"
    ),
    "crop": lambda B: B.crop(BOXES, 5, 6, 40, 50, "xyxy"),
    "pad": lambda B: B.pad(BOXES, 5, 6, 100, 150, "xyxy"),
    "affine": lambda B: B.affine_transform(BOXES[None], *line(30, 0.1, 0.2, 1.2, 5, 6), 100, 150),
    "affine, centre": lambda B: B.affine_transform(
        BOXES[None], *line(20, 0, 0, 1, 0, 30), 100, 150, *line(0.2, 0.3)
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_keras(case: str) -> None:
    import keras

    expected = keras.tree.flatten(CASES[case](keras.utils.bounding_boxes))
    for engine in ENGINES:
        with hornbeam.use_backend(engine):
            got = tree.flatten(CASES[case](hornbeam.utils.bounding_boxes))
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(a), b, rtol=1e-4, atol=1e-4)


def test_formats_are_those_of_keras() -> None:
    import keras

    ours, theirs = hornbeam.utils.bounding_boxes, keras.utils.bounding_boxes
    with hornbeam.use_backend("numpy"):
        for source, target in itertools.product(FORMATS, FORMATS):
            given = BOXES / 200 if source.startswith("rel_") else BOXES
            got = ours.convert_format(given, source, target, 100, 150)
            expected = theirs.convert_format(given, source, target, 100, 150)
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)
            back = ours.convert_format(got, target, source, 100, 150)
            np.testing.assert_allclose(back, given, rtol=1e-5, atol=1e-4)


def test_dicts_keep_their_labels() -> None:
    given = {"boxes": BOXES, "labels": LABELS}
    found = hornbeam.utils.bounding_boxes.convert_format(given, "xyxy", "xywh")
    assert found["labels"] is LABELS


MISTAKES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "format": (lambda B: B.convert_format(BOXES, "xyxy", "yx"), "`target` must be one of xyxy"),
    "size": (lambda B: B.convert_format(BOXES, "xyxy", "rel_xyxy"), "needs the image's `height`"),
    "no dict": (
        lambda B: B.clip_to_image_size(BOXES, 3, 3),
        "takes a dict of 'boxes' and 'labels'",
    ),
    "no size": (
        lambda B: B.clip_to_image_size({"boxes": BOXES, "labels": LABELS}),
        "needs `height` and `width`",
    ),
    "relative crop": (lambda B: B.crop(BOXES, 1, 1, 2, 2, "rel_xyxy"), "call convert_format"),
    "relative pad": (lambda B: B.pad(BOXES, 1, 1, 2, 2, "rel_xyxy"), "call convert_format"),
    "shape": (lambda B: B.compute_iou(BOXES, BOXES, "rel_xyxy"), "needs `image_shape`"),
    "encoding": (
        lambda B: B.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", "xyxy"),
        "`encoding_format` must be 'center_xywh' or",
    ),
    "variance": (
        lambda B: B.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", variance=[1.0]),
        "`variance` must hold 4 numbers",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake: str) -> None:
    run, message = MISTAKES[mistake]
    with hornbeam.use_backend("numpy"), pytest.raises(ValueError, match=message):
        run(hornbeam.utils.bounding_boxes)
