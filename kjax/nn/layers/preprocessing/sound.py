"""Spectrograms of sounds."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn import initializers
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import field

EPSILON = 1e-7


def _window(name: Any) -> Any:
    """A window that SciPy knows by name, or an array or function as it is."""
    if isinstance(name, str):
        from scipy.signal import get_window

        get_window(name, 1)  # refuses unknown names
    return arg.hashable(name.tolist()) if isinstance(name, np.ndarray) else arg.hashable(name)


@functools.lru_cache(maxsize=32)
def mel_matrix(bins: int, spectrum: int, rate: float, low: float, high: float) -> np.ndarray:
    """Weights (spectrum, bins) that turn a spectrum into mel bands: triangles, equally wide on the mel scale.

    Args:
        bins: number of bands.
        spectrum: number of frequencies, from 0 to half the sampling rate.
        rate: samples a second.
        low: lowest frequency in hertz.
        high: highest frequency in hertz.
    """

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    frequencies = mel(np.linspace(0.0, rate / 2.0, spectrum)[1:])[:, None]
    edges = np.linspace(mel(low), mel(high), bins + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((frequencies - lower) / (centre - lower), (upper - frequencies) / (upper - centre))
    return np.pad(np.maximum(weights, 0.0), ((1, 0), (0, 0))).astype(np.float32)


class MelSpectrogram(Layer):
    """The strength of each mel band over time: (..., samples) becomes (..., bands, frames).

    Attributes:
        fft_length: size of the Fourier transform.
        sequence_stride: samples between frames.
        sequence_length: samples of a frame; ``fft_length`` by default.
        window: name of a window of SciPy, its values, or None.
        sampling_rate: samples a second.
        num_mel_bins: number of bands.
        min_freq: lowest frequency in hertz.
        max_freq: highest frequency; half the sampling rate by default.
        power_to_db: give decibels.
        top_db: smallest value, counted down from the largest, in decibels.
        mag_exp: exponent of the magnitudes: 1 for amplitudes, 2 for power.
        min_power: smallest power before decibels are taken.
        ref_power: power of 0 decibels.
    """

    fft_length: int = field(2048, convert=arg.positive)
    sequence_stride: int = field(512, convert=arg.positive)
    sequence_length: int | None = field(None, convert=arg.optional(arg.positive))
    window: Any = field("hann", convert=_window)
    sampling_rate: float = 16000
    num_mel_bins: int = field(128, convert=arg.positive)
    min_freq: float = 20.0
    max_freq: float | None = None
    power_to_db: bool = base.flag(True)
    top_db: float = field(80.0, convert=float)
    mag_exp: float = field(2.0, convert=float)
    min_power: float = field(1e-10, convert=float)
    ref_power: float = field(1.0, convert=float)

    autocast = False

    def __post_init__(self) -> None:
        super().__post_init__()
        # As in Keras, what stands for a default shows in the config.
        if self.sequence_length is None:
            object.__setattr__(self, "sequence_length", self.fft_length)
        if self.max_freq is None:
            object.__setattr__(self, "max_freq", int(self.sampling_rate / 2))
        assert self.sequence_length is not None
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"{base.describe(self)}: `fft_length` ({self.fft_length}) must be at least `sequence_length` "
                f"({self.sequence_length})"
            )

    def call(self, inputs: Float[Array, "*batch samples"]) -> Float[Array, "*batch bands frames"]:
        dtype = self.compute_dtype if self.compute_dtype in ("float32", "float64") else "float32"
        spectrum = self._magnitudes(jnp.asarray(inputs).astype(dtype)) ** self.mag_exp
        assert self.max_freq is not None
        weights = mel_matrix(self.num_mel_bins, spectrum.shape[-1], self.sampling_rate, self.min_freq, self.max_freq)
        bands = spectrum @ jnp.asarray(weights, dtype)
        if self.power_to_db:
            reference = 10.0 * math.log10(max(abs(self.ref_power), self.min_power))
            bands = 10.0 * jnp.log10(jnp.maximum(bands, self.min_power)) - reference
            bands = jnp.maximum(bands, jnp.max(bands) - self.top_db)
        return jnp.swapaxes(bands, -1, -2).astype(self.compute_dtype)

    def _magnitudes(self, x: Array) -> Array:
        """Magnitudes of the Fourier transforms of overlapping frames, the signal mirrored at both ends."""
        assert self.sequence_length is not None
        half = self.fft_length // 2
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
        values = self._window_values()
        count = (x.shape[-1] - self.fft_length) // self.sequence_stride + 1
        index = jnp.arange(count)[:, None] * self.sequence_stride + jnp.arange(self.fft_length)[None, :]
        frames = x[..., index] * jnp.asarray(values, x.dtype).reshape((1,) * x.ndim + (-1,))
        return jnp.abs(jnp.fft.rfft(frames, self.fft_length))

    def _window_values(self) -> np.ndarray:
        from scipy.signal import get_window

        length = self.sequence_length
        assert length is not None
        if self.window is None:
            values = np.ones(length)
        elif isinstance(self.window, str):
            values = get_window(self.window, length)
        else:
            values = np.asarray(self.window, np.float64)
        left = (self.fft_length - length) // 2
        return np.pad(values, (left, self.fft_length - length - left))


class STFTSpectrogram(Layer):
    """Spectrograms by convolution with a Fourier basis, which can be trained: (batch, samples, channels) as input.

    Attributes:
        mode: ``'log'``, ``'magnitude'``, ``'psd'``, ``'real'``, ``'imag'``, ``'angle'`` or ``'stft'`` (real and imaginary
            parts one after the other).
        frame_length: samples of a frame.
        frame_step: samples between frames; half of ``frame_length`` by default.
        fft_length: size of the Fourier transform; the next power of two by default.
        window: name of a window of SciPy, or its values.
        periodic: whether the window is periodic or symmetric.
        scaling: ``'density'``, ``'spectrum'`` or None.
        padding: ``'valid'`` or ``'same'``.
        expand_dims: give (batch, frames, frequencies, channels) instead of (batch, frames, channels * frequencies).
        data_format: where the channels are.
    """

    mode: str = field("log", convert=arg.choice("log", "magnitude", "psd", "real", "imag", "angle", "stft"))
    frame_length: int = field(256, convert=arg.positive)
    frame_step: int | None = field(None, convert=arg.optional(arg.positive))
    fft_length: int | None = field(None, convert=arg.optional(arg.positive))
    window: Any = field("hann", convert=_window)
    periodic: bool = base.flag(False)
    scaling: str | None = field("density", convert=arg.optional(arg.choice("density", "spectrum")))
    padding: str = field("valid", convert=arg.padding)
    expand_dims: bool = base.flag(False)
    data_format: str = base.data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frame_step is not None and self.frame_step > self.frame_length:
            raise ValueError(
                f"{base.describe(self)}: `frame_step` ({self.frame_step}) must not exceed `frame_length` "
                f"({self.frame_length})"
            )
        if self.fft_length is not None:
            if self.fft_length < self.frame_length:
                raise ValueError(
                    f"{base.describe(self)}: `fft_length` ({self.fft_length}) must be at least `frame_length` "
                    f"({self.frame_length})"
                )
            if self.fft_length & (self.fft_length - 1):
                warnings.warn(
                    f"STFTSpectrogram: a power of two is faster than fft_length={self.fft_length}", stacklevel=2
                )

    def call(self, inputs: Float[Array, "batch samples channels"]) -> Array:
        base.require_rank(self, inputs, 3)
        x = jnp.moveaxis(inputs, 1, 2) if self.data_format == "channels_last" else inputs
        size = self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))
        shape = (self.frame_length, 1, size // 2 + 1)
        parts = []
        for part in ("real", "imag"):
            if self.mode != {"real": "imag", "imag": "real"}[part]:
                start = initializers.STFT(part, self.window, self.scaling, self.periodic)
                parts.append(self._project(x, self.weight(f"{part}_kernel", shape, start)))
        match self.mode:
            case "real" | "imag":
                return self._arrange(parts[0])
            case "angle":
                return self._arrange(jnp.arctan2(parts[1], parts[0]))
            case "stft":
                return self._arrange(jnp.concatenate(parts, axis=2))
        power = jnp.square(parts[0]) + jnp.square(parts[1])
        if self.mode == "psd":
            # All frequencies but the first and the last stand for two: their negatives are left out.
            return self._arrange(power + jnp.pad(power[:, :, 1:-1], ((0, 0), (0, 0), (1, 1), (0, 0))))
        magnitude = jnp.sqrt(jnp.maximum(power, EPSILON))
        if self.mode == "log":
            magnitude = jnp.log(jnp.maximum(magnitude, EPSILON))
        return self._arrange(magnitude)

    def _project(self, x: Array, kernel: Array) -> Array:
        """(batch, channels, samples) onto the basis: (batch, channels, frequencies, frames)."""
        batch, channels, samples = x.shape
        step = self.frame_step or self.frame_length // 2
        frames = jax.lax.conv_general_dilated(
            x.reshape(batch * channels, samples, 1),
            kernel.astype(x.dtype),
            (step,),
            self.padding.upper(),
            dimension_numbers=("NWC", "WIO", "NWC"),
        )
        if not frames.shape[1]:
            raise ValueError(
                f"STFTSpectrogram: argument `frame_length` {self.frame_length} is longer than the {samples} samples of the inputs"
            )
        return jnp.swapaxes(frames, 1, 2).reshape(batch, channels, kernel.shape[-1], frames.shape[1])

    def _arrange(self, outputs: Array) -> Array:
        batch, channels, frequencies, frames = outputs.shape
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return outputs.transpose(0, 3, 2, 1) if last else outputs.transpose(0, 1, 3, 2)
        flat = outputs.reshape(batch, channels * frequencies, frames)
        return jnp.swapaxes(flat, 1, 2) if last else flat
