"""Galleries: batches of images as one figure of Matplotlib, with labels, boxes or masks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.visualization.boxes import draw_bounding_boxes
from hornbeam.visualization.masks import draw_segmentation_masks
from hornbeam.visualization.pictures import as_bytes, color_values, image_batch

TITLES = {"y_true": "Label", "y_pred": "Pred"}


def _matplotlib() -> tuple[Any, Any]:
    """`pyplot` and `patches`, imported when a figure is wanted."""
    try:
        from matplotlib import patches, pyplot
    except ImportError:
        raise ImportError("Galleries need matplotlib. Run `pip install matplotlib`.") from None
    return pyplot, patches


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: Any = (0, 255),
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> Any:
    """Images in rows and columns, with what they are and what a model says they are.

    Args:
        images: array of any engine ``(batch, height, width, channels)``, or with the channels after the
            batch, as `data_format` says; 1, 3 or 4 channels.
        y_true: the class of each image, ints ``(batch,)``, written above it.
        y_pred: the class that a model predicts, likewise.
        label_map: class -> text; needed for `y_true` and `y_pred`.
        rows: how many rows; by default as many as the images need, close to a square.
        cols: how many columns; likewise.  Images beyond ``rows * cols`` are left out.
        value_range: the lowest and the highest value of the images: black and white.
        scale: the side of an image in the figure, in inches.
        path: the file to write, or a binary file.
        show: whether to show the figure; by default unless there is a `path`.
        transparent: whether the file's background is transparent.
        dpi: dots per inch of the file.
        legend_handles: handles of Matplotlib for a legend below the images.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        The figure of matplotlib, or None if it is shown.

    Raises:
        InputError: for images of another shape, classes without a `label_map` or of another number than
            the images, a `path` and ``show=True`` together.
        ImportError: if matplotlib is not installed.

    Example:

    >>> import hornbeam, numpy
    >>> images = numpy.zeros((4, 8, 8, 3))
    >>> plot = hornbeam.visualization.plot_image_gallery
    >>> figure = plot(images, [0, 1, 1, 0], label_map={0: "cat", 1: "dog"}, show=False)
    >>> [axes.get_title() for axes in figure.axes]
    ['Label: cat', 'Label: dog', 'Label: dog', 'Label: cat']
    """
    if path is not None and show:
        raise InputError(
            "plot_image_gallery() either writes the figure to `path` or shows it; pass no `show` with a "
            "`path`."
        )
    pictures = as_bytes(image_batch(images, data_format, "plot_image_gallery"), value_range)
    titles = _titles(len(pictures), {"y_true": y_true, "y_pred": y_pred}, label_map)
    rows, cols = _grid(len(pictures), rows, cols)
    pyplot, _ = _matplotlib()
    shown = path is None if show is None else bool(show)
    figure = _new_figure(pyplot, shown, (cols * scale, rows * scale))
    for i in range(rows * cols):
        axes = figure.add_subplot(rows, cols, i + 1)
        axes.axis("off")
        axes.margins(0)
        if i < len(pictures):
            picture = pictures[i]
            single = picture.shape[-1] == 1
            axes.imshow(np.repeat(picture, 3, -1) if single else picture)
            axes.set_title(titles[i])
    figure.subplots_adjust(wspace=0, hspace=0)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    if not shown:
        return figure
    pyplot.show()
    pyplot.close(figure)
    return None


def _new_figure(pyplot: Any, shown: bool, size: tuple[float, float]) -> Any:
    """A figure; one that is not shown is none of pyplot's, which would keep it in memory."""
    if shown:
        return pyplot.figure(figsize=size)
    from matplotlib.figure import Figure

    return Figure(figsize=size)


def _titles(count: int, classes: dict[str, Any], names: Mapping[int, str] | None) -> list[str]:
    lines: list[list[str]] = [[] for _ in range(count)]
    for argument, given in classes.items():
        if given is None:
            continue
        numbers = ops.convert_to_numpy(given)
        if numbers.shape not in ((count,), (count, 1)):
            raise InputError(
                f"plot_image_gallery(): `{argument}` must have one class for each of the {count} "
                f"images, got shape {numbers.shape}."
            )
        if names is None:
            raise InputError(
                "plot_image_gallery() writes classes as `label_map` says; pass one, such as "
                "{0: 'cat', 1: 'dog'}."
            )
        for own, number in zip(lines, numbers.ravel().tolist(), strict=True):
            if number not in names:
                raise InputError(f"`label_map` has no text for class {number!r}.")
            own.append(f"{TITLES[argument]}: {names[number]}")
    return ["  ".join(own) for own in lines]


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    for name, given in (("rows", rows), ("cols", cols)):
        if given is not None and (int(given) != given or given < 1):
            raise InputError(f"`{name}` must be 1 or a greater int, got {given!r}.")
    if rows is None:
        rows = math.ceil(math.sqrt(count)) if cols is None else math.ceil(count / cols)
    return max(rows, 1), max(math.ceil(count / max(rows, 1)) if cols is None else cols, 1)


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: Any = None,
    y_pred: Any = None,
    value_range: Any = (0, 255),
    true_color: Any = (0, 188, 212),
    pred_color: Any = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Images in rows and columns, with the boxes of things and those that a model finds.

    Args:
        images: as for `plot_image_gallery`.
        bounding_box_format: as for `hornbeam.utils.bounding_boxes.convert_format`.
        y_true: the true boxes, as for `draw_bounding_boxes`.
        y_pred: the boxes that a model found, likewise.
        value_range: the lowest and the highest value of the images: black and white.
        true_color: (red, green, blue) of true boxes.
        pred_color: (red, green, blue) of the boxes found.
        line_thickness: of the lines, in pixels of the images.
        font_scale: size of the text; 1 has capitals of 21 pixels of the images.
        text_thickness: of the text's strokes; `line_thickness` for None.
        class_mapping: label -> text, for all boxes.
        ground_truth_mapping: label -> text for true boxes; `class_mapping` for None.
        prediction_mapping: label -> text for boxes found; `class_mapping` for None.
        legend: whether to say below which color is which.
        legend_handles: handles of Matplotlib for a legend of your own instead.
        rows: as for `plot_image_gallery`.
        cols: as for `plot_image_gallery`.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        **kwargs: for `plot_image_gallery`, such as `path`, `show`, `scale` or `dpi`.

    Returns:
        As `plot_image_gallery`.

    Raises:
        InputError: as `draw_bounding_boxes` and `plot_image_gallery`.
        ImportError: if matplotlib is not installed.

    Example:

    >>> import hornbeam, numpy
    >>> boxes = {"boxes": numpy.array([[[1, 1, 6, 5]]]), "labels": numpy.array([[0]])}
    >>> plot = hornbeam.visualization.plot_bounding_box_gallery
    >>> figure = plot(numpy.zeros((1, 8, 8, 3)), "xyxy", y_true=boxes, show=False)
    >>> figure.axes[0].images[0].get_array()[1, 3].tolist()
    [0, 188, 212]
    """
    _, patches = _matplotlib()
    if legend and legend_handles is not None:
        raise InputError(
            "plot_bounding_box_gallery() takes `legend` or `legend_handles`, not both."
        )
    drawn = as_bytes(image_batch(images, data_format, "plot_bounding_box_gallery"), value_range)
    handles = list(legend_handles or [])
    for name, boxes, color, mapping in (
        ("Ground Truth", y_true, true_color, ground_truth_mapping),
        ("Prediction", y_pred, pred_color, prediction_mapping),
    ):
        if boxes is not None:
            drawn = draw_bounding_boxes(
                drawn, boxes, bounding_box_format,
                class_mapping=class_mapping if mapping is None else mapping,
                color=color, line_thickness=line_thickness, font_scale=font_scale,
                text_thickness=line_thickness if text_thickness is None else text_thickness,
                data_format="channels_last",
            )  # fmt: skip
        if legend:
            shade = color_values(color, 3, "color") / 255
            handles.append(patches.Patch(color=tuple(shade.tolist()), label=name))
    return plot_image_gallery(
        drawn, rows=rows, cols=cols, legend_handles=handles or None,
        data_format="channels_last", **kwargs,
    )  # fmt: skip


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: Any = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: dict[int, Any] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Images in a column, beside each its true mask and that which a model finds.

    Args:
        images: as for `plot_image_gallery`.
        num_classes: how many classes there are, counted from 0.
        value_range: the lowest and the highest value of the images: black and white.
        y_true: the true masks, as for `draw_segmentation_masks`.
        y_pred: the masks that a model found, likewise.
        color_mapping: as for `draw_segmentation_masks`.
        blend: as for `draw_segmentation_masks`.
        alpha: as for `draw_segmentation_masks`.
        ignore_index: as for `draw_segmentation_masks`.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        **kwargs: for `plot_image_gallery`, such as `path`, `show`, `scale` or `dpi`.

    Returns:
        As `plot_image_gallery`.

    Raises:
        InputError: as `draw_segmentation_masks` and `plot_image_gallery`.
        ImportError: if matplotlib is not installed.

    Example:

    >>> import hornbeam, numpy
    >>> images, masks = numpy.zeros((2, 8, 8, 3)), numpy.ones((2, 8, 8), "int32")
    >>> plot = hornbeam.visualization.plot_segmentation_mask_gallery
    >>> figure = plot(images, 2, y_true=masks, show=False)
    >>> len(figure.axes)
    4
    """
    drawn = as_bytes(
        image_batch(images, data_format, "plot_segmentation_mask_gallery"), value_range
    )
    masked = [
        draw_segmentation_masks(
            drawn, masks, num_classes, color_mapping, alpha, blend, ignore_index, "channels_last"
        )
        for masks in (y_true, y_pred)
        if masks is not None
    ]
    columns = [drawn, *masked]
    in_rows = np.stack(columns, axis=1).reshape(-1, *drawn.shape[1:])
    return plot_image_gallery(
        in_rows, rows=len(drawn), cols=len(columns), data_format="channels_last", **kwargs
    )


__all__ = ["plot_bounding_box_gallery", "plot_image_gallery", "plot_segmentation_mask_gallery"]
