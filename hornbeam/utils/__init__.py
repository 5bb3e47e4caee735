"""Helpers around models: seeds, batches, the registry of custom objects."""

from __future__ import annotations

from hornbeam.backend import clear_session, is_keras_tensor, standardize_dtype
from hornbeam.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
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
from hornbeam.training.data.row_dataset import RowDataset
from hornbeam.training.non_finite import find_non_finite
from hornbeam.utils import bounding_boxes, legacy
from hornbeam.utils.arrays import normalize, pad_sequences, to_categorical
from hornbeam.utils.config import Config
from hornbeam.utils.files import get_file
from hornbeam.utils.from_directory import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from hornbeam.utils.images import array_to_img, img_to_array, load_img, save_img
from hornbeam.utils.progbar import Progbar
from hornbeam.utils.rate_finder import RateTrial, find_learning_rate
from hornbeam.utils.row_datasets import split_dataset, timeseries_dataset_from_array
from hornbeam.utils.seeding import set_random_seed
from hornbeam.utils.source_inputs import get_source_inputs

Sequence = PyDataset
"""The name of `PyDataset` before Keras 3."""


def __getattr__(name: str) -> object:
    """What needs models or layers, and so comes when it is first asked for."""
    if name in ("model_to_dot", "plot_model"):
        from hornbeam.utils import model_plot

        return getattr(model_plot, name)
    if name == "FeatureSpace":
        from hornbeam.utils.feature_space import FeatureSpace

        return FeatureSpace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "RateTrial",
    "RowDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "find_learning_rate",
    "find_non_finite",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
