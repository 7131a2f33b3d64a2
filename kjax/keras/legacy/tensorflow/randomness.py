"""TensorFlow's random numbers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core.settings import next_key
from kjax.keras.legacy.tensorflow.door import define, dtype_of, shape_of


@define
def random_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    return mean + stddev * jax.random.normal(_key(seed), shape_of(shape), dtype_of(dtype))


@define
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    return mean + stddev * jax.random.truncated_normal(_key(seed), -2.0, 2.0, shape_of(shape), dtype_of(dtype))


@define
def random_uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    if jnp.issubdtype(dtype_of(dtype), jnp.integer):
        return jax.random.randint(_key(seed), shape_of(shape), minval, maxval, dtype_of(dtype))
    return jax.random.uniform(_key(seed), shape_of(shape), dtype_of(dtype), minval, 1.0 if maxval is None else maxval)


def _key(seed: Any) -> Any:
    return next_key()


@define
def stateless_normal(shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32") -> Any:
    key = jax.random.fold_in(jax.random.key(int(seed[0])), int(seed[1]))
    return mean + stddev * jax.random.normal(key, shape_of(shape), dtype_of(dtype))


@define
def stateless_uniform(shape: Any, seed: Any, minval: Any = 0, maxval: Any = 1, dtype: Any = "float32") -> Any:
    key = jax.random.fold_in(jax.random.key(int(seed[0])), int(seed[1]))
    return jax.random.uniform(key, shape_of(shape), dtype_of(dtype), minval, maxval)


@define
def shuffle(value: Any, seed: Any = None) -> Any:
    return jax.random.permutation(next_key(), value)


@define
def categorical(logits: Any, num_samples: int, dtype: Any = None, seed: Any = None) -> Any:
    samples = jax.random.categorical(next_key(), logits, axis=-1, shape=(num_samples, *logits.shape[:-1]))
    return jnp.moveaxis(samples, 0, -1)
