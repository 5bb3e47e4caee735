"""Galleries: figures built as Keras builds them, with our pictures in them; and what is refused."""

from __future__ import annotations

import io
import sys
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import hornbeam
from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.visualization import (
    draw_bounding_boxes,
    draw_segmentation_masks,
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)
from tests.engines import ENGINES
from tests.visualization.test_drawing import BOXES, IMAGES, MASKS

mpl.use("Agg")
FIVE = np.random.default_rng(1).integers(0, 256, (5, 8, 10, 3)).astype("uint8")
CLASSES = {"y_true": np.array([0, 1, 2, 0]), "label_map": {0: "a", 1: "b", 2: "c"}}


def anatomy(figure: Any) -> dict[str, Any]:
    """What a figure is made of, apart from the pictures."""
    axes = [a for a in figure.axes if a.images]
    return {
        "size": figure.get_size_inches().tolist(),
        "grid": [a.get_subplotspec().get_geometry() for a in axes],
        "titles": [a.get_title() for a in axes],
        "frames": [a.axison for a in figure.axes],
        "legends": [[text.get_text() for text in legend.get_texts()] for legend in figure.legends],
        "colors": [
            [patch.get_facecolor() for patch in legend.get_patches()] for legend in figure.legends
        ],
    }


def pictures(figure: Any) -> list[Any]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The figures that were to be shown."""
    from matplotlib import pyplot

    figures: list[Any] = []
    monkeypatch.setattr(pyplot, "show", lambda *_, **__: figures.append(pyplot.gcf()))
    return figures


FOUR = FIVE[:4]
TRUE, FOUND = MASKS[..., None], MASKS[:, ::-1, :, None]
PREDICTED = np.array([1, 1, 1, 0])
CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "images": ("plot_image_gallery", (FOUR,), {}),
    "one": ("plot_image_gallery", (FIVE[:1],), {}),
    "two": ("plot_image_gallery", (FIVE[:2],), {}),
    "rows": ("plot_image_gallery", (FOUR,), {"rows": 1}),
    "cols": ("plot_image_gallery", (FOUR,), {"rows": 1, "cols": 4, "scale": 3}),
    "both": ("plot_image_gallery", (FIVE,), {"rows": 1, "cols": 2}),
    "true": ("plot_image_gallery", (FOUR,), CLASSES),
    "classes": ("plot_image_gallery", (FOUR,), {**CLASSES, "y_pred": PREDICTED}),
    "floats": ("plot_image_gallery", (FOUR + np.float32(0.7),), {}),
    "unit": ("plot_image_gallery", (FOUR / np.float32(255),), {"value_range": (0, 1)}),
    "legend": ("plot_bounding_box_gallery", (IMAGES, "xyxy"), {"legend": True}),
    "masks": ("plot_segmentation_mask_gallery", (IMAGES, 4), {"y_true": TRUE, "y_pred": FOUND}),
    "true masks": ("plot_segmentation_mask_gallery", (IMAGES, 4), {"y_true": TRUE}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_figures_are_those_of_keras(case: str, shown: list[Any]) -> None:
    import keras

    name, arguments, options = CASES[case]
    getattr(keras.visualization, name)(*arguments, **options)
    expected = shown.pop()
    for engine in ENGINES:
        with hornbeam.use_backend(engine):
            tensors = [ops.convert_to_tensor(a) if hasattr(a, "shape") else a for a in arguments]
            getattr(hornbeam.visualization, name)(*tensors, **options)
        figure = shown.pop()
        assert anatomy(figure) == anatomy(expected)
        for ours, theirs in zip(pictures(figure), pictures(expected), strict=True):
            assert (ours == theirs).all()


def test_boxes_and_a_legend(shown: list[Any]) -> None:
    found = {**BOXES, "confidences": np.full((2, 2), 0.5)}
    figure = plot_bounding_box_gallery(
        IMAGES / 255, "xyxy", BOXES, found, (0, 1), legend=True, line_thickness=1, rows=1, cols=2,
        ground_truth_mapping={0: "t"}, prediction_mapping={2: "p"}, show=False,
    )  # fmt: skip
    drawn = draw_bounding_boxes(IMAGES, BOXES, "xyxy", {0: "t"}, (0, 188, 212), 1)
    drawn = draw_bounding_boxes(drawn, found, "xyxy", {2: "p"}, (255, 235, 59), 1)
    np.testing.assert_array_equal(pictures(figure), drawn)
    seen = anatomy(figure)
    assert seen["legends"] == [["Ground Truth", "Prediction"]]
    (colors,) = seen["colors"]
    np.testing.assert_allclose(np.array(colors)[:, :3] * 255, [(0, 188, 212), (255, 235, 59)])


def test_the_grid_has_room_for_all_images() -> None:
    for options, grid in (({}, (3, 2)), ({"rows": 2}, (2, 3)), ({"cols": 4}, (2, 4))):
        figure = plot_image_gallery(FIVE, show=False, **options)
        np.testing.assert_array_equal(pictures(figure), FIVE)
        assert anatomy(figure)["grid"][4] == (*grid, 4, 4)
        assert not any(anatomy(figure)["frames"])


def test_channels_may_come_first() -> None:
    first = FIVE.transpose(0, 3, 1, 2)
    figure = plot_image_gallery(first, data_format="channels_first", show=False)
    np.testing.assert_array_equal(pictures(figure), FIVE)
    masks = plot_segmentation_mask_gallery(
        IMAGES.transpose(0, 3, 1, 2), 4, y_pred=MASKS, data_format="channels_first", show=False
    )
    drawn = draw_segmentation_masks(IMAGES, MASKS, 4)
    np.testing.assert_array_equal(pictures(masks), [IMAGES[0], drawn[0], IMAGES[1], drawn[1]])


def test_grey_images_are_grey() -> None:
    figure = plot_image_gallery(FIVE[..., :1], show=False)
    np.testing.assert_array_equal(pictures(figure)[0], np.repeat(FIVE[0, ..., :1], 3, -1))


def test_figures_are_written_and_not_kept(shown: list[Any], tmp_path: Any) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    file, large = io.BytesIO(), io.BytesIO()
    plot_image_gallery(FIVE, path=file)
    plot_image_gallery(FIVE, path=large, dpi=120)
    plot_image_gallery(FIVE, path=tmp_path / "a.png")
    assert file.getvalue()[1:4] == (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    sizes = [hornbeam.utils.load_img(io.BytesIO(f.getvalue())).size[0] for f in (file, large)]
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=2)
    assert shown == []
    plot_image_gallery(FIVE)
    assert len(shown) == 1
    assert pyplot.get_fignums() == before


def test_galleries_without_matplotlib_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot_image_gallery(FIVE)


MISTAKES: dict[str, tuple[Any, str]] = {
    "one image": (lambda: plot_image_gallery(FIVE[0]), r"`image\[None\]`"),
    "path and show": (lambda: plot_image_gallery(FIVE, path="a.png", show=True), "or shows it"),
    "no names": (lambda: plot_image_gallery(FIVE, y_true=np.zeros(5, "int32")), "`label_map`"),
    "name": (
        lambda: plot_image_gallery(FIVE, y_true=np.full(5, 7), label_map={0: "a"}),
        "no text for class 7",
    ),
    "classes": (
        lambda: plot_image_gallery(FIVE, y_pred=np.zeros(4), label_map={0: "a"}),
        "`y_pred` must have one class for each of the 5",
    ),
    "legends": (
        lambda: plot_bounding_box_gallery(IMAGES, "xyxy", legend=True, legend_handles=[]),
        "`legend` or `legend_handles`, not both",
    ),
    "rows": (lambda: plot_image_gallery(FIVE, rows=0), "`rows` must be 1 or"),
    "range": (lambda: plot_image_gallery(FIVE, value_range=(1, 0)), "the lower first"),
    "no range": (lambda: plot_image_gallery(FIVE, value_range=255), "the lower first"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_explained(mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(InputError, match=message):
        make()
