"""``tf.distributions`` and ``tf.contrib.distributions`` of TensorFlow 1: the distributions that agents and autoencoders use."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.scipy import special, stats

from kjax.keras.legacy.tensorflow.door import fresh_key, numbers
from kjax.keras.legacy.tensorflow.tensor import apply


class Distribution:
    """A distribution: ``sample``, ``prob``, ``log_prob``, ``entropy``, ``mean``, ``stddev``, ``variance``, ``mode``, ``cdf``.

    Args:
        *args: the parameters, tensors or numbers, in the order of :attr:`parameters`.
        **kwargs: parameters by name; ``name``, ``validate_args``, ``allow_nan_stats`` and ``dtype`` are accepted.

    Raises:
        TypeError: an unknown parameter.
    """

    parameters: ClassVar[str] = ""
    functions: ClassVar[dict[str, Callable[..., Any]]] = {}
    """Functions of the parameters, and ``log_prob`` and ``cdf`` of a value and the parameters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = self.parameters.split()
        given = dict(zip(names, args, strict=False)) | kwargs
        for accepted in ("name", "validate_args", "allow_nan_stats", "dtype"):
            given.pop(accepted, None)
        unknown = [key for key in given if key not in names]
        if unknown:
            raise TypeError(f"{type(self).__name__}: unknown argument {unknown[0]!r}; its parameters are {names}")
        self._given = {key: given.get(key) for key in names}
        for key, value in self._given.items():
            setattr(self, key, value)

    def _apply(self, name: str, *values: Any) -> Any:
        function = self.functions[name]
        parameters = {key: _floats(value) for key, value in self._given.items() if value is not None}
        return apply(
            _broadcasting(lambda v, p: function(*v, **p)), ([_floats(v) for v in values], parameters), {}, name
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.functions:
            raise AttributeError(f"{type(self).__name__} has no {name!r}; it has {sorted(self.functions)}")
        return functools.partial(self._apply, name)

    def sample(self, sample_shape: Any = (), seed: Any = None, name: Any = None) -> Any:
        """Draw.

        Args:
            sample_shape: number of draws, or a shape of them, which comes before that of the parameters.
            seed: accepted.
            name: accepted.
        """
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        draw = self.functions["draw"]
        parameters = {key: _floats(value) for key, value in self._given.items() if value is not None}
        drawn = _broadcasting(lambda p: draw(fresh_key(), shape, **p))
        return apply(drawn, (parameters,), {}, "random_uniform")

    def prob(self, value: Any, name: Any = None) -> Any:
        """The density, or probability, of a value."""
        return apply(jnp.exp, (self.log_prob(value),), {}, "exp")


def _broadcasting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Parameters and values of all ranks meet, as in TensorFlow."""
    return jax.numpy_rank_promotion("allow")(function)


def _floats(value: Any) -> Any:
    array = numbers(value)
    return jnp.float32(array) if isinstance(array, (int, float)) else array


def _like(*parameters: Any) -> tuple[int, ...]:
    return jnp.broadcast_shapes(*(jnp.shape(p) for p in parameters))


class Normal(Distribution):
    """Normal numbers: ``loc``, ``scale``."""

    parameters = "loc scale"
    functions: ClassVar = {
        "draw": lambda key, n, loc, scale: loc + scale * jax.random.normal(key, (*n, *_like(loc, scale))),
        "log_prob": lambda v, loc, scale: (
            -0.5 * ((v - loc) / scale) ** 2 - jnp.log(scale) - 0.5 * math.log(2 * math.pi)
        ),
        "cdf": lambda v, loc, scale: special.ndtr((v - loc) / scale),
        "entropy": lambda loc, scale: (0.5 * math.log(2 * math.pi * math.e) + jnp.log(scale)) * jnp.ones_like(loc),
        "mean": lambda loc, scale: loc * jnp.ones_like(scale),
        "mode": lambda loc, scale: loc * jnp.ones_like(scale),
        "stddev": lambda loc, scale: scale * jnp.ones_like(loc),
        "variance": lambda loc, scale: scale**2 * jnp.ones_like(loc),
    }


class Uniform(Distribution):
    """Uniform numbers from ``low`` up to ``high``."""

    parameters = "low high"
    functions: ClassVar = {
        "draw": lambda key, n, low=0.0, high=1.0: low + (high - low) * jax.random.uniform(key, (*n, *_like(low, high))),
        "log_prob": lambda v, low=0.0, high=1.0: jnp.where((v >= low) & (v < high), -jnp.log(high - low), -jnp.inf),
        "cdf": lambda v, low=0.0, high=1.0: jnp.clip((v - low) / (high - low), 0, 1),
        "entropy": lambda low=0.0, high=1.0: jnp.log(jnp.asarray(high - low)),
        "mean": lambda low=0.0, high=1.0: (low + high) / 2,
        "stddev": lambda low=0.0, high=1.0: (high - low) / math.sqrt(12),
        "variance": lambda low=0.0, high=1.0: (high - low) ** 2 / 12,
    }


def _logits(logits: Any, probs: Any, classes: bool) -> Any:
    """Normalized logarithms of classes, or the logits of two-sided ones."""
    if logits is None:
        return jnp.log(probs) if classes else jnp.log(probs) - jnp.log1p(-probs)
    return jax.nn.log_softmax(logits) if classes else logits


def _class_log_prob(v: Any, logits: Any = None, probs: Any = None) -> Any:
    table, v = _logits(logits, probs, True), jnp.asarray(v, jnp.int32)
    shape = jnp.broadcast_shapes(v.shape, table.shape[:-1])
    table = jnp.broadcast_to(table, (*shape, table.shape[-1]))
    return jnp.take_along_axis(table, jnp.broadcast_to(v, shape)[..., None], -1)[..., 0]


def _entropy_of_classes(logits: Any = None, probs: Any = None) -> Any:
    table = _logits(logits, probs, True)
    return -jnp.sum(jnp.exp(table) * table, -1)


def _draw_class(key: Any, n: Any, logits: Any = None, probs: Any = None) -> Any:
    table = _logits(logits, probs, True)
    return jax.random.categorical(key, table, shape=(*n, *table.shape[:-1])).astype(jnp.int32)


class Categorical(Distribution):
    """Numbers of classes: ``logits`` or ``probs``."""

    parameters = "logits probs"
    functions: ClassVar = {
        "draw": _draw_class,
        "log_prob": _class_log_prob,
        "entropy": _entropy_of_classes,
        "mode": lambda logits=None, probs=None: jnp.argmax(_logits(logits, probs, True), -1).astype(jnp.int32),
    }


class Bernoulli(Distribution):
    """0 or 1: ``logits`` or ``probs``, the probability of 1."""

    parameters = "logits probs"
    functions: ClassVar = {
        "draw": lambda key, n, logits=None, probs=None: jax.random.bernoulli(
            key, share := jax.nn.sigmoid(_logits(logits, probs, False)), (*n, *share.shape)
        ).astype(jnp.int32),
        "log_prob": lambda v, logits=None, probs=None: (
            v * jax.nn.log_sigmoid(z := _logits(logits, probs, False)) + (1 - v) * jax.nn.log_sigmoid(-z)
        ),
        "entropy": lambda logits=None, probs=None: (
            jax.nn.softplus(z := _logits(logits, probs, False)) - z * jax.nn.sigmoid(z)
        ),
        "mean": lambda logits=None, probs=None: jax.nn.sigmoid(_logits(logits, probs, False)),
        "mode": lambda logits=None, probs=None: (_logits(logits, probs, False) > 0).astype(jnp.int32),
        "variance": lambda logits=None, probs=None: (p := jax.nn.sigmoid(_logits(logits, probs, False))) * (1 - p),
    }


class MultivariateNormalDiag(Distribution):
    """Independent normal numbers along the last axis: ``loc``, ``scale_diag``."""

    parameters = "loc scale_diag"
    functions: ClassVar = {
        "draw": lambda key, n, loc, scale_diag: (
            loc + scale_diag * jax.random.normal(key, (*n, *_like(loc, scale_diag)))
        ),
        "log_prob": lambda v, loc, scale_diag: jnp.sum(Normal.functions["log_prob"](v, loc, scale_diag), -1),
        "entropy": lambda loc, scale_diag: jnp.sum(Normal.functions["entropy"](loc, scale_diag), -1),
        "mean": lambda loc, scale_diag: loc * jnp.ones_like(scale_diag),
        "mode": lambda loc, scale_diag: loc * jnp.ones_like(scale_diag),
        "stddev": lambda loc, scale_diag: scale_diag * jnp.ones_like(loc),
        "variance": lambda loc, scale_diag: scale_diag**2 * jnp.ones_like(loc),
    }


class Beta(Distribution):
    """Numbers between 0 and 1: ``concentration1``, ``concentration0``."""

    parameters = "concentration1 concentration0"
    functions: ClassVar = {
        "draw": lambda key, n, concentration1, concentration0: jax.random.beta(
            key, concentration1, concentration0, (*n, *_like(concentration1, concentration0))
        ),
        "log_prob": lambda v, concentration1, concentration0: stats.beta.logpdf(v, concentration1, concentration0),
        "mean": lambda concentration1, concentration0: concentration1 / (concentration1 + concentration0),
    }


class Exponential(Distribution):
    """Waiting times: ``rate``."""

    parameters = "rate"
    functions: ClassVar = {
        "draw": lambda key, n, rate: jax.random.exponential(key, (*n, *jnp.shape(rate))) / rate,
        "log_prob": lambda v, rate: jnp.log(rate) - rate * v,
        "entropy": lambda rate: 1 - jnp.log(rate),
        "mean": lambda rate: 1 / rate,
        "stddev": lambda rate: 1 / rate,
        "variance": lambda rate: 1 / rate**2,
    }


def _kl_normal(loc: Any, scale: Any, other: Any, other_scale: Any) -> Any:
    return jnp.log(other_scale / scale) + (scale**2 + (loc - other) ** 2) / (2 * other_scale**2) - 0.5


def kl_divergence(distribution_a: Any, distribution_b: Any, **options: Any) -> Any:
    """``tf.distributions.kl_divergence``.

    Args:
        distribution_a: the first distribution.
        distribution_b: the second, of the same kind.
        **options: accepted.

    Raises:
        NotImplementedError: kinds for which there is no formula here.
    """
    a, b = distribution_a, distribution_b
    pair = [_parameters(a), _parameters(b)]
    if isinstance(a, Normal) and isinstance(b, Normal):
        return apply(lambda p, q: _kl_normal(p["loc"], p["scale"], q["loc"], q["scale"]), tuple(pair), {}, "kl")
    if isinstance(a, MultivariateNormalDiag) and isinstance(b, MultivariateNormalDiag):

        def summed(p: Any, q: Any) -> Any:
            return jnp.sum(_kl_normal(p["loc"], p["scale_diag"], q["loc"], q["scale_diag"]), -1)

        return apply(summed, tuple(pair), {}, "kl")
    if isinstance(a, Categorical) and isinstance(b, Categorical):

        def between(p: Any, q: Any) -> Any:
            p, q = (_logits(x.get("logits"), x.get("probs"), True) for x in (p, q))
            return jnp.sum(jnp.exp(p) * (p - q), -1)

        return apply(between, tuple(pair), {}, "kl")
    raise NotImplementedError(f"kl_divergence: there is no formula for {type(a).__name__} and {type(b).__name__}")


def _parameters(distribution: Any) -> dict[str, Any]:
    return {key: _floats(value) for key, value in distribution._given.items() if value is not None}
