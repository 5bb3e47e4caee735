"""ResNet v2: residual blocks that normalize first.

He, Zhang, Ren and Sun, "Identity mappings in deep residual networks" (2016). Normalization and
activation come before each convolution, so that nothing stands in the way of the sum; a stage halves the
image in its last block.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, described
from hornbeam.applications.resnet import FILTERS, norm, top

preprocess_input = imagenet_utils.symmetric
decode_predictions = imagenet_utils.decode_predictions


def _block(x: Any, filters: int, stride: int, widens: bool, name: str) -> Any:
    ready = norm(f"{name}_preact_bn")(x)
    ready = layers.Activation("relu", name=f"{name}_preact_relu")(ready)
    if widens:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(ready)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(ready)
    x = norm(f"{name}_1_bn")(x)
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = norm(f"{name}_2_bn")(x)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])


def _resnet(blocks: tuple[int, ...], request: Request) -> Any:
    image = request.image(224)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, (count, filters) in enumerate(zip(blocks, FILTERS, strict=True), 2):
        for i in range(1, count + 1):
            stride = 2 if i == count and stage < 5 else 1
            x = _block(x, filters, stride, i == 1, f"conv{stage}_block{i}")
    x = norm("post_bn")(x)
    x = layers.Activation("relu", name="post_relu")(x)
    return request.model(image, top(request, x))


@described(25613800)
def ResNet50V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50v2",
) -> Any:
    """ResNet v2 with 50 layers of weights, for images of 224 by 224 (He et al., 2016)."""
    return _resnet(
        (3, 4, 6, 3),
        Request(**locals()),
    )


@described(44675560)
def ResNet101V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet101v2",
) -> Any:
    """ResNet v2 with 101 layers of weights, for images of 224 by 224 (He et al., 2016)."""
    return _resnet(
        (3, 4, 23, 3),
        Request(**locals()),
    )


@described(60380648)
def ResNet152V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet152v2",
) -> Any:
    """ResNet v2 with 152 layers of weights, for images of 224 by 224 (He et al., 2016)."""
    return _resnet(
        (3, 8, 36, 3),
        Request(**locals()),
    )


__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]
