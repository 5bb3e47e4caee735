"""Inception-ResNet v2: Inception blocks whose result is scaled down and added to their input.

Szegedy, Ioffe, Vanhoucke and Alemi, "Inception-v4, Inception-ResNet and the impact of residual
connections on learning" (2016).
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, channel_axis, channels, described
from hornbeam.applications.inception_v3 import Step, averaged, branch, conv_norm, joined, stem
from hornbeam.applications.parts import CustomScaleLayer

BLOCKS: dict[str, tuple[list[list[Step]], float, int]] = {
    "block35": (
        [
            [(32, 1, 1)],
            [(32, 1, 1), (32, 3, 3)],
            [(32, 1, 1), (48, 3, 3), (64, 3, 3)],
        ],
        0.17,
        10,
    ),
    "block17": ([[(192, 1, 1)], [(128, 1, 1), (160, 1, 7), (192, 7, 1)]], 0.1, 20),
    "block8": ([[(192, 1, 1)], [(192, 1, 1), (224, 1, 3), (256, 3, 1)]], 0.2, 10),
}
"""Name -> branches, the factor of the result, how many."""

REDUCTIONS: dict[str, list[tuple[list[Step], int]]] = {
    "mixed_6a": [([], 384), ([(256, 1, 1), (256, 3, 3)], 384)],
    "mixed_7a": [([(256, 1, 1)], 384), ([(256, 1, 1)], 288), ([(256, 1, 1), (288, 3, 3)], 320)],
}
"""Name -> for each branch what comes first, and the filters of the convolution that halves."""
preprocess_input = imagenet_utils.symmetric
decode_predictions = imagenet_utils.decode_predictions


def _block(x: Any, branches: list[list[Step]], scale: float, name: str, activated: bool) -> Any:
    parts = [branch(x, *steps) for steps in branches]
    up = joined(parts, f"{name}_mixed")
    up = layers.Conv2D(channels(x), 1, padding="same", name=f"{name}_conv")(up)
    x = CustomScaleLayer(scale)([x, up])
    return layers.Activation("relu", name=f"{name}_ac")(x) if activated else x


def _reduction(x: Any, name: str) -> Any:
    parts = [
        conv_norm(branch(x, *steps), filters, 3, 3, padding="valid", strides=2)
        for steps, filters in REDUCTIONS[name]
    ]
    return joined([*parts, layers.MaxPooling2D(3, strides=2)(x)], name)


def _inception_resnet(request: Request) -> Any:
    image = request.image(299, smallest=75)
    x = stem(image)
    parts = [
        branch(x, (96, 1, 1)),
        branch(x, (48, 1, 1), (64, 5, 5)),
        branch(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
        averaged(x, 64),
    ]
    x = joined(parts, "mixed_5b")
    for (name, (branches, scale, count)), reduction in zip(
        BLOCKS.items(), ("mixed_6a", "mixed_7a", None), strict=True
    ):
        for i in range(1, count + 1):
            last = reduction is None and i == count  # whose sum is neither scaled nor activated
            x = _block(x, branches, 1.0 if last else scale, f"{name}_{i}", not last)
        x = x if reduction is None else _reduction(x, reduction)
    x = layers.Conv2D(1536, 1, padding="same", use_bias=False, name="conv_7b")(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False, name="conv_7b_bn")(x)
    x = layers.Activation("relu", name="conv_7b_ac")(x)
    return request.model(image, request.top(x))


@described(55873736)
def InceptionResNetV2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "inception_resnet_v2",
) -> Any:
    """Inception-ResNet v2, for images of 299 by 299, at least 75 by 75 (Szegedy et al., 2016)."""
    return _inception_resnet(Request(**locals()))


__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]
