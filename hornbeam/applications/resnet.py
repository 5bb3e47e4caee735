"""ResNet: blocks that add what they compute to what they were given.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2015). Four stages of bottleneck
blocks: a 1 by 1 convolution to few channels, a 3 by 3 one, and a 1 by 1 one to four times as many.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, channel_axis, described

FILTERS = (64, 128, 256, 512)
preprocess_input = imagenet_utils.caffe
decode_predictions = imagenet_utils.decode_predictions


def norm(name: str) -> Any:
    """Batch normalization as ResNets have it."""
    return layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=name)


def _block(x: Any, filters: int, stride: int, widens: bool, name: str) -> Any:
    shortcut = x
    if widens:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = norm(f"{name}_0_bn")(shortcut)
    x = layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = norm(f"{name}_1_bn")(x)
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x)
    x = norm(f"{name}_2_bn")(x)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    x = norm(f"{name}_3_bn")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _resnet(blocks: tuple[int, ...], request: Request) -> Any:
    image = request.image(224)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = norm("conv1_bn")(x)
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, (count, filters) in enumerate(zip(blocks, FILTERS, strict=True), 2):
        for i in range(1, count + 1):
            stride = 2 if i == 1 and stage > 2 else 1
            x = _block(x, filters, stride, i == 1, f"conv{stage}_block{i}")
    return request.model(image, top(request, x))


def top(request: Request, x: Any) -> Any:
    """The classifier, or the pooled feature maps, with the names that ResNets have for them."""
    return (
        request.top(x) if request.include_top else request.pooled(x, avg="avg_pool", max="max_pool")
    )


@described(25636712)
def ResNet50(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50",
) -> Any:
    """ResNet with 50 layers of weights, for images of 224 by 224 (He et al., 2015)."""
    return _resnet(
        (3, 4, 6, 3),
        Request(**locals()),
    )


@described(44707176)
def ResNet101(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet101",
) -> Any:
    """ResNet with 101 layers of weights, for images of 224 by 224 (He et al., 2015)."""
    return _resnet(
        (3, 4, 23, 3),
        Request(**locals()),
    )


@described(60419944)
def ResNet152(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet152",
) -> Any:
    """ResNet with 152 layers of weights, for images of 224 by 224 (He et al., 2015)."""
    return _resnet(
        (3, 8, 36, 3),
        Request(**locals()),
    )


__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]
