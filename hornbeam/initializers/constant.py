"""Initializers without randomness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError
from hornbeam.initializers.base import Initializer, to_engine
from hornbeam.saving.objects import builtin


@builtin("keras.initializers")
class Constant(Initializer):
    """One value everywhere.

    Args:
        value: a number, or an array that broadcasts to the shape asked for.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.Constant(3.0)((2,)).tolist()
    [3.0, 3.0]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of that value."""
        return to_engine(self.value, shape, dtype)


@builtin("keras.initializers")
class Zeros(Initializer):
    """Zeros.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of zeros."""
        return to_engine(0, shape, dtype)


@builtin("keras.initializers")
class Ones(Initializer):
    """Ones.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of ones."""
        return to_engine(1, shape, dtype)


@builtin("keras.initializers")
class Identity(Initializer):
    """The identity matrix, times a factor; of a matrix that is not square the main diagonal.

    Args:
        gain: the factor.

    Example:

    >>> import hornbeam
    >>> hornbeam.initializers.Identity(2.0)((2, 2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """A matrix; `shape` must have two sizes."""
        if len(shape) != 2:
            raise InputError(
                f"Identity makes matrices, so it cannot fill the shape {tuple(shape)}."
            )
        rows, columns = shape
        return to_engine(self.gain * np.eye(rows, columns), shape, dtype)


@builtin("keras.initializers")
class STFT(Initializer):
    """Kernels of the short-time Fourier transform, for a 1D convolution over a signal.

    Entry (time, 1, frequency) is ``window(time) * cos(2 pi time frequency / fft_length)``, or
    ``-sin`` for the imaginary side, so that the convolution is the windowed transform.

    Args:
        side: "real" or "imag", the part of the transform.
        window: the name of a window of SciPy ("hann", "hamming", ...), an array of its values, or
            None for a rectangular one.
        scaling: "density" to divide by the root of the window's energy, "spectrum" by its sum, or
            None.
        periodic: whether the window is made periodic rather than symmetric.

    Example:

    >>> import hornbeam
    >>> kernel = hornbeam.initializers.STFT("real", None, None)((4, 1, 3))
    >>> hornbeam.ops.convert_to_numpy(kernel)[:, 0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if side not in ("real", "imag"):
            raise InputError(f"STFT: `side` must be 'real' or 'imag', got {side!r}.")
        if scaling not in (None, "density", "spectrum"):
            raise InputError(
                f"STFT: `scaling` must be None, 'density' or 'spectrum', got {scaling!r}."
            )
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def _window(self, length: int) -> Any:
        if self.window is None:
            return np.ones(length)
        if isinstance(self.window, str):
            from scipy.signal import get_window

            return get_window(self.window, length, self.periodic)
        window = np.asarray(self.window, np.float64)
        if window.shape != (length,):
            raise InputError(
                f"STFT: the window has shape {window.shape}, but the kernel has {length} time steps."
            )
        return window

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """A kernel of shape (time, 1, fft_length // 2 + 1)."""
        if len(shape) != 3 or shape[1] != 1:
            raise InputError(f"STFT fills shapes (time, 1, frequencies), got {tuple(shape)}.")
        length, _, frequencies = shape
        window = self._window(length)
        if self.scaling == "density":
            window = window / np.sqrt(np.sum(window**2))
        elif self.scaling == "spectrum":
            window = window / np.sum(window)
        period = 2 * (frequencies - 1)
        angle = 2 * np.pi * np.outer(np.arange(length), np.arange(frequencies)) / period
        wave = np.cos(angle) if self.side == "real" else -np.sin(angle)
        return to_engine((wave * window[:, None])[:, None, :], shape, dtypes.standardize(dtype))
