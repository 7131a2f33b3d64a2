"""Random initializers: fixed distributions, variances scaled by the fans, orthogonal matrices."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array

from kjax.nn.arguments import choice, integer
from kjax.nn.drawing import drawn, on_device, scaled
from kjax.nn.initializers.base import Initializer, Shape, random_key, registry, seed
from kjax.nn.value import field

# Standard deviation of a standard normal variable that was truncated at -2 and 2.
_TRUNCATED_STDDEV = 0.87962566103423978


class _Random(Initializer):
    """Base of those that draw."""

    shares_programs = True


@registry.add("random_normal", "normal")
@dataclasses.dataclass(frozen=True, eq=False)
class RandomNormal(_Random):
    """Normal distribution.

    Attributes:
        mean: its mean.
        stddev: its standard deviation.
        seed: integer for the same values at every call; None draws with the key.
    """

    mean: float = field(0.0, convert=float)
    stddev: float = field(0.05, convert=float)
    seed: int | None = field(None, convert=seed)

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        return on_device(scaled(drawn("normal", random_key(key, self.seed), shape, dtype), self.stddev, self.mean))


@registry.add("truncated_normal")
@dataclasses.dataclass(frozen=True, eq=False)
class TruncatedNormal(_Random):
    """Normal distribution without the values more than two standard deviations from the mean.

    Attributes:
        mean: mean of the distribution.
        stddev: its standard deviation before the truncation.
        seed: integer for the same values at every call; None draws with the key.
    """

    mean: float = field(0.0, convert=float)
    stddev: float = field(0.05, convert=float)
    seed: int | None = field(None, convert=seed)

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        sample = drawn("truncated_normal", random_key(key, self.seed), shape, dtype)
        return on_device(scaled(sample, self.stddev, self.mean))


@registry.add("random_uniform", "uniform")
@dataclasses.dataclass(frozen=True, eq=False)
class RandomUniform(_Random):
    """Uniform distribution.

    Attributes:
        minval: lower bound, included.
        maxval: upper bound, excluded.
        seed: integer for the same values at every call; None draws with the key.
    """

    minval: float = field(-0.05, convert=float)
    maxval: float = field(0.05, convert=float)
    seed: int | None = field(None, convert=seed)

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        return on_device(drawn("uniform", random_key(key, self.seed), shape, dtype, self.minval, self.maxval))


def compute_fans(
    shape: Shape, input_axes: tuple[int, ...] | None = None, output_axes: tuple[int, ...] | None = None
) -> tuple[int, int]:
    """How many inputs feed one unit of a weight, and how many outputs one input feeds.

    Args:
        shape: shape of the weight: (inputs, outputs), or (\\*window, inputs, outputs) of a convolution.
        input_axes: axes whose sizes multiply to the first number; used if ``output_axes`` is given too.
        output_axes: axes whose sizes multiply to the second number.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _scale(value: Any) -> float:
    number = float(value)
    if not number > 0:
        raise ValueError(f"expected a positive number, received {value!r}")
    return number


def _distribution(value: Any) -> str:
    name = choice("normal", "uniform", "truncated_normal", "untruncated_normal")(value)
    return "truncated_normal" if name == "normal" else name


def _axes(value: Any) -> tuple[int, ...] | None:
    return None if value is None else tuple(integer(axis) for axis in value)


@registry.add("variance_scaling")
@dataclasses.dataclass(frozen=True, eq=False)
class VarianceScaling(_Random):
    """Distribution of mean 0 and variance ``scale / n``, where ``n`` comes from the shape of the weight.

    Attributes:
        scale: positive factor.
        mode: ``n`` is the number of inputs (``'fan_in'``), of outputs (``'fan_out'``) or their mean
            (``'fan_avg'``).
        distribution: ``'truncated_normal'`` (``'normal'`` is the same), ``'untruncated_normal'`` or
            ``'uniform'``.
        seed: integer for the same values at every call; None draws with the key.
        input_axes: axes of the weight that count as inputs; for the default see :func:`compute_fans`.
        output_axes: axes of the weight that count as outputs.
    """

    scale: float = field(1.0, convert=_scale)
    mode: str = field("fan_in", convert=choice("fan_in", "fan_out", "fan_avg"))
    distribution: str = field("truncated_normal", convert=_distribution)
    seed: int | None = field(None, convert=seed)
    input_axes: tuple[int, ...] | None = field(None, convert=_axes)
    output_axes: tuple[int, ...] | None = field(None, convert=_axes)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make an initializer from a config; those with a scale and mode of their own are written as this one in Keras 2."""
        return VarianceScaling(**config) if "mode" in config else cls(**config)

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        key = random_key(key, self.seed)
        fan_in, fan_out = compute_fans(tuple(shape), self.input_axes, self.output_axes)
        size = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, size)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return on_device(drawn("uniform", key, shape, dtype, -limit, limit))
        if self.distribution == "untruncated_normal":
            return on_device(scaled(drawn("normal", key, shape, dtype), math.sqrt(variance)))
        stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
        return on_device(scaled(drawn("truncated_normal", key, shape, dtype), stddev))


@registry.add("glorot_uniform")
@dataclasses.dataclass(frozen=True, eq=False)
class GlorotUniform(VarianceScaling):
    """Uniform in ``+-sqrt(6 / (fan_in + fan_out))`` (https://proceedings.mlr.press/v9/glorot10a.html)."""

    scale: float = field(1.0, init=False, repr=False)
    mode: str = field("fan_avg", init=False, repr=False)
    distribution: str = field("uniform", init=False, repr=False)


@registry.add("glorot_normal")
@dataclasses.dataclass(frozen=True, eq=False)
class GlorotNormal(VarianceScaling):
    """Truncated normal, variance ``2 / (fan_in + fan_out)`` (https://proceedings.mlr.press/v9/glorot10a.html)."""

    scale: float = field(1.0, init=False, repr=False)
    mode: str = field("fan_avg", init=False, repr=False)
    distribution: str = field("truncated_normal", init=False, repr=False)


@registry.add("he_uniform")
@dataclasses.dataclass(frozen=True, eq=False)
class HeUniform(VarianceScaling):
    """Uniform in ``+-sqrt(6 / fan_in)`` (https://arxiv.org/abs/1502.01852)."""

    scale: float = field(2.0, init=False, repr=False)
    mode: str = field("fan_in", init=False, repr=False)
    distribution: str = field("uniform", init=False, repr=False)


@registry.add("he_normal")
@dataclasses.dataclass(frozen=True, eq=False)
class HeNormal(VarianceScaling):
    """Truncated normal, variance ``2 / fan_in`` (https://arxiv.org/abs/1502.01852)."""

    scale: float = field(2.0, init=False, repr=False)
    mode: str = field("fan_in", init=False, repr=False)
    distribution: str = field("truncated_normal", init=False, repr=False)


@registry.add("lecun_uniform")
@dataclasses.dataclass(frozen=True, eq=False)
class LecunUniform(VarianceScaling):
    """Uniform in ``+-sqrt(3 / fan_in)`` (http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf)."""

    scale: float = field(1.0, init=False, repr=False)
    mode: str = field("fan_in", init=False, repr=False)
    distribution: str = field("uniform", init=False, repr=False)


@registry.add("lecun_normal")
@dataclasses.dataclass(frozen=True, eq=False)
class LecunNormal(VarianceScaling):
    """Truncated normal, variance ``1 / fan_in`` (https://arxiv.org/abs/1706.02515)."""

    scale: float = field(1.0, init=False, repr=False)
    mode: str = field("fan_in", init=False, repr=False)
    distribution: str = field("truncated_normal", init=False, repr=False)


@registry.add("orthogonal", "OrthogonalInitializer")
@dataclasses.dataclass(frozen=True, eq=False)
class Orthogonal(_Random):
    """Matrix with orthonormal columns, or rows where it has fewer rows (https://arxiv.org/abs/1312.6120).

    It is the factor Q of the QR decomposition of a normal matrix, with the signs that make the diagonal of R
    positive. All axes of the shape but the last together are the rows.

    Attributes:
        gain: factor on the matrix.
        seed: integer for the same values at every call; None draws with the key.
    """

    gain: float = field(1.0, convert=float)
    seed: int | None = field(None, convert=seed)

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal: The tensor to initialize must be at least two-dimensional, received the shape {shape}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        compute = jnp.promote_types(dtype, jnp.float32)  # there is no QR decomposition in half precision
        tall = (max(rows, columns), min(rows, columns))
        sample: Any = drawn("normal", random_key(key, self.seed), tall, compute)
        q: Any
        if isinstance(sample, np.ndarray):
            from scipy.linalg import qr  # the LAPACK that JAX uses on CPU, without a program for each shape

            q, r = qr(sample, mode="economic", overwrite_a=True, check_finite=False)  # pyright: ignore
            signs = np.where(np.diagonal(r) < 0, -1, 1).astype(q.dtype)
        else:
            q, r = jnp.linalg.qr(sample)
            signs = jnp.where(jnp.diagonal(r) < 0, -1, 1)
        q = q * signs[None, :]
        if rows < columns:
            q = q.T
        return on_device((self.gain * q.reshape(shape)).astype(dtype))
