"""The part of ``keras.ops`` called ``math``: segments, Fourier transforms, special functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from kjax.nn.ops.convert import array, axes, named


def _segment(name: str) -> Callable[..., Any]:
    target = getattr(jax.ops, name)

    def function(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Array:
        data, ids = array(data), array(segment_ids)
        if ids.ndim != 1 or data.shape[:1] != ids.shape:
            raise ValueError(
                f"{name}: `segment_ids` must be a vector with one id for each row of `data`, received shapes {ids.shape} and "
                f"{data.shape}"
            )
        if num_segments is None:
            if isinstance(ids, Tracer):
                raise ValueError(
                    f"{name}: under jit the argument `num_segments` is needed: the result's size must be known"
                )
            num_segments = int(jnp.max(ids)) + 1
        return target(data, ids, num_segments, indices_are_sorted=sorted)

    doc = (
        f"``jax.ops.{name}``: rows with one id reduced together.\n\nArgs:\n    data: rows.\n    segment_ids: id of each row.\n"
        "    num_segments: number of rows of the result; the largest id plus 1 by default.\n"
        "    sorted: whether the ids are sorted."
    )
    return named(function, name, doc)


segment_sum, segment_max, segment_min, segment_prod = (
    _segment(f"segment_{kind}") for kind in ("sum", "max", "min", "prod")
)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """The ``k`` largest values along the last axis, downwards, and their indices."""
    del sorted
    values, indices = jax.lax.top_k(array(x), k)
    return values, indices


def in_top_k(targets: Any, predictions: Any, k: int) -> Array:
    """Whether each target is among the ``k`` classes with the largest predictions."""
    predictions, targets = array(predictions), array(targets).astype(jnp.int32)
    chosen = jnp.take_along_axis(predictions, targets[..., None], axis=-1)
    chosen = jnp.where(jnp.isnan(chosen), -jnp.inf, chosen)
    return jnp.sum(predictions > chosen, axis=-1) < k


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """``log(sum(exp(x)))`` along axes, safe from overflow."""
    return jax.nn.logsumexp(array(x), axis=axes(axis), keepdims=keepdims)


def cdist(x: Any, y: Any) -> Array:
    """Euclidean distances between the rows of two matrices.

    Raises:
        ValueError: fewer than two axes, or rows of different lengths.
    """
    x, y = array(x), array(y)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"cdist: expected matrices with rows of one length, received shapes {x.shape} and {y.shape}")
    difference = jnp.expand_dims(x, -2) - jnp.expand_dims(y, -3)
    return jnp.sqrt(jnp.sum(jnp.square(difference), axis=-1))


def rsqrt(x: Any) -> Array:
    """``1 / sqrt(x)``."""
    return jax.lax.rsqrt(array(x))


def erf(x: Any) -> Array:
    """The error function."""
    return jax.lax.erf(array(x))


def erfc(x: Any) -> Array:
    """One minus the error function."""
    return jax.scipy.special.erfc(array(x))


def erfinv(x: Any) -> Array:
    """The inverse of the error function."""
    return jax.scipy.special.erfinv(array(x))


def logdet(x: Any) -> Array:
    """Logarithm of the absolute value of the determinant."""
    return jnp.linalg.slogdet(array(x))[1]


def view_as_complex(x: Any) -> Array:
    """Real and imaginary parts along the last axis as complex numbers.

    Raises:
        ValueError: the last axis has not size 2.
    """
    x = array(x)
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex: the last axis must have size 2, received shape {x.shape}")
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
    return jax.lax.complex(x[..., 0], x[..., 1])


def view_as_real(x: Any) -> Array:
    """Complex numbers as real and imaginary parts along a new last axis."""
    x = array(x)
    return jnp.stack([jnp.real(x), jnp.imag(x)], axis=-1)


# -- Fourier transforms: complex numbers travel as pairs (real part, imaginary part) ---------------------------------------


def _complex(name: str, x: Any) -> Array:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"{name}: expected a pair (real part, imaginary part), received {type(x).__name__}")
    real, imaginary = array(x[0]), array(x[1])
    if real.shape != imaginary.shape:
        raise ValueError(f"{name}: the two parts must have one shape, received {real.shape} and {imaginary.shape}")
    if not all(jnp.issubdtype(part.dtype, jnp.floating) for part in (real, imaginary)):
        raise ValueError(f"{name}: the parts must be floats, received {real.dtype} and {imaginary.dtype}")
    return jax.lax.complex(real, imaginary)


def _parts(x: Array) -> tuple[Array, Array]:
    return jnp.real(x), jnp.imag(x)


def fft(x: Any) -> tuple[Array, Array]:
    """Discrete Fourier transform along the last axis."""
    return _parts(jnp.fft.fft(_complex("fft", x)))


def fft2(x: Any) -> tuple[Array, Array]:
    """Discrete Fourier transform along the last two axes."""
    return _parts(jnp.fft.fft2(_complex("fft2", x)))


def ifft2(x: Any) -> tuple[Array, Array]:
    """The inverse of :func:`fft2`."""
    return _parts(jnp.fft.ifft2(_complex("ifft2", x)))


def rfft(x: Any, fft_length: int | None = None) -> tuple[Array, Array]:
    """The non-negative frequencies of a real signal along the last axis."""
    return _parts(jnp.fft.rfft(array(x), n=fft_length))


def irfft(x: Any, fft_length: int | None = None) -> Array:
    """The inverse of :func:`rfft`."""
    return jnp.fft.irfft(_complex("irfft", x), n=fft_length)


def _check_windows(name: str, sequence_length: int, sequence_stride: int) -> None:
    for argument, value in (("sequence_length", sequence_length), ("sequence_stride", sequence_stride)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}: `{argument}` must be a positive integer, received {value!r}")


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Array:
    """Windows of a signal along a new axis: (..., time) to (..., windows, sequence_length)."""
    x = array(x)
    _check_windows("extract_sequences", sequence_length, sequence_stride)
    if x.ndim < 1:
        raise ValueError(f"extract_sequences: expected at least one axis, received shape {x.shape}")
    count = 1 + (x.shape[-1] - sequence_length) // sequence_stride
    places = np.arange(max(count, 0))[:, None] * sequence_stride + np.arange(sequence_length)[None]
    return x[..., places]


def _window(name: str, window: Any, sequence_length: int, fft_length: int, dtype: Any) -> Array:
    """The window, periodic where it has a name, in the middle of ``fft_length`` points."""
    if window is None:
        return jnp.ones(fft_length, dtype)
    if isinstance(window, str):
        shares = {"hann": 0.5, "hamming": 0.54}
        if window not in shares:
            raise ValueError(f"{name}: `window` must be 'hann', 'hamming', an array or None, received {window!r}")
        angle = 2 * np.pi * np.arange(sequence_length) / sequence_length
        window = shares[window] - (1 - shares[window]) * np.cos(angle)
    values = jnp.asarray(window, dtype)
    if values.shape != (sequence_length,):
        raise ValueError(f"{name}: `window` must have shape ({sequence_length},), received {values.shape}")
    before = (fft_length - sequence_length) // 2
    return jnp.pad(values, (before, fft_length - sequence_length - before))


def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Array, Array]:
    """Short-time Fourier transform of a real signal.

    Args:
        x: (..., time), of float32 or float64.
        sequence_length: size of the window.
        sequence_stride: distance between windows.
        fft_length: length of each transform, at least ``sequence_length``.
        window: ``'hann'``, ``'hamming'``, an array of ``sequence_length`` values, or None.
        center: whether the signal is reflected at its ends, so that windows are centred on their places.

    Returns:
        Real and imaginary parts (..., windows, fft_length // 2 + 1).

    Raises:
        TypeError: another type of signal.
        ValueError: ``fft_length`` is too small, or an unknown window.
    """
    x = array(x)
    _check_windows("stft", sequence_length, sequence_stride)
    if x.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"stft: the signal must be of float32 or float64, received {x.dtype}")
    if x.ndim < 1:
        raise ValueError(f"stft: expected at least one axis, received shape {x.shape}")
    if fft_length < sequence_length:
        raise ValueError(f"stft: `fft_length` {fft_length} must be at least `sequence_length` {sequence_length}")
    values = _window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    windows = extract_sequences(x, fft_length, sequence_stride)
    return _parts(jnp.fft.rfft(windows * values.reshape((1,) * (windows.ndim - 1) + (-1,))))


def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Array:
    """The inverse of :func:`stft`: windows are added up and divided by the sum of their squared weights.

    Args:
        x: pair of parts (..., windows, fft_length // 2 + 1).
        sequence_length: size of the window.
        sequence_stride: distance between windows.
        fft_length: length of each transform.
        length: number of points of the result; as many as the windows cover by default.
        window: as for :func:`stft`.
        center: as for :func:`stft`.
    """
    spectrum = _complex("istft", x)
    _check_windows("istft", sequence_length, sequence_stride)
    if spectrum.ndim < 2:
        raise ValueError(f"istft: expected parts of shape (..., windows, frequencies), received {spectrum.shape}")
    pieces = jnp.fft.irfft(spectrum, n=fft_length)
    values = _window("istft", window, sequence_length, fft_length, pieces.dtype)
    count = pieces.shape[-2]
    covered = fft_length + sequence_stride * (count - 1)
    places = np.arange(count)[:, None] * sequence_stride + np.arange(fft_length)[None]
    weighted = pieces * values.reshape((1,) * (pieces.ndim - 1) + (-1,))
    signal = jnp.zeros((*pieces.shape[:-2], covered), pieces.dtype).at[..., places].add(weighted)
    weight = jnp.zeros(covered, pieces.dtype).at[places].add(jnp.broadcast_to(jnp.square(values), places.shape))
    if window is not None:  # without a window Keras adds the pieces up and leaves it at that
        weight = jnp.where(weight > 1e-10, weight, 1)
        signal = signal / weight.reshape((1,) * (signal.ndim - 1) + (-1,))
    start = fft_length // 2 if center else 0
    if length is not None:
        return signal[..., start : start + length]
    return signal[..., start : covered - start if center else covered]
