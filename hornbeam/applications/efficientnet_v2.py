"""EfficientNet v2: smaller, and faster to train.

Tan and Le, "EfficientNetV2: smaller models and faster training" (2021). The early stages replace the
depthwise convolution and the widening one before it by one ordinary convolution ("fused").
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from hornbeam import initializers, layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import (
    Request,
    channel_axis,
    channels,
    described,
)
from hornbeam.applications.efficientnet import added, conv, dense_kernels, excited, kernels


class Stage(NamedTuple):
    """Equal blocks with kernels of 3 by 3: how many, and their sizes."""

    repeats: int
    filters: int
    expansion: int
    stride: int
    fused: bool


class Scale(NamedTuple):
    """A model: its stages, how they are grown, its image and whether that is normalized by channel."""

    stages: tuple[Stage, ...]
    size: int
    width: float = 1.0
    depth: float = 1.0
    by_channel: bool = False


SMALL = (
    Stage(2, 24, 1, 1, True),
    Stage(4, 48, 4, 2, True),
    Stage(4, 64, 4, 2, True),
    Stage(6, 128, 4, 2, False),
    Stage(9, 160, 6, 1, False),
    Stage(15, 256, 6, 2, False),
)
MEDIUM = (
    Stage(3, 24, 1, 1, True),
    Stage(5, 48, 4, 2, True),
    Stage(5, 80, 4, 2, True),
    Stage(7, 160, 4, 2, False),
    Stage(14, 176, 6, 1, False),
    Stage(18, 304, 6, 2, False),
    Stage(5, 512, 6, 1, False),
)
LARGE = (
    Stage(4, 32, 1, 1, True),
    Stage(7, 64, 4, 2, True),
    Stage(7, 96, 4, 2, True),
    Stage(10, 192, 4, 2, False),
    Stage(19, 224, 6, 1, False),
    Stage(25, 384, 6, 2, False),
    Stage(7, 640, 6, 1, False),
)
BASE = (
    Stage(1, 16, 1, 1, True),
    Stage(2, 32, 4, 2, True),
    Stage(2, 48, 4, 2, True),
    Stage(3, 96, 4, 2, False),
    Stage(5, 112, 6, 1, False),
    Stage(8, 192, 6, 2, False),
)
SCALES = {
    "B0": Scale(BASE, 224, by_channel=True),
    "B1": Scale(BASE, 240, 1.0, 1.1, by_channel=True),
    "B2": Scale(BASE, 260, 1.1, 1.2, by_channel=True),
    "B3": Scale(BASE, 300, 1.2, 1.4, by_channel=True),
    "S": Scale(SMALL, 384),
    "M": Scale(MEDIUM, 480),
    "L": Scale(LARGE, 480),
}
STEM = {SMALL: 24, MEDIUM: 24, LARGE: 32, BASE: 32}
SQUEEZE, DROP_CONNECT, DROPOUT = 0.25, 0.2, 0.2
preprocess_input = imagenet_utils.identity
decode_predictions = imagenet_utils.decode_predictions


def nearest(value: float) -> int:
    """The multiple of 8 nearest to a number of channels, at least 8."""
    return max(8, int(value + 4) // 8 * 8)


def _norm(name: str) -> Any:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.9, name=name)


def _norm_swish(x: Any, norm: str, swish: str) -> Any:
    return layers.Activation("swish", name=swish)(_norm(norm)(x))


def _fused(x: Any, stage: Stage, filters: int, stride: int, prefix: str) -> Any:
    if stage.expansion == 1:
        x = conv(x, filters, 3, f"{prefix}project_conv", strides=stride)
        return _norm_swish(x, f"{prefix}project_bn", f"{prefix}project_activation")
    x = conv(x, channels(x) * stage.expansion, 3, f"{prefix}expand_conv", strides=stride)
    x = _norm_swish(x, f"{prefix}expand_bn", f"{prefix}expand_activation")
    x = conv(x, filters, 1, f"{prefix}project_conv")
    return _norm(f"{prefix}project_bn")(x)


def _depthwise(x: Any, stage: Stage, filters: int, stride: int, prefix: str) -> Any:
    width = channels(x)
    x = conv(x, width * stage.expansion, 1, f"{prefix}expand_conv")
    x = _norm_swish(x, f"{prefix}expand_bn", f"{prefix}expand_activation")
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=kernels(),
        name=f"{prefix}dwconv2",
    )(x)
    x = _norm_swish(x, f"{prefix}bn", f"{prefix}activation")
    x = excited(x, max(1, int(width * SQUEEZE)), prefix)
    x = conv(x, filters, 1, f"{prefix}project_conv")
    return _norm(f"{prefix}project_bn")(x)


def _preprocessed(image: Any, by_channel: bool) -> Any:
    """Pixels in [0, 255] as the network wants them: by the statistics of ImageNet, or in [-1, 1]."""
    if not by_channel or channels(image) != 3:
        return layers.Rescaling(1.0 / 128.0, offset=-1)(image)
    x = layers.Rescaling(1.0 / 255.0)(image)
    mean, deviation = imagenet_utils.MEAN, imagenet_utils.DEVIATION
    return layers.Normalization(
        axis=channel_axis(), mean=list(mean), variance=[d**2 for d in deviation]
    )(x)


def _efficientnet(scale: Scale, request: Request) -> Any:
    image = x = request.image(scale.size)
    if request.include_preprocessing:
        x = _preprocessed(x, scale.by_channel)
    x = conv(x, nearest(STEM[scale.stages] * scale.width), 3, "stem_conv", strides=2)
    x = _norm_swish(x, "stem_bn", "stem_activation")
    done, total = 0, sum(stage.repeats for stage in scale.stages)
    for number, stage in enumerate(scale.stages, 1):
        filters = nearest(stage.filters * scale.width)
        for i in range(math.ceil(stage.repeats * scale.depth)):
            prefix, inputs = f"block{number}{chr(ord('a') + i)}_", x
            stride = 1 if i else stage.stride
            x = (_fused if stage.fused else _depthwise)(x, stage, filters, stride, prefix)
            if stride == 1 and channels(inputs) == filters:
                x = added(x, inputs, DROP_CONNECT * done / total, prefix)
            done += 1
    x = conv(x, nearest(1280 * scale.width), 1, "top_conv")
    x = _norm_swish(x, "top_bn", "top_activation")
    if not request.include_top:
        return request.model(image, request.pooled(x, avg="avg_pool", max="max_pool"))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(DROPOUT, name="top_dropout")(x)
    common = {"kernel_initializer": dense_kernels(), "bias_initializer": initializers.Constant(0.0)}
    return request.model(image, request.predictions(x, **common))


@described(7200312)
def EfficientNetV2B0(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b0",
) -> Any:
    """EfficientNet v2 B0, for images of 224 by 224 (Tan and Le, 2021)."""
    return _efficientnet(SCALES["B0"], Request(**locals()))


@described(8212124)
def EfficientNetV2B1(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b1",
) -> Any:
    """EfficientNet v2 B1, for images of 240 by 240 (Tan and Le, 2021)."""
    return _efficientnet(SCALES["B1"], Request(**locals()))


@described(10178374)
def EfficientNetV2B2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b2",
) -> Any:
    """EfficientNet v2 B2, for images of 260 by 260 (Tan and Le, 2021)."""
    return _efficientnet(SCALES["B2"], Request(**locals()))


@described(14467622)
def EfficientNetV2B3(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b3",
) -> Any:
    """EfficientNet v2 B3, for images of 300 by 300 (Tan and Le, 2021)."""
    return _efficientnet(SCALES["B3"], Request(**locals()))


@described(21612360)
def EfficientNetV2S(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-s",
) -> Any:
    """EfficientNet v2 S, for images of 384 by 384 (Tan and Le, 2021)."""
    return _efficientnet(SCALES["S"], Request(**locals()))


@described(54431388)
def EfficientNetV2M(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-m",
) -> Any:
    """EfficientNet v2 M, for images of 480 by 480 (Tan and Le, 2021)."""
    return _efficientnet(SCALES["M"], Request(**locals()))


@described(119027848)
def EfficientNetV2L(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-l",
) -> Any:
    """EfficientNet v2 L, for images of 480 by 480 (Tan and Le, 2021)."""
    return _efficientnet(SCALES["L"], Request(**locals()))


__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]
