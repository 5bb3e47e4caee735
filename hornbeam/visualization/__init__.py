"""Pictures of what models of images see and say: boxes, masks of classes, galleries."""

from __future__ import annotations

from hornbeam.visualization.boxes import draw_bounding_boxes
from hornbeam.visualization.galleries import (
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)
from hornbeam.visualization.masks import draw_segmentation_masks

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]
