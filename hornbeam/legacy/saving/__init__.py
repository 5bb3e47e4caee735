"""Configs as Keras 2 wrote them; the same functions as in `hornbeam.utils.legacy`."""

from __future__ import annotations

from hornbeam.utils.legacy import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
