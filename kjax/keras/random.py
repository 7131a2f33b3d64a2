"""``keras.random``: random numbers from seeds; an integer seed gives the numbers that Keras gives on JAX."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.keras.core import scope as scopes
from kjax.keras.core.operation import RandomOperation
from kjax.keras.core.seeds import SeedGenerator as SeedGenerator
from kjax.keras.core.settings import next_key, settings
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.types import array_dtype
from kjax.keras.core.variable import Variable
from kjax.nn.initializers.base import random_key
from kjax.nn.module import ambient
from kjax.nn.ops import random as pure


def draw_key(seed: Any = None) -> Array:
    """The JAX key for a ``seed`` argument.

    Args:
        seed: an integer (always the same key), a :class:`SeedGenerator` (the next one), a key or two words, or None: from
            the random stream of the call that is being traced, otherwise from the session's seed.
    """
    if isinstance(seed, SeedGenerator):
        return jax.random.wrap_key_data(seed.next(), impl="threefry2x32")
    if isinstance(seed, (jax.Array, np.ndarray)) and np.ndim(seed) == 1:
        return jax.random.wrap_key_data(jnp.asarray(seed, jnp.uint32), impl="threefry2x32")
    if isinstance(seed, jax.Array) and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        return seed
    if seed is not None:
        if not isinstance(seed, (int, np.integer)):
            raise ValueError(
                "Argument `seed` must be either an integer or an instance of `SeedGenerator`, or None, received "
                f"{type(seed).__name__}: {seed!r}"
            )
        return random_key(None, int(seed))
    around = ambient()
    if around is not None and around.next_key is not None:
        return around.next_key()
    active = scopes.current()
    if active is not None:
        key = active.next_key()
        if key is not None:
            return key
    with jax.ensure_compile_time_eval():
        return next_key()


def as_node(name: str, seed: Any = None, **given: Any) -> Any:
    """Random numbers as a symbolic tensor, which has others whenever it is computed.

    Args:
        name: name of the function.
        seed: an integer: always the same numbers.
        **given: the other arguments of the function.
    """
    return RandomOperation(_drawing(getattr(pure, name), seed), name)._symbolic_call((), given)


def _seeded(name: str, with_float_type: bool) -> Callable[..., Any]:
    target = getattr(pure, name)
    parameters = list(inspect.signature(target).parameters.values())[1:]
    parameters.append(inspect.Parameter("seed", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None))
    signature = inspect.Signature(parameters)

    @functools.wraps(target)
    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        seed = bound.arguments.pop("seed", None)
        if with_float_type and bound.arguments.get("dtype") is None:
            bound.arguments["dtype"] = settings.floatx
        elif bound.arguments.get("dtype") is not None:
            bound.arguments["dtype"] = array_dtype(bound.arguments["dtype"])
        given = dict(bound.arguments)
        if symbolic_leaves(given):
            return RandomOperation(_drawing(target, seed), name)._symbolic_call((), given)
        given = jax.tree.map(lambda v: v.value if isinstance(v, Variable) else v, given)
        return target(draw_key(seed), **given)

    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__doc__ = f"{target.__doc__}\n\n    The key comes from the argument ``seed``, see :func:`draw_key`."
    return function


@functools.cache
def _drawing(target: Callable[..., Any], seed: Any) -> Callable[..., Any]:
    """A function of a key that replaces the key by that of a seed, if there is one."""
    if seed is None:
        return target
    return lambda key, **given: target(draw_key(seed), **given)


normal = _seeded("normal", True)
uniform = _seeded("uniform", True)
truncated_normal = _seeded("truncated_normal", True)
gamma = _seeded("gamma", True)
beta = _seeded("beta", True)
binomial = _seeded("binomial", True)
randint = _seeded("randint", False)
categorical = _seeded("categorical", False)
dropout = _seeded("dropout", False)
shuffle = _seeded("shuffle", False)
