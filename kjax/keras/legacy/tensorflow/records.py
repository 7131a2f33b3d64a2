"""`tf.train.Example` and files of records, in TensorFlow's formats.

A record is its length, a check of the length, the bytes, and a check of the bytes (masked CRC-32C). An ``Example`` is a
message of Protocol Buffers: features (field 1) with a map (field 1) from a name (1) to a feature (2), which holds a list
of bytes (1), floats (2) or integers (3). https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.legacy.tensorflow.ragged import RaggedTensor
from kjax.keras.legacy.tensorflow.sparse import SparseTensor
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, unwrap

# -- records -----------------------------------------------------------------------------------------------------


def _crc_table() -> list[int]:
    table = []
    for number in range(256):
        value = number
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def masked_crc(data: bytes) -> int:
    """The check of bytes in a record: CRC-32C, turned and shifted."""
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


class TFRecordWriter:
    """``tf.io.TFRecordWriter``: writes records to a file.

    Args:
        path: the file.
        options: ``'GZIP'``, or an object with ``compression_type``.
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        kind = options if isinstance(options, str) else getattr(options, "compression_type", None)
        opener: Any = gzip.open if kind == "GZIP" else open
        self._file: Any = opener(path, "wb")

    def write(self, record: Any) -> None:
        """Write a record."""
        data = record if isinstance(record, bytes) else np.asarray(unwrap(record)).item()
        length = struct.pack("<Q", len(data))
        self._file.write(length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data)))

    def flush(self) -> None:
        """Write what is still held back."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class TFRecordOptions:
    """``tf.io.TFRecordOptions``."""

    def __init__(self, compression_type: str | None = None, **options: Any) -> None:
        self.compression_type = compression_type


def read_records(path: str, compression: str | None = None) -> Iterator[bytes]:
    """The records of a file.

    Raises:
        ValueError: the file is broken.
    """
    with gzip.open(path, "rb") if compression == "GZIP" else open(path, "rb") as file:
        while head := file.read(12):
            if len(head) < 12 or struct.unpack("<I", head[8:])[0] != masked_crc(head[:8]):
                raise ValueError(f"{os.fspath(path)!r} is not a file of records, or it is broken")
            (length,) = struct.unpack("<Q", head[:8])
            data, check = file.read(length), file.read(4)
            if len(data) < length or len(check) < 4:
                raise ValueError(f"{os.fspath(path)!r} ends in the middle of a record")
            yield data


# -- examples ----------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        found.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(found)


def _block(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and contents of the fields of a message."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while place < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            yield tag >> 3, data[place : place + size]
            place += size
        elif kind == 2:
            size = varint()
            yield tag >> 3, data[place : place + size]
            place += size
        else:
            raise ValueError("this is not an Example: a field of an unknown kind")


class _List:
    """The values of a feature."""

    number = 0

    def __init__(self, value: Sequence[Any] | None = None) -> None:
        self.value = [] if value is None else [_native(item) for item in value]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.value == other.value  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]


def _native(item: Any) -> Any:
    if isinstance(item, str):
        return item.encode()
    return item if isinstance(item, (bytes, int, float)) else np.asarray(unwrap(item)).item()


class BytesList(_List):
    """``tf.train.BytesList``."""

    number = 1

    def encode(self) -> bytes:
        """The message."""
        return b"".join(_block(1, item) for item in self.value)

    def decode(self, data: bytes) -> None:
        """Take the values of a message."""
        self.value = [content for _, content in _fields(data)]


class FloatList(_List):
    """``tf.train.FloatList``."""

    number = 2

    def encode(self) -> bytes:
        """The message."""
        return _block(1, np.asarray(self.value, "<f4").tobytes()) if self.value else b""

    def decode(self, data: bytes) -> None:
        """Take the values of a message."""
        self.value = [float(v) for _, content in _fields(data) for v in np.frombuffer(content, "<f4")]


class Int64List(_List):
    """``tf.train.Int64List``."""

    number = 3

    def encode(self) -> bytes:
        """The message."""
        return _block(1, b"".join(_varint(int(item)) for item in self.value)) if self.value else b""

    def decode(self, data: bytes) -> None:
        """Take the values of a message."""
        found: list[int] = []
        for _, content in _fields(data):
            if isinstance(content, int):
                found.append(content)
                continue
            value = shift = 0
            for byte in content:
                value |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    found.append(value)
                    value = shift = 0
        self.value = [v - (1 << 64) if v >> 63 else v for v in found]


class Feature:
    """``tf.train.Feature``: one list of values."""

    def __init__(
        self, bytes_list: BytesList | None = None, float_list: FloatList | None = None, int64_list: Int64List | None = None
    ) -> None:  # fmt: skip
        self.bytes_list, self.float_list, self.int64_list = (
            given if given is not None else kind()
            for given, kind in ((bytes_list, BytesList), (float_list, FloatList), (int64_list, Int64List))
        )
        self._given = next((g for g in (bytes_list, float_list, int64_list) if g is not None), None)

    @property
    def values(self) -> list[Any]:
        """The values."""
        return [] if self._given is None else self._given.value

    def SerializeToString(self) -> bytes:
        """The message."""
        return b"" if self._given is None else _block(self._given.number, self._given.encode())

    def decode(self, data: bytes) -> Feature:
        """Take the list of a message."""
        lists = {1: self.bytes_list, 2: self.float_list, 3: self.int64_list}
        for number, content in _fields(data):
            self._given = lists[number]
            lists[number].decode(content)
        return self

    def WhichOneof(self, name: str) -> str | None:
        """Which of the lists there is."""
        return {1: "bytes_list", 2: "float_list", 3: "int64_list"}.get(getattr(self._given, "number", 0))


class Features:
    """``tf.train.Features``: features by name."""

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature = dict(feature or {})


def _entries(features: Features) -> bytes:
    entries = sorted(features.feature.items())
    return b"".join(_block(1, _block(1, n.encode()) + _block(2, f.SerializeToString())) for n, f in entries)


class Example:
    """``tf.train.Example``."""

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        """The message."""
        return _block(1, _entries(self.features))

    def ParseFromString(self, data: Any) -> int:
        """Take the features of a message."""
        data = data if isinstance(data, bytes) else np.asarray(unwrap(data)).item()
        for _, features in _fields(data):
            for _, entry in _fields(features):
                parts = dict(_fields(entry))
                self.features.feature[parts[1].decode()] = Feature().decode(parts.get(2, b""))
        return len(data)

    @staticmethod
    def FromString(data: Any) -> Example:
        """The example of a message."""
        example = Example()
        example.ParseFromString(data)
        return example

    def __str__(self) -> str:
        return text_of(self)

    __repr__ = __str__


class FeatureList:
    """``tf.train.FeatureList``: the features of the steps of a sequence."""

    def __init__(self, feature: Sequence[Feature] | None = None) -> None:
        self.feature = list(feature or ())


class FeatureLists:
    """``tf.train.FeatureLists``: lists of features by name."""

    def __init__(self, feature_list: Mapping[str, FeatureList] | None = None) -> None:
        self.feature_list = dict(feature_list or {})


class SequenceExample:
    """``tf.train.SequenceExample``: features of a whole, and of its steps."""

    def __init__(self, context: Features | None = None, feature_lists: FeatureLists | None = None) -> None:
        self.context, self.feature_lists = context or Features(), feature_lists or FeatureLists()

    def SerializeToString(self) -> bytes:
        """The message."""
        lists = b"".join(
            _block(
                1, _block(1, n.encode()) + _block(2, b"".join(_block(1, f.SerializeToString()) for f in steps.feature))
            )
            for n, steps in sorted(self.feature_lists.feature_list.items())
        )
        context = _entries(self.context)
        return (_block(1, context) if context else b"") + (_block(2, lists) if lists else b"")

    @staticmethod
    def FromString(data: Any) -> SequenceExample:
        """The example of a message."""
        example = SequenceExample()
        for number, part in _fields(data if isinstance(data, bytes) else np.asarray(unwrap(data)).item()):
            for _, entry in _fields(part):
                parts = dict(_fields(entry))
                name, content = parts[1].decode(), parts.get(2, b"")
                if number == 1:
                    example.context.feature[name] = Feature().decode(content)
                else:
                    steps = FeatureList([Feature().decode(step) for _, step in _fields(content)])
                    example.feature_lists.feature_list[name] = steps
        return example

    def __str__(self) -> str:
        return text_of(self)

    __repr__ = __str__


_PARTS: dict[type, tuple[str, ...]] = {
    Example: ("features",),
    SequenceExample: ("context", "feature_lists"),
    Features: ("feature",),
    FeatureLists: ("feature_list",),
    FeatureList: ("feature",),
    Feature: ("bytes_list", "float_list", "int64_list"),
    **dict.fromkeys((BytesList, FloatList, Int64List), ("value",)),
}
"""The fields of the messages."""


def text_of(message: Any, depth: int = 0) -> str:
    """A message as Protocol Buffers write it for readers."""
    edge = "  " * depth
    lines: list[str] = []
    for part in _PARTS[type(message)]:
        content = getattr(message, part)
        if isinstance(message, Feature) and content is not message._given:
            continue
        for item in (
            content
            if isinstance(content, list)
            else sorted(content.items())
            if isinstance(content, dict)
            else [content]
        ):
            if isinstance(item, tuple):
                inside = text_of(item[1], depth + 2)
                lines.append(
                    f'{edge}{part} {{\n{edge}  key: "{item[0]}"\n{edge}  value {{\n{inside}{edge}  }}\n{edge}}}\n'
                )
            elif type(item) in _PARTS:
                inside = text_of(item, depth + 1)
                if inside or not isinstance(message, SequenceExample):
                    lines.append(f"{edge}{part} {{\n{inside}{edge}}}\n")
            else:
                lines.append(f"{edge}{part}: {_scalar_text(item)}\n")
    return "".join(lines)


def _scalar_text(item: Any) -> str:
    if isinstance(item, bytes):
        shown = "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:03o}" for b in item)
        return f'"{shown}"'
    if isinstance(item, float):
        return str(np.float32(item)).removesuffix(".0")
    return str(item)


class FixedLenFeature:
    """``tf.io.FixedLenFeature``: a feature of known sizes.

    Args:
        shape: the sizes.
        dtype: the type.
        default_value: what an example has that lacks it.
    """

    def __init__(self, shape: Sequence[int], dtype: Any, default_value: Any = None) -> None:
        self.shape, self.dtype, self.default_value = tuple(shape), dtype, default_value

    def of(self, name: str, values: list[Any] | None) -> Any:
        """The array of an example."""
        if values is None:
            if self.default_value is None:
                raise ValueError(f"parse_example: the example has no feature {name!r}, and there is no default for it")
            values = np.asarray(unwrap(self.default_value)).reshape(-1).tolist()
            values = [v.encode() if isinstance(v, str) else v for v in values]
        return _array(values, self.dtype).reshape(self.shape)


class VarLenFeature:
    """``tf.io.VarLenFeature``: a feature with any number of values."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def of(self, name: str, values: list[Any] | None) -> Any:
        """The array of an example."""
        return _array(values or [], self.dtype)


class FixedLenSequenceFeature(VarLenFeature):
    """``tf.io.FixedLenSequenceFeature``: any number of rows of known sizes; of several examples filled up to the longest.

    Args:
        shape: the sizes of a row.
        dtype: the type.
        allow_missing: whether an example may lack it.
        default_value: what is filled in; 0 or the empty string by default.
    """

    def __init__(
        self, shape: Sequence[int], dtype: Any, allow_missing: bool = False, default_value: Any = None
    ) -> None:
        super().__init__(dtype)
        self.shape, self.allow_missing, self.default_value = tuple(shape), allow_missing, default_value

    def of(self, name: str, values: list[Any] | None) -> Any:
        """The array of an example."""
        if values is None and not self.allow_missing:
            raise ValueError(f"parse_example: the example has no feature {name!r}")
        return _array(values or [], self.dtype).reshape(-1, *self.shape)


class RaggedFeature(VarLenFeature):
    """``tf.io.RaggedFeature``: a feature with any number of values.

    Args:
        dtype: the type.
        value_key: the name of the feature, where the result has another.
        **options: accepted.
    """

    def __init__(self, dtype: Any, value_key: str | None = None, **options: Any) -> None:
        super().__init__(dtype)
        self.value_key = value_key


def _array(values: list[Any], dtype: Any) -> np.ndarray:
    if str(dtype) == "string":
        found = np.empty(len(values), object)
        found[:] = values
        return found
    return np.asarray(values, str(dtype))


def parse_single_example(serialized: Any, features: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """``tf.io.parse_single_example``: the arrays of an example."""
    found = Example.FromString(serialized).features.feature
    return _parsed(found, features)


def _parsed(found: Mapping[str, Feature], features: Mapping[str, Any] | None) -> dict[str, Any]:
    parsed = {}
    for key, wanted in (features or {}).items():
        name = getattr(wanted, "value_key", None) or key
        array = wanted.of(name, found[name].values if name in found else None)
        parsed[key] = Tensor(array)
        if type(wanted) is VarLenFeature:
            parsed[key] = SparseTensor(np.arange(len(array))[:, None], parsed[key], [len(array)])
    return parsed


def parse_single_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """``tf.io.parse_single_sequence_example``: the context of a sequence, and its steps stacked.

    Args:
        serialized: the message.
        context_features: what to take of the context.
        sequence_features: what to take of the steps.
        example_name: accepted.
        name: accepted.
    """
    example = SequenceExample.FromString(serialized)
    steps = {}
    for key, wanted in (sequence_features or {}).items():
        rows = [feature.values for feature in example.feature_lists.feature_list.get(key, FeatureList()).feature]
        if isinstance(wanted, FixedLenSequenceFeature):
            flat = [value for row in rows for value in row]
            steps[key] = Tensor(_array(flat, wanted.dtype).reshape(len(rows), *wanted.shape))
        else:
            steps[key] = RaggedTensor([_array(row, wanted.dtype) for row in rows])
    return _parsed(example.context.feature, context_features), steps


def parse_example(serialized: Any, features: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """``tf.io.parse_example``: the arrays of several examples, stacked; ragged where their numbers differ."""
    rows = [parse_single_example(data, features) for data in np.asarray(unwrap(serialized)).reshape(-1).tolist()]
    found: dict[str, Any] = {}
    for key, wanted in features.items():
        arrays = [getattr(row[key], "values", row[key]).value for row in rows]
        if isinstance(wanted, FixedLenSequenceFeature):
            found[key] = RaggedTensor(arrays).to_tensor(wanted.default_value)
        else:
            found[key] = _together(arrays, wanted)
    return found


def _together(arrays: list[Any], wanted: Any) -> Any:
    if not isinstance(wanted, VarLenFeature):
        return Tensor(_stack(arrays))
    if type(wanted) is not VarLenFeature:
        return RaggedTensor(arrays)
    places = [[i, j] for i, row in enumerate(arrays) for j in range(len(row))]
    values = np.concatenate(arrays) if arrays else np.zeros(0)
    sizes = [len(arrays), max(map(len, arrays), default=0)]
    return SparseTensor(np.asarray(places, np.int64).reshape(-1, 2), Tensor(values), sizes)


def _stack(arrays: list[Any]) -> np.ndarray:
    stacked = np.stack(arrays)
    return as_bytes(stacked) if stacked.dtype.kind in "OS" else stacked
