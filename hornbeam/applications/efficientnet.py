"""EfficientNet: width, depth and resolution grown together.

Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks" (2019). Seven
stages of inverted bottlenecks with squeeze-and-excitation; B1 to B7 are B0 made wider and deeper.

The published ImageNet weights of B0 to B7 belong to a graph with one more scaling of the input, which
Keras inserts for them: load them as a whole model (`hornbeam.saving.load_model`), not as `weights`.
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
    divisible,
    halving_pads,
)


class Stage(NamedTuple):
    """Equal blocks: how many, and their sizes."""

    kernel: int
    repeats: int
    filters: int
    expansion: int
    stride: int


STAGES = (
    Stage(3, 1, 16, 1, 1),
    Stage(3, 2, 24, 6, 2),
    Stage(5, 2, 40, 6, 2),
    Stage(3, 3, 80, 6, 2),
    Stage(5, 3, 112, 6, 1),
    Stage(5, 4, 192, 6, 2),
    Stage(3, 1, 320, 6, 1),
)
SQUEEZE, DROP_CONNECT = 0.25, 0.2
preprocess_input = imagenet_utils.identity
decode_predictions = imagenet_utils.decode_predictions


def kernels() -> Any:
    """The first weights of convolutions: a truncated normal distribution by fan-out."""
    return initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def dense_kernels() -> Any:
    """The first weights of the classifier."""
    return initializers.VarianceScaling(1.0 / 3.0, "fan_out", "uniform")


def conv(x: Any, filters: int, kernel: int, name: str, **kwargs: Any) -> Any:
    """A convolution without a bias."""
    kwargs = {"padding": "same", "use_bias": False, **kwargs}
    return layers.Conv2D(filters, kernel, kernel_initializer=kernels(), name=name, **kwargs)(x)


def excited(x: Any, filters: int, prefix: str) -> Any:
    """Each channel times a factor in [0, 1] that is computed from the means of all channels.

    Args:
        x: images.
        filters: the width in between.
        prefix: what the names of the layers begin with.
    """
    width = channels(x)
    shape = (1, 1, width) if channel_axis() == 3 else (width, 1, 1)
    factor = layers.GlobalAveragePooling2D(name=f"{prefix}se_squeeze")(x)
    factor = layers.Reshape(shape, name=f"{prefix}se_reshape")(factor)
    common = {"use_bias": True}
    factor = conv(factor, filters, 1, f"{prefix}se_reduce", activation="swish", **common)
    factor = conv(factor, width, 1, f"{prefix}se_expand", activation="sigmoid", **common)
    return layers.Multiply(name=f"{prefix}se_excite")([x, factor])


def added(x: Any, inputs: Any, rate: float, prefix: str) -> Any:
    """The block's result plus its input; in training the result is left out at times, image by image."""
    if rate > 0:
        shape = (None, 1, 1, 1)
        x = layers.Dropout(rate, noise_shape=shape, name=f"{prefix}drop")(x)
    return layers.Add(name=f"{prefix}add")([x, inputs])


def _norm_swish(x: Any, norm: str, swish: str) -> Any:
    x = layers.BatchNormalization(axis=channel_axis(), name=norm)(x)
    return layers.Activation("swish", name=swish)(x)


def _block(x: Any, stage: Stage, filters: int, stride: int, rate: float, prefix: str) -> Any:
    inputs, width = x, channels(x)
    if stage.expansion != 1:
        x = conv(x, width * stage.expansion, 1, f"{prefix}expand_conv")
        x = _norm_swish(x, f"{prefix}expand_bn", f"{prefix}expand_activation")
    if stride == 2:
        x = layers.ZeroPadding2D(halving_pads(x, stage.kernel), name=f"{prefix}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        stage.kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=kernels(),
        name=f"{prefix}dwconv",
    )(x)
    x = _norm_swish(x, f"{prefix}bn", f"{prefix}activation")
    x = excited(x, max(1, int(width * SQUEEZE)), prefix)
    x = conv(x, filters, 1, f"{prefix}project_conv")
    x = layers.BatchNormalization(axis=channel_axis(), name=f"{prefix}project_bn")(x)
    return added(x, inputs, rate, prefix) if stride == 1 and filters == width else x


def _efficientnet(width: float, depth: float, size: int, dropout: float, request: Request) -> Any:
    image = request.image(size)
    x = layers.Rescaling(1.0 / 255.0)(image)
    x = layers.Normalization(axis=channel_axis())(x)
    x = layers.ZeroPadding2D(halving_pads(x, 3), name="stem_conv_pad")(x)
    x = conv(x, divisible(32 * width), 3, "stem_conv", strides=2, padding="valid")
    x = _norm_swish(x, "stem_bn", "stem_activation")
    counts = [math.ceil(stage.repeats * depth) for stage in STAGES]
    done, total = 0, sum(counts)
    for number, (stage, count) in enumerate(zip(STAGES, counts, strict=True), 1):
        for i in range(count):
            prefix = f"block{number}{chr(ord('a') + i)}_"
            stride = 1 if i else stage.stride
            rate = DROP_CONNECT * done / total
            x = _block(x, stage, divisible(stage.filters * width), stride, rate, prefix)
            done += 1
    x = conv(x, divisible(1280 * width), 1, "top_conv")
    x = _norm_swish(x, "top_bn", "top_activation")
    if not request.include_top:
        return request.model(image, request.pooled(x, avg="avg_pool", max="max_pool"))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(dropout, name="top_dropout")(x) if dropout > 0 else x
    return request.model(image, request.predictions(x, kernel_initializer=dense_kernels()))


@described(5330571)
def EfficientNetB0(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb0",
) -> Any:
    """EfficientNet B0, for images of 224 by 224 (Tan and Le, 2019)."""
    return _efficientnet(1.0, 1.0, 224, 0.2, Request(**locals()))


@described(7856239)
def EfficientNetB1(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb1",
) -> Any:
    """EfficientNet B1, for images of 240 by 240 (Tan and Le, 2019)."""
    return _efficientnet(1.0, 1.1, 240, 0.2, Request(**locals()))


@described(9177569)
def EfficientNetB2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb2",
) -> Any:
    """EfficientNet B2, for images of 260 by 260 (Tan and Le, 2019)."""
    return _efficientnet(1.1, 1.2, 260, 0.3, Request(**locals()))


@described(12320535)
def EfficientNetB3(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb3",
) -> Any:
    """EfficientNet B3, for images of 300 by 300 (Tan and Le, 2019)."""
    return _efficientnet(1.2, 1.4, 300, 0.3, Request(**locals()))


@described(19466823)
def EfficientNetB4(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb4",
) -> Any:
    """EfficientNet B4, for images of 380 by 380 (Tan and Le, 2019)."""
    return _efficientnet(1.4, 1.8, 380, 0.4, Request(**locals()))


@described(30562527)
def EfficientNetB5(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb5",
) -> Any:
    """EfficientNet B5, for images of 456 by 456 (Tan and Le, 2019)."""
    return _efficientnet(1.6, 2.2, 456, 0.4, Request(**locals()))


@described(43265143)
def EfficientNetB6(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb6",
) -> Any:
    """EfficientNet B6, for images of 528 by 528 (Tan and Le, 2019)."""
    return _efficientnet(1.8, 2.6, 528, 0.5, Request(**locals()))


@described(66658687)
def EfficientNetB7(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "efficientnetb7",
) -> Any:
    """EfficientNet B7, for images of 600 by 600 (Tan and Le, 2019)."""
    return _efficientnet(2.0, 3.1, 600, 0.5, Request(**locals()))


__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]
