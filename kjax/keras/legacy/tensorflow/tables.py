"""`tf.TensorArray` and `tf.lookup`: lists of tensors, tables from keys to values."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.arrays import concat, stack, unstack
from kjax.keras.legacy.tensorflow.door import tensor_of_list
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, is_text, unwrap


class TensorArray:
    """``tf.TensorArray``: tensors by number.

    Args:
        dtype: their type.
        size: how many there are.
        **options: ``dynamic_size``, ``clear_after_read`` and the like: it always grows, and keeps what it has.
    """

    def __init__(self, dtype: Any, size: Any = 0, **options: Any) -> None:
        self.dtype = dtype
        self._items: list[Any] = [None] * int(size or 0)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put a tensor in a place; returns the array."""
        index = int(unwrap(index))
        self._items += [None] * (index + 1 - len(self._items))
        self._items[index] = value
        return self

    def read(self, index: Any, name: str | None = None) -> Any:
        """The tensor in a place."""
        return self._items[int(unwrap(index))]

    def stack(self, name: str | None = None) -> Any:
        """All tensors, stacked."""
        shown = [item for item in self._items if item is not None]
        if not shown:
            return Tensor(jnp.zeros((0,), str(self.dtype)))
        filled = [item if item is not None else unwrap(shown[0]) * 0 for item in self._items]
        return stack(filled)

    def concat(self, name: str | None = None) -> Any:
        """All tensors, one behind the other."""
        return concat([item for item in self._items if item is not None], 0)

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """Some of the tensors, stacked."""
        return stack([self._items[int(i)] for i in np.asarray(unwrap(indices))])

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put the rows of a tensor in places."""
        for index, row in zip(np.asarray(unwrap(indices)), unstack(value), strict=True):
            self.write(index, row)
        return self

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Take the rows of a tensor."""
        self._items = list(unstack(value))
        return self

    def size(self, name: str | None = None) -> int:
        """How many places there are."""
        return len(self._items)


class KeyValueTensorInitializer:
    """``tf.lookup.KeyValueTensorInitializer``: what a table begins with."""

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: Any = None
    ) -> None:
        self.keys, self.values = (
            np.asarray(unwrap(x)) if hasattr(x, "dtype") else tensor_of_list(np.asarray(x)) for x in (keys, values)
        )
        self.value_dtype = value_dtype

    def type_of_values(self) -> str:
        """The name of the values' type."""
        asked = getattr(self.value_dtype, "name", self.value_dtype)
        return str(asked) if asked is not None else "string" if is_text(self.values) else self.values.dtype.name

    def pairs(self) -> dict[Any, Any]:
        """Keys, strings as bytes, with their values."""
        keys = as_bytes(self.keys) if is_text(self.keys) else self.keys
        values = as_bytes(self.values) if is_text(self.values) else self.values
        return dict(zip(keys.tolist(), values.tolist(), strict=True))


class TextFileInitializer(KeyValueTensorInitializer):
    """``tf.lookup.TextFileInitializer``: the lines of a file, or their numbers."""

    def __init__(
        self, filename: Any, key_dtype: Any, key_index: Any, value_dtype: Any, value_index: Any, **options: Any
    ) -> None:
        with open(filename, encoding="utf-8") as file:
            lines = file.read().splitlines()
        numbers = list(range(len(lines)))
        pair = (numbers if "int" in str(t) else lines for t in (key_dtype, value_dtype))
        super().__init__(*pair, value_dtype=value_dtype)


class TextFileIndex:
    """``tf.lookup.TextFileIndex``: whether the whole line or its number is meant."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


class StaticHashTable:
    """``tf.lookup.StaticHashTable``: values by key.

    Args:
        initializer: the pairs.
        default_value: the value of keys that are not there.
    """

    def __init__(self, initializer: Any, default_value: Any = -1, name: str | None = None, **options: Any) -> None:
        self._pairs = initializer.pairs()
        self.value_dtype = initializer.type_of_values()
        self._default = default_value.encode() if isinstance(default_value, str) else unwrap(default_value)

    def lookup(self, keys: Any, name: str | None = None) -> Tensor:
        """The values of keys."""
        keys = np.asarray(unwrap(keys))
        keys = as_bytes(keys) if is_text(keys) else keys
        found = np.array([self._value(key) for key in keys.reshape(-1).tolist()]).reshape(keys.shape)
        if is_text(found):
            return Tensor(found)
        return Tensor(found.astype(self.value_dtype) if self.value_dtype != "string" else found)

    def _value(self, key: Any) -> Any:
        return self._pairs.get(key, self._default)

    __getitem__ = lookup

    def size(self, name: str | None = None) -> Tensor:
        """Number of keys."""
        return Tensor(np.asarray(len(self._pairs), np.int64))


class StaticVocabularyTable(StaticHashTable):
    """``tf.lookup.StaticVocabularyTable``: numbers of words, and buckets for those that are not known."""

    def __init__(self, initializer: Any, num_oov_buckets: int, **options: Any) -> None:
        super().__init__(initializer)
        self._buckets = num_oov_buckets

    def _value(self, key: Any) -> Any:
        if key in self._pairs:
            return self._pairs[key]
        import zlib

        return len(self._pairs) + zlib.crc32(key if isinstance(key, bytes) else str(key).encode()) % self._buckets


class MutableHashTable:
    """``tf.lookup.experimental.MutableHashTable``: a table that can be changed.

    Args:
        key_dtype: type of the keys.
        value_dtype: type of the values.
        default_value: the value of keys that are not there.
        **options: accepted.
    """

    def __init__(self, key_dtype: Any, value_dtype: Any, default_value: Any, **options: Any) -> None:
        self.key_dtype, self.value_dtype, self._default = key_dtype, value_dtype, default_value
        self._table: dict[Any, Any] = {}

    def insert(self, keys: Any, values: Any, name: str | None = None) -> None:
        """Set the values of keys."""
        self._table.update(zip(_listed(keys), _listed(values), strict=True))

    def remove(self, keys: Any, name: str | None = None) -> None:
        """Take keys out."""
        for key in _listed(keys):
            self._table.pop(key, None)

    erase = remove

    def lookup(self, keys: Any, dynamic_default_values: Any = None, name: str | None = None) -> Any:
        """The values of keys."""
        default = unwrap(self._default if dynamic_default_values is None else dynamic_default_values)
        found = [self._table.get(key, default) for key in _listed(keys)]
        shape = np.shape(unwrap(keys))
        if str(self.value_dtype) == "string":
            return Tensor(as_bytes(np.asarray(found, object).reshape(shape)))
        return Tensor(np.asarray(found, str(getattr(self.value_dtype, "name", self.value_dtype))).reshape(shape))

    __getitem__ = lookup

    def size(self, name: str | None = None) -> Any:
        """How many keys there are."""
        return Tensor(np.asarray(len(self._table), np.int64))

    def export(self, name: str | None = None) -> tuple[Any, Any]:
        """All keys and values."""
        keys = list(self._table)
        text = str(self.key_dtype) == "string"
        return Tensor(as_bytes(np.asarray(keys, object)) if text else np.asarray(keys)), self.lookup(keys)


def _listed(things: Any) -> list[Any]:
    array = unwrap(things)
    array = as_bytes(array) if is_text(np.asarray(array)) else np.asarray(array)
    return array.reshape(-1).tolist()
