"""NASNet: two kinds of cells, found by search and repeated.

Zoph, Vasudevan, Shlens and Le, "Learning transferable architectures for scalable image recognition"
(2017). A cell takes the outputs of the two cells before it, and adds the results of pairs of
small operations.
"""

from __future__ import annotations

from typing import Any

from hornbeam import layers
from hornbeam.applications import imagenet_utils
from hornbeam.applications.architecture import (
    Request,
    channels,
    described,
    halving_pads,
    last_axis,
    spatial,
)

preprocess_input = imagenet_utils.symmetric
decode_predictions = imagenet_utils.decode_predictions


def _norm(name: str) -> Any:
    return layers.BatchNormalization(axis=last_axis(), momentum=0.9997, epsilon=1e-3, name=name)


def _relu(x: Any, name: str | None = None) -> Any:
    return layers.Activation("relu", name=name)(x)


def _conv(x: Any, filters: int, name: str) -> Any:
    kwargs = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    return layers.Conv2D(filters, 1, name=name, **kwargs)(x)


def _separable(x: Any, filters: int, kernel: int, name: str, stride: int = 1) -> Any:
    """Twice ReLU, separable convolution and normalization."""
    for i, step in ((1, stride), (2, 1)):
        x = _relu(x)
        if step == 2:
            x = layers.ZeroPadding2D(halving_pads(x, kernel), name=f"separable_conv_1_pad_{name}")(
                x
            )
        x = layers.SeparableConv2D(
            filters,
            kernel,
            strides=step,
            padding="valid" if step == 2 else "same",
            use_bias=False,
            name=f"separable_conv_{i}_{name}",
        )(x)
        x = _norm(f"separable_conv_{i}_bn_{name}")(x)
    return x


def _fitted(p: Any, x: Any, filters: int, cell: str) -> Any:
    """The output `p` of the cell before last, in the size of `x` and with that many channels."""
    if p is None:
        return x
    if spatial(p) != spatial(x):
        p = _relu(p, f"adjust_relu_1_{cell}")
        left = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_1_{cell}")(p)
        left = _conv(left, filters // 2, f"adjust_conv_1_{cell}")
        right = layers.ZeroPadding2D(((0, 1), (0, 1)))(p)  # one pixel further to the lower right
        right = layers.Cropping2D(((1, 0), (1, 0)))(right)
        right = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_2_{cell}")(right)
        right = _conv(right, filters // 2, f"adjust_conv_2_{cell}")
        p = layers.Concatenate(axis=last_axis())([left, right])
        return _norm(f"adjust_bn_{cell}")(p)
    if channels(p) != filters:
        p = _conv(_relu(p), filters, f"adjust_conv_projection_{cell}")
        p = _norm(f"adjust_bn_{cell}")(p)
    return p


def _mean(x: Any, name: str) -> Any:
    return layers.AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def _normal(x: Any, p: Any, filters: int, cell: str) -> Any:
    """A cell that keeps the size of the image."""
    p = _fitted(p, x, filters, cell)
    h = _norm(f"normal_bn_1_{cell}")(_conv(_relu(x), filters, f"normal_conv_1_{cell}"))
    left = _separable(h, filters, 5, f"normal_left1_{cell}")
    right = _separable(p, filters, 3, f"normal_right1_{cell}")
    first = layers.Add(name=f"normal_add_1_{cell}")([left, right])
    left = _separable(p, filters, 5, f"normal_left2_{cell}")
    right = _separable(p, filters, 3, f"normal_right2_{cell}")
    second = layers.Add(name=f"normal_add_2_{cell}")([left, right])
    third = layers.Add(name=f"normal_add_3_{cell}")([_mean(h, f"normal_left3_{cell}"), p])
    means = [_mean(p, f"normal_left4_{cell}"), _mean(p, f"normal_right4_{cell}")]
    fourth = layers.Add(name=f"normal_add_4_{cell}")(means)
    left = _separable(h, filters, 3, f"normal_left5_{cell}")
    fifth = layers.Add(name=f"normal_add_5_{cell}")([left, h])
    parts = [p, first, second, third, fourth, fifth]
    return layers.Concatenate(axis=last_axis(), name=f"normal_concat_{cell}")(parts)


def _reduction(x: Any, p: Any, filters: int, cell: str) -> Any:
    """A cell that halves the image."""
    p = _fitted(p, x, filters, cell)
    h = _norm(f"reduction_bn_1_{cell}")(_conv(_relu(x), filters, f"reduction_conv_1_{cell}"))
    padded = layers.ZeroPadding2D(halving_pads(h, 3), name=f"reduction_pad_1_{cell}")(h)
    left = _separable(h, filters, 5, f"reduction_left1_{cell}", 2)
    right = _separable(p, filters, 7, f"reduction_right1_{cell}", 2)
    first = layers.Add(name=f"reduction_add_1_{cell}")([left, right])
    left = layers.MaxPooling2D(3, strides=2, name=f"reduction_left2_{cell}")(padded)
    right = _separable(p, filters, 7, f"reduction_right2_{cell}", 2)
    second = layers.Add(name=f"reduction_add_2_{cell}")([left, right])
    left = layers.AveragePooling2D(3, strides=2, name=f"reduction_left3_{cell}")(padded)
    right = _separable(p, filters, 5, f"reduction_right3_{cell}", 2)
    third = layers.Add(name=f"reduction_add3_{cell}")([left, right])
    fourth = layers.Add()([second, _mean(first, f"reduction_left4_{cell}")])
    left = _separable(first, filters, 3, f"reduction_left4_{cell}")
    right = layers.MaxPooling2D(3, strides=2, name=f"reduction_right5_{cell}")(padded)
    fifth = layers.Add(name=f"reduction_add4_{cell}")([left, right])
    parts = [second, third, fourth, fifth]
    return layers.Concatenate(axis=last_axis(), name=f"reduction_concat_{cell}")(parts)


def _nasnet(
    size: int, cells: int, last_filters: int, stem: int, skip: bool, request: Request
) -> Any:
    """The network.

    Args:
        size: height and width of the image if nothing is said.
        cells: how many normal cells there are between two reductions.
        last_filters: channels of the last feature maps.
        stem: channels of the first convolution.
        skip: whether the cell after a reduction sees what the reduction saw, not what came before.
        request: what was asked for.
    """
    image = request.image(size, needs_size=True)  # sizes decide how cells fit together
    filters = last_filters // 24
    x = layers.Conv2D(
        stem, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1"
    )(image)
    x = _norm("stem_bn1")(x)
    x, p = _reduction(x, None, filters // 4, "stem_1"), x
    x, p = _reduction(x, p, filters // 2, "stem_2"), x
    for stage in range(3):
        if stage:
            before = p
            x, p = _reduction(x, p, filters * 2**stage, f"reduce_{stage * cells}"), x
            p = before if skip else p
        first = stage * cells + (stage > 0)
        for number in range(first, first + cells):
            x, p = _normal(x, p, filters * 2**stage, str(number)), x
    x = _relu(x)
    return request.model(image, request.top(x, average=None))


@described(5326716)
def NASNetMobile(
    input_shape: Any = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_mobile",
) -> Any:
    """NASNet for phones, for images of 224 by 224 (Zoph et al., 2017)."""
    return _nasnet(224, 4, 1056, 32, False, Request(**locals()))


@described(88949818)
def NASNetLarge(
    input_shape: Any = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_large",
) -> Any:
    """NASNet in large, for images of 331 by 331 (Zoph et al., 2017)."""
    return _nasnet(331, 6, 4032, 96, True, Request(**locals()))


__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]
