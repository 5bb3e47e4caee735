"""MobileNet v3: found by search, with squeeze-and-excitation and hard-swish.

Howard et al., "Searching for MobileNetV3" (2019).
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
from hornbeam.applications.mobilenet import check_alpha


class Block(NamedTuple):
    """A block: how often it widens, its filters, kernel and stride, and two switches."""

    expansion: float
    filters: int
    kernel: int
    stride: int
    squeeze: bool
    hard_swish: bool


SMALL = (
    Block(1, 16, 3, 2, True, False),
    Block(72 / 16, 24, 3, 2, False, False),
    Block(88 / 24, 24, 3, 1, False, False),
    Block(4, 40, 5, 2, True, True),
    Block(6, 40, 5, 1, True, True),
    Block(6, 40, 5, 1, True, True),
    Block(3, 48, 5, 1, True, True),
    Block(3, 48, 5, 1, True, True),
    Block(6, 96, 5, 2, True, True),
    Block(6, 96, 5, 1, True, True),
    Block(6, 96, 5, 1, True, True),
)
LARGE = (
    Block(1, 16, 3, 1, False, False),
    Block(4, 24, 3, 2, False, False),
    Block(3, 24, 3, 1, False, False),
    Block(3, 40, 5, 2, True, False),
    Block(3, 40, 5, 1, True, False),
    Block(3, 40, 5, 1, True, False),
    Block(6, 80, 3, 2, False, True),
    Block(2.5, 80, 3, 1, False, True),
    Block(2.3, 80, 3, 1, False, True),
    Block(2.3, 80, 3, 1, False, True),
    Block(6, 112, 3, 1, True, True),
    Block(6, 112, 3, 1, True, True),
    Block(6, 160, 5, 2, True, True),
    Block(6, 160, 5, 1, True, True),
    Block(6, 160, 5, 1, True, True),
)
SQUEEZE = 0.25
preprocess_input = imagenet_utils.identity
decode_predictions = imagenet_utils.decode_predictions


def _activation(hard_swish: bool) -> Any:
    return layers.Activation("hard_swish") if hard_swish else layers.ReLU()


def _norm(name: str) -> Any:
    return layers.BatchNormalization(axis=last_axis(), momentum=0.999, name=name)


def _squeezed(x: Any, prefix: str) -> Any:
    """Each channel times a factor in [0, 1] that is computed from the means of all channels."""
    width = channels(x)
    factor = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}_avg_pool")(x)
    factor = layers.Conv2D(divisible(width * SQUEEZE), 1, padding="same", name=f"{prefix}_conv")(
        factor
    )
    factor = layers.ReLU(name=f"{prefix}_relu")(factor)
    factor = layers.Conv2D(width, 1, padding="same", name=f"{prefix}_conv_1")(factor)
    factor = layers.ReLU(6.0)(factor + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{prefix}_mul")([x, factor])


def _block(x: Any, block: Block, filters: int, number: int) -> Any:
    inputs, prefix = x, f"expanded_conv_{number}" if number else "expanded_conv"
    if number:
        width = divisible(channels(x) * block.expansion)
        x = layers.Conv2D(width, 1, padding="same", use_bias=False, name=f"{prefix}_expand")(x)
        x = _norm(f"{prefix}_expand_bn")(x)
        x = _activation(block.hard_swish)(x)
    if block.stride == 2:
        pads = halving_pads(x, block.kernel)
        x = layers.ZeroPadding2D(pads, name=f"{prefix}_depthwise_pad")(x)
    x = layers.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same" if block.stride == 1 else "valid",
        use_bias=False,
        name=f"{prefix}_depthwise",
    )(x)
    x = _norm(f"{prefix}_depthwise_bn")(x)
    x = _activation(block.hard_swish)(x)
    if block.squeeze:
        x = _squeezed(x, f"{prefix}_squeeze_excite")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}_project")(x)
    x = _norm(f"{prefix}_project_bn")(x)
    if block.stride == 1 and channels(inputs) == filters:
        x = layers.Add(name=f"{prefix}_add")([inputs, x])
    return x


def _plain(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    return tuple(b._replace(kernel=3, squeeze=False, hard_swish=False) for b in blocks)


def _requested(arguments: dict[str, Any]) -> Request:
    own = ("alpha", "minimalistic", "dropout_rate")
    return Request(**{name: value for name, value in arguments.items() if name not in own})


def _mobilenet_v3(
    blocks: tuple[Block, ...],
    last: int,
    alpha: float,
    minimalistic: bool,
    dropout_rate: float,
    request: Request,
) -> Any:
    check_alpha(alpha)
    blocks = _plain(blocks) if minimalistic else blocks
    image = x = request.image(224, needs_size=False)
    if request.include_preprocessing:
        x = layers.Rescaling(1.0 / 127.5, offset=-1.0)(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _norm("conv_bn")(x)
    x = _activation(not minimalistic)(x)
    for number, block in enumerate(blocks):
        x = _block(x, block, divisible(block.filters * alpha), number)
    width = divisible(channels(x) * 6)
    x = layers.Conv2D(width, 1, padding="same", use_bias=False, name="conv_1")(x)
    x = _norm("conv_1_bn")(x)
    x = _activation(not minimalistic)(x)
    if not request.include_top:
        return request.model(image, request.pooled(x, avg="avg_pool", max="max_pool"))
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(
        divisible(last * max(alpha, 1.0)), 1, padding="same", use_bias=True, name="conv_2"
    )(x)
    x = _activation(not minimalistic)(x)
    if dropout_rate > 0:
        x = layers.Dropout(dropout_rate)(x)
    x = layers.Conv2D(request.classes, 1, padding="same", name="logits")(x)
    x = layers.Flatten()(x)
    x = layers.Activation(request.classifier_activation, name="predictions")(x)
    return request.model(image, x)


@described(2554968)
def MobileNetV3Small(
    input_shape: Any = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Small",
) -> Any:
    """MobileNet v3 Small, for images of 224 by 224 or any other size (Howard et al., 2019)."""
    return _mobilenet_v3(
        SMALL,
        1024,
        alpha,
        minimalistic,
        dropout_rate,
        Request(
            include_top,
            weights,
            input_tensor,
            input_shape,
            pooling,
            classes,
            classifier_activation,
            name,
            include_preprocessing,
        ),
    )


@described(5507432)
def MobileNetV3Large(
    input_shape: Any = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Large",
) -> Any:
    """MobileNet v3 Large, for images of 224 by 224 or any other size (Howard et al., 2019)."""
    return _mobilenet_v3(
        LARGE,
        1280,
        alpha,
        minimalistic,
        dropout_rate,
        Request(
            include_top,
            weights,
            input_tensor,
            input_shape,
            pooling,
            classes,
            classifier_activation,
            name,
            include_preprocessing,
        ),
    )


__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]
