"""``keras.ops``: functions on arrays, variables and symbolic tensors, by table onto jax.numpy, jax.nn and jax.lax."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core.operation import apply_function
from kjax.keras.core.variable import Variable

_NUMPY = (
    "abs absolute add all amax amin any append arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin "
    "argsort array average bincount broadcast_to ceil clip concatenate conj conjugate copy cos cosh cross cumprod cumsum "
    "diag diagonal diff digitize divide dot einsum empty equal exp expand_dims expm1 eye flip floor floor_divide full "
    "full_like greater greater_equal hstack identity imag isclose isfinite isinf isnan less less_equal linspace log log10 "
    "log1p log2 logaddexp logical_and logical_not logical_or logical_xor logspace matmul max maximum mean median meshgrid "
    "min minimum mod moveaxis multiply nan_to_num ndim negative nonzero not_equal ones ones_like outer pad power prod "
    "quantile ravel real reciprocal repeat reshape roll round searchsorted sign sin sinh sort split sqrt square squeeze "
    "stack std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace transpose tri tril triu "
    "true_divide vdot vstack where var zeros zeros_like correlate slogdet"
).split()

_NN = "relu relu6 sigmoid silu gelu elu selu softplus soft_sign leaky_relu log_sigmoid logsumexp one_hot".split()

_RENAMED: dict[str, Callable[..., Any]] = {
    "softmax": lambda x, axis=-1: jax.nn.softmax(x, axis=axis),
    "log_softmax": lambda x, axis=-1: jax.nn.log_softmax(x, axis=axis),
    "softsign": jax.nn.soft_sign,
    "swish": jax.nn.silu,
    "cast": lambda x, dtype: jnp.asarray(x, jnp.dtype(dtype)),
    "convert_to_tensor": lambda x, dtype=None, sparse=None: jnp.asarray(x, dtype),
    "stop_gradient": jax.lax.stop_gradient,
    "rsqrt": jax.lax.rsqrt,
    "erf": jax.lax.erf,
    "l2_normalize": lambda x, axis=-1: x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, axis, keepdims=True), 1e-12)),
    "top_k": lambda x, k, sorted=True: jax.lax.top_k(x, k),
}


def _function(name: str, target: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(target)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = jax.tree.map(_value, (args, kwargs))
        return apply_function(target, args, kwargs, name)

    call.__name__ = call.__qualname__ = name
    return call


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


for _name in _NUMPY:
    if hasattr(jnp, _name):
        globals()[_name] = _function(_name, getattr(jnp, _name))
for _name in _NN:
    if hasattr(jax.nn, _name):
        globals()[_name] = _function(_name, getattr(jax.nn, _name))
for _name, _target in _RENAMED.items():
    globals()[_name] = _function(_name, _target)


def convert_to_numpy(x: Any) -> Any:
    """A numpy array of an array or variable."""
    import numpy as np

    return np.array(_value(x))


def shape(x: Any) -> tuple[Any, ...]:
    """Shape of an array, or of a symbolic tensor (None for free axes)."""
    return tuple(x.shape)
