"""Elements of data sets: as scripts see them, as sets keep them, and several as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.supplied import supplied
from kjax.keras.core.updates import Call
from kjax.keras.legacy.tensorflow.ragged import RaggedTensor, ragged
from kjax.keras.legacy.tensorflow.sparse import SparseTensor, concat, expand_dims
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, is_leaf, is_text, unwrap, unwrap_leaf


def is_sequence(thing: Any) -> bool:
    """Whether it is a list, which stands for a tensor."""
    return isinstance(thing, list)


def shown(element: Any) -> Any:
    """An element as functions of the script and loops see it: tensors."""

    def wrap(leaf: Any) -> Any:
        if isinstance(leaf, (Tensor, RaggedTensor, SparseTensor)) or leaf is None or hasattr(leaf, "_elements"):
            return leaf
        return Tensor(np.asarray(leaf))

    return jax.tree.map(wrap, element, is_leaf=is_leaf)


def kept(element: Any) -> Any:
    """An element as the set keeps it: NumPy arrays."""

    def plain(leaf: Any) -> Any:
        if isinstance(leaf, (RaggedTensor, SparseTensor)) or hasattr(leaf, "_elements"):
            return leaf
        if isinstance(leaf, list):
            leaves = [kept(item) for item in leaf]
            if any(isinstance(item, (dict, tuple)) for item in leaves):
                return tuple(leaves)
            if len({np.shape(item) for item in leaves}) > 1:
                return tuple(leaves)
            return np.stack(leaves) if leaves else np.zeros(0, np.float32)
        array = np.asarray(unwrap_leaf(leaf))
        if is_text(array):
            return as_bytes(array)
        python = isinstance(leaf, float) or (isinstance(leaf, int) and not isinstance(leaf, bool))
        return array.astype("float32" if isinstance(leaf, float) else "int32") if python else array

    return jax.tree.map(plain, element, is_leaf=lambda x: is_leaf(x) or is_sequence(x))


def call_with(function: Callable[..., Any], element: Any) -> Any:
    """Call a script's function with an element; a tuple's parts are its arguments."""
    element = shown(element)
    return function(*element) if isinstance(element, tuple) else function(element)


def stacked(rows: list[Any]) -> Any:
    """Elements as one: stacked, rows of different lengths as a ragged tensor."""

    def stack(*leaves: Any) -> Any:
        if isinstance(leaves[0], RaggedTensor):
            return RaggedTensor(list(leaves))
        if isinstance(leaves[0], SparseTensor):
            rows = [expand_dims(leaf, 0) for leaf in leaves]
            return concat(0, rows, expand_nonconcat_dims=True)
        arrays = [np.asarray(leaf) for leaf in leaves]
        if len({a.shape for a in arrays}) > 1:
            raise ValueError(
                f"batch: elements of different shapes cannot be stacked: {sorted({a.shape for a in arrays})}; "
                "padded_batch fills them up"
            )
        return np.stack(arrays)

    return jax.tree.map(stack, *rows)


class Number(np.ndarray):
    """A number of elements that also answers ``.numpy()``."""

    def numpy(self) -> Any:
        """The number."""
        return np.asarray(self)[()]


class Elements:
    """An iterator with ``get_next``.

    Args:
        elements: the elements.
        dataset: the set that they are of.
    """

    def __init__(self, elements: Iterator[Any], dataset: Any = None) -> None:
        self._elements, self._dataset = elements, dataset

    @property
    def element_spec(self) -> Any:
        """Shapes and types of the elements."""
        return self._dataset.element_spec

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._elements)

    get_next = next = __next__


class Options:
    """``tf.data.Options``: how a set is read; here that is decided by who reads it."""

    def __init__(self) -> None:
        self.__dict__["deterministic"] = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.__dict__[name] = Options()
        return self.__dict__[name]


def as_numpy(leaf: Any) -> Any:
    return leaf if isinstance(leaf, RaggedTensor) else np.asarray(leaf)[()]


def column(leaf: Any) -> Any:
    """A list with an entry for each row as an array, or as rows of different lengths."""
    if isinstance(leaf, list) and any(isinstance(row, (list, tuple)) for row in leaf):
        if len({len(row) for row in leaf}) > 1:
            return ragged(leaf)
    if not isinstance(leaf, list) and hasattr(leaf, "to_numpy"):
        return leaf.to_numpy()
    if not isinstance(leaf, list):
        return leaf
    array = np.asarray([unwrap_leaf(row) for row in leaf])
    first = leaf
    while isinstance(first, (list, tuple)) and len(first):
        first = first[0]
    if isinstance(first, (int, float)) and not isinstance(first, (bool, np.generic)):  # as for tf.constant
        return array.astype({"int64": "int32", "float64": "float32"}.get(str(array.dtype), array.dtype))
    return array


def is_shape(thing: Any) -> bool:
    return isinstance(thing, (tuple, list)) and all(s is None or isinstance(s, (int, np.integer)) for s in thing)


def for_each(given: Any, number: int, is_one: Callable[[Any], bool]) -> list[Any]:
    """An entry for each part of an element."""
    if given is None:
        return [None] * number
    found = jax.tree.leaves(given, is_leaf=lambda x: is_one(x) or x is None)
    return found * number if len(found) == 1 else found


def filled(rows: list[Any], shape: Any, value: Any) -> np.ndarray:
    """Arrays of different sizes as one."""
    arrays = [np.asarray(row) for row in rows]
    if arrays[0].ndim == 0:
        return np.stack(arrays)
    largest = np.max([a.shape for a in arrays], axis=0).astype(int).tolist()
    sizes = [
        n if s is None or s == -1 else int(s) for n, s in zip(largest, shape or [None] * len(largest), strict=True)
    ]
    fill = (b"" if arrays[0].dtype == object else 0) if value is None else unwrap(value)
    found = np.full((len(arrays), *sizes), fill, arrays[0].dtype)
    for place, array in zip(found, arrays, strict=True):
        if any(a > b for a, b in zip(array.shape, sizes, strict=True)):
            raise ValueError(f"padded_batch: an element of shape {array.shape} does not fit into {tuple(sizes)}")
        place[tuple(slice(0, n) for n in array.shape)] = array
    return found


class GraphElements:
    """An iterator of TensorFlow 1: :meth:`get_next` gives tensors that stand for the next element.

    Args:
        elements: begins the elements anew.
        started: whether they begin without the initializer.
    """

    def __init__(self, elements: Callable[[], Iterator[Any]], started: bool) -> None:
        self._begin = elements
        self._running: Iterator[Any] | None = elements() if started else None
        self.initializer = Call(self._initialize, "initializer")

    def _initialize(self) -> None:
        self._running = self._begin()

    def _next(self) -> Any:
        if self._running is None:
            raise ValueError("the iterator was not initialized; run its `initializer` in a session first")
        return next(self._running)

    def get_next(self, name: str | None = None) -> Any:
        """The next element: symbolic tensors where a graph is drawn, otherwise its values."""
        del name
        if not scopes.is_drawing():
            return jax.tree.map(lambda leaf: Tensor(np.asarray(leaf)), self._next())
        leaves, structure = jax.tree.flatten(next(self._begin()))
        specs = [
            ((None, *np.shape(leaf)[1:]), str(jax.dtypes.canonicalize_dtype(np.asarray(leaf).dtype))) for leaf in leaves
        ]
        specs = [spec if np.ndim(leaf) else ((), spec[1]) for leaf, spec in zip(leaves, specs, strict=True)]
        return jax.tree.unflatten(structure, supplied(lambda: jax.tree.leaves(self._next()), specs))
