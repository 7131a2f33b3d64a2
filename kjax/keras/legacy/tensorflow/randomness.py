"""TensorFlow's random numbers."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import next_seed
from kjax.keras.legacy.tensorflow import philox
from kjax.keras.legacy.tensorflow.door import define, dtype_of, fresh_key, shape_of
from kjax.keras.legacy.tensorflow.tensor import unwrap, wrap


def _state(operation: str, shape: Any, dtype: Any, seed: Any) -> philox.State | None:
    """The state of an operation that is called now and repeats itself; None where JAX draws."""
    if scopes.current() is not None or isinstance(seed, Tracer):
        return None
    seed = None if seed is None else int(np.asarray(seed))
    return philox.streams.state(operation, np.dtype(dtype_of(dtype)).name, math.prod(shape_of(shape)), seed)


def _stateless(seed: Any) -> philox.State | None:
    """The state of a seed of two integers; None for one that is traced."""
    is_known = not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(seed))
    return philox.State.of_stateless(np.asarray(seed)) if is_known else None


def _drawn(kind: Any, state: philox.State, shape: Any, dtype: Any, *args: Any) -> Any:
    """Numbers on the host as an array; of types that the generator lacks made of float32."""
    name = np.dtype(dtype_of(dtype)).name
    made = name if kind is philox.integers or name in ("float32", "float64") else "float32"
    return jnp.asarray(kind(state, shape_of(shape), made, *args), name)


def stateless_numbers(kind: Any, seed: Any, shape: Any, dtype: Any) -> Any:
    """Numbers of a seed of two integers; None for one that is traced."""
    state = _stateless(seed)
    return None if state is None else _drawn(kind, state, shape, dtype)


def _spread(numbers: Any, low: Any, high: Any) -> Any:
    high = 1.0 if high is None else high
    return numbers if isinstance(low, (int, float)) and (low, high) == (0, 1) else numbers * (high - low) + low


@define
def random_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    if (state := _state("normal", shape, dtype, seed)) is not None:
        return mean + stddev * _drawn(philox.normal, state, shape, dtype)
    return mean + stddev * jax.random.normal(fresh_key(seed), shape_of(shape), dtype_of(dtype))


@define
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    if (state := _state("truncated_normal", shape, dtype, seed)) is not None:
        return mean + stddev * _drawn(philox.truncated_normal, state, shape, dtype)
    return mean + stddev * jax.random.truncated_normal(fresh_key(seed), -2.0, 2.0, shape_of(shape), dtype_of(dtype))


@define
def random_uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    whole = jnp.issubdtype(dtype_of(dtype), jnp.integer)
    if (state := _state("integers" if whole else "uniform", shape, dtype, seed)) is not None:
        if whole:
            return _drawn(philox.integers, state, shape, dtype, minval, maxval)
        return _spread(_drawn(philox.uniform, state, shape, dtype), minval, maxval)
    if whole:
        return jax.random.randint(fresh_key(seed), shape_of(shape), minval, maxval, dtype_of(dtype))
    return jax.random.uniform(
        fresh_key(seed), shape_of(shape), dtype_of(dtype), minval, 1.0 if maxval is None else maxval
    )


def _key(seed: Any) -> Any:
    return fresh_key()


@define
def random_gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    alpha = jnp.asarray(alpha, dtype_of(dtype))
    return jax.random.gamma(fresh_key(seed), alpha, (*shape_of(shape), *alpha.shape)) / (1.0 if beta is None else beta)


@define
def random_poisson(shape: Any, lam: Any, dtype: Any = "float32", seed: Any = None) -> Any:
    lam = jnp.asarray(lam, jnp.float32)
    return jax.random.poisson(fresh_key(seed), lam, (*shape_of(shape), *lam.shape)).astype(dtype_of(dtype))


class Generator:
    """``tf.random.Generator``: random numbers from a seed of its own.

    Args:
        seed: the seed; the next of the session by default.
    """

    def __init__(self, seed: Any = None, **options: Any) -> None:
        self._seed, self._draws = next_seed() if seed is None else int(np.ravel(seed)[0]), 0
        self._place = philox.State(0, self._seed)

    @staticmethod
    def from_seed(seed: int, alg: Any = None) -> Generator:
        """The generator of a seed."""
        return Generator(seed)

    @staticmethod
    def from_non_deterministic_state(alg: Any = None) -> Generator:
        """A generator with a seed of the session."""
        return Generator()

    def _eager(self, kind: Any, shape: Any, dtype: Any, *args: Any) -> Any:
        """Numbers from the generator's place, which moves on; None while a function is compiled."""
        if scopes.current() is not None:
            return None
        place = self._place
        self._place = philox.State(place.key, place.counter + math.prod(shape_of(shape)) * philox.SKIP)
        return _drawn(kind, place, shape, dtype, *args)

    def _next(self) -> Any:
        self._draws += 1
        return jax.random.fold_in(jax.random.key(self._seed), self._draws)

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None) -> Any:
        """Normally distributed numbers."""
        if (numbers := self._eager(philox.normal, shape, dtype)) is not None:
            return wrap(mean + stddev * numbers)
        return wrap(mean + stddev * jax.random.normal(self._next(), shape_of(shape), dtype_of(dtype)))

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: Any = None) -> Any:
        """Evenly distributed numbers."""
        if jnp.issubdtype(dtype_of(dtype), jnp.integer):
            numbers = self._eager(philox.integers, shape, dtype, minval, maxval)
        elif (numbers := self._eager(philox.uniform, shape, dtype)) is not None:
            numbers = _spread(numbers, minval, maxval)
        if numbers is not None:
            return wrap(numbers)
        if jnp.issubdtype(dtype_of(dtype), jnp.integer):
            return wrap(jax.random.randint(self._next(), shape_of(shape), minval, maxval, dtype_of(dtype)))
        top = 1.0 if maxval is None else maxval
        return wrap(jax.random.uniform(self._next(), shape_of(shape), dtype_of(dtype), minval, top))

    def truncated_normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32") -> Any:
        """Normally distributed numbers, those beyond two deviations drawn anew."""
        if (numbers := self._eager(philox.truncated_normal, shape, dtype)) is not None:
            return wrap(mean + stddev * numbers)
        return wrap(
            mean + stddev * jax.random.truncated_normal(self._next(), -2.0, 2.0, shape_of(shape), dtype_of(dtype))
        )

    def uniform_full_int(self, shape: Any, dtype: Any = "uint64", name: Any = None) -> Any:
        """Integers from the whole range of a type."""
        return wrap(jax.random.bits(self._next(), shape_of(shape), "uint32").astype(dtype_of(dtype)))

    def binomial(self, shape: Any, counts: Any, probs: Any, dtype: Any = "int32", name: Any = None) -> Any:
        """How often something of a probability happens in a number of tries."""
        counts, probs = (jnp.asarray(unwrap(v), jnp.float32) for v in (counts, probs))
        return wrap(jax.random.binomial(self._next(), counts, probs, shape_of(shape)).astype(dtype_of(dtype)))

    def skip(self, delta: int) -> Any:
        """Leave numbers out."""
        self._draws += int(unwrap(delta))
        self._place = philox.State(self._place.key, self._place.counter + int(unwrap(delta)) * philox.SKIP)
        return self.state

    @property
    def state(self) -> Any:
        """The count, in two halves, and the key."""
        low, high = self._place.counter & (2**64 - 1), self._place.counter >> 64
        return wrap(np.asarray([low, high, self._place.key], np.uint64).view(np.int64))

    @property
    def key(self) -> Any:
        """The key."""
        return wrap(np.asarray(self._place.key, np.uint64).view(np.int64))

    algorithm = 1

    def reset(self, state: Any) -> None:
        """Go on from a state."""
        low, high, key = (int(v) & (2**64 - 1) for v in np.asarray(unwrap(state)))
        self._place, self._draws, self._seed = philox.State(key, low | high << 64), 0, low & 0x7FFFFFFF

    @staticmethod
    def from_state(state: Any, alg: Any = None) -> Generator:
        """The generator of a state."""
        generator = Generator(0)
        generator.reset(state)
        return generator

    @staticmethod
    def from_key_counter(key: Any, counter: Any, alg: Any = None) -> Generator:
        """The generator of a seed, after a number of draws."""
        return Generator.from_state([int(np.ravel(unwrap(counter))[0]), 0, int(np.ravel(unwrap(key))[0])])

    def make_seeds(self, count: int = 1) -> Any:
        """Pairs of seeds for the stateless functions: (2, count)."""
        return wrap(jax.random.randint(self._next(), (2, int(count)), 0, 2**31 - 1))

    def split(self, count: int = 1) -> list[Generator]:
        """Generators that go on independently."""
        return [Generator(int(seed)) for seed in np.asarray(self.make_seeds(count).value)[0]]

    def reset_from_seed(self, seed: int) -> None:
        """Begin anew."""
        self._seed, self._draws = int(seed), 0
        self._place = philox.State(0, self._seed)


_global: list[Generator] = []


def get_global_generator() -> Generator:
    """``tf.random.get_global_generator``."""
    if not _global:
        _global.append(Generator())
    return _global[0]


def set_global_generator(generator: Generator) -> None:
    """``tf.random.set_global_generator``."""
    _global[:] = [generator]


@define
def stateless_split(seed: Any, num: int = 2) -> Any:
    if (state := _stateless(seed)) is not None:
        return jnp.asarray(philox.integers(state, (int(num), 2), "int32"))
    return jax.random.randint(key_of(seed), (int(num), 2), 0, 2**31 - 1)


def key_of(seed: Any) -> Any:
    return jax.random.fold_in(jax.random.key(jnp.asarray(seed[0], jnp.uint32)), jnp.asarray(seed[1], jnp.uint32))


@define
def stateless_normal(shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32") -> Any:
    if (state := _stateless(seed)) is not None:
        return mean + stddev * _drawn(philox.normal, state, shape, dtype)
    key = key_of(seed)
    return mean + stddev * jax.random.normal(key, shape_of(shape), dtype_of(dtype))


@define
def stateless_uniform(shape: Any, seed: Any, minval: Any = 0, maxval: Any = 1, dtype: Any = "float32") -> Any:
    whole = jnp.issubdtype(dtype_of(dtype), jnp.integer)
    if (state := _stateless(seed)) is not None:
        if whole:
            return _drawn(philox.integers, state, shape, dtype, minval, maxval)
        return _spread(_drawn(philox.uniform, state, shape, dtype), minval, maxval)
    key = key_of(seed)
    if whole:
        return jax.random.randint(key, shape_of(shape), minval, maxval, dtype_of(dtype))
    return jax.random.uniform(key, shape_of(shape), dtype_of(dtype), minval, 1.0 if maxval is None else maxval)


@define
def shuffle(value: Any, seed: Any = None) -> Any:
    state = _state("shuffle", (jnp.shape(value)[0],), "int32", seed)
    if state is not None:
        return jnp.asarray(value)[philox.permutation(state, jnp.shape(value)[0])]
    return jax.random.permutation(fresh_key(seed), value)


@define
def categorical(logits: Any, num_samples: int, dtype: Any = None, seed: Any = None) -> Any:
    samples = jax.random.categorical(fresh_key(seed), logits, axis=-1, shape=(num_samples, *logits.shape[:-1]))
    return jnp.moveaxis(samples, 0, -1)


@define
def stateless_gamma(shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = "float32") -> Any:
    found = jax.random.gamma(key_of(seed), jnp.asarray(alpha, dtype_of(dtype)), shape_of(shape))
    return found if beta is None else found / beta


@define
def stateless_poisson(shape: Any, seed: Any, lam: Any, dtype: Any = "float32") -> Any:
    return jax.random.poisson(key_of(seed), jnp.asarray(lam, jnp.float32), shape_of(shape)).astype(dtype_of(dtype))


@define
def stateless_binomial(shape: Any, seed: Any, counts: Any, probs: Any, output_dtype: Any = "int32") -> Any:
    found = jax.random.binomial(key_of(seed), jnp.asarray(counts, jnp.float32), jnp.asarray(probs), shape_of(shape))
    return found.astype(dtype_of(output_dtype))


@define
def fold_in(seed: Any, data: Any, alg: Any = None) -> Any:
    if (state := _stateless(seed)) is not None:
        return jnp.stack([jnp.asarray(philox.integers(state, (1,), "int32"))[0], jnp.asarray(data, jnp.int32)])
    return jax.random.randint(jax.random.fold_in(key_of(seed), jnp.asarray(data, jnp.uint32)), (2,), 0, 2**31 - 1)
