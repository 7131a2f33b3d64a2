"""Data of tests: classes that can be learnt, tensors of given shapes, products of parameters."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.core.symbolic import is_shape
from kjax.keras.core.tensor import KerasTensor

_TYPES = frozenset(f"float16 float32 float64 {' '.join(f'int{b} uint{b}' for b in (8, 16, 32, 64))}".split())


def get_test_data(
    train_samples: int,
    test_samples: int,
    input_shape: tuple[int, ...],
    num_classes: int,
    random_seed: int | None = None,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Noisy copies of one template a class, as often in each class as the numbers allow.

    Args:
        train_samples: number of samples to train on.
        test_samples: number of samples to test on.
        input_shape: shape of a sample.
        num_classes: number of classes.
        random_seed: seed; None for a new one.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``.
    """
    random = np.random.default_rng(random_seed)
    templates = 2 * num_classes * random.random((num_classes, *input_shape))

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = random.permutation(np.arange(count) % num_classes)
        samples = templates[labels] + random.normal(size=(count, *input_shape))
        return samples.astype(np.float32), labels.astype(np.int64)

    return part(train_samples), part(test_samples)


def named_product(*args: Sequence[Mapping[str, Any]], **kwargs: Iterable[Any]) -> list[dict[str, Any]]:
    """All combinations of parameters, with a name for each, for ``parameterized.named_parameters``.

    Args:
        *args: lists of dicts that hold a ``testcase_name``; a combination has all entries of one of each.
        **kwargs: values of a parameter, which name themselves.
    """

    def named(key: str, value: Any) -> dict[str, Any]:
        return {"testcase_name": str(getattr(value, "__name__", value)).lower(), key: value}

    choices = [*args, *([named(key, value) for value in values] for key, values in kwargs.items())]
    found = []
    # The first list varies fastest.
    for reverse in itertools.product(*reversed(choices)):
        parts = reverse[::-1]
        merged = {key: value for part in parts for key, value in part.items()}
        found.append({**merged, "testcase_name": "_".join(part["testcase_name"] for part in parts)})
    return found


def map_shape_dtype_structure(function: Callable[[tuple[int | None, ...], Any], Any], shapes: Any, dtypes: Any) -> Any:
    """``function(shape, dtype)`` of each shape of a structure. Keys of dicts lose the ending ``_shape``.

    Args:
        function: the function.
        shapes: a shape, or a list, tuple or dict of structures of shapes.
        dtypes: one type for all, or a structure like that of the shapes.
    """

    def at(key: Any) -> Any:
        return dtypes if isinstance(dtypes, str) else dtypes[key]

    if is_shape(shapes):
        return function(tuple(shapes), dtypes)
    if isinstance(shapes, Mapping):
        return {
            key.removesuffix("_shape"): map_shape_dtype_structure(function, shape, at(key))
            for key, shape in shapes.items()
        }
    return type(shapes)(map_shape_dtype_structure(function, shape, at(i)) for i, shape in enumerate(shapes))


def symbolic_tensors(shapes: Any, dtypes: Any, sparse: bool = False) -> Any:
    """Symbolic tensors of given shapes and types."""

    def make(shape: Any, dtype: Any) -> KerasTensor:
        tensor = KerasTensor(shape, str(dtype))
        tensor.sparse = sparse
        return tensor

    return map_shape_dtype_structure(make, shapes, dtypes)


def arrays(shapes: Any, dtypes: Any, sparse: bool = False) -> Any:
    """Random arrays of given shapes and types, from 0 to 3; sparse ones have seven of ten numbers.

    Raises:
        ValueError: a type that is neither of floats nor of integers.
    """
    random = np.random.default_rng(0)

    def make(shape: Any, dtype: Any) -> Any:
        if str(dtype) not in _TYPES:
            raise ValueError(f"types of inputs are those of floats and integers, received {dtype!r}")
        if not sparse:
            return jnp.asarray((3 * random.random(shape)).astype(str(dtype)))
        from jax.experimental.sparse import BCOO

        values = (4 * random.standard_normal(shape)).astype(str(dtype)) * (random.random(shape) < 0.7)
        return BCOO.fromdense(jnp.asarray(values), n_batch=1)

    return map_shape_dtype_structure(make, shapes, dtypes)


def to_json_with_tuples(value: Any) -> str:
    """A config as JSON that tells tuples from lists."""

    def marked(thing: Any) -> Any:
        if isinstance(thing, tuple):
            return {"__class__": "tuple", "__value__": [marked(item) for item in thing]}
        if isinstance(thing, list):
            return [marked(item) for item in thing]
        if isinstance(thing, dict):
            return {key: marked(item) for key, item in thing.items()}
        return thing

    return json.dumps(marked(value), sort_keys=True, indent=4)


def from_json_with_tuples(value: str) -> Any:
    """What :func:`to_json_with_tuples` wrote."""

    def revived(thing: dict[str, Any]) -> Any:
        return tuple(thing["__value__"]) if thing.get("__class__") == "tuple" else thing

    return json.loads(value, object_hook=revived)


def create_keras_tensors(input_shape: Any, dtype: Any, sparse: bool, ragged: bool) -> Any:
    """Symbolic tensors of given shapes and types; JAX has no ragged ones."""
    _refuse(ragged)
    return symbolic_tensors(input_shape, dtype, sparse)


def create_eager_tensors(input_shape: Any, dtype: Any, sparse: bool, ragged: bool) -> Any:
    """Random arrays of given shapes and types; JAX has no ragged ones."""
    _refuse(ragged)
    return arrays(input_shape, dtype, sparse)


def _refuse(ragged: bool) -> None:
    if ragged:
        raise ValueError("kjax has no ragged tensors")
