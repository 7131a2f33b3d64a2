"""Single functions of many modules of Keras: gradients, seeds, traces, checks, tables of types."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from kjax.keras import ops
from kjax.keras.backend.network import batch_dot as batch_dot
from kjax.keras.core.name_scopes import get_global_attribute, set_global_attribute
from kjax.keras.core.seeds import SeedGenerator
from kjax.keras.inside.tools import encode_categorical_inputs, is_in_jax_tracing_scope
from kjax.keras.testing import contract, data

GLOBAL_SEED_GENERATOR = "global_seed_generator"
QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")
"""Modes of quantized types."""

get_seed_generators, map_shape_dtype_structure = contract.seed_generators, data.map_shapes


def global_norm(value_list: Iterable[Any]) -> Any:
    """The length of several arrays as one vector; None does not count."""
    return ops.sqrt(sum(ops.sum(ops.square(value)) for value in value_list if value is not None))


def clip_by_global_norm(value_list: Iterable[Any], clip_norm: float) -> list[Any]:
    """Arrays scaled so that their common length is at most ``clip_norm``; NaN where it is not finite."""
    values = list(value_list)
    length = global_norm(values)
    # The difference is 0, or NaN where the length is not finite.
    scale = clip_norm * ops.minimum(1.0 / length, 1.0 / clip_norm) + (length - length)
    return [None if value is None else value * scale for value in values]


def validate_float_arg(value: Any, name: str) -> float:
    """The number itself, as a float.

    Raises:
        ValueError: it is no finite number that is at least 0.
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float, received {name}={value!r}")
    return float(value)


def global_seed_generator() -> SeedGenerator:
    """The generator behind random numbers without a seed.

    Raises:
        ValueError: inside a function that is traced, where its numbers would become constants.
    """
    if is_in_jax_tracing_scope():
        raise ValueError(
            "inside a function that JAX traces, random numbers need a seed: make a `keras.random.SeedGenerator` an attribute "
            "of the layer and give it as `seed`; numbers without a seed would become constants of the compiled function"
        )
    return get_global_attribute(GLOBAL_SEED_GENERATOR) or _made()


def _made() -> SeedGenerator:
    generator = SeedGenerator()
    set_global_attribute(GLOBAL_SEED_GENERATOR, generator)
    return generator


def initialize_all_variables() -> None:
    """Nothing: variables of kjax have their values from the start."""


def register_uninitialized_variable(variable: Any) -> None:
    """Nothing: variables of kjax have their values from the start."""
    del variable


_OWN = str(Path(__file__).resolve().parents[2])


def include_frame(fname: str) -> bool:
    """Whether a file is shown in filtered traces: one that is not of kjax itself."""
    return _OWN not in fname


def in_tf_graph() -> bool:
    """False: nothing runs in graphs of TensorFlow."""
    return False


def in_grain_data_pipeline() -> bool:
    """False: layers that run inside of datasets need not know."""
    return False


def peek_and_restore(generator: Iterator[Any]) -> tuple[Any, Iterator[Any]]:
    """The first element of a generator, and a generator of all elements.

    Raises:
        StopIteration: it has none.
    """
    first = next(generator)

    def everything() -> Iterator[Any]:
        yield first
        yield from generator

    return first, everything()


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
