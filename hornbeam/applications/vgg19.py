"""VGG with 19 layers; see `hornbeam/applications/vgg.py`."""

from __future__ import annotations

from hornbeam.applications.vgg import VGG19, decode_predictions, preprocess_input

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]
