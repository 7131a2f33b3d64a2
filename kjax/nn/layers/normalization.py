"""Normalization: shift and scale activations by statistics of the batch, of each sample, or of moving averages."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn.initializers import Ones, TruncatedNormal
from kjax.nn.layers import base
from kjax.nn.layers.wrapping import accepted, call_with, wrapped
from kjax.nn.module import DROPOUT, LOSSES, PARAMS, STATE, Layer
from kjax.nn.numerics import EPSILON, l2_normalize
from kjax.nn.value import field


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
        keras2: as in Keras 1 and 2: frozen layers use the batch's statistics in training too, masks are not heeded, and
            the moving variance takes ``variance * n / (n - 1 - epsilon)`` for ``n`` values a channel (for images with
            the channels last, whose variance TensorFlow had corrected before, times ``n / (n - 1)`` once more).
        mode: of Keras 1: 0 as above; 1 for the statistics of each place over the last axis; 2 for those of the batch outside
            of training too. With 1 and 2 no averages are kept.

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
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)
    mode: int = field(0, convert=arg.choice(0, 1, 2), unknown_to_keras=True)

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
        if self.mode == 1:
            return self._by_places(x, gamma, beta).astype(self.compute_dtype)
        if self.mode == 2:
            mean, variance = _moments(x, axis, None if self.keras2 else mask)
        elif training and (self.trainable or self.keras2):
            moving = mean, variance
            mean, variance = _moments(x, axis, None if self.keras2 else mask)
            if not self.trainable:
                pass
            elif self.keras2:
                self.set_state("moving_mean", _average(moving[0], mean, self.momentum))
                sample = variance * self._correction(x.shape, axis)
                self.set_state("moving_variance", _average(moving[1], sample, self.momentum))
            elif renorm is None:
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

    def _by_places(self, x: Array, gamma: Array | None, beta: Array | None) -> Array:
        deviation = jnp.sqrt(jnp.var(x, axis=-1, keepdims=True) + self.epsilon)
        y = (x - jnp.mean(x, axis=-1, keepdims=True)) / (deviation + self.epsilon)
        y = y if gamma is None else y * base.along(gamma, x.ndim, x.ndim - 1)
        return y if beta is None else y + base.along(beta, x.ndim, x.ndim - 1)

    def _correction(self, shape: tuple[int, ...], axis: int) -> float:
        """What Keras 2 multiplies the variance of a batch by before it averages it."""
        count = math.prod(shape) / shape[axis]
        factor = count / (count - 1 - self.epsilon)
        return factor * count / max(count - 1, 1) if len(shape) == 4 and axis == 3 else factor

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


def _standardize(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    mean = jnp.mean(x, axis=axes, keepdims=True)
    variance = jnp.var(x, axis=axes, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + epsilon)


def _axes_and_shape(layer: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Of the field ``axis``: the axes counted from the front, the shape of weights, and that which broadcasts."""
    given = sorted(layer.axis) if isinstance(layer.axis, tuple) else [layer.axis]
    axes = tuple(normal_axis(layer, a, len(shape)) for a in given)
    # Keras sorts the axes before it counts them from the front; so do the weights.
    return axes, tuple(shape[a] for a in axes), tuple(n if i in axes else 1 for i, n in enumerate(shape))


class LayerNormalization(Layer):
    """Each sample shifted and scaled to mean 0 and variance 1 over ``axis``, then by ``gamma`` and ``beta``.

    Computed in float32 at least.

    Weights: ``gamma``, ``beta``, of the sizes of the axes.

    Attributes:
        axis: one axis or several.
        epsilon: added to variances.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        rms_scaling: True divides by the standard deviation without shifting anything; there is a ``gamma``, and no ``beta``.

    Source: Ba et al., 2016, "Layer normalization".
    """

    axis: Any = field(-1, convert=arg.axes)
    epsilon: float = field(1e-3, convert=float)
    center: bool = base.flag(True)
    scale: bool = base.flag(True)
    beta_initializer: Any = base.initializer("zeros")
    gamma_initializer: Any = base.initializer("ones")
    beta_regularizer: Any = base.regularizer()
    gamma_regularizer: Any = base.regularizer()
    beta_constraint: Any = base.constraint()
    gamma_constraint: Any = base.constraint()
    rms_scaling: bool = field(False, convert=bool, kw_only=True)

    supports_masking = True
    autocast = False

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        axes, shape, broadcast = _axes_and_shape(self, inputs.shape)
        x = at_least_float32(inputs)
        if self.rms_scaling:
            y = x * jax.lax.rsqrt(jnp.var(x, axis=axes, keepdims=True) + self.epsilon)
        else:
            y = _standardize(x, axes, self.epsilon)
        if self.scale or self.rms_scaling:
            gamma = base.declared_weight(self, "gamma", shape, cast=False)
            y = y * gamma.astype(y.dtype).reshape(broadcast)
        if self.center and not self.rms_scaling:
            beta = base.declared_weight(self, "beta", shape, cast=False)
            y = y + beta.astype(y.dtype).reshape(broadcast)
        return y.astype(self.compute_dtype)


def _groups(value: Any) -> int:
    number = arg.integer(value)
    if number < 1 and number != -1:
        raise ValueError(f"expected a positive integer, or -1 for one group a channel, received {value!r}")
    return number


class GroupNormalization(Layer):
    """Each sample shifted and scaled to mean 0 and variance 1 over groups of channels and all other axes.

    With ``groups=-1`` each channel is a group (instance normalization); with ``groups=1`` all of them are.

    Weights: ``gamma``, ``beta``, each (channels,).

    Attributes:
        groups: number of groups.
        axis: axis of the channels.
        epsilon: added to variances.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.

    Source: Wu and He, 2018, "Group normalization".
    """

    groups: int = field(32, convert=_groups)
    axis: int = field(-1, convert=arg.integer)
    epsilon: float = field(1e-3, convert=float)
    center: bool = base.flag(True)
    scale: bool = base.flag(True)
    beta_initializer: Any = base.initializer("zeros")
    gamma_initializer: Any = base.initializer("ones")
    beta_regularizer: Any = base.regularizer()
    gamma_regularizer: Any = base.regularizer()
    beta_constraint: Any = base.constraint()
    gamma_constraint: Any = base.constraint()

    supports_masking = True
    autocast = False

    def call(self, inputs: Float[Array, "batch *shape"]) -> Float[Array, "batch *shape"]:
        base.require_rank(self, inputs, 2, at_least=True)
        axis = normal_axis(self, self.axis, inputs.ndim)
        channels = inputs.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        if axis == 0 or channels % groups:
            raise ValueError(
                f"{base.describe(self)}: argument `groups` {groups} does not divide the {channels} channels along "
                f"axis {self.axis} of inputs of shape {inputs.shape}"
            )
        x = at_least_float32(inputs)
        grouped = x.reshape(*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
        y = _standardize(grouped, tuple(i for i in range(1, grouped.ndim) if i != axis), self.epsilon)
        y = y.reshape(x.shape)
        if self.scale:
            gamma = base.declared_weight(self, "gamma", (channels,), cast=False)
            y = y * base.along(gamma.astype(y.dtype), y.ndim, axis)
        if self.center:
            beta = base.declared_weight(self, "beta", (channels,), cast=False)
            y = y + base.along(beta.astype(y.dtype), y.ndim, axis)
        return y.astype(self.compute_dtype)


class RMSNormalization(Layer):
    """Inputs divided by their root mean square over ``axis``, times a learned ``scale``.

    Weights: ``scale``, of the sizes of the axes.

    Attributes:
        axis: one axis or several.
        epsilon: added to the mean square.

    Source: Zhang and Sennrich, 2019, "Root mean square layer normalization".
    """

    axis: Any = field(-1, convert=arg.axes)
    epsilon: float = field(1e-6, convert=float)

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        axes, shape, broadcast = _axes_and_shape(self, inputs.shape)
        scale = self.weight("scale", shape, Ones())
        x = at_least_float32(inputs)
        y = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=axes, keepdims=True) + self.epsilon)
        return (y * scale.astype(y.dtype).reshape(broadcast)).astype(self.compute_dtype)


class UnitNormalization(Layer):
    """Inputs divided by their Euclidean norm over ``axis``.

    Attributes:
        axis: one axis or several.
    """

    axis: Any = field(-1, convert=arg.axes)

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        axes, _, _ = _axes_and_shape(self, inputs.shape)
        square = jnp.sum(jnp.square(inputs), axis=axes, keepdims=True)
        return inputs * jax.lax.rsqrt(jnp.maximum(square, jnp.asarray(_SMALLEST_SQUARE, inputs.dtype)))


# A norm below 1e-12 counts as that; its square must not be 0 in float32.
_SMALLEST_SQUARE = 1e-24


class SpectralNormalization(Layer):
    """A layer whose kernel is divided, in training, by an estimate of its largest singular value.

    The estimate comes from power iterations on a vector that is kept in the state. Where the caller lets a call in training
    mode change ``params`` (``mutable=['params', 'state']``), the divided kernel becomes the kernel, as in Keras; a training
    step, whose gradients change the kernel, does not, as Keras' on JAX. Outside training the kernel is used as it is.

    Weights: those of the layer; state ``vector_u`` (1, outputs).

    Attributes:
        layer: a layer with a weight ``kernel`` or ``embeddings``.
        power_iterations: number of iterations in a training step.

    Source: Miyato et al., 2018, "Spectral normalization for generative adversarial networks".
    """

    layer: Any = field(convert=wrapped)
    power_iterations: int = field(1, convert=arg.positive)

    also_own: ClassVar[tuple[str, ...]] = ("kernel", "embeddings")
    """Weights of the layer inside that Keras lists as this layer's own too."""
    rewrites_weights: ClassVar[bool] = True
    """Whether a call in training mode changes trained weights where it may."""

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        if self.is_initializing() or not training:
            outputs = call_with(self.layer, inputs, training=training, mask=mask)
        variables = dict(self.layer.variables)
        params = dict(variables.get(PARAMS, {}))
        name = next((n for n in ("kernel", "embeddings") if n in params), None)
        if name is None:
            raise ValueError(
                f"{base.describe(self)}: the {type(self.layer).__name__} has no weight `kernel` nor `embeddings`"
            )
        matrix = params[name].reshape(-1, params[name].shape[-1])
        start = TruncatedNormal(stddev=0.02)
        u = self.state("vector_u", (1, matrix.shape[-1]), start, str(matrix.dtype)).astype(matrix.dtype)
        if not training:
            return outputs  # pyright: ignore[reportPossiblyUnbound]
        new_u, sigma = self._largest_singular_value(matrix, u, self.power_iterations)
        self.set_state("vector_u", jnp.where(sigma == 0, u, new_u))
        params[name] = jnp.where(sigma == 0, params[name], params[name] / jnp.where(sigma == 0, 1, sigma))
        if self.is_mutable_collection(PARAMS) and not self.is_initializing():
            self.layer.put_variable(PARAMS, name, params[name])
        # The layer is run apart with its other kernel; what it changes is put back.
        mutable = [c for c in (STATE, LOSSES) if self.is_mutable_collection(c)]
        rngs = {DROPOUT: self.make_rng(DROPOUT)} if self.has_rng(DROPOUT) else {}
        bare = self.layer.clone(parent=None, name=None)
        outputs, updates = bare.apply(
            {**variables, PARAMS: params},
            inputs,
            rngs=rngs,
            mutable=mutable,
            **accepted(bare, training=training, mask=mask),
        )
        if not self.is_initializing():
            for collection, values in updates.items():
                for key, value in values.items():
                    self.layer.put_variable(collection, key, value)
        return outputs

    def _largest_singular_value(self, matrix: Array, u: Array, iterations: int) -> tuple[Array, Array]:
        v = u
        for _ in range(iterations):
            v = l2_normalize(jnp.matmul(u, matrix.T), (0, 1))
            u = l2_normalize(jnp.matmul(v, matrix), (0, 1))
        u, v = jax.lax.stop_gradient((u, v))
        return u, jnp.matmul(jnp.matmul(v, matrix), u.T)[0, 0]
