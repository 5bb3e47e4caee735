"""Fourier transforms, of whole axes and of short pieces.

Complex arrays are passed and returned as pairs (real, imaginary), so that they can be inputs and
outputs of models.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import product_of
from hornbeam.ops.shaping import padded_from_itself

Pair = tuple[Array, Array]


def _widened(*given: str) -> tuple[str | None, str | None]:
    return rules.mean_of_all(*given)[0], None


def _joined(b: Backend, x: Any, op_name: str) -> Array:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise InputError(f"{op_name}() needs a pair (real, imaginary), got {type(x).__name__}.")
    return b.make_complex(*x)


def _apart(b: Backend, x: Array) -> Pair:
    return b.real(x), b.imag(x)


@op("*x", dtype=_widened)
def fft(b: Backend, x: Any) -> Pair:
    """Fourier transform along the last axis.

    Args:
        x: the pair (real, imaginary) of arrays of shape (..., n).

    Returns:
        The pair (real, imaginary) of arrays of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> real, _ = ops.fft((ops.array([1.0, 2.0]), ops.array([0.0, 0.0])))
    >>> ops.convert_to_numpy(real).tolist()
    [3.0, -1.0]
    """
    return _apart(b, b.fft(_joined(b, x, "fft")))


@op("*x", dtype=_widened)
def fft2(b: Backend, x: Any) -> Pair:
    """Fourier transform along the last two axes.

    Args:
        x: the pair (real, imaginary) of arrays of shape (..., m, n).

    Returns:
        The pair (real, imaginary) of arrays of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> real, _ = ops.fft2((ops.ones((2, 2)), ops.zeros((2, 2))))
    >>> ops.convert_to_numpy(real).tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return _apart(b, _over_two(b, b.fft, _joined(b, x, "fft2")))


@op("*x", dtype=_widened)
def ifft2(b: Backend, x: Any) -> Pair:
    """Inverse Fourier transform along the last two axes.

    Args:
        x: the pair (real, imaginary) of arrays of shape (..., m, n).

    Returns:
        The pair (real, imaginary) of arrays of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> real, _ = ops.ifft2((ops.array([[4.0, 0.0], [0.0, 0.0]]), ops.zeros((2, 2))))
    >>> ops.convert_to_numpy(real).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return _apart(b, _over_two(b, b.ifft, _joined(b, x, "ifft2")))


def _over_two(b: Backend, transform: Any, x: Array) -> Array:
    return b.swapaxes(transform(b.swapaxes(transform(x), -1, -2)), -1, -2)


def _fitted(b: Backend, x: Array, length: Any) -> Array:
    """`x` cut off or filled up with zeros at the end of the last axis."""
    size = b.shape(x)[-1]
    if isinstance(size, int) and isinstance(length, int) and size < length:
        return b.pad(x, ((0, 0),) * (x.ndim - 1) + ((0, length - size),), "constant", 0)
    return x[..., :length]


@op("x", dtype=_widened)
def rfft(b: Backend, x: ArrayLike, fft_length: int | None = None) -> Pair:
    """Fourier transform of real values along the last axis, frequencies from 0 up.

    Args:
        x: array of shape (..., n).
        fft_length: how many values to transform, the rest cut off or filled up with zeros; n for
            None.

    Returns:
        The pair (real, imaginary) of arrays of shape (..., fft_length // 2 + 1).

    Example:

    >>> from hornbeam import ops
    >>> real, _ = ops.rfft([1.0, 2.0, 3.0, 4.0])
    >>> ops.convert_to_numpy(real).tolist()
    [10.0, -2.0, -2.0]
    """
    length = b.shape(x)[-1] if fft_length is None else fft_length
    x = _fitted(b, x, length)
    spectrum = b.fft(b.make_complex(x, b.zeros_like(x)))
    return _apart(b, spectrum[..., : length // 2 + 1])


@op("*x", dtype=_widened)
def irfft(b: Backend, x: Any, fft_length: int | None = None) -> Array:
    """Inverse of `rfft`: real values from the frequencies from 0 up.

    Args:
        x: the pair (real, imaginary) of arrays of shape (..., m).
        fft_length: how many values to return; 2 * (m - 1) for None.

    Returns:
        Array of shape (..., fft_length).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.irfft(ops.rfft([1.0, 2.0, 3.0, 4.0]))).round(4).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    half = _joined(b, x, "irfft")
    length = 2 * (b.shape(half)[-1] - 1) if fft_length is None else fft_length
    count = length // 2 + 1
    half = _fitted(b, half, count)
    inner = half[..., 1 : length - count + 1]
    whole = b.concatenate([half, b.conj(b.flip(inner, axis=-1))], -1)
    return b.real(b.ifft(whole))


@op("x", dtype=rules.same)
def extract_sequences(
    b: Backend, x: ArrayLike, sequence_length: int, sequence_stride: int
) -> Array:
    """Pieces of equal length along the last axis, which may overlap.

    Args:
        x: array of shape (..., n).
        sequence_length: length of each piece.
        sequence_stride: distance of their beginnings.

    Returns:
        Array of shape (..., pieces, sequence_length).

    Raises:
        InputError: if `x` is shorter than one piece.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.extract_sequences([1, 2, 3, 4, 5], 3, 2)).tolist()
    [[1, 2, 3], [3, 4, 5]]
    """
    size = b.shape(x)[-1]
    if isinstance(size, int) and size < sequence_length:
        raise InputError(f"No sequence of length {sequence_length} in an axis of size {size}.")
    count = (size - sequence_length) // sequence_stride + 1
    starts = b.reshape(b.arange(0, count, 1, "int32") * sequence_stride, (-1, 1))
    places = starts + b.reshape(b.arange(0, sequence_length, 1, "int32"), (1, -1))
    return b.take(x, places, x.ndim - 1)


def _window(b: Backend, window: Any, length: int, fft_length: int, dtype: str) -> Array:
    """The window, with zeros at both sides to fill a transform; ones for None."""
    if window is None:
        return b.ones((fft_length,), dtype)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise InputError(
                f"`window` must be 'hann', 'hamming', an array or None, got {window!r}."
            )
        base = 0.5 if window == "hann" else 0.54
        values: Any = base - (1 - base) * np.cos(2 * np.pi * np.arange(length) / length)
    else:
        values = b.to_numpy(window) if b.is_array(window) else np.asarray(window)
    if values.shape != (length,):
        raise InputError(
            f"`window` must have shape ({length},), the sequence length, got {tuple(values.shape)}."
        )
    before = (fft_length - length) // 2
    padded = np.pad(values, (before, fft_length - length - before))
    return b.asarray(padded.astype(dtype))


def _check_lengths(sequence_length: int, sequence_stride: int, fft_length: int) -> None:
    if not 0 < sequence_length <= fft_length or sequence_stride < 1:
        raise InputError(
            "0 < sequence_length <= fft_length and sequence_stride > 0 are needed, got "
            f"sequence_length={sequence_length}, sequence_stride={sequence_stride}, "
            f"fft_length={fft_length}."
        )


@op("x", dtype=_widened)
def stft(
    b: Backend,
    x: ArrayLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> Pair:
    """Short-time Fourier transform: `rfft` of overlapping pieces, each weighted by a window.

    Args:
        x: array of shape (..., n).
        sequence_length: length of each piece.
        sequence_stride: distance of their beginnings.
        fft_length: length of the transforms, at least that of the pieces.
        window: "hann", "hamming", an array of shape (sequence_length,), or None for none.
        center: whether to mirror `fft_length // 2` values at both ends first, so that pieces are
            centred at multiples of the stride.

    Returns:
        The pair (real, imaginary) of arrays of shape (..., pieces, fft_length // 2 + 1).

    Raises:
        InputError: if the lengths or the window do not fit.

    Example:

    >>> from hornbeam import ops
    >>> [part.shape for part in ops.stft(ops.ones((2, 16)), 4, 2, 4)]
    [(2, 9, 3), (2, 9, 3)]
    """
    _check_lengths(sequence_length, sequence_stride, fft_length)
    if center:
        x = padded_from_itself(b, x, x.ndim - 1, fft_length // 2, fft_length // 2, "reflect")
    pieces = b.extract_sequences(x, fft_length, sequence_stride)
    weights = _window(b, window, sequence_length, fft_length, b.dtype(x))
    return b.rfft(pieces * weights)  # type: ignore[no-any-return]


@op("*x", dtype=_widened)
def istft(
    b: Backend,
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Array:
    """Inverse of `stft`: the pieces added up again, divided by the sum of the squared windows.

    Args:
        x: the pair (real, imaginary) of arrays of shape (..., pieces, fft_length // 2 + 1).
        sequence_length: length of each piece.
        sequence_stride: distance of their beginnings.
        fft_length: length of the transforms.
        length: how many values to return; None for as many as the pieces cover.
        window: the window that was used.
        center: whether the pieces were centred.

    Returns:
        Array of shape (..., length).

    Raises:
        InputError: if the lengths or the window do not fit.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.arange(8, dtype="float32")
    >>> y = ops.istft(ops.stft(x, 4, 2, 4), 4, 2, 4, length=8)
    >>> ops.convert_to_numpy(y).round(3).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """
    _check_lengths(sequence_length, sequence_stride, fft_length)
    pieces = b.irfft(x, fft_length)
    weights = _window(b, window, sequence_length, fft_length, b.dtype(pieces))
    total = _overlapped(b, pieces * weights, sequence_stride)
    squares = b.broadcast_to(b.square(weights), b.shape(pieces)[-2:])
    divisor = _overlapped(b, squares, sequence_stride)
    out = b.where(b.greater(divisor, 1e-11), total / b.maximum(divisor, 1e-11), total)
    begin = fft_length // 2 if center else 0
    size = b.shape(out)[-1]
    if length is not None:
        return _fitted(b, out[..., begin:], length)
    return out[..., begin : size - begin]


def _overlapped(b: Backend, pieces: Array, stride: int) -> Array:
    """Pieces (..., count, length) added up at multiples of the stride."""
    *lead, count, length = b.shape(pieces)
    size = (count - 1) * stride + length
    starts = b.reshape(b.arange(0, count, 1, "int32") * stride, (-1, 1))
    places = starts + b.reshape(b.arange(0, length, 1, "int32"), (1, -1))
    rows = product_of(lead)
    updates = b.transpose(b.reshape(pieces, (rows, count, length)), (1, 2, 0))
    total = b.scatter_add(b.zeros((size, rows), b.dtype(pieces)), (places,), updates)
    return b.reshape(b.transpose(total), (*lead, size))


__all__ = [
    "extract_sequences",
    "fft",
    "fft2",
    "ifft2",
    "irfft",
    "istft",
    "rfft",
    "stft",
]
