"""Initializers without randomness: constants, identity, given arrays, kernels of a Fourier transform."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array

from kjax.nn.arguments import choice, hashable
from kjax.nn.initializers.base import Initializer, Shape, registry
from kjax.nn.value import field


class FrozenArray:
    """A read-only array that is compared and hashed by its content.

    Args:
        values: anything numpy can make an array of.
    """

    def __init__(self, values: Any) -> None:
        self.values = np.array(values)
        self.values.setflags(write=False)
        self._hash = hash((self.values.shape, self.values.dtype.str, self.values.tobytes()))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrozenArray):
            return NotImplemented
        same_kind = self._hash == other._hash and self.values.dtype == other.values.dtype
        return same_kind and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<array of shape {self.values.shape}, {self.values.dtype}>"


def _constant(value: Any) -> Any:
    if isinstance(value, Mapping):  # an array in a Keras config
        value = np.array(value["config"]["value"], value["config"].get("dtype"))
    if isinstance(value, (FrozenArray, bool, int, float, complex)) and not isinstance(value, np.generic):
        return value  # numbers of NumPy compare themselves to each number of an array
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"expected a number or an array of numbers, received {value!r}")
    return FrozenArray(array) if array.ndim else array.item()


@registry.add("zeros", "zero")
@dataclasses.dataclass(frozen=True, eq=False)
class Zeros(Initializer):
    """All 0."""

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        return jnp.zeros(shape, dtype)


@registry.add("ones", "one")
@dataclasses.dataclass(frozen=True, eq=False)
class Ones(Initializer):
    """All 1."""

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        return jnp.ones(shape, dtype)


@registry.add("constant")
@dataclasses.dataclass(frozen=True, eq=False)
class Constant(Initializer):
    """All the same value.

    Attributes:
        value: a number, or an array that is broadcast to the shape (an embedding matrix, say).
    """

    value: Any = dataclasses.field(default=0.0, metadata={"convert": _constant})

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        if isinstance(self.value, FrozenArray):
            return jnp.broadcast_to(jnp.asarray(self.value.values, dtype), shape)
        return jnp.full(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        """The value, as a number or a numpy array."""
        return {"value": self.value.values if isinstance(self.value, FrozenArray) else self.value}


@dataclasses.dataclass(frozen=True, eq=False)
class GivenValues(Initializer):
    """The values of an array that was passed in place of an initializer; the weight must have its shape."""

    value: Any = dataclasses.field(metadata={"convert": FrozenArray})

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        values = self.value.values
        if tuple(shape) != values.shape:
            raise ValueError(f"the array given as initializer has shape {values.shape}, the weight {shape}")
        return jnp.asarray(values, dtype)

    def get_config(self) -> dict[str, Any]:
        """The array."""
        return {"value": self.value.values}


@registry.add("identity", "IdentityInitializer")
@dataclasses.dataclass(frozen=True, eq=False)
class Identity(Initializer):
    """``gain`` times the identity matrix; for shapes of rank 2, square or not."""

    gain: float = field(1.0, convert=float)

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        if len(shape) != 2:
            raise ValueError(
                f"Identity matrix initializer can only be used for 2D matrices, received the shape {tuple(shape)}"
            )
        return (self.gain * jnp.eye(shape[0], shape[1])).astype(dtype)


def _window(value: Any) -> Any:
    if isinstance(value, str):
        from scipy.signal import get_window

        get_window(value, 1)  # raises ValueError for an unknown name
        return value
    return None if value is None else hashable(np.asarray(value).tolist())


def _optional_choice(value: Any) -> Any:
    return None if value is None else choice("density", "spectrum")(value)


@registry.add("stft", "STFTInitializer")
@dataclasses.dataclass(frozen=True, eq=False)
class STFT(Initializer):
    """Kernel of a convolution that computes one part of a short-time Fourier transform.

    The shape is (frame length, 1, bands), for a transform of length ``2 * (bands - 1)``; entry (t, 0, f) is
    the cosine or sine of ``-2 pi t f / length`` times the window.

    Attributes:
        side: ``'real'`` (cosine) or ``'imag'`` (sine).
        window: name of a window of ``scipy.signal``, its values, or None.
        scaling: ``'density'`` divides by the Euclidean norm of the window, ``'spectrum'`` by its sum.
        periodic: whether a named window is periodic rather than symmetric.
    """

    side: str = field("real", convert=choice("real", "imag"))
    window: Any = dataclasses.field(default="hann", metadata={"convert": _window})
    scaling: str | None = field("density", convert=_optional_choice)
    periodic: bool = field(False, convert=bool)

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        frame_length, _, bands = shape
        length = 2 * (bands - 1)
        # Reduced in integers: the angle of a long frame would lose digits in float32.
        steps = jax.lax.broadcasted_iota(jnp.int32, (frame_length, 1, bands), 0)
        steps = steps * jax.lax.broadcasted_iota(jnp.int32, (frame_length, 1, bands), 2) % length
        angle = steps * (-2 * np.pi / length)
        kernel = jnp.cos(angle) if self.side == "real" else jnp.sin(angle)
        if self.window is not None:
            window = self._values(frame_length)
            if self.scaling == "density":
                window = window / np.sqrt(np.sum(np.square(window)))
            elif self.scaling == "spectrum":
                window = window / np.sum(np.abs(window))
            kernel = kernel * jnp.asarray(window, kernel.dtype).reshape(-1, 1, 1)
        return kernel.astype(dtype)

    def _values(self, frame_length: int) -> np.ndarray:
        if isinstance(self.window, str):
            from scipy.signal import get_window

            return np.asarray(get_window(self.window, frame_length, self.periodic))
        window = np.asarray(self.window, np.float64)
        if window.shape != (frame_length,):
            raise ValueError(f"STFT: the window has shape {window.shape}, the frames need {(frame_length,)}")
        return window
