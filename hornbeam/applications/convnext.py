"""ConvNeXt: a convolutional network with what was learned from transformers.

Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, "A ConvNet for the 2020s" (2022). A block is a 7 by 7
depthwise convolution, layer normalization, and two dense layers over the channels with a GELU between.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import Request, channel_axis, described
from hornbeam.applications.parts import LayerScale
from hornbeam.errors import UnsupportedError
from hornbeam.models import Sequential

LAYER_SCALE = 1e-6
preprocess_input = imagenet_utils.identity
decode_predictions = imagenet_utils.decode_predictions


def _norm(name: str) -> Any:
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(x: Any, width: int, name: str) -> Any:
    inputs = x
    x = layers.Conv2D(width, 7, padding="same", groups=width, name=f"{name}_depthwise_conv")(x)
    x = _norm(f"{name}_layernorm")(x)
    x = layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = layers.Dense(width, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(LAYER_SCALE, width, name=f"{name}_layer_scale")(x)
    x = layers.Activation("linear", name=f"{name}_identity")(x)
    return inputs + x


def _convnext(depths: tuple[int, ...], widths: tuple[int, ...], request: Request) -> Any:
    if channel_axis() == 1:
        raise UnsupportedError(
            "ConvNeXt normalizes the last axis, so it needs channels there; say "
            '`hornbeam.config.set_image_data_format("channels_last")`.'
        )
    image = x = request.image(224)
    name = request.name
    if request.include_preprocessing and x.shape[-1] == 3:
        x = layers.Normalization(
            mean=[255 * mean for mean in imagenet_utils.MEAN],
            variance=[(255 * deviation) ** 2 for deviation in imagenet_utils.DEVIATION],
            name=f"{name}_prestem_normalization",
        )(x)
    stem = layers.Conv2D(widths[0], 4, strides=4, name=f"{name}_stem_conv")
    x = Sequential([stem, _norm(f"{name}_stem_layernorm")], name=f"{name}_stem")(x)
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage:
            halving = layers.Conv2D(
                width, 2, strides=2, name=f"{name}_downsampling_conv_{stage - 1}"
            )
            norm = _norm(f"{name}_downsampling_layernorm_{stage - 1}")
            x = Sequential([norm, halving], name=f"{name}_downsampling_block_{stage - 1}")(x)
        for i in range(depth):
            x = _block(x, width, f"{name}_stage_{stage}_block_{i}")
    if not request.include_top:
        return request.model(image, layers.LayerNormalization(epsilon=1e-6)(request.pooled(x)))
    x = layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
    x = _norm(f"{name}_head_layernorm")(x)
    return request.model(image, request.predictions(x, name=f"{name}_head_dense"))


@described(28589128)
def ConvNeXtTiny(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_tiny",
) -> Any:
    """ConvNeXt Tiny, for images of 224 by 224 (Liu et al., 2022)."""
    return _convnext((3, 3, 9, 3), (96, 192, 384, 768), Request(**locals()))


@described(50223688)
def ConvNeXtSmall(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_small",
) -> Any:
    """ConvNeXt Small, for images of 224 by 224 (Liu et al., 2022)."""
    return _convnext((3, 3, 27, 3), (96, 192, 384, 768), Request(**locals()))


@described(88591464)
def ConvNeXtBase(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_base",
) -> Any:
    """ConvNeXt Base, for images of 224 by 224 (Liu et al., 2022)."""
    return _convnext((3, 3, 27, 3), (128, 256, 512, 1024), Request(**locals()))


@described(197767336)
def ConvNeXtLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_large",
) -> Any:
    """ConvNeXt Large, for images of 224 by 224 (Liu et al., 2022)."""
    return _convnext((3, 3, 27, 3), (192, 384, 768, 1536), Request(**locals()))


@described(350196968)
def ConvNeXtXLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_xlarge",
) -> Any:
    """ConvNeXt XLarge, for images of 224 by 224 (Liu et al., 2022)."""
    return _convnext((3, 3, 27, 3), (256, 512, 1024, 2048), Request(**locals()))


__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]
