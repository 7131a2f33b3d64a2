"""`tf.signal`: windows, frames, spectra and cosine transforms."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define, dtype_of
from kjax.keras.legacy.tensorflow.tensor import Tensor, unwrap


def _length(given: Any) -> int | None:
    return None if given is None else int(np.ravel(given)[0])


@define
def rfft(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.rfft(input_tensor, _length(fft_length))


@define
def irfft(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.irfft(input_tensor, _length(fft_length))


@define
def rfft2d(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.rfft2(input_tensor, None if fft_length is None else tuple(map(int, fft_length)))


@define
def irfft2d(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.irfft2(input_tensor, None if fft_length is None else tuple(map(int, fft_length)))


@define
def fft3d(input: Any) -> Any:
    return jnp.fft.fftn(input, axes=(-3, -2, -1))


@define
def fftshift(x: Any, axes: Any = None) -> Any:
    return jnp.fft.fftshift(x, axes)


@define
def ifftshift(x: Any, axes: Any = None) -> Any:
    return jnp.fft.ifftshift(x, axes)


@define
def frame(
    signal: Any, frame_length: int, frame_step: int, pad_end: bool = False, pad_value: float = 0, axis: int = -1
) -> Any:
    length, step = int(frame_length), int(frame_step)
    axis = axis % signal.ndim
    signal = jnp.moveaxis(signal, axis, -1)
    size = signal.shape[-1]
    number = -(-size // step) if pad_end else max(1 + (size - length) // step, 0)
    missing = max((number - 1) * step + length - size, 0)
    if pad_end:
        signal = jnp.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)], constant_values=pad_value)
    frames = signal[..., np.arange(number)[:, None] * step + np.arange(length)]
    return jnp.moveaxis(frames, (-2, -1), (axis, axis + 1))


@define
def overlap_and_add(signal: Any, frame_step: int) -> Any:
    number, length = signal.shape[-2:]
    places = np.arange(number)[:, None] * int(frame_step) + np.arange(length)
    found = jnp.zeros((*signal.shape[:-2], (number - 1) * int(frame_step) + length), signal.dtype)
    return found.at[..., places].add(signal)


# -- windows -----------------------------------------------------------------------------------------------------


def _cosines(first: float, second: float) -> Callable[..., Any]:
    def window(window_length: Any, periodic: bool = True, dtype: Any = "float32", name: str | None = None) -> Any:
        length = int(window_length)
        angles = 2 * np.pi * np.arange(length) / max(length - (not periodic), 1)
        return Tensor(jnp.asarray(first - second * np.cos(angles), dtype_of(dtype)))

    return window


hann_window, hamming_window = _cosines(0.5, 0.5), _cosines(0.54, 0.46)


def kaiser_window(window_length: Any, beta: float = 12.0, dtype: Any = "float32", name: str | None = None) -> Any:
    """``tf.signal.kaiser_window``."""
    return Tensor(jnp.asarray(np.kaiser(int(window_length), float(beta)), dtype_of(dtype)))


def vorbis_window(window_length: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """``tf.signal.vorbis_window``: ``sin(pi / 2 * sin(pi / n * (k + 0.5))**2)``."""
    length = int(window_length)
    inner = np.sin(np.pi / length * (np.arange(length) + 0.5)) ** 2
    return Tensor(jnp.asarray(np.sin(np.pi / 2 * inner), dtype_of(dtype)))


# -- spectra -----------------------------------------------------------------------------------------------------


@define
def stft(
    signals: Any, frame_length: int, frame_step: int, fft_length: int | None = None, window_fn: Any = hann_window,
    pad_end: bool = False,
) -> Any:  # fmt: skip
    length = int(frame_length)
    points = int(fft_length) if fft_length else 1 << (length - 1).bit_length()
    frames = unwrap(frame(jnp.asarray(signals), length, frame_step, pad_end))
    if window_fn is not None:
        frames = frames * jnp.reshape(unwrap(window_fn(length)), (1,) * (frames.ndim - 1) + (length,))
    return jnp.fft.rfft(frames, points)


@define
def inverse_stft(
    stfts: Any, frame_length: int, frame_step: int, fft_length: int | None = None, window_fn: Any = hann_window
) -> Any:
    length = int(frame_length)
    points = int(fft_length) if fft_length else 1 << (length - 1).bit_length()
    frames = jnp.fft.irfft(stfts, points)[..., :length]
    frames = jnp.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(0, length - frames.shape[-1])])
    if window_fn is not None:
        frames = frames * jnp.reshape(unwrap(window_fn(length)), (1,) * (frames.ndim - 1) + (length,))
    return unwrap(overlap_and_add(frames, frame_step))


def inverse_stft_window_fn(frame_step: int, forward_window_fn: Any = hann_window, name: str | None = None) -> Any:
    """``tf.signal.inverse_stft_window_fn``: the window with which :func:`inverse_stft` undoes :func:`stft`."""

    def window(frame_length: int, dtype: Any = "float32") -> Any:
        length, step = int(frame_length), int(frame_step)
        forward = np.asarray(unwrap(forward_window_fn(length)))
        overlaps = -(-length // step)
        squares = np.pad(forward**2, (0, overlaps * step - length)).reshape(overlaps, step).sum(0)
        return Tensor(jnp.asarray(forward / np.tile(squares, overlaps)[:length], dtype_of(dtype)))

    return window


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sample_rate: int = 8000, lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0, dtype: Any = "float32", name: str | None = None,
) -> Any:  # fmt: skip
    """``tf.signal.linear_to_mel_weight_matrix``: triangles on HTK's mel scale, (spectrogram bins, mel bins)."""

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)

    bins = mel(np.linspace(0.0, float(sample_rate) / 2, int(num_spectrogram_bins))[1:])[:, None]
    edges = np.linspace(mel(lower_edge_hertz), mel(upper_edge_hertz), int(num_mel_bins) + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    return Tensor(jnp.asarray(np.pad(weights, ((1, 0), (0, 0))), dtype_of(dtype)))


@functools.lru_cache(maxsize=16)
def _cosine_matrix(kind: int, size: int) -> np.ndarray:
    """Rows of the discrete cosine transforms 1 to 4, without norms, as SciPy defines them."""
    k, n = np.arange(size)[:, None], np.arange(size)[None]
    if kind == 1:
        ends = np.where((n == 0) | (n == size - 1), 1.0, 2.0)
        return ends * np.cos(np.pi * k * n / max(size - 1, 1))
    if kind == 3:
        return np.where(n == 0, 1.0, 2.0) * np.cos(np.pi * n * (2 * k + 1) / (2 * size))
    if kind == 4:
        return 2.0 * np.cos(np.pi * (2 * n + 1) * (2 * k + 1) / (4 * size))
    return 2.0 * np.cos(np.pi * k * (2 * n + 1) / (2 * size))


def _orthonormal(kind: int, size: int) -> np.ndarray:
    matrix = _cosine_matrix(2 if kind == 3 else kind, size) * np.sqrt(0.5 / size)
    if kind in (2, 3):
        matrix = matrix * np.where(np.arange(size) == 0, np.sqrt(0.5), 1.0)[:, None]
    return matrix.T if kind == 3 else matrix


@define
def dct(input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    if axis not in (-1, input.ndim - 1):
        raise NotImplementedError(
            f"dct and idct go along the last axis, as in TensorFlow; received axis={axis}: transpose first"
        )
    size = int(n) if n is not None else input.shape[-1]
    x = input[..., :size]
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, size - x.shape[-1])])
    matrix = _orthonormal(type, size) if norm == "ortho" else _cosine_matrix(type, size)
    return x @ jnp.asarray(matrix.T, x.dtype)


@define
def idct(input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    return unwrap(dct(input, {1: 1, 2: 3, 3: 2, 4: 4}[type], n, axis, norm))


@define
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any) -> Any:
    size = log_mel_spectrograms.shape[-1]
    return log_mel_spectrograms @ jnp.asarray(_cosine_matrix(2, size).T / np.sqrt(2.0 * size), jnp.float32)


def _cosines_of_type_4(frames: Any, norm: str | None) -> Any:
    """The cosine transform of type 4 along the last axis."""
    size = frames.shape[-1]
    places = (jnp.arange(size) + 0.5)[:, None] * (jnp.arange(size) + 0.5)[None]
    scale = jnp.sqrt(2.0 / size) if norm == "ortho" else 2.0
    return scale * frames @ jnp.cos(jnp.pi / size * places).astype(frames.dtype)


@define
def _folded(frames: Any, window: Any, norm: str | None) -> Any:
    frames = frames * jnp.broadcast_to(window, frames.shape)
    a, b, c, d = jnp.split(frames, 4, axis=-1)
    return _cosines_of_type_4(jnp.concatenate([-c[..., ::-1] - d, a - b[..., ::-1]], -1), norm)


@define
def _unfolded(spectra: Any, window: Any, norm: str | None) -> Any:
    scale = 1.0 if norm == "ortho" else 0.5 / spectra.shape[-1]
    first, second = jnp.split(scale * _cosines_of_type_4(spectra, norm), 2, axis=-1)
    found = jnp.concatenate([second, -second[..., ::-1], -first[..., ::-1], -first], -1)
    return found * jnp.broadcast_to(window, found.shape)


def mdct(
    signals: Any, frame_length: int, window_fn: Any = None, pad_end: bool = False, norm: Any = None, name: Any = None
) -> Any:
    """``tf.signal.mdct``: the modified discrete cosine transform of windows that overlap by half.

    Args:
        signals: (..., samples).
        frame_length: samples in a window, a multiple of 4.
        window_fn: from a length to a window; that of Vorbis by default.
        pad_end: whether zeros fill the last window.
        norm: None or ``'ortho'``.
        name: accepted.

    Raises:
        ValueError: a length that is no multiple of 4.
    """
    if frame_length % 4:
        raise ValueError(f"tf.signal.mdct: frame_length must be a multiple of 4, received {frame_length}")
    window = (window_fn or vorbis_window)(frame_length)
    return _folded(frame(signals, frame_length, frame_length // 2, pad_end), window, norm)


def inverse_mdct(mdcts: Any, window_fn: Any = None, norm: Any = None, name: Any = None) -> Any:
    """``tf.signal.inverse_mdct``: the samples of what :func:`mdct` gave.

    Args:
        mdcts: (..., windows, half of the window's length).
        window_fn: as there.
        norm: as there.
        name: accepted.
    """
    half = mdcts.shape[-1]
    return overlap_and_add(_unfolded(mdcts, (window_fn or vorbis_window)(2 * half), norm), half)


def kaiser_bessel_derived_window(
    window_length: int, beta: float = 12.0, dtype: Any = "float32", name: Any = None
) -> Any:
    """``tf.signal.kaiser_bessel_derived_window``: a window whose squares add up to 1 where two overlap by half."""
    half = np.cumsum(np.kaiser(window_length // 2 + 1, beta))
    rising = np.sqrt(half[:-1] / half[-1])
    return Tensor(jnp.asarray(np.concatenate([rising, rising[::-1]]), str(getattr(dtype, "name", dtype))))
