"""One row for each layer: how it is made, what it is called on, and what is special about it.

`make` gets the module to take the layer from, Hornbeam's or Keras's, so that a row says it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """What the property suite has to know about one layer."""

    name: str
    make: Callable[[Any], Any]
    shapes: tuple[tuple[int, ...], ...]
    high: int = 0  # inputs are ints below it; 0 for floats
    call: dict[str, Any] = field(default_factory=dict)
    tol: float = 2e-5
    random: bool = False  # whether training draws numbers
    time: bool = False  # whether the length of axis 1 may be unknown
    many: bool = False  # whether the inputs come as one list
    masked: bool = False  # whether a mask (batch, time) makes it skip the steps at the end
    extra_keys: frozenset[str] = frozenset()  # keys that Keras's config has besides
    grad: bool = True
    low_tol: float = 0.1  # for 16-bit dtypes
    shape_of: bool = True  # whether `compute_output_shape` knows it without `call`

    def inputs(self, dtype: str = "float32") -> list[Any]:
        """The arrays to call the layer on, the same each time."""
        rng = np.random.default_rng(sum(map(ord, self.name)))
        if self.high:
            return [rng.integers(0, self.high, s).astype("int32") for s in self.shapes]
        return [rng.uniform(-1, 1, s).astype(dtype) for s in self.shapes]

    def arguments(self, inputs: list[Any]) -> tuple[Any, ...]:
        """`inputs` as the positional arguments of a call."""
        return (list(inputs),) if self.many else tuple(inputs)


SEQ = ((2, 5, 4),)
IMG = ((2, 6, 7, 4),)
VOL = ((2, 4, 5, 4, 2),)
PAIR = ((2, 5, 4), (2, 5, 4))
LINE = ((3, 4),)


def row(name: str, make: Callable[[Any], Any], shapes: Any, **extra: Any) -> Row:
    """A row; `shapes` may be a single shape."""
    several = isinstance(shapes[0], tuple)
    return Row(name, make, shapes if several else (shapes,), **extra)


CORE = [
    row("Dense", lambda L: L.Dense(3, activation="relu"), LINE, time=False),
    row("Dense 3D, no bias", lambda L: L.Dense(3, use_bias=False), SEQ, time=True),
    row("Dense regularized", lambda L: L.Dense(3, kernel_regularizer="l2"), LINE),
    row("Activation", lambda L: L.Activation("tanh"), LINE),
    row("Identity", lambda L: L.Identity(), LINE),
    row("Masking", lambda L: L.Masking(), SEQ, time=True),
    row("Embedding", lambda L: L.Embedding(9, 3), (2, 5), high=9, time=True),
    row(
        "Embedding mask_zero",
        lambda L: L.Embedding(9, 3, mask_zero=True),
        (2, 5),
        high=9,
        time=True,
    ),
]
RESHAPING = [
    row("Flatten", lambda L: L.Flatten(), IMG),
    row("Flatten channels_first", lambda L: L.Flatten("channels_first"), IMG),
    row("Flatten 1D", lambda L: L.Flatten(), (4,)),
    row("Reshape", lambda L: L.Reshape((2, 10)), SEQ),
    row("Reshape -1", lambda L: L.Reshape((-1, 2)), SEQ),
    row("Permute", lambda L: L.Permute((3, 1, 2)), IMG),
    row("RepeatVector", lambda L: L.RepeatVector(3), LINE),
    row("Cropping1D", lambda L: L.Cropping1D((1, 2)), SEQ, time=True),
    row("Cropping2D", lambda L: L.Cropping2D(((1, 2), (0, 1))), IMG),
    row("Cropping2D first", lambda L: L.Cropping2D(1, data_format="channels_first"), IMG),
    row("Cropping3D", lambda L: L.Cropping3D(1), VOL),
    row("ZeroPadding1D", lambda L: L.ZeroPadding1D((1, 2)), SEQ, time=True),
    row("ZeroPadding2D", lambda L: L.ZeroPadding2D(((1, 2), (0, 1))), IMG),
    row("ZeroPadding3D", lambda L: L.ZeroPadding3D(1), VOL),
    row("UpSampling1D", lambda L: L.UpSampling1D(3), SEQ, time=True),
    row("UpSampling2D", lambda L: L.UpSampling2D((1, 2)), IMG),
    row("UpSampling2D bilinear", lambda L: L.UpSampling2D(2, interpolation="bilinear"), IMG),
    row("UpSampling3D", lambda L: L.UpSampling3D(2), VOL),
]
FIRST = {"data_format": "channels_first"}
CONVOLUTIONAL = [
    row("Conv1D", lambda L: L.Conv1D(3, 2, activation="relu"), SEQ, time=True),
    row(
        "Conv1D causal", lambda L: L.Conv1D(3, 2, padding="causal", dilation_rate=2), SEQ, time=True
    ),
    row("Conv2D", lambda L: L.Conv2D(3, 3), IMG),
    row("Conv2D same strided", lambda L: L.Conv2D(3, (3, 2), strides=2, padding="same"), IMG),
    row("Conv2D groups", lambda L: L.Conv2D(6, 2, groups=2), IMG),
    row("Conv2D first", lambda L: L.Conv2D(3, 3, **FIRST), IMG),
    row("Conv3D", lambda L: L.Conv3D(3, 2), VOL),
    row("DepthwiseConv1D", lambda L: L.DepthwiseConv1D(2, depth_multiplier=2), SEQ, time=True),
    row("DepthwiseConv2D", lambda L: L.DepthwiseConv2D(2, depth_multiplier=2), IMG),
    row("SeparableConv1D", lambda L: L.SeparableConv1D(5, 2), SEQ, time=True),
    row("SeparableConv2D", lambda L: L.SeparableConv2D(5, 2, padding="same"), IMG),
    row("Conv1DTranspose", lambda L: L.Conv1DTranspose(3, 3, strides=2), SEQ, time=True),
    row("Conv2DTranspose", lambda L: L.Conv2DTranspose(3, 3, strides=2, padding="same"), IMG),
    row(
        "Conv2DTranspose padded",
        lambda L: L.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1),
        IMG,
    ),
    row("Conv3DTranspose", lambda L: L.Conv3DTranspose(2, 2), VOL),
]
POOLING = [
    row("MaxPooling1D", lambda L: L.MaxPooling1D(2), SEQ, time=True),
    row("MaxPooling2D", lambda L: L.MaxPooling2D(), IMG),
    row("MaxPooling2D same", lambda L: L.MaxPooling2D(3, strides=2, padding="same"), IMG),
    row("MaxPooling3D", lambda L: L.MaxPooling3D(2), VOL),
    row("AveragePooling1D", lambda L: L.AveragePooling1D(2), SEQ, time=True),
    row("AveragePooling2D same", lambda L: L.AveragePooling2D(2, padding="same"), IMG),
    row("AveragePooling2D first", lambda L: L.AveragePooling2D(2, **FIRST), IMG),
    row("AveragePooling3D", lambda L: L.AveragePooling3D(2), VOL),
    row(
        "GlobalAveragePooling1D", lambda L: L.GlobalAveragePooling1D(), SEQ, time=True, masked=True
    ),
    row("GlobalAveragePooling2D", lambda L: L.GlobalAveragePooling2D(keepdims=True), IMG),
    row("GlobalAveragePooling3D", lambda L: L.GlobalAveragePooling3D(), VOL),
    row("GlobalMaxPooling1D", lambda L: L.GlobalMaxPooling1D(), SEQ, time=True),
    row("GlobalMaxPooling2D", lambda L: L.GlobalMaxPooling2D("channels_first"), IMG),
    row("GlobalMaxPooling3D", lambda L: L.GlobalMaxPooling3D(), VOL),
    row("AdaptiveAveragePooling1D", lambda L: L.AdaptiveAveragePooling1D(3), SEQ),
    row("AdaptiveAveragePooling2D", lambda L: L.AdaptiveAveragePooling2D((2, 3)), IMG),
    row("AdaptiveAveragePooling3D", lambda L: L.AdaptiveAveragePooling3D(2), VOL),
    row("AdaptiveMaxPooling1D", lambda L: L.AdaptiveMaxPooling1D(3), SEQ),
    row("AdaptiveMaxPooling2D", lambda L: L.AdaptiveMaxPooling2D((2, 3)), IMG),
    row("AdaptiveMaxPooling3D", lambda L: L.AdaptiveMaxPooling3D(2), VOL),
]
RMS_KEY = frozenset({"rms_scaling"})
NORMALIZATION = [
    row("BatchNormalization", lambda L: L.BatchNormalization(), SEQ, time=True),
    row("BatchNormalization axis 1", lambda L: L.BatchNormalization(axis=1, scale=False), IMG),
    row(
        "BatchNormalization renorm",
        lambda L: L.BatchNormalization(renorm=True, renorm_clipping={"rmax": 2.0, "dmax": 1.0}),
        LINE,
    ),
    row("LayerNormalization", lambda L: L.LayerNormalization(), SEQ, time=True, extra_keys=RMS_KEY),
    row(
        "LayerNormalization axes",
        lambda L: L.LayerNormalization(axis=[1, 2], center=False),
        SEQ,
        extra_keys=RMS_KEY,
    ),
    row("GroupNormalization", lambda L: L.GroupNormalization(2), IMG),
    row("RMSNormalization", lambda L: L.RMSNormalization(), SEQ, time=True),
    row("UnitNormalization", lambda L: L.UnitNormalization(), SEQ, time=True),
    row(
        "SpectralNormalization",
        lambda L: L.SpectralNormalization(L.Dense(3), power_iterations=2),
        LINE,
        grad=False,
    ),
]
RECURRENT = [
    row("SimpleRNN", lambda L: L.SimpleRNN(3), SEQ, time=True, masked=True),
    row("GRU", lambda L: L.GRU(3), SEQ, time=True, masked=True),
    row("GRU sequences", lambda L: L.GRU(3, return_sequences=True), SEQ, time=True, masked=True),
    row("GRU reset before", lambda L: L.GRU(3, reset_after=False), SEQ, time=True, masked=True),
    row("LSTM", lambda L: L.LSTM(3), SEQ, time=True, masked=True),
    row("LSTM sequences", lambda L: L.LSTM(3, return_sequences=True), SEQ, time=True, masked=True),
    row(
        "LSTM backwards, states",
        lambda L: L.LSTM(3, go_backwards=True, return_state=True, return_sequences=True),
        SEQ,
        time=True,
    ),
    row("LSTM relu", lambda L: L.LSTM(3, activation="relu", use_bias=False), SEQ, masked=True),
    row("LSTM unrolled", lambda L: L.LSTM(3, unroll=True, return_sequences=True), SEQ, masked=True),
    row("LSTM dropout", lambda L: L.LSTM(3, dropout=0.5, recurrent_dropout=0.2), SEQ, random=True),
    row("RNN of LSTMCell", lambda L: L.RNN(L.LSTMCell(3)), SEQ, time=True, masked=True),
    row(
        "RNN of two cells",
        lambda L: L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True),
        SEQ,
        time=True,
        masked=True,
    ),
    row("TimeDistributed", lambda L: L.TimeDistributed(L.Dense(3)), SEQ, time=True),
    row("TimeDistributed Conv2D", lambda L: L.TimeDistributed(L.Conv2D(2, 2)), (2, 3, 4, 4, 2)),
    row("Bidirectional", lambda L: L.Bidirectional(L.LSTM(3)), SEQ, time=True, masked=True),
    row(
        "Bidirectional sum",
        lambda L: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"),
        SEQ,
        time=True,
        masked=True,
    ),
]
MERGING = [
    row(kind, lambda L, kind=kind: getattr(L, kind)(), PAIR, many=True, time=True)
    for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
]
MERGING += [
    row("Add broadcast", lambda L: L.Add(), ((2, 5, 4), (2, 4)), many=True),
    row("Concatenate", lambda L: L.Concatenate(), ((2, 5, 4), (2, 5, 3)), many=True, time=True),
    row("Concatenate axis 1", lambda L: L.Concatenate(axis=1), PAIR, many=True),
    row("Dot", lambda L: L.Dot(axes=1), ((2, 4), (2, 4)), many=True),
    row(
        "Dot normalized", lambda L: L.Dot((2, 1), normalize=True), ((2, 5, 4), (2, 4, 3)), many=True
    ),
]
REGULARIZATION = [
    row("Dropout", lambda L: L.Dropout(0.5), SEQ, random=True, time=True),
    row("Dropout noise_shape", lambda L: L.Dropout(0.5, noise_shape=(2, 1, 4)), SEQ, random=True),
    row("SpatialDropout1D", lambda L: L.SpatialDropout1D(0.5), SEQ, random=True),
    row("SpatialDropout2D", lambda L: L.SpatialDropout2D(0.5), IMG, random=True),
    row("SpatialDropout3D", lambda L: L.SpatialDropout3D(0.5), VOL, random=True),
    row("GaussianNoise", lambda L: L.GaussianNoise(0.5), SEQ, random=True),
    row("GaussianDropout", lambda L: L.GaussianDropout(0.5), SEQ, random=True),
    row("AlphaDropout", lambda L: L.AlphaDropout(0.5), SEQ, random=True),
    row("ActivityRegularization", lambda L: L.ActivityRegularization(0.1, 0.2), SEQ),
]
ACTIVATIONS = [
    row("ReLU", lambda L: L.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.2), LINE),
    row("LeakyReLU", lambda L: L.LeakyReLU(0.2), LINE),
    row("PReLU", lambda L: L.PReLU(shared_axes=[1]), SEQ),
    row("ELU", lambda L: L.ELU(0.5), LINE),
    row("Softmax", lambda L: L.Softmax(), SEQ, time=True),
]
IMAGES = ((2, 3, 6, 7, 2),)
ATTENTION = [
    row("Attention", lambda L: L.Attention(), ((2, 3, 4), (2, 5, 4)), many=True),
    row(
        "Attention concat, causal",
        lambda L: L.Attention(use_scale=True, score_mode="concat"),
        ((2, 3, 4), (2, 5, 4), (2, 5, 4)),
        many=True,
        call={"use_causal_mask": True, "return_attention_scores": True},
    ),
    row("Attention dropout", lambda L: L.Attention(dropout=0.5), PAIR, many=True, random=True),
    row("AdditiveAttention", lambda L: L.AdditiveAttention(), ((2, 3, 4), (2, 5, 4)), many=True),
    row("MultiHeadAttention", lambda L: L.MultiHeadAttention(2, 3), ((2, 3, 4), (2, 5, 6))),
    row(
        "MultiHeadAttention causal",
        lambda L: L.MultiHeadAttention(2, 3, value_dim=2, output_shape=5, use_bias=False),
        ((2, 3, 4), (2, 5, 6), (2, 5, 6)),
        call={"use_causal_mask": True, "return_attention_scores": True},
    ),
    row(
        "MultiHeadAttention gated, window",
        lambda L: L.MultiHeadAttention(2, 3, use_gate=True, sliding_window=2),
        PAIR,
    ),
    row(
        "MultiHeadAttention axes",
        lambda L: L.MultiHeadAttention(2, 3, attention_axes=(2,)),
        ((2, 3, 5, 4), (2, 3, 5, 4)),
    ),
    row(
        "MultiHeadAttention two axes",
        lambda L: L.MultiHeadAttention(2, 3, attention_axes=(1, 2)),
        ((2, 3, 5, 4), (2, 3, 5, 4)),
    ),
    row("GroupQueryAttention", lambda L: L.GroupQueryAttention(3, 4, 2), ((2, 3, 4), (2, 5, 4))),
    row(
        "GroupQueryAttention gated, causal",
        lambda L: L.GroupQueryAttention(3, 4, 2, use_gate=True, use_bias=False, sliding_window=2),
        PAIR,
        call={"use_causal_mask": True},
    ),
]
LATER = [
    row(
        "EinsumDense",
        lambda L: L.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d"),
        SEQ,
        time=True,
    ),
    row(
        "EinsumDense dots",
        lambda L: L.EinsumDense("...c,cde->...de", output_shape=(2, 3), bias_axes="de"),
        SEQ,
        time=True,
    ),
    row("EinsumDense axis 1", lambda L: L.EinsumDense("abc,bd->adc", output_shape=(3, 4)), SEQ),
    row("ReversibleEmbedding", lambda L: L.ReversibleEmbedding(9, 3), (2, 5), high=9, time=True),
    row(
        "ReversibleEmbedding back",
        lambda L: L.ReversibleEmbedding(9, 4, tie_weights=False, logit_soft_cap=2.0),
        SEQ,
        call={"reverse": True},
        shape_of=False,
    ),
    row("ConvLSTM1D", lambda L: L.ConvLSTM1D(2, 2), (2, 3, 6, 2), masked=True),
    row("ConvLSTM2D", lambda L: L.ConvLSTM2D(2, 2, padding="same", return_sequences=True), IMAGES),
    row("ConvLSTM2D strided", lambda L: L.ConvLSTM2D(2, 3, strides=2), IMAGES),
    row("ConvLSTM3D", lambda L: L.ConvLSTM3D(2, 2), (2, 3, 3, 4, 3, 1)),
]
RGB = ((2, 6, 7, 3),)
STILL = {"training": False}
UNIT = {"value_range": (-1, 1)}
CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"
ALWAYS = [
    row("Resizing", lambda L: L.Resizing(4, 9), RGB),
    row("Resizing crop", lambda L: L.Resizing(3, 3, crop_to_aspect_ratio=True), RGB),
    row("Resizing antialias", lambda L: L.Resizing(3, 3, "bicubic", antialias=True), RGB),
    row("CenterCrop", lambda L: L.CenterCrop(4, 5), RGB),
    row("CenterCrop of less", lambda L: L.CenterCrop(8, 5), RGB),
    row("MaxNumBoundingBoxes", lambda L: L.MaxNumBoundingBoxes(3), RGB),
    row("AutoContrast", lambda L: L.AutoContrast(**UNIT), RGB, low_tol=0.2),
    row(CLAHE, lambda L: getattr(L, CLAHE)(tile_grid_size=(2, 2), **UNIT), RGB, grad=False),
]
RANDOM_IMAGES = [
    row(kind, lambda L, kind=kind, args=args: getattr(L, kind)(*args), RGB, random=True, call=STILL)
    for kind, args in (
        ("RandomBrightness", (0.2, (-1, 1))),
        ("RandomContrast", (0.2, (-1, 1))),
        ("RandomColorDegeneration", (0.2, (-1, 1))),
        ("RandomColorJitter", ((-1, 1), 0.3, 0.3, 0.3, 0.3)),
        ("RandomSaturation", ((0.3, 0.7), (-1, 1))),
        ("RandomHue", (0.2, (-1, 1))),
        ("Solarization", (0.3, 0.3, (-1, 1))),
        ("RandomSharpness", (0.2, (-1, 1))),
        ("RandomGaussianBlur", ((1.0, 1.0), 3, (0.5, 1.0), (-1, 1))),
        ("RandomErasing", ((1.0, 1.0), (0.1, 0.3), None, (-1, 1))),
        ("RandomRotation", (0.2,)),
        ("RandomTranslation", (0.2, 0.2)),
        ("RandomZoom", (0.2, 0.3)),
        ("RandomShear", (0.2, 0.2)),
        ("RandomPerspective", ((1.0, 1.0), 0.3)),
    )
]
"""Those that may draw the same twice (flips, crops, mixtures) are in `test_images.py`."""
WAVE = ((2, 50, 2),)
SOUND = [
    row(
        f"STFTSpectrogram {mode}",
        lambda L, mode=mode, options=options: L.STFTSpectrogram(mode, 16, **options),
        WAVE,
        tol=2e-4,
        low_tol=0.5,
    )
    for mode, options in (("magnitude", {}), ("psd", {"expand_dims": True}), ("stft", {}))
]
SOUND += [
    row("STFTSpectrogram first", lambda L: L.STFTSpectrogram("real", 9, 3, **FIRST), (2, 2, 50)),
    row(
        "MelSpectrogram",
        lambda L: L.MelSpectrogram(16, 8, num_mel_bins=3, power_to_db=False, mag_exp=1.0),
        (2, 50),
        tol=1e-3,
        low_tol=0.3,
        grad=False,
    ),
]
ROWS = [
    *SOUND,
    *ALWAYS,
    *RANDOM_IMAGES,
    *ATTENTION,
    *LATER,
    *CORE,
    *RESHAPING,
    *CONVOLUTIONAL,
    *POOLING,
    *NORMALIZATION,
    *RECURRENT,
    *MERGING,
    *REGULARIZATION,
    *ACTIVATIONS,
]
BY_NAME = {r.name: r for r in ROWS}
assert len(BY_NAME) == len(ROWS)
