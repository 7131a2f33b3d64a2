"""Data as iterators of batches: the adapters of ``keras.src.trainers.data_adapters``."""

from __future__ import annotations

import itertools
import math
import random
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from kjax.data.host import host_array
from kjax.data.py_dataset import PyDataset as PyDataset
from kjax.keras import tree
from kjax.keras.core.settings import settings
from kjax.keras.models.data import weights_of_classes
from kjax.keras.utils.batches import pack_x_y_sample_weight as pack_x_y_sample_weight
from kjax.keras.utils.batches import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from kjax.keras.utils.enqueuers import OrderedEnqueuer as OrderedEnqueuer

NUM_BATCHES_FOR_TENSOR_SPEC = 2

_TWICE = "You cannot give `class_weight` and `sample_weight` at the same time"


def list_to_tuple(maybe_list: Any) -> Any:
    """A list as a tuple, other things as they are."""
    return tuple(maybe_list) if isinstance(maybe_list, list) else maybe_list


def _arrays(structure: Any) -> list[Any]:
    return [leaf for leaf in tree.flatten(structure) if leaf is not None]


def can_slice_array(x: Any) -> bool:
    """Whether a thing is an array whose rows can be taken, or None."""
    if x is None or isinstance(x, (np.ndarray, jax.Array)):
        return True
    return (hasattr(x, "__array__") or hasattr(x, "tocsr")) and hasattr(x, "shape") and len(x.shape) > 0


def can_convert_arrays(arrays: Any) -> bool:
    """Whether all leaves of a structure are arrays."""
    return all(can_slice_array(leaf) for leaf in tree.flatten(arrays))


def check_data_cardinality(data: Any) -> None:
    """Check that all arrays have as many samples.

    Raises:
        ValueError: they have not.
    """
    if len({int(a.shape[0]) for a in _arrays(data)}) > 1:
        sizes = [
            f"'{label}' sizes: {', '.join(str(a.shape[0]) for a in _arrays(part))}"
            for label, part in zip(("x", "y", "sample_weight"), data, strict=False)
        ]
        raise ValueError(
            f"Data cardinality is ambiguous. Make sure all arrays contain the same number of samples: {'; '.join(sizes)}"
        )


def class_weight_to_sample_weights(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """The weight of the class of each sample; 1 for classes that are not named."""
    return np.asarray(weights_of_classes(class_weight, np.asarray(y)), settings.floatx)


def _each(convert: Callable[[Any], Any], batches: Iterable[Any]) -> Iterator[Any]:
    for batch in batches:
        yield tree.map_structure(convert, batch, none_is_leaf=False)


def _as_numpy(leaf: Any) -> Any:
    leaf = leaf.cpu() if hasattr(leaf, "cpu") else leaf
    return np.asarray(leaf) if hasattr(leaf, "__array__") else leaf


def get_numpy_iterator(iterable: Iterable[Any]) -> Iterator[Any]:
    """Batches with NumPy arrays in them."""
    return _each(_as_numpy, iterable)


def get_jax_iterator(iterable: Iterable[Any]) -> Iterator[Any]:
    """Batches with arrays of JAX or NumPy in them."""
    from jax.experimental.sparse import BCOO, JAXSparse

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, (jax.Array, JAXSparse, np.ndarray)):
            return leaf
        if hasattr(leaf, "tocoo"):
            return BCOO.from_scipy_sparse(leaf)
        return np.asarray(_as_numpy(leaf))

    return _each(convert, iterable)


class DataAdapter:
    """Base of what gives batches for training: a subclass writes ``get_numpy_iterator`` and the properties."""

    def get_numpy_iterator(self) -> Iterator[Any]:
        """Batches of NumPy arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no `get_numpy_iterator`")

    def get_jax_iterator(self) -> Iterator[Any]:
        """Batches of arrays that JAX takes."""
        return get_jax_iterator(self.get_numpy_iterator())

    def get_tf_dataset(self) -> Any:
        """Refused: data sets of TensorFlow belong to its backend."""
        raise NotImplementedError(f"{type(self).__name__}: kjax gives batches of NumPy and JAX, not of tf.data")

    def get_torch_dataloader(self) -> Any:
        """Refused: loaders of PyTorch belong to its backend."""
        raise NotImplementedError(f"{type(self).__name__}: kjax gives batches of NumPy and JAX, not of PyTorch")

    @property
    def num_batches(self) -> int | None:
        """Number of batches of a pass, or None where it is not known."""
        raise NotImplementedError

    @property
    def batch_size(self) -> int | None:
        """Number of samples of a batch, or None where it is not known."""
        raise NotImplementedError

    @property
    def has_partial_batch(self) -> bool | None:
        """Whether the last batch is smaller, or None where it is not known."""
        raise NotImplementedError

    @property
    def partial_batch_size(self) -> int | None:
        """Number of samples of a smaller last batch, or None."""
        raise NotImplementedError

    def on_epoch_begin(self) -> None:
        """Called before a pass."""

    def on_epoch_end(self) -> None:
        """Called after a pass."""


class ArrayDataAdapter(DataAdapter):
    """Batches of arrays.

    Args:
        x: arrays, in any structure.
        y: targets.
        sample_weight: weights, one a sample, or structured like the targets.
        batch_size: samples of a batch, 32 by default.
        steps: number of batches, where no size is given.
        shuffle: whether samples are mixed; ``'batch'`` mixes those of each batch.
        class_weight: weights of classes, of a model with one output.

    Raises:
        ValueError: something that is no array, weights that do not fit, or different numbers of samples.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool | str = False,
        class_weight: Mapping[int, float] | None = None,
    ) -> None:
        if not can_convert_arrays((x, y, sample_weight)):
            raise ValueError(f"x, y and sample_weight must be arrays, or structures of arrays, received x={x!r}")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(_TWICE)
            if tree.is_nested(y):
                raise ValueError("`class_weight` needs a single array of targets")
            sample_weight = class_weight_to_sample_weights(y, class_weight)
        elif sample_weight is not None and tree.is_nested(y):
            sample_weight = _weights_for_outputs(y, sample_weight)
        batch = pack_x_y_sample_weight(x, y, sample_weight)
        inputs = batch if isinstance(batch, tuple) else (batch,)
        check_data_cardinality(inputs)
        self._inputs = tree.map_structure(_in_floatx, batch, none_is_leaf=False)
        self._num_samples = int(_arrays(inputs)[0].shape[0])
        self._batch_size = batch_size or (math.ceil(self._num_samples / steps) if steps else 32)
        self._shuffle = shuffle

    def get_numpy_iterator(self) -> Iterator[Any]:
        """Batches of NumPy arrays."""
        order: Any = np.arange(self._num_samples)
        if self._shuffle and self._shuffle != "batch":
            order = np.random.permutation(order)
        for start in range(0, self._num_samples, self._batch_size):
            rows = order[start : start + self._batch_size]
            rows = np.random.permutation(rows) if self._shuffle == "batch" else rows
            yield tree.map_structure(lambda a, rows=rows: a[rows], self._inputs, none_is_leaf=False)

    @property
    def num_batches(self) -> int:
        """Number of batches of a pass."""
        return math.ceil(self._num_samples / self._batch_size)

    @property
    def batch_size(self) -> int:
        """Number of samples of a batch."""
        return self._batch_size

    @property
    def has_partial_batch(self) -> bool:
        """Whether the last batch is smaller."""
        return self._num_samples % self._batch_size > 0

    @property
    def partial_batch_size(self) -> int | None:
        """Number of samples of a smaller last batch, or None."""
        return self._num_samples % self._batch_size or None


def _in_floatx(leaf: Any) -> Any:
    """An array that NumPy slices, with floats of the session's type."""
    array = host_array(leaf)
    floats = getattr(array, "dtype", None) is not None and str(array.dtype).startswith(("float", "bfloat"))
    return array.astype(settings.floatx) if floats and str(array.dtype) != settings.floatx else array


def _weights_for_outputs(y: Any, sample_weight: Any) -> Any:
    if isinstance(sample_weight, (list, tuple, Mapping)):
        try:
            tree.assert_same_structure(y, sample_weight)
        except ValueError:
            raise ValueError(
                f"sample_weight must be one array, or structured like the targets: {sample_weight} and {y}"
            ) from None
        return sample_weight
    if len(sample_weight.shape) != 1 and sample_weight.shape[1:] != (1,):
        raise ValueError(
            "a single array of sample_weight for several outputs must hold one number a sample; "
            f"received shape {sample_weight.shape}"
        )
    return tree.map_structure(lambda _: sample_weight, y)


class PyDatasetAdapter(DataAdapter):
    """Batches of a data set of numbered batches.

    Args:
        x: the data set.
        class_weight: weights of classes.
        shuffle: whether batches come in another order each time.
    """

    def __init__(self, x: Any, class_weight: Mapping[int, float] | None = None, shuffle: bool = False) -> None:
        self.py_dataset = x
        self.class_weight = class_weight
        self.shuffle = shuffle
        self._within_epoch = False

    def _standardize_batch(self, batch: Any) -> Any:
        if isinstance(batch, dict):
            return batch
        batch = (batch,) if isinstance(batch, np.ndarray) else list_to_tuple(batch)
        if not isinstance(batch, tuple) or len(batch) not in (1, 2, 3):
            raise ValueError(
                "a batch is a dict, or a tuple (inputs,), (inputs, targets) or (inputs, targets, weights); "
                f"the data set gave {str(batch)[:100]} ({type(batch).__name__})"
            )
        if self.class_weight is not None:
            if len(batch) == 3:
                raise ValueError(_TWICE)
            if len(batch) == 2:
                batch = (*batch, class_weight_to_sample_weights(batch[1], self.class_weight))
        return batch

    def _batches(self) -> Iterator[Any]:
        count = self.num_batches
        numbers: Iterable[int] = itertools.count() if count is None else range(count)
        if self.shuffle and count is not None:
            numbers = random.sample(range(count), count)
        for i in numbers:
            yield self._standardize_batch(self.py_dataset[i])

    def get_numpy_iterator(self) -> Iterator[Any]:
        """Batches of NumPy arrays."""
        return get_numpy_iterator(self._batches())

    def get_jax_iterator(self) -> Iterator[Any]:
        """Batches of arrays that JAX takes."""
        return get_jax_iterator(self._batches())

    def on_epoch_begin(self) -> None:
        """Tell the data set.

        Raises:
            ValueError: a pass is going on.
        """
        if self._within_epoch:
            raise ValueError("a pass over the data set has begun already, and `on_epoch_end` was not called since")
        self._within_epoch = True
        self.py_dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the data set."""
        self.py_dataset.on_epoch_end()
        self._within_epoch = False

    @property
    def num_batches(self) -> int | None:
        """Number of batches of a pass, or None for endless data."""
        return self.py_dataset.num_batches

    @property
    def batch_size(self) -> None:
        """None: each batch has a size of its own."""
        return None


class _Iterated(DataAdapter):
    """Batches of something that is iterated over.

    Args:
        batches: a function that gives an iterator of batches.
    """

    def __init__(self, batches: Callable[[], Iterable[Any]]) -> None:
        self._batches = batches

    def get_numpy_iterator(self) -> Iterator[Any]:
        """Batches of NumPy arrays."""
        return get_numpy_iterator(self._batches())

    def get_jax_iterator(self) -> Iterator[Any]:
        """Batches of arrays that JAX takes."""
        return get_jax_iterator(self._batches())

    @property
    def num_batches(self) -> int | None:
        """None: the number is not known."""
        return None

    @property
    def batch_size(self) -> int | None:
        """None: the size is not known."""
        return None

    @property
    def has_partial_batch(self) -> bool | None:
        """None: it is not known."""
        return None

    @property
    def partial_batch_size(self) -> int | None:
        """None: it is not known."""
        return None


class GeneratorDataAdapter(_Iterated):
    """Batches of a generator.

    Args:
        generator: it gives tuples (inputs, targets, weights), of which the last may be missing.

    Raises:
        ValueError: it gives nothing, or something else.
    """

    def __init__(self, generator: Iterator[Any]) -> None:
        first = list(itertools.islice(generator, 1))
        if not first:
            raise ValueError("the generator must yield at least one batch: it is an empty generator")
        if not isinstance(first[0], tuple):
            raise ValueError(
                "a generator gives tuples (inputs,), (inputs, targets) or (inputs, targets, weights), received "
                f"{first[0]!r}"
            )
        self.generator = itertools.chain(first, generator)
        super().__init__(lambda: self.generator)


class TorchDataLoaderAdapter(_Iterated):
    """Batches of a loader of PyTorch.

    Args:
        dataloader: the loader.

    Raises:
        ValueError: something else.
    """

    def __init__(self, dataloader: Any) -> None:
        if not is_torch_dataloader(dataloader):
            raise ValueError(f"`dataloader` must be a torch.utils.data.DataLoader, received {dataloader!r}")
        self._dataloader = dataloader
        super().__init__(lambda: (tuple(batch) if isinstance(batch, list) else batch for batch in dataloader))

    def get_torch_dataloader(self) -> Any:
        """The loader."""
        return self._dataloader

    @property
    def num_batches(self) -> int | None:
        """Number of batches of a pass, or None where it is not known."""
        return len(self._dataloader) if hasattr(self._dataloader.dataset, "__len__") else None

    @property
    def batch_size(self) -> int | None:
        """Number of samples of a batch."""
        return self._dataloader.batch_size

    @property
    def has_partial_batch(self) -> bool | None:
        """Whether the last batch is smaller, or None where it is not known or there is none."""
        return True if self.partial_batch_size else None

    @property
    def partial_batch_size(self) -> int | None:
        """Number of samples of a smaller last batch."""
        if self.num_batches is None or self.batch_size is None:
            return None
        return len(self._dataloader.dataset) % self.batch_size


class TFDatasetAdapter(_Iterated):
    """Batches of a ``tf.data.Dataset``.

    Args:
        dataset: the data set.
        class_weight: weights of classes.
        distribution: accepted for compatibility.

    Raises:
        ValueError: something else.
    """

    def __init__(self, dataset: Any, class_weight: Any = None, distribution: Any = None) -> None:
        del distribution
        if not is_tf_dataset(dataset):
            raise ValueError(f"`dataset` must be a tf.data.Dataset, received {dataset!r}")
        self._dataset, self._class_weight = dataset, class_weight
        super().__init__(self._weighted)

    def _weighted(self) -> Iterator[Any]:
        for batch in self._dataset:
            if self._class_weight is None:
                yield batch
                continue
            x, y, weights = unpack_x_y_sample_weight(batch)
            if weights is not None:
                raise ValueError(_TWICE)
            yield x, y, class_weight_to_sample_weights(_as_numpy(y), self._class_weight)

    def get_tf_dataset(self) -> Any:
        """The data set."""
        return self._dataset

    @property
    def num_batches(self) -> int | None:
        """Number of batches of a pass, or None where it is not known or endless."""
        count = int(self._dataset.cardinality())
        return None if count < 0 else count

    @property
    def batch_size(self) -> int | None:
        """Number of samples of a batch, where the data set says it."""
        return tree.flatten(self._dataset.element_spec)[0].shape[0]


class GrainDatasetAdapter(_Iterated):
    """Batches of a data set or loader of Grain.

    Args:
        dataset: the data set.

    Raises:
        ValueError: something else.
    """

    def __init__(self, dataset: Any) -> None:
        if not is_grain_dataset(dataset):
            raise ValueError(f"`dataset` must be a data set or loader of Grain, received {dataset!r}")
        self._dataset = dataset
        super().__init__(lambda: (list_to_tuple(batch) for batch in dataset))


def _is_from(x: Any, package: str, *names: str) -> bool:
    return any(c.__module__.partition(".")[0] == package and c.__name__ in names for c in type(x).__mro__)


def is_tf_dataset(x: Any) -> bool:
    """Whether a thing is a data set of tf.data, or of the stand-in for it."""
    return any(c.__name__ in ("DatasetV2", "Dataset") and "tensorflow" in c.__module__ for c in type(x).__mro__)


def is_torch_dataloader(x: Any) -> bool:
    """Whether a thing is a loader of PyTorch."""
    return _is_from(x, "torch", "DataLoader")


def is_grain_dataset(x: Any) -> bool:
    """Whether a thing is a data set or loader of Grain."""
    return _is_from(x, "grain", "MapDataset", "IterDataset", "DataLoader")


_FOREIGN: tuple[tuple[Callable[[Any], bool], str, Callable[..., DataAdapter], bool], ...] = (
    (is_tf_dataset, "tf.data.Dataset", TFDatasetAdapter, True),
    (lambda x: isinstance(x, PyDataset), "PyDataset", PyDatasetAdapter, True),
    (is_torch_dataloader, "torch DataLoader", TorchDataLoaderAdapter, False),
    (is_grain_dataset, "grain.Dataset and grain.DataLoader", GrainDatasetAdapter, False),
    (lambda x: isinstance(x, types.GeneratorType), "generator", GeneratorDataAdapter, False),
)
"""For each kind of data: how it is recognised, what it is called, its adapter, whether that knows class weights."""


def get_data_adapter(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    shuffle: bool | str = False,
    class_weight: Any = None,
) -> DataAdapter:
    """The adapter for what was given to ``fit``.

    Args:
        x: the data.
        y: targets, of arrays.
        sample_weight: weights, of arrays.
        batch_size: samples of a batch, of arrays.
        steps_per_epoch: number of batches, of arrays.
        shuffle: whether samples, or batches of a ``PyDataset``, are mixed.
        class_weight: weights of classes.

    Raises:
        ValueError: data of an unknown kind, or an argument that does not go with them.
    """
    if isinstance(x, DataAdapter):
        return x
    if can_convert_arrays((x, y, sample_weight)):
        return ArrayDataAdapter(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
    for is_kind, name, adapter, knows_classes in _FOREIGN:
        if not is_kind(x):
            continue
        for argument, meaning, value in (
            ("y", "the targets", y),
            ("sample_weights", "the sample weights", sample_weight),
        ):
            if value is not None:
                raise_unsupported_arg(argument, meaning, name)
        if class_weight is not None and not knows_classes:
            raise ValueError(f"`class_weight` does not go with {name}: let it give weights of samples instead")
        mixes = adapter is PyDatasetAdapter and x.num_batches is not None
        if shuffle and not mixes:
            warnings.warn(
                f"`shuffle=True` does nothing for {name}, which gives its batches in an order of its own", stacklevel=2
            )
        further = {"class_weight": class_weight} if knows_classes else {}
        return adapter(x, **further, **({"shuffle": shuffle} if adapter is PyDatasetAdapter else {}))
    raise ValueError(f"Unrecognized data type: x={x!r} (of type {type(x)})")


def raise_unsupported_arg(arg_name: str, arg_description: str, input_type: str) -> None:
    """Say that data of a kind hold what was given beside them.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"`{arg_name}` was given beside a {input_type}, which gives {arg_description} itself, together with the inputs"
    )
