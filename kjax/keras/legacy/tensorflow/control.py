"""TensorFlow's loops, conditions and function decorators."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core.variable import Variable as _Variable
from kjax.keras.legacy.tensorflow.tape import apply, unwrap


def map_fn(fn: Callable[[Any], Any], elems: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """``tf.map_fn``: a function applied to each row."""
    return apply(lambda rows: jax.lax.map(fn, rows), (elems,), {}, "map_fn")


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **kwargs: Any) -> Any:
    """``tf.foldl``: rows combined from the first to the last."""

    def fold(rows: Any) -> Any:
        start, rest = (rows[0], rows[1:]) if initializer is None else (initializer, rows)
        return jax.lax.scan(lambda carry, row: (fn(carry, row), None), start, rest)[0]

    return apply(fold, (elems,), {}, "foldl")


def scan(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **kwargs: Any) -> Any:
    """``tf.scan``: rows combined from the first to the last, all results kept."""

    def run(rows: Any) -> Any:
        start = rows[0] if initializer is None else initializer
        rest = rows[1:] if initializer is None else rows

        def step(carry: Any, row: Any) -> Any:
            new = fn(carry, row)
            return new, new

        found = jax.lax.scan(step, start, rest)[1]
        return found if initializer is not None else jnp.concatenate([start[None], found])

    return apply(run, (elems,), {}, "scan")


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None) -> Any:
    """``tf.cond`` for a condition that is known."""
    return true_fn() if bool(unwrap(pred)) else false_fn()


def while_loop(cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, **kwargs: Any) -> Any:
    """``tf.while_loop``, step by step."""
    state = list(loop_vars)
    while bool(unwrap(cond(*state))):
        new = body(*state)
        state = list(new) if isinstance(new, (list, tuple)) else [new]
    return state


def function(func: Any = None, **options: Any) -> Any:
    """``tf.function``: the function itself; layers and models inside are compiled all the same."""
    return func if func is not None else lambda f: f


def pyfunction_of(func: Callable[..., Any], inp: Any, Tout: Any = None, name: str | None = None) -> Any:
    """``tf.py_function``: the function, called now."""
    return func(*inp)


def print(*inputs: Any, output_stream: Any = None, **options: Any) -> None:
    """``tf.print``."""
    builtins.print(*[unwrap(i) for i in inputs])


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor: an array of JAX, a variable, or a symbolic tensor."""
    from kjax.keras.core.tensor import is_symbolic
    from kjax.keras.legacy.tensorflow.tape import Tensor

    return isinstance(x, (jax.Array, _Variable, Tensor)) or is_symbolic(x)
