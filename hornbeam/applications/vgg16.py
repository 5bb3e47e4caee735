"""VGG with 16 layers; see `hornbeam/applications/vgg.py`."""

from __future__ import annotations

from hornbeam.applications.vgg import VGG16, decode_predictions, preprocess_input

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]
