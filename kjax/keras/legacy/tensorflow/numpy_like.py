"""`tf.experimental.numpy`: functions of NumPy on tensors, those of `jax.numpy`."""

from __future__ import annotations

from typing import Any

NAMES = (
    "experimental_enable_numpy_behavior abs absolute add all allclose amax amin any append arange argmax argmin argsort around "
    "array array_equal asarray atleast_1d atleast_2d average broadcast_to ceil clip concatenate copy cos count_nonzero cross "
    "cumprod cumsum diag diff divide dot dsplit dstack e einsum empty equal exp expand_dims expm1 eye finfo flip float32 "
    "float64 floor full full_like greater hsplit hstack identity inf inner int32 int64 isclose isfinite isnan kron less linspace "
    "log log1p log2 logical_and logical_not logical_or logspace matmul max maximum mean median meshgrid min minimum mod moveaxis "
    "multiply nan nanmean nansum ndim negative newaxis nonzero ones ones_like outer pad pi power prod ravel repeat reshape roll "
    "round shape sign sin size sort split sqrt square squeeze stack std subtract sum swapaxes take tan tanh tensordot tile trace "
    "transpose tri tril triu true_divide var vstack where zeros zeros_like"
).split()
"""Names of the module."""


def experimental_enable_numpy_behavior(*args: Any, **options: Any) -> None:
    """``tf.experimental.numpy.experimental_enable_numpy_behavior``: tensors have the operators of NumPy as they are."""


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"tf.experimental.numpy has no {name!r} here")
    import jax.numpy as jnp

    from kjax.keras.legacy.tensorflow.door import function_of

    found = getattr(jnp, name)
    is_function = callable(found) and not isinstance(found, type) and not hasattr(found, "dtype")
    return function_of(found, name) if is_function else found
