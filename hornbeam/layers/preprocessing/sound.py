"""Spectrograms: sound as pictures of its frequencies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.layers.preprocessing.data_layer import DataLayer
from hornbeam.saving.objects import builtin


def _mel(hertz: Any) -> Any:
    """Frequencies on the mel scale of HTK, ``1127 log(1 + f / 700)``."""
    return 1127.0 * np.log1p(np.asarray(hertz, "float64") / 700.0)


@builtin("keras.layers")
class MelSpectrogram(DataLayer):
    """The strength of sound in bands of frequency that sound equally far apart, over time.

    Args:
        fft_length: how many samples each Fourier transform takes; shorter windows are padded.
        sequence_stride: how many samples lie between the starts of two windows.
        sequence_length: how many samples a window has; None for `fft_length`.
        window: "hann", "hamming", an array, or None for no weighting.
        sampling_rate: how many samples there are in a second.
        num_mel_bins: the number of bands.
        min_freq: the lowest frequency, in hertz.
        max_freq: the highest frequency, in hertz; None for half of `sampling_rate`.
        power_to_db: whether to return decibels.
        top_db: decibels this far and further below the loudest of all inputs are set to that; None
            for no limit.
        mag_exp: the power the magnitudes are raised to: 1 for magnitudes, 2 for powers.
        min_power: the least power, for the decibels.
        ref_power: the power that is 0 decibels.
        **kwargs: see `Layer`.

    Input: (batch, time) or (time,).  Output: (batch, bands, frames), or without the batch axis.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.MelSpectrogram(256, 64, num_mel_bins=20)
    >>> layer(hornbeam.ops.ones((2, 1000))).shape
    (2, 20, 16)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float | None = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length = fft_length
        self.sequence_stride = sequence_stride
        self.sequence_length = sequence_length or fft_length
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = num_mel_bins
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        if not 0 <= self.min_freq < self.max_freq <= sampling_rate / 2:
            raise InputError(
                "MelSpectrogram: `min_freq` must be below `max_freq`, and that at most half of "
                f"`sampling_rate`, got {min_freq!r}, {max_freq!r} and {sampling_rate!r}."
            )

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: Any = "float32",
    ) -> Any:
        """What each frequency of a Fourier transform contributes to each band: triangles.

        Args:
            num_mel_bins: the number of bands.
            num_spectrogram_bins: the number of frequencies.
            sampling_rate: how many samples there are in a second.
            lower_edge_hertz: where the first band begins.
            upper_edge_hertz: where the last band ends.
            dtype: the dtype of the result.

        Returns:
            Array (frequencies, bands).
        """
        frequencies = _mel(np.linspace(0.0, sampling_rate / 2.0, num_spectrogram_bins))[:, None]
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising = (frequencies - low) / (middle - low)
        falling = (high - frequencies) / (high - middle)
        weights = np.maximum(0.0, np.minimum(rising, falling))
        weights[0] = 0.0  # the mean of the signal is no sound
        return ops.cast(ops.convert_to_tensor(weights.astype("float32")), dtype)

    def call(self, inputs: Any) -> Any:
        """The spectrogram of the samples."""
        single = len(inputs.shape) == 1
        samples = ops.expand_dims(inputs, 0) if single else inputs
        real, imaginary = ops.stft(
            ops.cast(samples, self.compute_dtype),
            sequence_length=self.sequence_length,
            sequence_stride=self.sequence_stride,
            fft_length=self.fft_length,
            window=self.window,
        )
        magnitude = ops.sqrt(ops.square(real) + ops.square(imaginary))
        power = ops.power(magnitude, self.mag_exp)
        weights = self.linear_to_mel_weight_matrix(
            self.num_mel_bins,
            self.fft_length // 2 + 1,
            self.sampling_rate,
            self.min_freq,
            self.max_freq,
            ops.dtype(power),
        )
        bands = ops.cast(ops.swapaxes(ops.matmul(power, weights), -1, -2), self.compute_dtype)
        if self.power_to_db:
            bands = self._decibels(bands)
        return ops.squeeze(bands, 0) if single else bands

    def _decibels(self, power: Any) -> Any:
        found = 10.0 * ops.log10(ops.maximum(power, self.min_power))
        found = found - 10.0 * math.log10(max(self.min_power, self.ref_power))
        if self.top_db is not None:
            found = ops.maximum(found, ops.max(found) - self.top_db)
        return found

    def compute_output_shape(self, input_shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The shape of the spectrogram of samples of that shape.

        Args:
            input_shape: (batch, time) or (time,).
            *args, **kwargs: nothing.
        """
        *batch, time = input_shape
        if time is not None:
            padded = time + 2 * (self.fft_length // 2)
            length = max(self.sequence_length, self.fft_length)
            time = 1 + (padded - length) // self.sequence_stride
        return (*batch, self.num_mel_bins, time)


MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


@builtin("keras.layers")
class STFTSpectrogram(Layer):
    """The short-time Fourier transform, as a convolution whose kernels can be trained.

    Args:
        mode: what is returned: "log" of the magnitude, "magnitude", "psd" (power, both halves of the
            spectrum added), "real", "imag", "angle" in radians, or "stft" (real, then imaginary parts).
        frame_length: how many samples a window has.
        frame_step: how many samples lie between the starts of two windows; None for half a window.
        fft_length: how many samples each transform takes; None for the next power of 2.
        window: the name of a window of `scipy.signal.get_window`, or None.
        periodic: whether the window is one period of a periodic function, rather than symmetric.
        scaling: "density" (per hertz, at one sample a second), "spectrum" or None; without a window
            nothing is scaled.
        padding: "valid" or "same".
        expand_dims: whether frequencies and channels get axes of their own.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        **kwargs: see `Layer`.

    Input: (batch, time, channels).  Output: (batch, frames, channels * frequencies), with
    `expand_dims` (batch, frames, frequencies, channels); with channels first (batch, channels *
    frequencies, frames) and (batch, channels, frames, frequencies).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.STFTSpectrogram("magnitude", 256)(hornbeam.ops.ones((2, 1024, 1))).shape
    (2, 7, 129)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: str | None = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, known in (
            ("mode", mode, MODES),
            ("padding", padding, ("valid", "same")),
            ("scaling", scaling, (None, "density", "spectrum")),
        ):
            if value not in known:
                raise InputError(
                    f"STFTSpectrogram: `{name}` must be one of {known}, got {value!r}."
                )
        for name, size in (("frame_length", frame_length), ("frame_step", frame_step)):
            if size is not None and (not isinstance(size, int) or size < 1):
                raise InputError(f"STFTSpectrogram: `{name}` must be a positive int, got {size!r}.")
        if fft_length is not None and fft_length < frame_length:
            raise InputError(
                f"STFTSpectrogram: `fft_length` must be at least `frame_length`, got {fft_length} and "
                f"{frame_length}."
            )
        self.mode = mode
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = config.standardize_data_format(data_format)
        self._step = frame_step or max(frame_length // 2, 1)
        self._length = fft_length or 2 ** max(math.ceil(math.log2(frame_length)), 0)
        self._waves()  # so that an unknown window is noticed here

    def _waves(self) -> tuple[Any, Any]:
        """The real and imaginary kernels, (window, 1, frequencies)."""
        weights = np.ones(self.frame_length)
        if self.window is not None:
            from scipy.signal import get_window

            try:
                weights = get_window(self.window, self.frame_length, fftbins=self.periodic)
            except ValueError as error:
                raise InputError(
                    f"STFTSpectrogram: scipy.signal knows no `window` {self.window!r}."
                ) from error
        if self.window is not None and self.scaling == "density":
            weights = weights / np.sqrt(np.sum(weights**2))
        elif self.window is not None and self.scaling == "spectrum":
            weights = weights / np.sum(weights)
        frequencies = np.arange(self._length // 2 + 1)
        angles = np.outer(np.arange(self.frame_length), frequencies) * (2 * np.pi / self._length)
        real, imaginary = np.cos(angles), -np.sin(angles)
        return tuple(
            (w * weights[:, None])[:, None, :].astype("float32") for w in (real, imaginary)
        )  # type: ignore[return-value]

    def build(self, input_shape: Any) -> None:
        """Make the kernels.

        Args:
            input_shape: the shape of the samples.
        """
        waves = self._waves()
        used = {"real": (0,), "imag": (1,)}.get(self.mode, (0, 1))
        for index in used:
            name = ("real_kernel", "imag_kernel")[index]
            wave = waves[index]
            weight = self.add_weight(
                shape=wave.shape,
                initializer=lambda shape, dtype=None, wave=wave: ops.cast(
                    ops.convert_to_tensor(wave), dtype or "float32"
                ),
                name=name,
            )
            setattr(self, name, weight)

    def call(self, inputs: Any) -> Any:
        """The spectrogram of the samples."""
        last = self.data_format == "channels_last"
        samples = inputs if last else ops.swapaxes(inputs, 1, 2)
        parts = {
            name: self._convolved(samples, getattr(self, f"{name}_kernel"))
            for name in ("real", "imag")
            if self.mode in (name, *MODES[:3], "angle", "stft")
        }
        found = self._as_mode(parts)  # (batch, frames, channels, frequencies)
        if self.expand_dims:
            order = (0, 1, 3, 2) if last else (0, 2, 1, 3)
            return ops.transpose(found, order)
        shape = ops.shape(found)
        flat = ops.reshape(found, (*shape[:2], shape[2] * shape[3]))
        return flat if last else ops.swapaxes(flat, 1, 2)

    def _convolved(self, samples: Any, kernel: Any) -> Any:
        channels = samples.shape[2]
        kernel = ops.convert_to_tensor(kernel)
        found = [
            ops.conv(
                samples[:, :, c : c + 1],
                kernel,
                strides=self._step,
                padding=self.padding,
                data_format="channels_last",
            )
            for c in range(channels)
        ]
        return ops.stack(found, axis=2)

    def _as_mode(self, parts: dict[str, Any]) -> Any:
        if self.mode in ("real", "imag"):
            return parts[self.mode]
        real, imaginary = parts["real"], parts["imag"]
        if self.mode == "stft":
            return ops.concatenate([real, imaginary], axis=-1)
        if self.mode == "angle":
            return ops.arctan2(imaginary, real)
        power = ops.square(real) + ops.square(imaginary)
        if self.mode == "psd":
            ends = [0, self._length // 2] if self._length % 2 == 0 else [0]
            twice = np.full(self._length // 2 + 1, 2.0, "float32")
            twice[ends] = 1.0
            return ops.multiply(power, ops.cast(twice, ops.dtype(power)))
        tiny = config.epsilon()
        if self.mode == "magnitude":
            return ops.sqrt(ops.maximum(power, tiny**2))
        return ops.log(ops.maximum(ops.sqrt(power), tiny))


__all__ = ["MelSpectrogram", "STFTSpectrogram"]
