"""Helpers around models: seeds, batches, the registry of custom objects."""

from __future__ import annotations

from hornbeam.backend import clear_session, is_keras_tensor, standardize_dtype
from hornbeam.saving.objects import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from hornbeam.training.data.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from hornbeam.training.data.py_dataset import PyDataset
from hornbeam.utils import bounding_boxes
from hornbeam.utils.seeding import set_random_seed

Sequence = PyDataset
"""The name of `PyDataset` before Keras 3."""

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_keras_tensor",
    "pack_x_y_sample_weight",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "unpack_x_y_sample_weight",
]
