"""What stood alone in Keras 1 and 2: blocks of architectures, a regularizer and others."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config, initializers, layers, ops, random
from hornbeam.callbacks.callback import Callback
from hornbeam.compat.np_utils import convert_kernel
from hornbeam.errors import InputError
from hornbeam.layers.convolutional.conv import Conv
from hornbeam.layers.convolutional.depthwise import SeparableConv
from hornbeam.layers.convolutional.transposed import ConvTranspose
from hornbeam.layers.recurrent.conv_lstm import ConvLSTMCell
from hornbeam.regularizers import Regularizer

# ---------------------------------------------------------------------------------- architectures


def _axis() -> int:
    return 3 if config.image_data_format() == "channels_last" else 1


def conv2d_bn(
    x: Any,
    nb_filter: int,
    nb_row: int,
    nb_col: int,
    border_mode: str = "same",
    subsample: Any = (1, 1),
    name: str | None = None,
) -> Any:
    """Convolution, ReLU and normalization, as Inception v3 had them in Keras 1.

    Args:
        x: symbolic images.
        nb_filter: the number of filters.
        nb_row, nb_col: the size of the kernel.
        border_mode: "same" or "valid".
        subsample: the strides.
        name: what the names of the layers begin with.

    Example:

    >>> import hornbeam
    >>> conv2d_bn(hornbeam.Input((8, 8, 3)), 4, 3, 3).shape
    (None, 8, 8, 4)
    """
    norm, conv = (f"{name}_bn", f"{name}_conv") if name else (None, None)
    x = layers.Conv2D(
        nb_filter,
        (nb_row, nb_col),
        strides=subsample,
        padding=border_mode,
        activation="relu",
        name=conv,
    )(x)
    return layers.BatchNormalization(axis=_axis(), name=norm)(x)


def _branch(x: Any, sizes: Any, kernels: Any, strides: Any, stage: int, block: str) -> Any:
    name = f"{stage}{block}_branch"
    for part, filters, kernel in zip("abc", sizes, kernels, strict=True):
        x = layers.Conv2D(
            filters,
            kernel,
            strides=strides if part == "a" else 1,
            padding="same" if part == "b" else "valid",
            name=f"res{name}2{part}",
        )(x)
        x = layers.BatchNormalization(axis=_axis(), name=f"bn{name}2{part}")(x)
        x = layers.Activation("relu")(x) if part != "c" else x
    return x


def identity_block(
    input_tensor: Any, kernel_size: Any, filters: Any, stage: int, block: str
) -> Any:
    """A residual block that keeps the size of the images, as ResNet50 had them in Keras 1 and 2.

    Args:
        input_tensor: symbolic images.
        kernel_size: of the convolution in the middle.
        filters: three numbers of filters.
        stage: a number for the names of the layers.
        block: a letter for them.

    Example:

    >>> import hornbeam
    >>> identity_block(hornbeam.Input((8, 8, 16)), 3, [4, 4, 16], stage=2, block="b").shape
    (None, 8, 8, 16)
    """
    x = _branch(input_tensor, filters, (1, kernel_size, 1), 1, stage, block)
    return layers.Activation("relu")(layers.add([x, input_tensor]))


def conv_block(
    input_tensor: Any,
    kernel_size: Any,
    filters: Any,
    stage: int,
    block: str,
    strides: Any = (2, 2),
) -> Any:
    """A residual block with a convolution on both ways, as ResNet50 had them in Keras 1 and 2.

    Args:
        input_tensor: symbolic images.
        kernel_size: of the convolution in the middle.
        filters: three numbers of filters.
        stage: a number for the names of the layers.
        block: a letter for them.
        strides: of the first convolution, and of the one on the short way.

    Example:

    >>> import hornbeam
    >>> conv_block(hornbeam.Input((8, 8, 3)), 3, [4, 4, 16], stage=2, block="a").shape
    (None, 4, 4, 16)
    """
    x = _branch(input_tensor, filters, (1, kernel_size, 1), strides, stage, block)
    name = f"{stage}{block}_branch1"
    short = layers.Conv2D(filters[2], 1, strides=strides, name=f"res{name}")(input_tensor)
    short = layers.BatchNormalization(axis=_axis(), name=f"bn{name}")(short)
    return layers.Activation("relu")(layers.add([x, short]))


# ------------------------------------------------------------------------------------------ layers


class ConvLSTM2DCell(ConvLSTMCell):
    """One step of a `ConvLSTM2D`; the arguments are those of that layer.

    Args:
        filters: channels of the output.
        kernel_size: the size of the kernel.
        **kwargs: see `ConvLSTM2D`.

    Example:

    >>> ConvLSTM2DCell(4, 3).filters
    4
    """

    def __init__(self, filters: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(2, filters, kernel_size, *args, **kwargs)


def time_distributed_dense(
    x: Any,
    w: Any,
    b: Any = None,
    dropout: float | None = None,
    input_dim: int | None = None,
    output_dim: int | None = None,
    timesteps: int | None = None,
) -> Any:
    """``x @ w + b`` at each step of time.

    Args:
        x: (batch, time, features).
        w: (features, units).
        b: (units,), or None.
        dropout: the rate, in [0, 1), at which features are set to zero, the same at each step; None or 0
            for none.
        input_dim, output_dim, timesteps: sizes, which need not be said.

    Example:

    >>> import hornbeam
    >>> ones = hornbeam.ops.ones
    >>> time_distributed_dense(ones((1, 2, 3)), ones((3, 1)), ones((1,))).tolist()
    [[[4.0], [4.0]]]
    """
    if dropout:
        x = x * random.dropout(ops.ones_like(x[:, :1]), dropout)
    outputs = ops.matmul(x, w)
    return outputs if b is None else outputs + b


def convert_all_kernels_in_model(model: Any) -> None:
    """Turn the kernels of all convolutions around: from Theano's convention, or back.

    Args:
        model: the model, whose weights are changed.

    Example:

    >>> import hornbeam
    >>> conv = hornbeam.layers.Conv1D(1, 2)
    >>> model = hornbeam.Sequential([hornbeam.Input((4, 1)), conv])
    >>> conv.kernel.assign([[[1.0]], [[2.0]]]).shape
    (2, 1, 1)
    >>> convert_all_kernels_in_model(model)
    >>> conv.kernel.numpy().ravel().tolist()
    [2.0, 1.0]
    """
    for layer in model._flatten_layers():
        if isinstance(layer, (Conv, ConvTranspose, SeparableConv)):
            kernel = getattr(layer, "depthwise_kernel", None)
            kernel = layer.kernel if kernel is None else kernel
            kernel.assign(convert_kernel(kernel.numpy()))


def convert_dense_weights_data_format(
    dense: Any, previous_feature_map_shape: Any, target_data_format: str = "channels_first"
) -> None:
    """Put the rows of a Dense after a Flatten into the order of the other data format.

    Args:
        dense: the layer, whose kernel is changed.
        previous_feature_map_shape: the shape before Flatten, without the batch axis, in the format that
            is aimed at: (channels, height, width) for "channels_first".
        target_data_format: "channels_first" or "channels_last".

    Example:

    >>> import hornbeam
    >>> dense = hornbeam.layers.Dense(1)
    >>> dense.build((None, 4))
    >>> _ = dense.kernel.assign([[0.0], [1.0], [2.0], [3.0]])  # (row 0: channels 0, 1), (row 1: ...)
    >>> convert_dense_weights_data_format(dense, (2, 2, 1), "channels_first")
    >>> dense.kernel.numpy().ravel().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    if target_data_format not in ("channels_first", "channels_last"):
        raise InputError(
            '`target_data_format` must be "channels_first" or "channels_last", got '
            f"{target_data_format!r}."
        )
    shape = tuple(previous_feature_map_shape)
    kernel = dense.kernel.numpy()
    if int(np.prod(shape)) != kernel.shape[0]:
        raise InputError(
            f"The kernel has {kernel.shape[0]} rows, but the shape {shape} has {np.prod(shape)} "
            "elements."
        )
    if target_data_format == "channels_first":
        before, order = (*shape[1:], shape[0]), (len(shape) - 1, *range(len(shape) - 1))
    else:
        before, order = (shape[-1], *shape[:-1]), (*range(1, len(shape)), 0)
    rows = kernel.reshape(*before, -1).transpose(*order, len(shape))
    dense.kernel.assign(rows.reshape(kernel.shape))


# ------------------------------------------------------------------------------------------- others


class EigenvalueRegularizer(Regularizer):
    """``k`` times the largest singular value of a square kernel, found by nine steps of power iteration.

    Args:
        k: the factor.

    Example:

    >>> import hornbeam
    >>> round(float(EigenvalueRegularizer(2.0)(hornbeam.ops.eye(3) * 3.0)), 4)
    6.0
    """

    def __init__(self, k: float) -> None:
        self.k = k

    def __call__(self, x: Any) -> Any:
        """The penalty for `x`, (rows, columns)."""
        if len(x.shape) != 2:
            raise InputError(
                f"EigenvalueRegularizer is for matrices, got an array of {len(x.shape)} dimensions."
            )
        product = ops.matmul(ops.transpose(x), x)
        vector = ops.ones((x.shape[1], 1), dtype=x.dtype)
        for _ in range(9):
            vector = ops.matmul(product, vector)
            vector = vector / ops.norm(vector)
        return self.k * ops.sqrt(ops.sum(vector * ops.matmul(product, vector)))

    def get_config(self) -> dict[str, Any]:
        """The constructor's argument."""
        return {"k": self.k}


class BaseLogger(Callback):
    """Nothing: the logs that callbacks get at the end of an epoch are means over it anyway.

    Args:
        stateful_metrics: without effect.

    Example:

    >>> BaseLogger(stateful_metrics=["auc"]).on_epoch_end(0)
    """

    def __init__(self, stateful_metrics: Any = None) -> None:
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())


def clip_norm(g: Any, c: float, n: Any) -> Any:
    """A gradient scaled down so that a norm does not exceed `c`.

    Args:
        g: the gradient.
        c: the limit; 0 or less for none.
        n: the norm.

    Example:

    >>> import hornbeam
    >>> clip_norm(hornbeam.ops.convert_to_tensor([3.0, 4.0]), 1.0, 5.0).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    if c <= 0:
        return g
    return ops.where(ops.greater(n, c), g * c / n, g)


def load_batch(fpath: Any, label_key: str = "labels") -> Any:
    """The images and labels of one file of CIFAR-10 or CIFAR-100.

    Args:
        fpath: the file.
        label_key: "labels", "fine_labels" or "coarse_labels".

    Returns:
        uint8 images in [0, 255], (rows, 3, 32, 32), and a list of labels.

    Example:

    >>> images, labels = load_batch("cifar-10-batches-py/data_batch_1")  # doctest: +SKIP
    """
    from pathlib import Path

    from hornbeam.datasets.cifar import read_batch

    images, labels = read_batch(Path(fpath), label_key.encode())
    if config.image_data_format() == "channels_last":
        images = images.transpose(0, 3, 1, 2)
    return images, labels.ravel().tolist()


def get_fans(shape: Any, dim_ordering: str = "th") -> tuple[float, float]:
    """Fan-in and fan-out of a kernel.

    Args:
        shape: its shape.
        dim_ordering: "th" for (units, channels, ...), "tf" for (..., channels, units).

    Example:

    >>> get_fans((3, 3, 8, 16), "tf")
    (72, 144)
    """
    if dim_ordering not in "th tf".split():
        raise InputError(f'`dim_ordering` must be "th" or "tf", got {dim_ordering!r}.')
    if dim_ordering == "th" and len(shape) > 2:
        shape = (*shape[2:], shape[1], shape[0])
    return initializers.random.fans(tuple(shape))


__all__ = [
    "BaseLogger",
    "ConvLSTM2DCell",
    "EigenvalueRegularizer",
    "clip_norm",
    "conv2d_bn",
    "conv_block",
    "convert_all_kernels_in_model",
    "convert_dense_weights_data_format",
    "get_fans",
    "identity_block",
    "load_batch",
    "time_distributed_dense",
]
