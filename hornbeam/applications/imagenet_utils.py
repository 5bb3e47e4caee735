"""Images into what a network was trained on, and its output into names of classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.utils.files import get_file

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's red, green and blue, in [0, 1]."""
BLUE_GREEN_RED = (103.939, 116.779, 123.68)
"""The means that were subtracted where networks were trained in Caffe, in [0, 255]."""
CLASSES = 1000
CLASS_INDEX = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
    "a1e7a966a1f601d39e4b43e119b3e7dd4a2ad3ea08cf69847cbaf021013767bc",
)
"""Where the names of the classes are, and the SHA-256 of that file."""
MODES = CAFFE, SYMMETRIC, STANDARDIZED = tuple("caffe tf torch".split())


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Images as networks trained on ImageNet expect them.

    Args:
        x: one image (height, width, 3), or several (batch, height, width, 3), red, green and blue in
            [0, 255]; an array of any engine. It is not changed.
        data_format: "channels_last", or "channels_first" for (3, height, width); by default what
            `config.image_data_format` says.
        mode: "caffe" makes blue, green, red of it and subtracts ImageNet's means; "tf" scales to
            [-1, 1]; "torch" scales to [0, 1], subtracts the means and divides by the deviations.

    Returns:
        An array of the same kind and shape: its float dtype, else the default one.

    Raises:
        InputError: if `mode`, `data_format` or the shape is none of these.

    Example:

    >>> import hornbeam, numpy as np
    >>> pixels = np.full((1, 2, 2, 3), 255)
    >>> hornbeam.applications.imagenet_utils.preprocess_input(pixels, mode="tf").max().item()
    1.0
    """
    if mode not in MODES:
        raise InputError(f"`mode` must be one of {', '.join(map(repr, MODES))}, got {mode!r}.")
    layout = data_format or config.image_data_format()
    if layout not in ("channels_first", "channels_last"):
        raise InputError(
            f'`data_format` must be "channels_first", "channels_last" or None, got {data_format!r}.'
        )
    if isinstance(x, np.ndarray):
        with registry.use_backend("numpy"):
            return _scaled(x, layout, mode)
    return _scaled(ops.convert_to_tensor(x), layout, mode)


def _scaled(x: Any, layout: str, mode: str) -> Any:
    if len(x.shape) not in (3, 4):
        raise InputError(
            f"preprocess_input() takes one image or a batch of them, got an array of {len(x.shape)} "
            "dimensions."
        )
    if "float" not in str(ops.dtype(x)):
        x = ops.cast(x, config.floatx())
    if mode == SYMMETRIC:
        return x / 127.5 - 1.0
    per_channel = (3, 1, 1) if layout == "channels_first" else (3,)

    def constants(values: Any) -> Any:
        return ops.cast(ops.reshape(ops.convert_to_tensor(values), per_channel), ops.dtype(x))

    if mode == STANDARDIZED:
        return (x / 255.0 - constants(MEAN)) / constants(DEVIATION)
    axis = -3 if layout == "channels_first" else -1
    return ops.flip(x, axis) - constants(BLUE_GREEN_RED)


def _named(mode: str, user: str, what: str) -> Callable[..., Any]:
    def prepared(x: Any, data_format: str | None = None) -> Any:
        return preprocess_input(x, data_format, mode)

    prepared.__name__ = prepared.__qualname__ = "preprocess_input"
    prepared.__doc__ = f"""{what}

    Args:
        x: one image (height, width, 3), or several (batch, height, width, 3), red, green and blue in
            [0, 255]; an array of any engine. It is not changed.
        data_format: "channels_last", or "channels_first" for (3, height, width); by default what
            `config.image_data_format` says.

    Returns:
        An array of the same kind and shape: its float dtype, else the default one.

    Raises:
        InputError: if `data_format` or the shape is none of these.

    Example:

    >>> import numpy as np
    >>> from hornbeam.applications import {user}
    >>> {user}.preprocess_input(np.zeros((1, 2, 2, 3))).shape
    (1, 2, 2, 3)
    """
    return prepared


caffe = _named(CAFFE, "vgg16", "Pixels to blue, green, red, less ImageNet's means.")
symmetric = _named(SYMMETRIC, "xception", "Pixels in [0, 255] to [-1, 1].")
standardized = _named(STANDARDIZED, "densenet", "Pixels less ImageNet's means, by its deviations.")


def identity(x: Any, data_format: str | None = None) -> Any:
    """The image as it is: this network scales its input itself, in layers of its own.

    Args:
        x: images, red, green and blue in [0, 255].
        data_format: not used.

    Returns:
        `x`.

    Example:

    >>> from hornbeam.applications import efficientnet
    >>> efficientnet.preprocess_input([1, 2])
    [1, 2]
    """
    return x


identity.__name__ = identity.__qualname__ = "preprocess_input"


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """The most probable classes of ImageNet by name.

    The names are loaded once from the address that Keras has them from, checked by their SHA-256, and
    kept in the cache (see `hornbeam.utils.get_file`).

    Args:
        preds: probabilities in [0, 1] or logits, (batch, 1000); an array of any engine.
        top: how many classes to return for each image.

    Returns:
        For each image a list of tuples (identifier in WordNet, name, score), the best first.

    Raises:
        InputError: if `preds` has another shape.
        OSError: if the names are not in the cache and cannot be loaded; the message says where to put
            the file.

    Example:

    >>> import hornbeam, numpy as np
    >>> hornbeam.applications.imagenet_utils.decode_predictions(np.zeros((1, 10)))
    Traceback (most recent call last):
    hornbeam.errors.InputError: decode_predictions() takes scores of shape (batch, 1000), got (1, 10).
    """
    scores = ops.convert_to_numpy(preds)
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        raise InputError(
            f"decode_predictions() takes scores of shape (batch, {CLASSES}), got {scores.shape}."
        )
    index = _class_index()
    results = []
    for row in scores:
        best = np.argsort(row, kind="stable")[-top:][::-1]
        results.append([(*index[str(i)], row[i]) for i in best])
    return results


def _class_index() -> dict[str, tuple[str, str]]:
    origin, digest = CLASS_INDEX
    try:
        path = get_file(
            "imagenet_class_index.json", origin, file_hash=digest, cache_subdir="models"
        )
    except OSError as error:
        error.add_note(
            "Without the network: put the file into the folder `models` of the cache, which is "
            "~/.hornbeam or $HORNBEAM_HOME; Keras keeps it as ~/.keras/models/imagenet_class_index.json."
        )
        raise
    with open(path, encoding="utf-8") as file:
        return {key: (code, name) for key, (code, name) in json.load(file).items()}


__all__ = ["decode_predictions", "preprocess_input"]
