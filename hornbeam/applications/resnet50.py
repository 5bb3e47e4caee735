"""ResNet with 50 layers; see `hornbeam/applications/resnet.py`."""

from __future__ import annotations

from hornbeam.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
