"""Random numbers as pure functions of a key, with the distributions of ``keras.random``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.drawing import in_rows
from kjax.nn.module import DROPOUT
from kjax.nn.ops.convert import array, shape_of


def normal(key: Array, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None) -> Array:
    """Normal numbers of a mean and standard deviation, float32 by default."""
    return in_rows(jax.random.normal, key, shape_of(shape), dtype or jnp.float32) * stddev + mean


def _given(shape: Any) -> tuple[Any, ...] | None:
    """The shape; None stands for that of the parameters of the distribution."""
    return None if shape is None else shape_of(shape)


def truncated_normal(key: Array, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None) -> Array:
    """Normal numbers no more than two standard deviations from the mean."""
    return jax.random.truncated_normal(key, -2.0, 2.0, _given(shape), dtype or jnp.float32) * stddev + mean


def uniform(key: Array, shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None) -> Array:
    """Numbers from ``minval`` on and below ``maxval``, all equally likely.

    Raises:
        ValueError: a type that is no float; :func:`randint` draws integers.
    """
    dtype = dtype or jnp.float32
    if not jnp.issubdtype(jnp.dtype(dtype), jnp.floating):
        raise ValueError(
            f"keras.random.uniform requires a floating point `dtype`, received {dtype!r}; randint draws integers"
        )
    if jnp.ndim(minval) or jnp.ndim(maxval):
        return jax.random.uniform(key, shape_of(shape), dtype, minval, maxval)
    return in_rows(jax.random.uniform, key, shape_of(shape), dtype, minval, maxval)


def randint(key: Array, shape: Any, minval: Any, maxval: Any, dtype: Any = "int32") -> Array:
    """Integers from ``minval`` on and below ``maxval``, all equally likely.

    Raises:
        ValueError: a type that is no integer; :func:`uniform` draws floats.
    """
    if not jnp.issubdtype(jnp.dtype(dtype), jnp.integer):
        raise ValueError(f"keras.random.randint requires an integer `dtype`, received {dtype!r}; uniform draws floats")
    return jax.random.randint(key, shape_of(shape), minval, maxval, dtype)


def categorical(key: Array, logits: Any, num_samples: int, dtype: Any = "int32") -> Array:
    """Classes drawn by their logits.

    Args:
        key: random key.
        logits: (batch, classes), logarithms of probabilities up to a constant.
        num_samples: draws for each row.
        dtype: integer type of the result.

    Raises:
        ValueError: ``logits`` has not two axes.
    """
    logits = array(logits)
    if logits.ndim != 2:
        raise ValueError(
            f"categorical: `logits` should be a 2-D tensor with shape (batch, classes), received {logits.shape}"
        )
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(key, logits[..., None], axis=1, shape=shape).astype(dtype)


def gamma(key: Array, shape: Any, alpha: Any, dtype: Any = None) -> Array:
    """Numbers of the gamma distribution with shape ``alpha`` and scale 1."""
    return jax.random.gamma(key, array(alpha), _given(shape), dtype or jnp.float32)


def beta(key: Array, shape: Any, alpha: Any, beta: Any, dtype: Any = None) -> Array:
    """Numbers of the beta distribution."""
    return jax.random.beta(key, array(alpha), array(beta), _given(shape), dtype or jnp.float32)


def binomial(key: Array, shape: Any, counts: Any, probabilities: Any, dtype: Any = None) -> Array:
    """Numbers of successes in ``counts`` trials."""
    return jax.random.binomial(key, array(counts), array(probabilities), _given(shape), dtype or jnp.float32)


def dropout(key: Array, inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None) -> Array:
    """Elements set to 0 with probability ``rate``, the others divided by ``1 - rate``.

    Args:
        key: random key.
        inputs: array.
        rate: from 0 to 1.
        noise_shape: axes of size 1 share one draw; None takes the size of the inputs.
    """
    inputs = array(inputs)
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: `rate` must be from 0 to 1, received {rate!r}")
    if rate == 0:
        return inputs
    if rate == 1:
        return jnp.zeros_like(inputs)
    shape = noise_shape or inputs.shape
    shape = [inputs.shape[i] if s is None else s for i, s in enumerate(shape)]
    keep = in_rows(lambda key, shape: jax.random.bernoulli(key, 1.0 - rate, shape), key, shape)
    return jnp.where(jnp.broadcast_to(keep, inputs.shape), inputs / (1.0 - rate), jnp.zeros_like(inputs))


def shuffle(key: Array, x: Any, axis: int = 0) -> Array:
    """Elements in random order along an axis, each vector in an order of its own."""
    return jax.random.permutation(key, array(x), axis, independent=True)


class RandomOp(nn.Module):
    """A function of a key as a layer without weights.

    Attributes:
        fn: the function, with the key first.
        fallback: number of the key that is used where no random stream is given.
    """

    fn: Callable[..., Any]
    fallback: int = 0

    draws: ClassVar[bool] = True

    @nn.compact
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with a key of the ``dropout`` stream."""
        key = self.make_rng(DROPOUT) if self.has_rng(DROPOUT) else jax.random.key(self.fallback)
        return self.fn(key, *args, **kwargs)
