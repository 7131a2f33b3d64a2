"""Functions of the backend that are those of ``keras.ops`` with other names, arguments or defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras import ops, random
from kjax.keras.backend.graph import variable
from kjax.keras.core import scope as scopes
from kjax.keras.core.older_optimizers import remembered, remembering
from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import next_seed, settings
from kjax.keras.core.tensor import KerasTensor, is_symbolic, symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import OLD_ERAS

SAME = (
    "abs all any cos dtype equal=x,y exp elu greater=x,y greater_equal=x,y less=x,y less_equal=x,y log logsumexp max "
    "maximum=x,y min minimum=x,y not_equal=x,y prod round sigmoid sign sin softplus softsign square stack sum tanh "
    "sparse_plus log_sigmoid"
)
"""Functions of ``keras.ops``, with other names of their arguments after the equals sign."""


def _same(name: str, parameters: list[str]) -> Any:
    target = getattr(ops, name)
    if not parameters:
        return target

    def function(x: Any, y: Any) -> Any:
        return target(x, y)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = target.__doc__
    return function


globals().update(
    {
        name: _same(name, [p for p in parameters.split(",") if p])
        for name, _, parameters in (entry.partition("=") for entry in SAME.split())
    }
)


def _float_of_bool(x: Any) -> Any:
    return ops.cast(x, settings.floatx) if str(getattr(x, "dtype", "")) == "bool" else x


def sqrt(x: Any) -> Any:
    """The square root; of negative numbers 0."""
    return ops.sqrt(ops.maximum(x, 0.0))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean along axes; booleans count as 0 and 1."""
    return ops.mean(_float_of_bool(x), axis, keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance along axes; booleans count as 0 and 1."""
    return ops.var(_float_of_bool(x), axis, keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Standard deviation along axes; booleans count as 0 and 1."""
    return ops.std(_float_of_bool(x), axis, keepdims)


def argmax(x: Any, axis: int = -1) -> Any:
    """Index of the largest value along an axis."""
    return _long(ops.argmax(x, axis))


def argmin(x: Any, axis: int = -1) -> Any:
    """Index of the smallest value along an axis."""
    return _long(ops.argmin(x, axis))


def _long(index: Any) -> Any:
    """In the eras of Keras 1 and 2 a symbolic index is of the type that TensorFlow gave it."""
    if settings.era in OLD_ERAS and isinstance(index, KerasTensor):
        index.dtype = "int64"
    return index


def cumsum(x: Any, axis: int = 0) -> Any:
    """Running sums along an axis."""
    return ops.cumsum(x, axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """Running products along an axis."""
    return ops.cumprod(x, axis)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Any:
    """Evenly spaced values; none for a negative single argument."""
    if stop is None and isinstance(start, int) and start < 0:
        start = 0
    if dtype == "int32" and float in (type(start), type(stop), type(step)):
        dtype = settings.floatx  # the type that is the default says nothing
    return ops.arange(start, stop, step, dtype)


def cast(x: Any, dtype: Any) -> Any:
    """``x`` in another type."""
    return ops.cast(x, dtype)


def cast_to_floatx(x: Any) -> Any:
    """``x`` in the session's float type; a NumPy array for what is no tensor."""
    if is_symbolic(x) or isinstance(x, (jax.Array, Variable)):
        return ops.cast(x, settings.floatx)
    return np.asarray(x, jnp.dtype(settings.floatx))


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """Each element moved into an interval; None leaves an end open, and the lower end wins where they cross."""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)):
        max_value = max_value if max_value >= min_value else min_value
    return ops.clip(x, min_value, max_value)


def pow(x: Any, a: Any) -> Any:
    """``x`` to the power of ``a``."""
    return ops.power(x, a)


def softmax(x: Any, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis."""
    return ops.softmax(x, axis)


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """Tensors one after the other along an axis."""
    return ops.concatenate(tensors, axis)


def reshape(x: Any, shape: Any) -> Any:
    """The same elements in another shape, which may hold sizes that :func:`shape` gave."""
    return ops.reshape(x, shape)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """A new axis of size 1."""
    return ops.expand_dims(x, axis)


def squeeze(x: Any, axis: Any) -> Any:
    """Without an axis of size 1."""
    return ops.squeeze(x, axis)


def flatten(x: Any) -> Any:
    """The elements as a vector."""
    return ops.reshape(x, (-1,))


def transpose(x: Any) -> Any:
    """The axes in reverse order."""
    return ops.transpose(x)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """The axes in another order."""
    return ops.transpose(x, pattern)


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each slice along an axis several times."""
    return ops.repeat(x, rep, axis)


def tile(x: Any, n: Any) -> Any:
    """The whole tensor several times along each axis."""
    return ops.tile(x, n)


def reverse(x: Any, axes: Any) -> Any:
    """Elements in reverse order along axes."""
    return ops.flip(x, axes)


def slice(x: Any, start: Any, size: Any) -> Any:
    """A block of a tensor; -1 in ``size`` goes to the end."""
    return ops.slice(x, start, size)


def one_hot(indices: Any, num_classes: int) -> Any:
    """1 at the place of each integer along a new last axis, 0 elsewhere."""
    return ops.one_hot(indices, num_classes)


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether each target is among the ``k`` classes with the largest predictions."""
    return ops.in_top_k(targets, predictions, k)


def stop_gradient(variables: Any) -> Any:
    """The same values, constant for gradients; a list gives a list."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(v) for v in variables]
    return ops.stop_gradient(variables)


def identity(x: Any, name: str | None = None) -> Any:
    """The same values."""
    del name
    return ops.copy(x)


# -- tensors of one value ------------------------------------------------------------------------------------------------


def _made(function: Any, shape: Any, dtype: Any, name: str | None) -> Any:
    """A variable, as in Keras 2; inside a layer or where sizes are symbolic, a tensor."""
    dtype = dtype or settings.floatx
    if symbolic_leaves(shape):
        shape = shape if is_symbolic(shape) else list(shape)
        return Operation(lambda shape: function([int(s) for s in shape], dtype), "fill")._symbolic_call((shape,), {})

    def made() -> Any:
        return function(shape if isinstance(shape, int) else tuple(int(s) for s in shape), dtype)

    if remembering():
        return remembered(lambda: Variable(made(), name=name))
    return made() if scopes.current() is not None else variable(made(), dtype, name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros."""
    return _made(jnp.zeros, shape, dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones."""
    return _made(jnp.ones, shape, dtype, name)


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Any:
    """The identity matrix of a size, or of (rows, columns)."""
    shape = (size, size) if isinstance(size, int) else tuple(size)
    return _made(lambda s, d: jnp.eye(*s, dtype=d), shape, dtype, name)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros of the shape of ``x``."""
    del name
    return ops.zeros_like(x, dtype=dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones of the shape of ``x``."""
    del name
    return ops.ones_like(x, dtype=dtype)


# -- random numbers ------------------------------------------------------------------------------------------------------


def _random(name: str, seed: Any, dtype: Any, **given: Any) -> Any:
    """Random numbers; where a graph is drawn, others whenever it is computed."""
    dtype = dtype or settings.floatx
    if scopes.is_drawing() and not symbolic_leaves(given):
        return random.as_node(name, seed, dtype=dtype, **given)
    return getattr(random, name)(dtype=dtype, seed=seed, **given)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Normal numbers."""
    return _random("normal", seed, shape=shape, mean=mean, stddev=stddev, dtype=dtype)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Numbers from ``minval`` on and below ``maxval``."""
    return _random("uniform", seed, shape=shape, minval=minval, maxval=maxval, dtype=dtype)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Normal numbers no more than two standard deviations from the mean."""
    return _random("truncated_normal", seed, shape=shape, mean=mean, stddev=stddev, dtype=dtype)


def random_binomial(shape: Any, p: float = 0.0, dtype: Any = None, seed: int | None = None) -> Any:
    """1 with probability ``p``, else 0."""
    return ops.cast(random_uniform(shape, seed=seed) < p, dtype or settings.floatx)


random_bernoulli = random_binomial


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable of normal numbers."""
    seed = next_seed() if seed is None else seed
    return variable(random.normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable of evenly distributed numbers."""
    seed = next_seed() if seed is None else seed
    return variable(random.uniform(shape, low, high, dtype, seed), dtype, name)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: int | None = None) -> Any:
    """Elements set to 0 with probability ``level``, the others scaled up."""
    return random.dropout(x, level, noise_shape, seed)


def print_tensor(x: Any, message: str = "") -> Any:
    """Print the values when they are computed, and give them back."""

    def show(x: Any) -> Any:
        jax.debug.print("{message} {x}", message=_Text(message), x=jnp.asarray(x))
        return x

    if is_symbolic(x):
        return Operation(show, "print_tensor")._symbolic_call((x,), {})
    return show(x.value if isinstance(x, Variable) else x)


class _Text(str):
    """A string as an argument of a debug print: a constant there."""


def binary_focal_crossentropy(
    target: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:
    """``(1 - p_t) ** gamma`` times the binary cross-entropy, ``p_t`` the probability of the target."""
    p = ops.sigmoid(output) if from_logits else output
    loss = ops.binary_crossentropy(target, output, from_logits)
    hit = target * p + (1 - target) * (1 - p)
    loss = ops.power(1 - hit, gamma) * loss
    return (target * alpha + (1 - target) * (1 - alpha)) * loss if apply_class_balancing else loss
