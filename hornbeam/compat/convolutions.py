"""Convolutions that had other names in Keras 1, with (filters, rows, columns) in front."""

from __future__ import annotations

from hornbeam import layers
from hornbeam.compat.renames import with_sizes_in_a_row

AtrousConvolution2D = with_sizes_in_a_row(layers.Conv2D, "AtrousConvolution2D")
Deconvolution2D = with_sizes_in_a_row(layers.Conv2DTranspose, "Deconvolution2D")
Deconvolution3D = with_sizes_in_a_row(layers.Conv3DTranspose, "Deconvolution3D")

__all__ = ["AtrousConvolution2D", "Deconvolution2D", "Deconvolution3D"]
