"""MobileNet v2: blocks that widen, convolve each channel by itself, and narrow again.

Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: inverted residuals and linear
bottlenecks" (2018).
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import (
    Request,
    channels,
    described,
    divisible,
    halving_pads,
    last_axis,
)
from hornbeam.applications.mobilenet import check_alpha, model_name, norm_relu

MOMENTUM = 0.999
STAGES = ((24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))
"""Filters, stride of the first block, and how many blocks; each widens its input 6 times."""
preprocess_input = imagenet_utils.symmetric
decode_predictions = imagenet_utils.decode_predictions


def _block(x: Any, filters: int, stride: int, number: int) -> Any:
    inputs, prefix = x, f"block_{number}" if number else "expanded_conv"
    if number:
        x = layers.Conv2D(
            6 * channels(x), 1, padding="same", use_bias=False, name=f"{prefix}_expand"
        )(x)
        x = norm_relu(x, f"{prefix}_expand_BN", f"{prefix}_expand_relu", MOMENTUM)
    if stride == 2:
        x = layers.ZeroPadding2D(halving_pads(x, 3), name=f"{prefix}_pad")(x)
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        use_bias=False,
        padding="same" if stride == 1 else "valid",
        name=f"{prefix}_depthwise",
    )(x)
    x = norm_relu(x, f"{prefix}_depthwise_BN", f"{prefix}_depthwise_relu", MOMENTUM)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}_project")(x)
    x = layers.BatchNormalization(axis=last_axis(), momentum=MOMENTUM, name=f"{prefix}_project_BN")(
        x
    )
    if stride == 1 and channels(inputs) == filters:
        x = layers.Add(name=f"{prefix}_add")([inputs, x])
    return x


@described(3538984)
def MobileNetV2(
    input_shape: Any = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Any:
    """MobileNet v2, for images of 224 by 224 (Sandler et al., 2018)."""
    request = Request(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    check_alpha(alpha)
    image = request.image(224)
    request.name = model_name(name, "mobilenetv2", alpha, image)
    x = layers.Conv2D(
        divisible(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1"
    )(image)
    x = norm_relu(x, "bn_Conv1", "Conv1_relu", MOMENTUM)
    x = _block(x, divisible(int(16 * alpha)), 1, 0)
    number = 1
    for filters, stride, count in STAGES:
        for i in range(count):
            x = _block(x, divisible(int(filters * alpha)), 1 if i else stride, number)
            number += 1
    last = divisible(1280 * max(alpha, 1.0))
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    x = norm_relu(x, "Conv_1_bn", "out_relu", MOMENTUM)
    return request.model(image, request.top(x, average=None))


__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
