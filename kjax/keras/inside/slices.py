"""Rows of arrays of many kinds: ``keras.src.trainers.data_adapters.array_slicing``, and specs of batches."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras import ops, tree
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.inside.adapters import can_slice_array as can_slice_array
from kjax.keras.inside.backend import is_float_dtype, standardize_dtype


def _is_of(x: Any, package: str, *names: str) -> bool:
    return any(c.__module__.partition(".")[0] == package and c.__name__ in names for c in type(x).__mro__)


def is_jax_array(value: Any) -> bool:
    """Whether a thing is an array of JAX, sparse ones included."""
    return isinstance(value, jax.Array) or is_jax_sparse(value)


def is_jax_sparse(value: Any) -> bool:
    """Whether a thing is a sparse array of JAX."""
    from jax.experimental.sparse import JAXSparse

    return isinstance(value, JAXSparse)


def is_scipy_sparse(x: Any) -> bool:
    """Whether a thing is a sparse matrix of SciPy."""
    return type(x).__module__.startswith("scipy.sparse") and hasattr(x, "tocoo")


def is_torch_tensor(value: Any) -> bool:
    """Whether a thing is a tensor of PyTorch."""
    return _is_of(value, "torch", "Tensor")


def is_tensorflow_tensor(value: Any) -> bool:
    """Whether a thing is a tensor of TensorFlow of any kind."""
    return _is_of(value, "tensorflow", "Tensor", "EagerTensor", "RaggedTensor", "SparseTensor")


def is_tensorflow_ragged(value: Any) -> bool:
    """Whether a thing is a ragged tensor of TensorFlow."""
    return _is_of(value, "tensorflow", "RaggedTensor")


def is_tensorflow_sparse(value: Any) -> bool:
    """Whether a thing is a sparse tensor of TensorFlow."""
    return _is_of(value, "tensorflow", "SparseTensor")


def scipy_sparse_to_jax_sparse(x: Any) -> Any:
    """A sparse matrix of SciPy as one of JAX."""
    from jax.experimental.sparse import BCOO

    return BCOO.from_scipy_sparse(x)


def _array_types() -> tuple[type, ...]:
    try:
        import pandas
    except ModuleNotFoundError:
        return (np.ndarray,)
    return (np.ndarray, pandas.Series, pandas.DataFrame)


class Sliceable:
    """An array whose rows are taken by ``[...]``.

    Args:
        array: the array.
    """

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def shape(self) -> Any:
        """The shape of the whole array."""
        return self.array.shape

    def __getitem__(self, indices: Any) -> Any:
        """The rows of a slice, or of a list or array of indices."""
        return self.array[indices]

    @classmethod
    def cast(cls, x: Any, dtype: Any) -> Any:
        """The array in another type."""
        return x.astype(dtype)

    @classmethod
    def convert_to_numpy(cls, x: Any) -> Any:
        """The array in NumPy."""
        return x

    @classmethod
    def convert_to_jax_compatible(cls, x: Any) -> Any:
        """The array as JAX takes it."""
        return x

    @classmethod
    def convert_to_tf_dataset_compatible(cls, x: Any) -> Any:
        """The array as TensorFlow's datasets take it."""
        return x

    @classmethod
    def convert_to_torch_compatible(cls, x: Any) -> Any:
        """The array as PyTorch takes it."""
        return x


class NumpySliceable(Sliceable):
    """An array of NumPy."""


class JaxSparseSliceable(Sliceable):
    """A sparse array of JAX."""

    def __getitem__(self, indices: Any) -> Any:
        """The rows of a slice, or of a list or array of indices."""
        return self.array[indices if isinstance(indices, slice) else jnp.asarray(indices)]

    @classmethod
    def cast(cls, x: Any, dtype: Any) -> Any:
        """The array in another type."""
        return ops.cast(x, dtype)

    @classmethod
    def convert_to_numpy(cls, x: Any) -> Any:
        """The array in NumPy, dense."""
        return np.asarray(x.todense())


class TorchSliceable(Sliceable):
    """A tensor of PyTorch."""

    @classmethod
    def cast(cls, x: Any, dtype: Any) -> Any:
        """The tensor in another type."""
        torch = importlib.import_module("torch")

        return x.to(getattr(torch, standardize_dtype(dtype)))

    @classmethod
    def convert_to_numpy(cls, x: Any) -> Any:
        """The tensor in NumPy."""
        return x.detach().cpu().numpy()


class PandasSliceable(Sliceable):
    """What pandas holds."""

    def __getitem__(self, indices: Any) -> Any:
        """The rows at positions."""
        return self.array.iloc[indices]

    @classmethod
    def convert_to_numpy(cls, x: Any) -> Any:
        """The values in NumPy."""
        return x.to_numpy()

    convert_to_tf_dataset_compatible = convert_to_jax_compatible = convert_to_torch_compatible = convert_to_numpy


class PandasDataFrameSliceable(PandasSliceable):
    """A table of pandas."""


class PandasSeriesSliceable(PandasSliceable):
    """A column of pandas: rows of one number."""

    @classmethod
    def convert_to_numpy(cls, x: Any) -> Any:
        """The values in NumPy, (rows, 1)."""
        return np.expand_dims(x.to_numpy(), axis=-1)

    convert_to_tf_dataset_compatible = convert_to_jax_compatible = convert_to_torch_compatible = convert_to_numpy


class ScipySparseSliceable(Sliceable):
    """A sparse matrix of SciPy.

    Args:
        array: the matrix; it is kept by rows.
    """

    def __init__(self, array: Any) -> None:
        super().__init__(array.tocsr())

    @classmethod
    def convert_to_numpy(cls, x: Any) -> Any:
        """The matrix in NumPy, dense."""
        return x.todense()

    @classmethod
    def convert_to_jax_compatible(cls, x: Any) -> Any:
        """The matrix as a sparse array of JAX."""
        return scipy_sparse_to_jax_sparse(x)


def _kind(x: Any) -> tuple[type[Sliceable], Any]:
    """How the rows of a thing are taken, and the thing, in NumPy where that is faster.

    Raises:
        ValueError: it is no array.
    """
    tests: tuple[tuple[Callable[[Any], bool], type[Sliceable]], ...] = (
        (is_jax_sparse, JaxSparseSliceable),
        (is_torch_tensor, TorchSliceable),
        (lambda v: _is_of(v, "pandas", "DataFrame"), PandasDataFrameSliceable),
        (lambda v: _is_of(v, "pandas", "Series"), PandasSeriesSliceable),
        (is_scipy_sparse, ScipySparseSliceable),
    )
    for test, kind in tests:
        if test(x):
            return kind, x
    if isinstance(x, np.ndarray) or hasattr(x, "__array__"):
        return NumpySliceable, np.asarray(x)
    raise ValueError(
        "expected an array of NumPy, JAX, TensorFlow or PyTorch, a sparse matrix, or a table or column of pandas, "
        f"received {type(x).__name__}: {x!r}"
    )


def _is_other_float(dtype: Any) -> bool:
    return dtype is not object and is_float_dtype(dtype) and standardize_dtype(dtype) != settings.floatx


def convert_to_sliceable(arrays: Any, target_backend: str | None = None) -> Any:
    """A structure of arrays as one of things whose rows can be taken; floats in the session's type.

    Args:
        arrays: the structure; None stays.
        target_backend: what the rows will become; ``'tensorflow'`` gives arrays and not :class:`Sliceable`.

    Raises:
        ValueError: something is no array.
    """

    def convert(x: Any) -> Any:
        if x is None:
            return None
        kind, array = _kind(x)
        types = array.dtypes.values if kind is PandasDataFrameSliceable else [array.dtype]
        if any(_is_other_float(dtype) for dtype in types):
            array = kind.cast(array, settings.floatx)
        if target_backend == "tensorflow":
            return kind.convert_to_tf_dataset_compatible(array)
        if target_backend == "jax" and kind is TorchSliceable:
            kind, array = NumpySliceable, kind.convert_to_numpy(array)
        return kind(array)

    return tree.map_structure(convert, arrays)


def train_validation_split(arrays: Any, validation_split: float) -> tuple[Any, Any]:
    """The first samples for training and the last ones for validation.

    Args:
        arrays: structure of arrays; None stays.
        validation_split: share of the last samples.

    Raises:
        ValueError: something is no array, or one part would be empty.
    """
    leaves = tree.flatten(arrays)
    refused = [type(leaf).__name__ for leaf in leaves if not can_slice_array(leaf)]
    if refused:
        raise ValueError(f"`validation_split` is for arrays, received {', '.join(refused)}")
    sizes = [int(leaf.shape[0]) for leaf in leaves if leaf is not None]
    if not sizes:
        return arrays, arrays
    size = sizes[0]
    last = math.floor(size * (1.0 - validation_split))
    if last in (0, size):
        raise ValueError(
            f"validation_split={validation_split} of {size} samples leaves nothing for training or nothing for validation"
        )
    parts = convert_to_sliceable(arrays)

    def rows(start: int, stop: int) -> Any:
        return tree.map_structure(lambda part: None if part is None else part[start:stop], parts)

    return rows(0, last), rows(last, size)


def get_keras_tensor_spec(batches: Sequence[Any]) -> Any:
    """What batches have in common, as symbolic tensors: axes of various sizes are free.

    Args:
        batches: structures of arrays, all of one kind.

    Raises:
        ValueError: arrays without axes, or of various numbers of axes.
    """

    def spec(*tensors: Any) -> KerasTensor:
        tensors = tuple(t if hasattr(t, "shape") else np.asarray(t) for t in tensors)
        rank = len(tensors[0].shape)
        if rank == 0:
            raise ValueError(f"arrays of a dataset must have at least one axis, received {tensors[0]!r}")
        if any(len(t.shape) != rank for t in tensors):
            shapes = sorted({str(tuple(t.shape)) for t in tensors})
            raise ValueError(f"arrays of batches must have as many axes as each other, received the shapes {shapes}")
        shape = [sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*(t.shape for t in tensors), strict=True)]
        sparse = is_jax_sparse(tensors[0]) or is_scipy_sparse(tensors[0])
        return KerasTensor(tuple(shape), dtype=standardize_dtype(tensors[0].dtype), sparse=sparse)

    return tree.map_structure(spec, *batches, none_is_leaf=False)


def __getattr__(name: str) -> Any:
    if name == "ARRAY_TYPES":
        return _array_types()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
