"""Inception v3: several kernels side by side, large ones taken apart.

Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception architecture for computer vision"
(2015). A block runs branches of convolutions on the same input and joins their channels; 5 by 5 becomes
two of 3 by 3, and 7 by 7 becomes 1 by 7 and 7 by 1.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, channel_axis, described

Step = tuple[int, int, int]
"""Filters, and the height and width of the kernel."""
preprocess_input = imagenet_utils.symmetric
decode_predictions = imagenet_utils.decode_predictions


def conv_norm(
    x: Any, filters: int, rows: int, cols: int, padding: str = "same", strides: int = 1
) -> Any:
    """Convolution, normalization without a scale, and ReLU."""
    x = layers.Conv2D(filters, (rows, cols), strides=strides, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False)(x)
    return layers.Activation("relu")(x)


def stem(x: Any) -> Any:
    """The first five convolutions and two poolings, which bring 299 by 299 down to 35 by 35."""
    x = conv_norm(x, 32, 3, 3, padding="valid", strides=2)
    x = conv_norm(x, 32, 3, 3, padding="valid")
    x = conv_norm(x, 64, 3, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = conv_norm(x, 80, 1, 1, padding="valid")
    x = conv_norm(x, 192, 3, 3, padding="valid")
    return layers.MaxPooling2D(3, strides=2)(x)


def branch(x: Any, *steps: Step) -> Any:
    """Convolutions one after the other."""
    for filters, rows, cols in steps:
        x = conv_norm(x, filters, rows, cols)
    return x


def averaged(x: Any, filters: int) -> Any:
    """The branch that takes a mean over 3 by 3 first."""
    return branch(layers.AveragePooling2D(3, strides=1, padding="same")(x), (filters, 1, 1))


def joined(parts: list[Any], name: str | None = None) -> Any:
    """The channels of all branches."""
    return layers.Concatenate(axis=channel_axis(), name=name)(parts)


def block_35(x: Any, filters: int, pooled: int, name: str) -> Any:
    """A block for images of 35 by 35; `filters` is the width of the branch with one kernel."""
    parts = [
        branch(x, (filters, 1, 1)),
        branch(x, (48, 1, 1), (64, 5, 5)),
        branch(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
        averaged(x, pooled),
    ]
    return joined(parts, name)


def _block_17(x: Any, width: int, name: str) -> Any:
    parts = [
        branch(x, (192, 1, 1)),
        branch(x, (width, 1, 1), (width, 1, 7), (192, 7, 1)),
        branch(x, (width, 1, 1), (width, 7, 1), (width, 1, 7), (width, 7, 1), (192, 1, 7)),
        averaged(x, 192),
    ]
    return joined(parts, name)


def _block_8(x: Any, name: str, inner: str) -> Any:
    narrow = branch(x, (320, 1, 1))
    double = branch(x, (384, 1, 1))
    double = joined([branch(double, (384, 1, 3)), branch(double, (384, 3, 1))], inner)
    triple = branch(x, (448, 1, 1), (384, 3, 3))
    triple = joined([branch(triple, (384, 1, 3)), branch(triple, (384, 3, 1))])
    return joined([narrow, double, triple, averaged(x, 192)], name)


def _halving(x: Any, branches: list[tuple[list[Step], int]], name: str) -> Any:
    """Branches that end in a 3 by 3 convolution of stride 2, and a maximum beside them."""
    parts = [
        conv_norm(branch(x, *steps), filters, 3, 3, padding="valid", strides=2)
        for steps, filters in branches
    ]
    return joined([*parts, layers.MaxPooling2D(3, strides=2)(x)], name)


def _inception(request: Request) -> Any:
    image = request.image(299, smallest=75)
    x = stem(image)
    for i, pooled in enumerate((32, 64, 64)):
        x = block_35(x, 64, pooled, f"mixed{i}")
    x = _halving(x, [([], 384), ([(64, 1, 1), (96, 3, 3)], 96)], "mixed3")
    for i, width in enumerate((128, 160, 160, 192), 4):
        x = _block_17(x, width, f"mixed{i}")
    long: list[Step] = [(192, 1, 1), (192, 1, 7), (192, 7, 1)]
    x = _halving(x, [([(192, 1, 1)], 320), (long, 192)], "mixed8")
    for i in (0, 1):
        x = _block_8(x, f"mixed{9 + i}", f"mixed9_{i}")
    return request.model(image, request.top(x))


@described(23851784)
def InceptionV3(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "inception_v3",
) -> Any:
    """Inception v3, for images of 299 by 299, at least 75 by 75 (Szegedy et al., 2015)."""
    return _inception(Request(**locals()))


__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]
