"""DenseNet: each layer sees the outputs of all before it.

Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks" (2016). A block
appends 32 channels to what it was given; between stages half of the channels are kept.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, channel_axis, channels, described

GROWTH = 32
preprocess_input = imagenet_utils.standardized
decode_predictions = imagenet_utils.decode_predictions


def _norm_relu(x: Any, norm: str, relu: str) -> Any:
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=norm)(x)
    return layers.Activation("relu", name=relu)(x)


def _block(x: Any, name: str) -> Any:
    new = _norm_relu(x, f"{name}_0_bn", f"{name}_0_relu")
    new = layers.Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(new)
    new = _norm_relu(new, f"{name}_1_bn", f"{name}_1_relu")
    new = layers.Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(new)
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, new])


def _transition(x: Any, name: str) -> Any:
    kept = channels(x) // 2
    x = _norm_relu(x, f"{name}_bn", f"{name}_relu")
    x = layers.Conv2D(kept, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _densenet(blocks: tuple[int, ...], request: Request) -> Any:
    image = request.image(224)
    x = layers.ZeroPadding2D(3)(image)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = _norm_relu(x, "conv1_bn", "conv1_relu")
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(blocks, 2):
        for i in range(1, count + 1):
            x = _block(x, f"conv{stage}_block{i}")
        if stage < 5:
            x = _transition(x, f"pool{stage}")
    x = _norm_relu(x, "bn", "relu")
    if request.include_top:
        return request.model(image, request.top(x))
    return request.model(image, request.pooled(x, avg="avg_pool", max="max_pool"))


@described(8062504)
def DenseNet121(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "densenet121",
) -> Any:
    """DenseNet with 121 layers of weights, for images of 224 by 224 (Huang et al., 2016)."""
    return _densenet(
        (6, 12, 24, 16),
        Request(**locals()),
    )


@described(14307880)
def DenseNet169(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "densenet169",
) -> Any:
    """DenseNet with 169 layers of weights, for images of 224 by 224 (Huang et al., 2016)."""
    return _densenet(
        (6, 12, 32, 32),
        Request(**locals()),
    )


@described(20242984)
def DenseNet201(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "densenet201",
) -> Any:
    """DenseNet with 201 layers of weights, for images of 224 by 224 (Huang et al., 2016)."""
    return _densenet(
        (6, 12, 48, 32),
        Request(**locals()),
    )


__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]
