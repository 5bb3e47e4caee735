"""Rows for activations, normalization, convolution, pooling, losses and encodings."""

from __future__ import annotations

import numpy as np

from tests.ops import references as ref
from tests.ops.table import D, F, N, P, U, row

for _op in """relu relu6 sigmoid log_sigmoid softplus softsign silu gelu elu selu celu hard_sigmoid
hard_silu hard_tanh hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid leaky_relu
squareplus""".split():
    row(_op, F(3, 4))
    row(_op, U(9, low=-30, high=30), _gradient=False, _dtypes=False)
row("gelu", F(3, 4), approximate=False)
row("leaky_relu", F(3, 4), 0.3)
row("elu", F(3, 4), alpha=0.5)
row("celu", F(3, 4), alpha=0.5)
row("squareplus", F(3, 4), b=2)
row("threshold", F(3, 4), 0.5, -7.0)
row("glu", F(3, 4))
row("glu", F(4, 3), axis=0)
for _op in "softmax log_softmax".split():
    row(_op, F(3, 4))
    row(_op, F(2, 3, 4), axis=1)
    row(_op, F(3, 4), axis=None)
    row(_op, F(2, 3, 4), axis=(0, 2))
row("softmax", np.float32([1000, 1000, -1000]), _gradient=False, _dtypes=False)
row("mish", U(9, low=-9, high=9), _reference=lambda x: x * np.tanh(np.log1p(np.exp(x))))
row("sparsemax", F(3, 5), _reference=ref.sparsemax)
row("sparsemax", F(5, 3), axis=0, _reference=ref.sparsemax)

row("moments", F(2, 3, 4), (0, 1))
row("moments", F(2, 3, 4), 1, keepdims=True)
row("batch_normalization", F(2, 3, 4), F(4), P(4), -1)
row("batch_normalization", F(2, 3, 4), F(3), P(3), 1, F(3), F(3), epsilon=0.1)
row("layer_normalization", F(2, 3, 4), F(4), F(4))
row("layer_normalization", F(2, 3, 4), axis=(1, 2), epsilon=0.1)
row("rms_normalization", F(2, 3, 4), F(4))
row("rms_normalization", F(2, 3, 4), axis=1, epsilon=0.1)
for _order in (1, 2, 3):
    row("normalize", F(3, 4), order=_order)
row(
    "normalize",
    F(3, 4),
    order=np.inf,
    _reference=lambda x, order: x / np.abs(x).max(-1, keepdims=True),
)
row("normalize", F(3, 4), axis=0)

row("binary_crossentropy", U(3, 4), U(3, 4))
row("binary_crossentropy", U(3, 4), F(3, 4), from_logits=True)
row(
    "binary_crossentropy",
    np.float32([0, 1, 0, 1]),
    np.float32([0, 0, 1, 1]),
    _gradient=False,
    _dtypes=False,
)
row("categorical_crossentropy", U(3, 4), U(3, 4))
row("categorical_crossentropy", U(3, 4), F(3, 4), from_logits=True)
row("categorical_crossentropy", U(3, 4, 2), U(3, 4, 2), axis=1)
row("sparse_categorical_crossentropy", N(3, low=0, high=4), U(3, 4))
row("sparse_categorical_crossentropy", N(3, 1, low=0, high=4), F(3, 4), from_logits=True)
row(
    "sparse_categorical_crossentropy",
    N(3, 2, low=0, high=4),
    F(3, 4, 2),
    from_logits=True,
    axis=1,
    _reference=ref.sparse_crossentropy_axis_1,
)
row("one_hot", N(3, low=-1, high=5), 4, _gradient=False)
row("one_hot", N(3, 2, low=0, high=4), 4, axis=1, dtype="int32", _gradient=False)
row("multi_hot", N(3, low=0, high=4), 5, _gradient=False)
row("multi_hot", N(2, 3, low=0, high=4), 5, _gradient=False)

for _padding in ("valid", "same"):
    row("conv", F(2, 8, 3), F(3, 3, 4), 1, _padding, "channels_last", _unknown="first")
    row("conv", F(2, 7, 3), F(4, 3, 4), 2, _padding, "channels_last", _unknown="first")
    row("conv", F(2, 7, 6, 4), F(3, 2, 2, 6), 1, _padding, "channels_last", 2, _unknown="first")
    row("conv", F(2, 3, 7, 6), F(3, 3, 3, 2), (2, 3), _padding, "channels_first", _unknown="first")
    row("conv", F(1, 5, 4, 5, 2), F(2, 3, 2, 2, 3), 2, _padding, "channels_last", _unknown="first")
    row(
        "depthwise_conv",
        F(2, 7, 6, 3),
        F(3, 3, 3, 2),
        1,
        _padding,
        "channels_last",
        _unknown="first",
    )
    row("depthwise_conv", F(2, 8, 3), F(3, 3, 2), 2, _padding, "channels_last", _unknown="first")
    row(
        "separable_conv",
        F(2, 7, 6, 3),
        F(3, 3, 3, 2),
        F(1, 1, 6, 4),
        1,
        _padding,
        "channels_last",
        _unknown="first",
    )
    row(
        "conv_transpose",
        F(2, 4, 3),
        F(3, 2, 3),
        2,
        _padding,
        None,
        "channels_last",
        _unknown="first",
    )
    row(
        "conv_transpose",
        F(2, 3, 4, 3),
        F(3, 2, 2, 3),
        (3, 1),
        _padding,
        None,
        "channels_last",
        _unknown="first",
    )
    row(
        "conv_transpose",
        F(2, 3, 3, 4),
        F(2, 3, 2, 3),
        2,
        _padding,
        1,
        "channels_first",
        _unknown="first",
    )
    row(
        "conv_transpose",
        F(2, 4, 3),
        F(3, 2, 3),
        1,
        _padding,
        None,
        "channels_last",
        2,
        _unknown="first",
    )
    row(
        "max_pool", D(2, 7, 3), 2, None, _padding, "channels_last", _reference=ref.pooled(np.nanmax)
    )
    row(
        "max_pool",
        D(2, 7, 6, 3),
        (3, 2),
        (2, 1),
        _padding,
        "channels_last",
        _reference=ref.pooled(np.nanmax),
    )
    row(
        "max_pool",
        D(1, 2, 5, 4, 5),
        2,
        2,
        _padding,
        "channels_first",
        _reference=ref.pooled(np.nanmax),
    )
    row(
        "average_pool",
        F(2, 7, 3),
        2,
        None,
        _padding,
        "channels_last",
        _reference=ref.pooled(np.nanmean),
    )
    row(
        "average_pool",
        F(2, 7, 6, 3),
        (3, 2),
        (2, 1),
        _padding,
        "channels_last",
        _reference=ref.pooled(np.nanmean),
    )
    row(
        "average_pool",
        F(1, 2, 5, 4, 5),
        2,
        2,
        _padding,
        "channels_first",
        _reference=ref.pooled(np.nanmean),
    )
row(
    "conv",
    F(2, 8, 3),
    F(3, 3, 4),
    1,
    "causal",
    "channels_last",
    2,
    _unknown="first",
    _reference=ref.causal_conv,
)
