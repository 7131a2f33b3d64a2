"""Numbers made ready for a network: rescaled, normalized, put into bins, one-hot rows of categories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from kjax.nn import arguments as arg
from kjax.nn import initializers
from kjax.nn.features.encoding import encode
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.ops.sparse import stored
from kjax.nn.value import field

# floats of one number or of one number a channel
Numbers = float | tuple[Any, ...]
EPSILON = 1e-7


def _numbers(value: Any) -> Numbers:
    array = np.asarray(value, np.float64)
    return arg.hashable(array.tolist())


class Rescaling(Layer):
    """``inputs * scale + offset``, as floats.

    Attributes:
        scale: a number, or an array that broadcasts to the inputs (one number for each channel, say).
        offset: the same.
    """

    scale: Any = field(convert=_numbers)
    offset: Any = field(0.0, convert=_numbers)

    supports_masking = True

    def call(self, inputs: Num[Array, "*shape"]) -> Float[Array, "*shape"]:
        x = inputs.astype(self.compute_dtype)
        return x * self._broadcast(self.scale, x) + self._broadcast(self.offset, x)

    def _broadcast(self, numbers: Numbers, x: Array) -> Array:
        value = jnp.asarray(numbers, x.dtype)
        return value.reshape((1,) * (x.ndim - value.ndim) + value.shape) if value.ndim else value


def _axes(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    axes = arg.axes(value)
    return axes if isinstance(axes, tuple) else (axes,)


class Normalization(Layer):
    """``(inputs - mean) / sqrt(variance)``, with a mean and a variance for each index of some axes.

    They are given, or they are state, which ``kjax.keras.layers.Normalization.adapt`` learns from data.

    Attributes:
        axis: axis, or axes, that keep their own statistics; None for one mean and one variance of everything.
        mean: the mean, a number or numbers along ``axis``.
        variance: the variance, likewise.
        invert: turn normalized values back.
    """

    axis: Any = field(-1, convert=_axes)
    mean: Any = field(None, convert=arg.optional(_numbers))
    variance: Any = field(None, convert=arg.optional(_numbers))
    invert: bool = base.flag(False)

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.mean is None) != (self.variance is None):
            raise ValueError(
                f"{base.describe(self)}: both `mean` and `variance` must be set, or none; received mean={self.mean} "
                f"and variance={self.variance}"
            )
        shape = np.shape(self.mean) if self.mean is not None else ()
        if self.mean is not None and (shape != np.shape(self.variance) or len(shape) > max(len(self.axis), 0)):
            raise ValueError(
                f"{base.describe(self)}: `mean` and `variance` must have one shape, of at most {len(self.axis)} axes "
                f"(axis={self.axis}); received shapes {shape} and {np.shape(self.variance)}"
            )

    def kept_axes(self, shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """The axes that keep their own statistics, as positive numbers in order.

        Raises:
            ValueError: inputs of this shape do not have them.
        """
        rank = len(shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"{base.describe(self)}: All `axis` values must be in the range [-ndim, ndim): inputs of shape {tuple(shape)} have "
                f"no axis {self.axis}"
            )
        kept = tuple(sorted(axis % rank for axis in self.axis))
        if any(shape[axis] is None for axis in kept):
            raise ValueError(
                f"{base.describe(self)}: axes {kept} must have a known size, received shape {tuple(shape)}"
            )
        return kept

    def call(self, inputs: Num[Array, "*shape"]) -> Float[Array, "*shape"]:
        kept = self.kept_axes(inputs.shape)
        x = inputs.astype(self.compute_dtype)
        shape = tuple(inputs.shape[axis] for axis in kept)
        broadcast = tuple(size if axis in kept else 1 for axis, size in enumerate(inputs.shape))
        if self.mean is None:
            mean = self.state("mean", shape, initializers.get("zeros"))
            variance = self.state("variance", shape, initializers.get("ones"))
            self.state("count", (), initializers.get("zeros"), "int32")
        else:
            mean, variance = (self._given(numbers, shape) for numbers in (self.mean, self.variance))
        mean = mean.reshape(broadcast).astype(x.dtype)
        deviation = jnp.maximum(jnp.sqrt(variance.reshape(broadcast).astype(x.dtype)), EPSILON)
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def _given(self, numbers: Any, shape: tuple[int, ...]) -> Array:
        value = jnp.asarray(numbers, jnp.float32)
        return jnp.broadcast_to(value.reshape((1,) * (len(shape) - value.ndim) + value.shape), shape)


def _boundaries(value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, Iterable):
        raise TypeError(f"expected a list of numbers, received {value!r}")
    return tuple(float(v) for v in np.asarray(value).reshape(-1))


def _bins(value: Any) -> int:
    number = arg.integer(value)
    if number < 0:
        raise ValueError(f"expected an integer of at least 0, received {value!r}")
    return number


class Discretization(Layer):
    """Numbers as the index of the bin that they lie in.

    Attributes:
        bin_boundaries: where one bin ends and the next begins, ascending: ``[0, 1]`` makes the bins below 0, from 0 to
            1, and from 1 on. Descending ones count the bins from above, as in NumPy's ``digitize``.
        num_bins: number of bins whose boundaries are learned (``kjax.keras.layers.Discretization.adapt``).
        epsilon: accuracy of the learned boundaries, as a part of the data.
        output_mode: ``'int'``, ``'one_hot'``, ``'multi_hot'`` or ``'count'``.
        sparse: whether rows are sparse arrays (``BCOO``); inside compiled functions they are dense.
    """

    bin_boundaries: Any = field(None, convert=_boundaries)
    num_bins: int | None = field(None, convert=arg.optional(_bins))
    epsilon: float = field(0.01, convert=float)
    output_mode: str = field("int", convert=arg.choice("int", "one_hot", "multi_hot", "count"))
    sparse: bool = field(False, convert=bool)

    autocast = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sparse and self.output_mode == "int":
            raise ValueError(
                f"{base.describe(self)}: `sparse` is for rows: output_mode 'one_hot', 'multi_hot' or 'count'"
            )
        if self.bin_boundaries is None and self.num_bins is None:
            raise ValueError(
                f"{base.describe(self)}: You need to set either `num_bins` or `bin_boundaries`; for `num_bins` call `adapt`"
            )

    def call(self, inputs: Num[Array, "*shape"]) -> Array:
        if self.bin_boundaries is None:
            raise ValueError(
                f"{base.describe(self)} has no boundaries yet: call `adapt(data)` first, or give `bin_boundaries`"
            )
        boundaries = jnp.asarray(self.bin_boundaries, jnp.float32)
        indices = jnp.digitize(inputs.astype(jnp.float32), boundaries).astype(jnp.int32)
        dtype = "int32" if self.output_mode == "int" else self.compute_dtype
        rows = encode(indices, self.output_mode, len(self.bin_boundaries) + 1, dtype, jnp)
        return stored(rows) if self.sparse else rows


def _mode(value: Any) -> str:
    return arg.choice("count", "one_hot", "multi_hot")("multi_hot" if value == "binary" else value)


class CategoryEncoding(Layer):
    """Integers as rows of ``num_tokens`` numbers.

    Attributes:
        num_tokens: number of categories.
        output_mode: ``'one_hot'``: a row for each integer; ``'multi_hot'``: a row for each sample, 1 where a category
            occurs; ``'count'``: how often each does.
        sparse: whether rows are sparse arrays (``BCOO``); inside compiled functions they are dense.
    """

    num_tokens: Any = field(None, convert=arg.optional(arg.positive))
    output_mode: str = field("multi_hot", convert=_mode)
    sparse: bool = field(False, convert=bool)

    autocast = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_tokens is None:
            raise ValueError(
                f"{base.describe(self)}: argument num_tokens must be set; IntegerLookup learns categories from data"
            )

    def call(self, inputs: Num[Array, "*shape"], count_weights: Any = None) -> Array:
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    f"{base.describe(self)}: `count_weights` needs output_mode='count', this layer has "
                    f"{self.output_mode!r}"
                )
            count_weights = jnp.asarray(count_weights, self.compute_dtype)
        indices = jnp.asarray(inputs).astype(jnp.int32)
        rows = encode(indices, self.output_mode, self.num_tokens, self.variable_dtype, jnp, count_weights)
        return stored(rows) if self.sparse else rows
