"""`keras.utils.np_utils` and `conv_utils` of Keras 1 and 2: labels, kernels, lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.errors import InputError
from hornbeam.utils.arrays import normalize, to_categorical


def convert_kernel(kernel: Any) -> np.ndarray:
    """The kernel of a convolution turned around, as from Theano's convention to all others.

    Args:
        kernel: (..., channels in, channels out), with one to three axes of space in front.

    Example:

    >>> import numpy
    >>> convert_kernel(numpy.arange(3).reshape(3, 1, 1)).ravel().tolist()
    [2, 1, 0]
    """
    array = np.asarray(kernel)
    if not 3 <= array.ndim <= 5:
        raise InputError(f"A kernel has 3 to 5 axes, got the shape {array.shape}.")
    return np.copy(np.flip(array, tuple(range(array.ndim - 2))))


def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """How many outputs a convolution has along an axis.

    Args:
        input_length: the size of the input, or None.
        filter_size: the size of the kernel.
        padding: "same", "valid", "causal" or "full".
        stride: the step.
        dilation: the distance of the kernel's elements.

    Example:

    >>> conv_output_length(10, 3, "valid", 2)
    4
    """
    if input_length is None:
        return None
    extent = filter_size + (filter_size - 1) * (dilation - 1)
    more = {"same": 0, "causal": 0, "valid": 1 - extent, "full": extent - 1}
    if padding not in more:
        raise InputError(f"`padding` must be one of {sorted(more)}, got {padding!r}.")
    return (input_length + more[padding] + stride - 1) // stride


def conv_input_length(
    output_length: int | None, filter_size: int, padding: str, stride: int
) -> int | None:
    """The least input along an axis that gives so many outputs.

    Args:
        output_length: how many outputs, or None.
        filter_size: the size of the kernel.
        padding: "same", "valid" or "full".
        stride: the step.

    Example:

    >>> conv_input_length(4, 3, "valid", 2)
    9
    """
    if output_length is None:
        return None
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}
    if padding not in pad:
        raise InputError(f"`padding` must be one of {sorted(pad)}, got {padding!r}.")
    return (output_length - 1) * stride - 2 * pad[padding] + filter_size


def probas_to_classes(y_pred: Any) -> np.ndarray:
    """The most probable class of each row; of one column, whether it is above 0.5.

    Args:
        y_pred: probabilities (batch, classes).

    Example:

    >>> probas_to_classes([[0.1, 0.9], [0.8, 0.2]]).tolist()
    [1, 0]
    """
    array = np.asarray(y_pred)
    if array.ndim > 1 and array.shape[1] > 1:
        return np.asarray(array.argmax(1))
    return np.asarray(array.ravel() > 0.5, int)


def categorical_probas_to_classes(p: Any) -> np.ndarray:
    """The most probable class of each row.

    Args:
        p: probabilities (batch, classes).

    Example:

    >>> categorical_probas_to_classes([[0.1, 0.9]]).tolist()
    [1]
    """
    return np.asarray(np.asarray(p).argmax(1))


def binary_logloss(p: Any, y: Any) -> float:
    """The mean of ``-y log p - (1 - y) log(1 - p)``.

    Args:
        p: probabilities.
        y: labels, 0 or 1.

    Example:

    >>> round(binary_logloss([0.5, 0.5], [0, 1]), 4)
    0.6931
    """
    found = np.clip(np.asarray(p, float), 1e-15, 1 - 1e-15)
    labels = np.asarray(y, float)
    return float(-np.mean(labels * np.log(found) + (1 - labels) * np.log(1 - found)))


def multiclass_logloss(P: Any, Y: Any) -> float:
    """The mean of ``-log`` of the probability of the right class.

    Args:
        P: probabilities (batch, classes).
        Y: class numbers (batch,).

    Example:

    >>> round(multiclass_logloss([[0.25, 0.75]], [1]), 4)
    0.2877
    """
    rows = np.asarray(P, float)
    return float(-np.mean(np.log(rows[np.arange(len(rows)), np.asarray(Y)])))


def accuracy(p: Any, y: Any) -> float:
    """The share of equal elements.

    Args:
        p: what was predicted.
        y: what is right.

    Example:

    >>> accuracy([1, 2], [1, 3])
    0.5
    """
    return float(np.mean(np.asarray(p) == np.asarray(y)))


__all__ = [
    "accuracy",
    "binary_logloss",
    "categorical_probas_to_classes",
    "conv_input_length",
    "conv_output_length",
    "convert_kernel",
    "multiclass_logloss",
    "normalize",
    "probas_to_classes",
    "to_categorical",
]
