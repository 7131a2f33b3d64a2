"""Classes as rows of numbers, as ``keras.src.utils.tf_utils`` has them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kjax.keras import ops
from kjax.keras.inside.tools import encode_categorical_inputs


def is_ragged_tensor(x: Any) -> bool:
    """Whether a thing is a ragged tensor of TensorFlow."""
    return "ragged_tensor.RaggedTensor" in str(type(x))


def ensure_tensor(inputs: Any, dtype: Any = None) -> Any:
    """An array of the values."""
    return ops.convert_to_tensor(inputs, dtype)


def expand_dims(inputs: Any, axis: int) -> Any:
    """An array with an axis more."""
    return ops.expand_dims(inputs, axis)


def tf_encode_categorical_inputs(
    inputs: Any,
    output_mode: str,
    depth: int,
    dtype: str = "float32",
    sparse: bool = False,
    count_weights: Any = None,
    idf_weights: Any = None,
) -> Any:
    """Numbers of classes as indices or rows of numbers.

    Args:
        inputs: the numbers.
        output_mode: ``'int'``, ``'one_hot'``, ``'multi_hot'``, ``'count'`` or ``'tf_idf'``.
        depth: number of classes.
        dtype: type of the result.
        sparse: whether rows are sparse.
        count_weights: weight of each number, for counts.
        idf_weights: weight of each class, for ``'tf_idf'``.

    Raises:
        ValueError: ``'tf_idf'`` without weights.
    """
    if output_mode == "int":
        return ops.cast(jnp.asarray(inputs), dtype)
    if output_mode == "tf_idf" and idf_weights is None:
        raise ValueError("output_mode='tf_idf' needs `idf_weights`")
    mode = "count" if output_mode == "tf_idf" else output_mode
    rows = encode_categorical_inputs(inputs, mode, depth, dtype, sparse=sparse, count_weights=count_weights)
    return rows * jnp.asarray(idf_weights) if output_mode == "tf_idf" else rows
