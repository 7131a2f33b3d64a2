"""TensorFlow's loops, conditions and function decorators."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.variable import Variable as _Variable
from kjax.keras.legacy.tensorflow import arrays, graphs
from kjax.keras.legacy.tensorflow.tensor import Tensor, apply, is_leaf, unwrap


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


def cond(
    pred: Any, true_fn: Any = None, false_fn: Any = None, name: str | None = None, *, fn1: Any = None, fn2: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    """``tf.cond``; while a function is compiled both sides are computed and one is taken."""
    true_fn, false_fn = true_fn or fn1, false_fn or fn2
    if is_symbolic(pred) or (isinstance(pred, _Variable) and scopes.is_drawing()):
        return graphs.switch(pred, true_fn, false_fn)
    known = unwrap(pred)
    if not isinstance(known, Tracer):
        return true_fn() if bool(known) else false_fn()
    return apply(
        lambda p, a, b: jax.tree.map(lambda x, y: jnp.where(p, x, y), a, b), (pred, true_fn(), false_fn()), {}, "cond"
    )


def switch_case(branch_index: Any, branch_fns: Any, default: Any = None, name: str | None = None) -> Any:
    """``tf.switch_case`` for an index that is known."""
    branches = dict(branch_fns) if isinstance(branch_fns, dict) else dict(enumerate(branch_fns))
    chosen = branches.get(int(unwrap(branch_index)), default or list(branches.values())[-1])
    return chosen()


def case(pred_fn_pairs: Any, default: Any = None, **options: Any) -> Any:
    """``tf.case``: the function of the first condition that holds."""
    for pred, function in pred_fn_pairs:
        if bool(unwrap(pred)):
            return function()
    return default()


def vectorized_map(fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True) -> Any:
    """``tf.vectorized_map``: a function of rows, on all of them at once."""
    return apply(lambda rows: jax.vmap(fn)(rows), (elems,), {}, "vectorized_map")


def while_loop(cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, **kwargs: Any) -> Any:
    """``tf.while_loop``, step by step."""
    state = tuple(jax.tree.map(arrays.convert_to_tensor, loop_vars, is_leaf=is_leaf))
    alone = False
    while bool(unwrap(cond(*state))):
        state = body(*state)
        alone = not isinstance(state, (list, tuple))
        state = (state,) if alone else state
    return state[0] if alone else state


def py_function(func: Any = None, inp: Any = None, Tout: Any = None, name: str | None = None) -> Any:
    """``tf.py_function``: the function, called now; with ``Tout`` alone a decorator of such functions."""
    if func is None:
        return lambda function: lambda *args: py_function(function, args, Tout)
    if any(isinstance(unwrap(i), Tracer) for i in inp):
        return _called_back(lambda *arrays: func(*map(Tensor, arrays)), inp, Tout)
    given = [Tensor(np.asarray(unwrap(i))) if not isinstance(i, Tensor) else i for i in inp]
    return _typed(func(*given), Tout)


def numpy_function(func: Any = None, inp: Any = None, Tout: Any = None, **options: Any) -> Any:
    """``tf.numpy_function``: a function of NumPy arrays, called now; with ``Tout`` alone a decorator of such functions."""
    if func is None:
        return lambda function: lambda *args: numpy_function(function, args, Tout)
    if any(isinstance(unwrap(i), Tracer) for i in inp):
        return _called_back(func, inp, Tout)
    return _typed(func(*[np.asarray(unwrap(i)) for i in inp]), Tout)


def _called_back(func: Callable[..., Any], inp: Any, types: Any) -> Any:
    """A function of values inside a compiled one: it is called back.

    The sizes of its results must be known beforehand. They are those that it has for zeros; a function that refuses zeros,
    as some measures do, is taken to return single numbers.
    """
    if getattr(scopes.current(), "optional", False):
        raise NotImplementedError("the sizes of its results are not known: the function around it runs step by step")
    given = [jnp.asarray(unwrap(i)) for i in inp]
    several = isinstance(types, (list, tuple))
    kinds = [jnp.dtype(str(kind)) for kind in (types if several else [types])]
    kinds = [jax.dtypes.canonicalize_dtype(kind) for kind in kinds]

    def run(*arrays: Any) -> list[np.ndarray]:
        found = func(*map(np.asarray, arrays))
        parts = found if several and isinstance(found, (list, tuple)) else [found]
        return [np.asarray(unwrap(part), kind) for part, kind in zip(parts, kinds, strict=True)]

    try:
        with jax.ensure_compile_time_eval():
            shapes = [part.shape for part in run(*[np.zeros(array.shape, array.dtype) for array in given])]
    except Exception:  # what it says of zeros is not what it says of the data
        shapes = [() for _ in kinds]
    wanted = [jax.ShapeDtypeStruct(shape, kind) for shape, kind in zip(shapes, kinds, strict=True)]
    found = [Tensor(part) for part in jax.pure_callback(run, wanted, *given)]
    return found if several else found[0]


def _typed(found: Any, types: Any) -> Any:
    """Results as tensors of the types that were announced."""

    def tensor(value: Any, dtype: Any) -> Any:
        array = np.asarray(unwrap(value))
        return Tensor(array if dtype is None or str(dtype) == "string" else array.astype(str(dtype)))

    if isinstance(types, (list, tuple)):
        parts = found if isinstance(found, (list, tuple)) else [found]
        return [tensor(part, dtype) for part, dtype in zip(parts, types, strict=True)]
    return None if found is None else tensor(found, types)


def Print(
    input_: Any, data: Any, message: str | None = None, first_n: int | None = None, summarize: int = 3, name: Any = None
) -> Any:
    """``tf.Print`` of TensorFlow 1: the tensor itself, for which other values are printed when it is computed.

    Args:
        input_: the tensor.
        data: the values.
        message: what stands before them.
        first_n: how many times they are printed; always by default.
        summarize: how many elements of each are shown.
        name: accepted.
    """
    left = itertools.count(0)

    def show(*values: Any) -> None:
        if first_n is not None and 0 <= first_n <= next(left):
            return
        parts = [np.ravel(value) for value in values]
        texts = [
            " ".join(
                f"{v:g}" if part.dtype.kind == "f" else str(v) for v in part[: summarize if summarize >= 0 else None]
            )
            for part in parts
        ]
        ends = ["..." if 0 <= summarize < len(part) else "" for part in parts]
        print((message or "") + "".join(f"[{t}{e}]" for t, e in zip(texts, ends, strict=True)), file=sys.stderr)

    def printing(tensor: Any, values: Any) -> Any:
        jax.debug.callback(show, *[jnp.asarray(value) for value in values])
        return tensor

    return apply(printing, (input_, list(data)), {}, "Print")


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor: an array of JAX, a variable, or a symbolic tensor."""
    from kjax.keras.core.tensor import is_symbolic

    return isinstance(x, (jax.Array, _Variable, Tensor)) or is_symbolic(x)
