"""Preparing data, under the names that Keras has kept from before `hornbeam.utils`."""

from hornbeam.preprocessing import image, sequence
from hornbeam.utils.from_directory import image_dataset_from_directory, text_dataset_from_directory
from hornbeam.utils.row_datasets import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
