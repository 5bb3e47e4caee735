"""Small models of many kinds of layers, their fits and predictions, to find what is slow.

They run when they are asked for (``make bench ARGS=layers``, or part of a kind's name), for minutes.
A target of 1 says no more than: not slower than Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.programs import Builder, Program
from benchmarks.timing import Scale

BATCH = 32
Maker = Callable[[Any, Callable[[int], int]], tuple[Any, tuple[int, ...], tuple[int, ...]]]
"""(the package, `Scale.size`) -> (a compiled model, the shapes of a row of inputs and of targets)."""

KINDS: dict[str, Maker] = {}


def _kind(maker: Maker) -> Maker:
    KINDS[maker.__name__] = maker
    return maker


def _compiled(package: Any, inputs: Any, outputs: Any, optimizer: str = "adam") -> Any:
    model = package.Model(inputs, outputs)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


@_kind
def gru(k: Any, size: Callable[[int], int]) -> Any:
    """A GRU over 50 time steps."""
    x = k.Input((size(50), 32))
    return _compiled(k, x, k.layers.Dense(1)(k.layers.GRU(size(64))(x))), x.shape[1:], (1,)


@_kind
def lstm_both_ways(k: Any, size: Callable[[int], int]) -> Any:
    """A bidirectional LSTM of 50 time steps."""
    x = k.Input((size(50), 32))
    out = k.layers.Bidirectional(k.layers.LSTM(size(32)))(x)
    return _compiled(k, x, k.layers.Dense(1)(out)), x.shape[1:], (1,)


@_kind
def conv_1d(k: Any, size: Callable[[int], int]) -> Any:
    """A causal, dilated convolution over time after a plain one."""
    layers, x = k.layers, k.Input((max(16, size(128)), 16))
    y = layers.MaxPooling1D(2)(layers.Conv1D(size(32), 5, activation="relu")(x))
    y = layers.Conv1D(size(64), 5, padding="causal", dilation_rate=2)(y)
    return _compiled(k, x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y))), x.shape[1:], (1,)


@_kind
def conv_3d(k: Any, size: Callable[[int], int]) -> Any:
    """A convolution of volumes."""
    layers, x = k.layers, k.Input((12, 12, 12, 2))
    y = layers.MaxPooling3D(2)(layers.Conv3D(size(8), 3, activation="relu")(x))
    return _compiled(k, x, layers.Dense(1)(layers.Flatten()(y))), x.shape[1:], (1,)


@_kind
def conv_transposed(k: Any, size: Callable[[int], int]) -> Any:
    """From 8x8 to 32x32 by a transposed convolution and by repetition."""
    layers, x = k.layers, k.Input((8, 8, 16))
    y = layers.Conv2DTranspose(size(16), 3, strides=2, padding="same", activation="relu")(x)
    y = layers.Conv2D(1, 3, padding="same")(layers.UpSampling2D(2)(y))
    return _compiled(k, x, y), x.shape[1:], (32, 32, 1)


@_kind
def residual(k: Any, size: Callable[[int], int]) -> Any:
    """Three blocks of a ResNet, 16x16x32."""
    layers, x = k.layers, k.Input((16, 16, 32))
    out = x
    for _ in range(3):
        y = out
        for last in (False, True):
            y = layers.Conv2D(32, 3, padding="same", use_bias=False)(y)
            y = layers.BatchNormalization()(y)
            y = layers.ReLU()(layers.Add()([out, y]) if last else y)
        out = y
    out = layers.Dense(10)(layers.GlobalAveragePooling2D()(out))
    return _compiled(k, x, out), x.shape[1:], (10,)


@_kind
def mobile(k: Any, size: Callable[[int], int]) -> Any:
    """Two blocks of a MobileNet, 32x32x16 spread to 64 channels."""
    layers, x = k.layers, k.Input((max(8, size(32)), max(8, size(32)), 16))
    y = x
    for strides in (1, 2):
        y = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(64, 1)(y)))
        y = layers.DepthwiseConv2D(3, strides=strides, padding="same")(y)
        y = layers.Conv2D(16, 1)(layers.ReLU(6.0)(layers.BatchNormalization()(y)))
    out = layers.Dense(10)(layers.GlobalAveragePooling2D()(y))
    return _compiled(k, x, out), x.shape[1:], (10,)


@_kind
def separable(k: Any, size: Callable[[int], int]) -> Any:
    """A separable and a depthwise convolution."""
    layers, x = k.layers, k.Input((max(8, size(32)), max(8, size(32)), 8))
    y = layers.SeparableConv2D(16, 3, padding="same", activation="relu")(x)
    y = layers.GlobalMaxPooling2D()(layers.DepthwiseConv2D(5, padding="same")(y))
    return _compiled(k, x, layers.Dense(1)(y)), x.shape[1:], (1,)


@_kind
def groups_normalized(k: Any, size: Callable[[int], int]) -> Any:
    """Group normalization before a 1x1 convolution."""
    layers, x = k.layers, k.Input((16, 16, 16))
    y = layers.Conv2D(8, 1)(layers.GroupNormalization(4)(x))
    return _compiled(k, x, layers.Dense(1)(layers.Flatten()(y))), x.shape[1:], (1,)


@_kind
def attention_heads(k: Any, size: Callable[[int], int]) -> Any:
    """Four heads of attention over 64 positions, and layer normalization."""
    layers, x = k.layers, k.Input((size(64), 64))
    y = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, 16)(x, x)]))
    return _compiled(k, x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y))), x.shape[1:], (1,)


@_kind
def attention_additive(k: Any, size: Callable[[int], int]) -> Any:
    """Bahdanau's attention over 64 positions."""
    layers, x = k.layers, k.Input((size(64), 32))
    y = layers.AdditiveAttention()([x, x])
    return _compiled(k, x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y))), x.shape[1:], (1,)


@_kind
def noise(k: Any, size: Callable[[int], int]) -> Any:
    """Random layers between three Dense ones."""
    layers, x = k.layers, k.Input((size(256),))
    y = layers.Dense(size(256), activation="gelu")(layers.GaussianNoise(0.1)(x))
    y = layers.Dense(size(256), activation="silu")(layers.AlphaDropout(0.1)(y))
    return _compiled(k, x, layers.Dense(1)(layers.GaussianDropout(0.1)(y))), x.shape[1:], (1,)


@_kind
def augmentation(k: Any, size: Callable[[int], int]) -> Any:
    """Images that are flipped, turned and resized at random, before a convolution."""
    layers, x = k.layers, k.Input((max(8, size(32)), max(8, size(32)), 3))
    y = layers.RandomZoom(0.1)(layers.RandomRotation(0.1)(layers.RandomFlip()(x)))
    y = layers.Flatten()(layers.Conv2D(8, 3)(layers.Rescaling(1 / 255.0)(y)))
    return _compiled(k, x, layers.Dense(1)(y)), x.shape[1:], (1,)


@_kind
def regularized(k: Any, size: Callable[[int], int]) -> Any:
    """Regularizers and a constraint; AdamW."""
    layers, x = k.layers, k.Input((size(128),))
    y = layers.Dense(size(128), "relu", kernel_regularizer="l2", activity_regularizer="l1")(x)
    y = layers.Dense(size(128), "relu", kernel_constraint="max_norm")(y)
    return _compiled(k, x, layers.Dense(1)(y), "adamw"), x.shape[1:], (1,)


def _made(maker: Maker, package: Any, scale: Scale) -> tuple[Any, Any, Any]:
    model, row, target = maker(package, scale.size)
    count = BATCH * max(1, scale.steps // 4)
    rng = np.random.default_rng(0)
    x, y = (rng.random((count, *shape), dtype="float32") for shape in (row, target))
    return model, x, y


def _fit(maker: Maker) -> Builder:
    def build(package: Any, scale: Scale) -> tuple[Program, int]:
        model, x, y = _made(maker, package, scale)
        return lambda: model.fit(x, y, batch_size=BATCH, verbose=0), len(x) // BATCH

    build.__name__ = f"{maker.__name__}_fit"
    return build


def _predict(maker: Maker) -> Builder:
    def build(package: Any, scale: Scale) -> tuple[Program, int]:
        model, x, _ = _made(maker, package, scale)
        return lambda: model.predict(x, batch_size=BATCH, verbose=0), len(x) // BATCH

    build.__name__ = f"{maker.__name__}_predict"
    return build


PROGRAMS: dict[str, tuple[str, Builder, float]] = {
    f"{name}, {what}": ("layers", make(maker), 1.0)
    for name, maker in KINDS.items()
    for what, make in (("fit, per step", _fit), ("predict, per batch", _predict))
}
"""As in `programs`."""
BUILDERS = {builder.__name__: builder for _theme, builder, _target in PROGRAMS.values()}
