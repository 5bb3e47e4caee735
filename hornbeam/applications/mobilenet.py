"""MobileNet: depthwise and pointwise convolutions in turn.

Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision
applications" (2017).
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import (
    Request,
    described,
    last_axis,
    spatial,
)
from hornbeam.errors import InputError

BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
"""Filters and stride of each block."""
preprocess_input = imagenet_utils.symmetric
decode_predictions = imagenet_utils.decode_predictions


def norm_relu(x: Any, norm: str, relu: str, momentum: float = 0.99) -> Any:
    """Normalization and a ReLU that is cut off at 6."""
    x = layers.BatchNormalization(axis=last_axis(), momentum=momentum, name=norm)(x)
    return layers.ReLU(6.0, name=relu)(x)


def model_name(name: str | None, prefix: str, alpha: float, image: Any) -> str:
    """The name of the model: by default one that says width and height."""
    return name or f"{prefix}_{alpha:0.2f}_{spatial(image)[0]}"


def check_alpha(alpha: float) -> None:
    """Raise if the factor of the channels is no positive number."""
    if not alpha > 0:
        raise InputError(f"`alpha` must be a positive number, got {alpha!r}.")


def _block(x: Any, filters: int, stride: int, multiplier: int, number: int) -> Any:
    if stride == 2:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        depth_multiplier=multiplier,
        use_bias=False,
        name=f"conv_dw_{number}",
    )(x)
    x = norm_relu(x, f"conv_dw_{number}_bn", f"conv_dw_{number}_relu")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
    return norm_relu(x, f"conv_pw_{number}_bn", f"conv_pw_{number}_relu")


def _top(request: Request, x: Any, dropout: float) -> Any:
    if not request.include_top:
        return request.pooled(x)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(request.classes, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((request.classes,), name="reshape_2")(x)
    return layers.Activation(request.classifier_activation, name="predictions")(x)


@described(4253864)
def MobileNet(
    input_shape: Any = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Any:
    """MobileNet, for images of 224 by 224 (Howard et al., 2017)."""
    request = Request(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    check_alpha(alpha)
    image = request.image(224)
    request.name = model_name(name, "mobilenet", alpha, image)
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(
        image
    )
    x = norm_relu(x, "conv1_bn", "conv1_relu")
    for number, (filters, stride) in enumerate(BLOCKS, 1):
        x = _block(x, int(filters * alpha), stride, depth_multiplier, number)
    return request.model(image, _top(request, x, dropout))


__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
