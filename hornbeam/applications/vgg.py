"""VGG: small convolutions, many of them.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (2014).
Five stages of 3 by 3 convolutions, each halving the image at its end, and three dense layers.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, described

FILTERS = (64, 128, 256, 512, 512)
preprocess_input = imagenet_utils.caffe
decode_predictions = imagenet_utils.decode_predictions


def _vgg(convolutions: tuple[int, ...], request: Request) -> Any:
    image = x = request.image(224)
    for stage, (count, filters) in enumerate(zip(convolutions, FILTERS, strict=True), 1):
        for i in range(1, count + 1):
            x = layers.Conv2D(
                filters, 3, padding="same", activation="relu", name=f"block{stage}_conv{i}"
            )(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{stage}_pool")(x)
    if not request.include_top:
        return request.model(image, request.pooled(x))
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4096, activation="relu", name="fc1")(x)
    x = layers.Dense(4096, activation="relu", name="fc2")(x)
    return request.model(image, request.predictions(x))


@described(138357544)
def VGG16(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg16",
) -> Any:
    """VGG with 16 layers of weights, for images of 224 by 224 (Simonyan and Zisserman, 2014)."""
    return _vgg(
        (2, 2, 3, 3, 3),
        Request(**locals()),
    )


@described(143667240)
def VGG19(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg19",
) -> Any:
    """VGG with 19 layers of weights, for images of 224 by 224 (Simonyan and Zisserman, 2014)."""
    return _vgg(
        (2, 2, 4, 4, 4),
        Request(**locals()),
    )


__all__ = ["VGG16", "VGG19", "decode_predictions", "preprocess_input"]
