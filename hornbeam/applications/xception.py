"""Xception: Inception taken to its end, where each channel is convolved by itself.

Chollet, "Xception: deep learning with depthwise separable convolutions" (2016). An entry flow that
halves the image, eight equal blocks in the middle, and an exit flow.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, described, last_axis

ENTRY = ((2, (128, 128)), (3, (256, 256)), (4, (728, 728)))
MIDDLE = range(5, 13)
EXIT = (13, (728, 1024))
preprocess_input = imagenet_utils.symmetric
decode_predictions = imagenet_utils.decode_predictions


def _norm(name: str | None = None) -> Any:
    return layers.BatchNormalization(axis=last_axis(), name=name)


def _separable(x: Any, filters: int, name: str, relu_first: bool = True) -> Any:
    if relu_first:
        x = layers.Activation("relu", name=f"{name}_act")(x)
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return _norm(f"{name}_bn")(x)


def _halving_block(x: Any, number: int, filters: tuple[int, int]) -> Any:
    shortcut = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    shortcut = _norm()(shortcut)
    for i, count in enumerate(filters, 1):
        relu_first = number > 2 or i > 1
        x = _separable(x, count, f"block{number}_sepconv{i}", relu_first)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{number}_pool")(x)
    return layers.Add()([x, shortcut])


def _xception(request: Request) -> Any:
    image = x = request.image(299, smallest=71)
    for name, filters, stride in (("block1_conv1", 32, 2), ("block1_conv2", 64, 1)):
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name)(x)
        x = _norm(f"{name}_bn")(x)
        x = layers.Activation("relu", name=f"{name}_act")(x)
    for number, sizes in ENTRY:
        x = _halving_block(x, number, sizes)
    for number in MIDDLE:
        shortcut = x
        for i in (1, 2, 3):
            x = _separable(x, 728, f"block{number}_sepconv{i}")
        x = layers.Add()([x, shortcut])
    x = _halving_block(x, *EXIT)
    for i, filters in ((1, 1536), (2, 2048)):
        x = _separable(x, filters, f"block14_sepconv{i}", relu_first=False)
        x = layers.Activation("relu", name=f"block14_sepconv{i}_act")(x)
    return request.model(image, request.top(x))


@described(22910480)
def Xception(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "xception",
) -> Any:
    """Xception, for images of 299 by 299, at least 71 by 71 (Chollet, 2016)."""
    return _xception(Request(**locals()))


__all__ = ["Xception", "decode_predictions", "preprocess_input"]
