"""What kind of source of batches an object is, told by what it can do, without importing the library it is from."""

from __future__ import annotations

import collections.abc
import inspect
import sys
from typing import Any

from kjax.data.batches import Batches, Numbered, Once, Positioned, Prepared, Repeated
from kjax.data.stream import Stream


def batches_of(
    thing: Any,
    shuffle: bool = False,
    workers: int | None = None,
    processes: bool | None = None,
    ahead: int | None = None,
) -> Batches | None:
    """An object that gives batches, or None for what is no source of batches but arrays.

    Args:
        thing: a :class:`kjax.data.PyDataset` (Keras' own, or anything with numbered batches and ``on_epoch_end``); a
            ``tf.data.Dataset``; a data set or loader of grain; a PyTorch ``DataLoader``; an iterator or generator; a
            function without arguments that makes one; any object that can be iterated over; a
            :class:`kjax.data.Stream`; or an object that has the methods of :class:`kjax.data.batches.Batches`.
        shuffle: of numbered batches, draw the order anew in each pass.
        workers: of numbered batches, how many are computed at the same time; 0 fetches batches of any kind in the
            thread that trains.
        processes: of numbered batches, whether in processes.
        ahead: of numbered batches, how many are computed ahead.
    """
    found = _batches_of(thing, shuffle, workers, processes, ahead)
    if found is not None and workers == 0:
        found.prefetch = False
    return found


def _batches_of(
    thing: Any, shuffle: bool, workers: int | None, processes: bool | None, ahead: int | None
) -> Batches | None:
    if _is_data(thing):
        return None
    if isinstance(thing, Stream):
        prepared: Any = Prepared(thing.batches, thing.prepare)
        return prepared
    if hasattr(thing, "catch_up") and hasattr(thing, "open"):
        return thing
    if hasattr(thing, "__getitem__") and (hasattr(thing, "on_epoch_end") or _of(thing, "PyDataset")):
        return Numbered(thing, shuffle, workers, processes, ahead)
    if hasattr(thing, "as_numpy_iterator"):
        return Repeated(thing.as_numpy_iterator, lambda: _cardinality(thing), type(thing).__name__)
    if _from(thing, "grain"):
        return Positioned(thing, lambda: _length(thing), f"grain {type(thing).__name__}")
    if hasattr(thing, "__next__"):
        return Once(thing)
    if inspect.isfunction(thing) or inspect.ismethod(thing):
        return Repeated(thing, lambda: None, f"function {thing.__name__}")
    if hasattr(thing, "__iter__"):
        return Repeated(lambda: thing, lambda: _length(thing), type(thing).__name__)
    return None


def _is_data(thing: Any) -> bool:
    """Whether it is an array, a table, numbers, or a collection of them."""
    if thing is None or isinstance(thing, (int, float, str, bytes, collections.abc.Mapping)):
        return True
    if isinstance(thing, list) and thing and isinstance(thing[0], tuple) and thing[0]:
        return not hasattr(thing[0][0], "shape")  # batches, each (x, y); or rows of numbers
    if isinstance(thing, (list, tuple)):
        return True
    return hasattr(thing, "shape") or hasattr(thing, "to_numpy") or hasattr(thing, "__array__")


def _from(thing: Any, package: str) -> bool:
    return any(base.__module__.split(".")[0] == package for base in type(thing).__mro__)


def _of(thing: Any, name: str) -> bool:
    return any(base.__name__ == name for base in type(thing).__mro__)


def _length(thing: Any) -> int | None:
    try:
        count = len(thing)
    except TypeError:  # an IterableDataset of PyTorch has the method, and raises
        return None
    return None if count >= sys.maxsize // 2 else count


def _cardinality(dataset: Any) -> int | None:
    """Batches of a ``tf.data.Dataset``; TensorFlow says -1 for endless and -2 for unknown."""
    if not hasattr(dataset, "cardinality"):
        return _length(dataset)
    count = int(dataset.cardinality())
    return count if count >= 0 else None
