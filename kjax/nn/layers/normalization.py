"""Normalization: shift and scale activations by statistics of the batch, of each sample, or of moving averages."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.numerics import EPSILON
from kjax.nn.value import ArgumentError, field


def _clipping(value: Any) -> tuple[tuple[str, float], ...] | None:
    if not value:
        return None
    limits = {str(key): float(limit) for key, limit in dict(value).items() if limit is not None}
    unknown = set(limits) - {"rmax", "rmin", "dmax"}
    if unknown:
        raise ValueError(f"expected the keys 'rmax', 'rmin' and 'dmax', received {sorted(unknown)}")
    if limits.get("rmin", 0.0) > limits.get("rmax", float("inf")) or limits.get("dmax", 0.0) < 0:
        raise ValueError(f"expected rmin <= rmax and dmax >= 0, received {limits}")
    return tuple(sorted(limits.items()))


def at_least_float32(x: Array) -> Array:
    """Short floats as float32, in which sums over a batch do not overflow or lose their small terms."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


class BatchNormalization(Layer):
    """Each channel shifted and scaled to mean 0 and variance 1 over the batch, then by learned ``beta`` and ``gamma``.

    In training the statistics are those of the batch, and moving averages of them are kept in ``state``; otherwise,
    and where ``trainable`` is False, the averages are used. Computed in float32 at least. Under ``jit`` with a sharded
    batch the statistics are those of the whole batch, ``synchronized`` or not.

    Weights: ``gamma``, ``beta``; state ``moving_mean``, ``moving_variance``, with ``renorm`` also ``moving_stddev``,
    ``renorm_mean`` and ``renorm_stddev``; each (channels,).

    Attributes:
        axis: axis of the channels.
        momentum: weight of the old moving average.
        epsilon: added to variances.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        renorm: batch renormalization.
        renorm_clipping: limits ``'rmin'``, ``'rmax'`` and ``'dmax'`` of its corrections.
        renorm_momentum: weight of the old averages that it compares the batch with.
        synchronized: accepted; see above.

    Sources: Ioffe and Szegedy, 2015, "Batch normalization"; Ioffe, 2017, "Batch renormalization".
    """

    axis: int = field(-1, convert=arg.integer)
    momentum: float = field(0.99, convert=float)
    epsilon: float = field(1e-3, convert=float)
    center: bool = base.flag(True)
    scale: bool = base.flag(True)
    beta_initializer: Any = base.initializer("zeros")
    gamma_initializer: Any = base.initializer("ones")
    moving_mean_initializer: Any = base.initializer("zeros")
    moving_variance_initializer: Any = base.initializer("ones")
    beta_regularizer: Any = base.regularizer()
    gamma_regularizer: Any = base.regularizer()
    beta_constraint: Any = base.constraint()
    gamma_constraint: Any = base.constraint()
    renorm: bool = base.flag(False)
    renorm_clipping: Any = field(None, convert=_clipping)
    renorm_momentum: float = field(0.99, convert=float)
    synchronized: bool = base.flag(False)

    supports_masking = True

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, by name."""
        clipping = self.renorm_clipping
        return super().get_config() | {"renorm_clipping": None if clipping is None else dict(clipping)}

    def call(self, inputs: Float[Array, "*shape"], training: bool = False, mask: Any = None) -> Float[Array, "*shape"]:
        base.require_rank(self, inputs, 2, at_least=True)
        axis = normal_axis(self, self.axis, inputs.ndim)
        if mask is not None and mask.ndim != inputs.ndim - 1:
            raise ValueError(
                f"{base.describe(self)}: argument `mask` must have one axis less than the inputs; received shapes "
                f"{mask.shape} and {inputs.shape}"
            )
        shape = (inputs.shape[axis],)
        x = at_least_float32(inputs)
        gamma = self._own("gamma", shape, x) if self.scale else None
        beta = self._own("beta", shape, x) if self.center else None
        mean = self.state("moving_mean", shape, self.moving_mean_initializer).astype(x.dtype)
        variance = self.state("moving_variance", shape, self.moving_variance_initializer).astype(x.dtype)
        renorm = self._renorm_state(shape, x) if self.renorm else None
        if training and self.trainable:
            moving = mean, variance
            mean, variance = _moments(x, axis, mask)
            if renorm is None:
                self.set_state("moving_mean", _average(moving[0], mean, self.momentum))
                self.set_state("moving_variance", _average(moving[1], variance, self.momentum))
            else:
                gamma, beta = self._renormalize(renorm, moving[0], mean, variance, gamma, beta)
        factor = jax.lax.rsqrt(variance + self.epsilon)
        factor = factor if gamma is None else factor * gamma
        offset = -mean * factor
        offset = offset if beta is None else offset + beta
        y = x * base.along(factor, x.ndim, axis) + base.along(offset, x.ndim, axis)
        return y.astype(self.compute_dtype)

    def _own(self, name: str, shape: tuple[int, ...], x: Array) -> Array:
        return base.declared_weight(self, name, shape, cast=False).astype(x.dtype)

    def _renorm_state(self, shape: tuple[int, ...], x: Array) -> tuple[Array, Array, Array]:
        def deviation(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
            return jnp.sqrt(self.moving_variance_initializer(key, shape, dtype))

        moving = self.state("moving_stddev", shape, deviation).astype(x.dtype)
        mean = self.state("renorm_mean", shape, self.moving_mean_initializer).astype(x.dtype)
        return moving, mean, self.state("renorm_stddev", shape, deviation).astype(x.dtype)

    def _renormalize(
        self,
        state: tuple[Array, Array, Array],
        moving_mean: Array,
        mean: Array,
        variance: Array,
        gamma: Array | None,
        beta: Array | None,
    ) -> tuple[Array, Array]:
        moving_deviation, long_mean, long_deviation = state
        deviation = jnp.sqrt(variance + self.epsilon)
        # Early averages may be near 0.
        reference = jnp.maximum(long_deviation, self.epsilon**0.5)
        r, d = deviation / reference, (mean - long_mean) / reference
        limits = dict(self.renorm_clipping or ())
        r = jnp.clip(r, limits.get("rmin"), limits.get("rmax"))
        if "dmax" in limits:
            d = jnp.clip(d, -limits["dmax"], limits["dmax"])
        r, d = jax.lax.stop_gradient((r, d))

        self.set_state("renorm_mean", _average(long_mean, mean, self.renorm_momentum))
        self.set_state("renorm_stddev", _average(long_deviation, deviation, self.renorm_momentum))
        new_deviation = _average(moving_deviation, deviation, self.momentum)
        self.set_state("moving_mean", _average(moving_mean, mean, self.momentum))
        self.set_state("moving_stddev", new_deviation)
        self.set_state("moving_variance", jax.nn.relu(jnp.square(new_deviation) - self.epsilon))
        factor = r if gamma is None else r * gamma
        offset = d if gamma is None else d * gamma
        return factor, offset if beta is None else offset + beta


def _average(old: Array, new: Array, momentum: float) -> Array:
    return old * momentum + new * (1.0 - momentum)


def _moments(x: Array, axis: int, mask: Any) -> tuple[Array, Array]:
    axes = tuple(i for i in range(x.ndim) if i != axis)
    if mask is None:
        return jnp.mean(x, axis=axes), jnp.var(x, axis=axes)
    counts = jnp.broadcast_to(jnp.expand_dims(jnp.asarray(mask, bool), -1), x.shape)
    total = jnp.sum(counts.astype(x.dtype), axis=axes) + EPSILON
    mean = jnp.sum(jnp.where(counts, x, 0), axis=axes) / total
    deviation = jnp.where(counts, x - base.along(mean, x.ndim, axis), 0)
    return mean, jnp.sum(jnp.square(deviation), axis=axes) / total


def normal_axis(layer: Layer, axis: int, ndim: int) -> int:
    """The axis counted from the front.

    Raises:
        ValueError: the inputs have no such axis.
    """
    if not -ndim <= axis < ndim:
        raise ValueError(f"{base.describe(layer)}: argument `axis` {axis} is out of range for inputs of {ndim} axes")
    return axis % ndim
