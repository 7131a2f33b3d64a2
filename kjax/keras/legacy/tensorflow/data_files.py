"""Data sets of lines, tables and records in files."""

from __future__ import annotations

import csv
import glob as globbing
import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kjax.keras.legacy.tensorflow.data import Dataset
from kjax.keras.legacy.tensorflow.files import csv_column
from kjax.keras.legacy.tensorflow.records import TFRecordWriter, read_records
from kjax.keras.legacy.tensorflow.tensor import as_bytes, unwrap


def _paths(filenames: Any) -> list[str]:
    if isinstance(filenames, Dataset):
        given: Any = list(filenames._elements())
    elif isinstance(filenames, (list, tuple)):
        given = filenames
    else:
        array = filenames if isinstance(filenames, (str, os.PathLike)) else np.asarray(unwrap(filenames))
        given = array.reshape(-1).tolist() if isinstance(array, np.ndarray) else [array]
    items = [i if isinstance(i, (str, os.PathLike)) else np.asarray(unwrap(i)).item() for i in given]
    return [item.decode() if isinstance(item, bytes) else os.fspath(item) for item in items]


def _open(path: str, compression: str | None = None) -> Any:
    if compression == "GZIP":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return open(path, encoding="utf-8", newline="")


class TextLineDataset(Dataset):
    """``tf.data.TextLineDataset``: the lines of text files, without their ends."""

    def __init__(self, filenames: Any, compression_type: str | None = None, *args: Any, **options: Any) -> None:
        def elements() -> Iterator[Any]:
            for path in _paths(filenames):
                with _open(path, compression_type or None) as file:
                    for line in file:
                        yield as_bytes(line.rstrip("\r\n"))

        super().__init__(elements)


class CsvDataset(Dataset):
    """``tf.data.experimental.CsvDataset``: the rows of CSV files, an array for each column.

    Args:
        filenames: files.
        record_defaults: for each column its type, or the value of an empty field.
        compression_type: ``'GZIP'`` or None.
        buffer_size: accepted.
        header: whether the first line of each file is left out.
        field_delim: what stands between fields.
        use_quote_delim: whether quotes hold fields together.
        na_value: accepted.
        select_cols: numbers of the columns to read.
        **options: accepted.
    """

    def __init__(
        self,
        filenames: Any,
        record_defaults: Sequence[Any],
        compression_type: str | None = None,
        buffer_size: int | None = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE

        def elements() -> Iterator[Any]:
            for path in _paths(filenames):
                with _open(path, compression_type or None) as file:
                    rows = csv.reader(file, delimiter=field_delim, quoting=quoting)
                    if header:
                        next(rows, None)
                    for row in rows:
                        fields = row if select_cols is None else [row[i] for i in select_cols]
                        yield tuple(
                            csv_column(["" if f == na_value else f], d)[0]
                            for f, d in zip(fields, record_defaults, strict=True)
                        )

        super().__init__(elements)


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    ignore_errors: bool = False,
    **options: Any,
) -> Dataset:
    """``tf.data.experimental.make_csv_dataset``: batches of columns by name, and the label.

    Args:
        file_pattern: files, or patterns of their names.
        batch_size: rows in a batch.
        column_names: names; those of the first line by default.
        column_defaults: types or defaults; told by the values by default.
        label_name: the column that is the label.
        select_columns: names of the columns to read.
        field_delim: what stands between fields.
        na_value: what stands for an empty field.
        header: whether the first line has the names.
        num_epochs: how often the rows come; None without end.
        shuffle: whether they are shuffled.
        shuffle_buffer_size: from how many each is drawn.
        shuffle_seed: seed of the order.
        ignore_errors: accepted.
        **options: accepted.
    """
    import pandas

    names = sorted(n for pattern in _paths(file_pattern) for n in globbing.glob(pattern))
    if not names:
        raise FileNotFoundError(f"make_csv_dataset: no files match {file_pattern!r}")
    frame: Any = pandas.concat(
        [
            pandas.read_csv(
                name, header=0 if header else None, names=column_names, sep=field_delim, na_values=[na_value] if na_value else None
            )
            for name in names
        ],
        ignore_index=True,
    )  # fmt: skip
    if select_columns is not None:
        frame = frame[[frame.columns[c] if isinstance(c, int) else c for c in select_columns]]
    columns = {}
    for number, name in enumerate(frame.columns):
        if column_defaults is not None:
            fields = ["" if value is None else str(value) for value in frame[name].where(frame[name].notna(), None)]
            columns[name] = csv_column(fields, column_defaults[number])
        elif frame[name].dtype.kind in "OUST":
            columns[name] = as_bytes(frame[name].fillna("").to_numpy(dtype=object))
        else:
            array = frame[name].to_numpy()
            columns[name] = array.astype("float32" if array.dtype.kind == "f" else "int32")
    label = columns.pop(label_name) if label_name is not None else None
    found = Dataset.from_tensor_slices(columns if label is None else (columns, label))
    if shuffle:
        found = found.shuffle(shuffle_buffer_size, shuffle_seed)
    return found.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)


class TFRecordDataset(Dataset):
    """``tf.data.TFRecordDataset``: the records of files."""

    def __init__(self, filenames: Any, compression_type: str | None = None, *args: Any, **options: Any) -> None:
        def elements() -> Iterator[Any]:
            for path in _paths(filenames):
                for record in read_records(path, compression_type or None):
                    found = np.empty((), object)
                    found[()] = record
                    yield found

        super().__init__(elements)


class FixedLengthRecordDataset(Dataset):
    """``tf.data.FixedLengthRecordDataset``: files cut into records of so many bytes.

    Args:
        filenames: a name, or several.
        record_bytes: the length of a record.
        header_bytes: how much is skipped at the beginning of each file.
        footer_bytes: how much is left out at its end.
        compression_type: None or ``'GZIP'``.
    """

    def __init__(
        self, filenames: Any, record_bytes: int, header_bytes: int = 0, footer_bytes: int = 0, buffer_size: Any = None,
        compression_type: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        def elements() -> Iterator[Any]:
            for path in _paths(filenames):
                with _open(path, compression_type) as file:
                    whole = file.read()
                body = whole[header_bytes : len(whole) - footer_bytes]
                for start in range(0, len(body) - record_bytes + 1, record_bytes):
                    yield as_bytes(np.asarray(body[start : start + record_bytes], object))[()]

        super().__init__(elements)


counter = Dataset.counter


def applied(method: str) -> Callable[..., Any]:
    """A function of ``tf.data.experimental`` that is applied to a set."""

    def outer(*args: Any, **kwargs: Any) -> Callable[[Dataset], Any]:
        return lambda dataset: getattr(dataset, method)(*args, **kwargs)

    return outer


ignore_errors, unbatch, take_while = applied("ignore_errors"), applied("unbatch"), applied("take_while")
bucket_by_sequence_length, group_by_window = applied("bucket_by_sequence_length"), applied("group_by_window")
enumerate_dataset, dense_to_ragged_batch, unique = applied("enumerate"), applied("ragged_batch"), applied("unique")
rejection_resample, scan, snapshot = applied("rejection_resample"), applied("scan"), applied("snapshot")
parallel_interleave, copy_to_device = applied("interleave"), applied("prefetch")
prefetch_to_device = copy_to_device
choose_from_datasets, sample_from_datasets = Dataset.choose_from_datasets, Dataset.sample_from_datasets
load = Dataset.load


def save(dataset: Dataset, path: Any, **options: Any) -> None:
    """``tf.data.experimental.save``."""
    dataset.save(path)


def get_single_element(dataset: Dataset) -> Any:
    """``tf.data.experimental.get_single_element``."""
    return dataset.get_single_element()


def shuffle_and_repeat(buffer_size: int, count: int | None = None, seed: int | None = None) -> Callable[[Dataset], Any]:
    """``tf.data.experimental.shuffle_and_repeat``."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(map_func: Any, batch_size: int, *args: Any, drop_remainder: bool = False, **kwargs: Any) -> Any:
    """``tf.data.experimental.map_and_batch``."""
    return lambda dataset: dataset.map(map_func).batch(batch_size, drop_remainder)


def assert_cardinality(expected_cardinality: int) -> Callable[[Dataset], Any]:
    """``tf.data.experimental.assert_cardinality``: say how many elements there are."""
    return lambda dataset: Dataset(dataset._elements, int(expected_cardinality))


class DatasetWriter:
    """``tf.data.experimental.TFRecordWriter``: writes the elements of a set, which are strings, to a file of records.

    Args:
        filename: the file.
        compression_type: ``'GZIP'`` or None.
    """

    def __init__(self, filename: Any, compression_type: str | None = None) -> None:
        self._filename, self._compression = filename, compression_type

    def write(self, dataset: Any) -> None:
        """Write all elements."""
        with TFRecordWriter(_paths(self._filename)[0], self._compression) as file:
            for element in dataset._elements():
                file.write(np.asarray(element).item())


def element_at(dataset: Any, index: Any) -> Any:
    """``tf.data.experimental.at``: the element at a place."""
    return dataset.at(index)


def from_list(elements: Any, name: str | None = None) -> Any:
    """``tf.data.experimental.from_list``: a set of the elements of a list."""
    return Dataset.from_list(elements)


def get_structure(dataset_or_iterator: Any) -> Any:
    """``tf.data.experimental.get_structure``: shapes and types of the elements."""
    return dataset_or_iterator.element_spec
