"""Methods of pandas that data frames and series had: ``append``, ``as_matrix``, ``ix``, ``sort``, and old arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


def append_rows(
    self: Any, other: Any, ignore_index: bool = False, verify_integrity: bool = False, sort: bool = False
) -> Any:
    """``frame.append``: a new frame with the rows of others below.

    Args:
        self: the frame.
        other: a frame, a series or dict (one row), or a list of such.
        ignore_index: number the rows anew.
        verify_integrity: refuse labels that occur twice.
        sort: order the columns by name where they differ.
    """
    parts = list(other) if isinstance(other, list) and other and not np.isscalar(other[0]) else [other]
    frames = [_as_rows(part, ignore_index) for part in parts]
    return pd.concat([self, *frames], ignore_index=ignore_index, verify_integrity=verify_integrity, sort=sort)


def _as_rows(part: Any, ignore_index: bool) -> Any:
    if isinstance(part, dict):
        if not ignore_index:
            raise TypeError("a dict can be appended only with ignore_index=True")
        part = pd.Series(part)
    return part.to_frame().T.infer_objects() if isinstance(part, pd.Series) else part


def append_values(self: Any, to_append: Any, ignore_index: bool = False, verify_integrity: bool = False) -> Any:
    """``series.append``: a new series with the values of others behind."""
    others = list(to_append) if isinstance(to_append, (list, tuple)) else [to_append]
    return pd.concat([self, *others], ignore_index=ignore_index, verify_integrity=verify_integrity)


def as_matrix(self: Any, columns: Any = None) -> np.ndarray:
    """The values as an array, or those of some columns."""
    return np.asarray((self if columns is None else self[columns]).values)


class _Either:
    """``frame.ix``: rows and columns by label, and by position where integers are no labels.

    Args:
        holder: a frame or series.
    """

    def __init__(self, holder: Any) -> None:
        self._holder = holder

    def _labels(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) and self._holder.ndim > 1 else (key,)
        axes = (self._holder.index, *([self._holder.columns] if self._holder.ndim > 1 else []))
        return tuple(_labelled(one, axis) for one, axis in zip(keys, axes, strict=False))

    def __getitem__(self, key: Any) -> Any:
        found = self._labels(key)
        return self._holder.loc[found if len(found) > 1 else found[0]]

    def __setitem__(self, key: Any, value: Any) -> None:
        found = self._labels(key)
        self._holder.loc[found if len(found) > 1 else found[0]] = value


def _labelled(key: Any, axis: Any) -> Any:
    """A key of ``ix`` as labels of an axis."""
    if pd.api.types.is_integer_dtype(axis.dtype):
        return key
    if isinstance(key, slice):
        bounds = (key.start, key.stop)
        return axis[key] if all(b is None or isinstance(b, (int, np.integer)) for b in bounds) else key
    first: Any = key[0] if isinstance(key, (list, np.ndarray)) and len(key) else key
    is_number = isinstance(first, (int, np.integer)) and not isinstance(first, (bool, np.bool_))
    return axis[key] if is_number else key


ix = property(_Either)


def sort(self: Any, columns: Any = None, ascending: Any = True, axis: int = 0, inplace: bool = False) -> Any:
    """``frame.sort``: by columns, or by the index."""
    options = {"inplace": True} if inplace else {}
    if columns is None:
        return self.sort_index(axis=axis, ascending=ascending, **options)
    return self.sort_values(columns, axis=axis, ascending=ascending, **options)


def iteritems(self: Any) -> Any:
    """Names and columns, or labels and values."""
    return self.items()


def order(self: Any, ascending: bool = True) -> Any:
    """``series.order``: by value."""
    return self.sort_values(ascending=ascending)


def get_value(self: Any, index: Any, col: Any) -> Any:
    """One value by its labels."""
    return self.at[index, col]


def set_value(self: Any, index: Any, col: Any, value: Any) -> Any:
    """Set one value by its labels; gives the frame."""
    self.at[index, col] = value
    return self


def applymap(self: Any, func: Callable[[Any], Any]) -> Any:
    """Apply a function to each value."""
    return self.map(func)


def lookup(self: Any, row_labels: Any, col_labels: Any) -> np.ndarray:
    """The values at pairs of labels."""
    return np.array([self.at[row, col] for row, col in zip(row_labels, col_labels, strict=True)])


def mad(self: Any) -> Any:
    """Mean absolute deviation from the mean."""
    return (self - self.mean()).abs().mean()


def rolling_mean(arg: Any, window: int, min_periods: int | None = None) -> Any:
    """``arg.rolling(window).mean()``."""
    return arg.rolling(window, min_periods=min_periods).mean()


def rolling_std(arg: Any, window: int, min_periods: int | None = None) -> Any:
    """``arg.rolling(window).std()``."""
    return arg.rolling(window, min_periods=min_periods).std()


def ewma(arg: Any, com: float | None = None, span: float | None = None) -> Any:
    """``arg.ewm(...).mean()``."""
    return arg.ewm(com=com, span=span).mean()


def reading(original: Callable[..., Any]) -> Callable[..., Any]:
    """``pd.read_csv`` that takes ``squeeze``, ``date_parser``, ``error_bad_lines``, nested ``parse_dates`` and ``sep`` by position.

    Args:
        original: the function of today.
    """

    @functools.wraps(original)
    def read(source: Any, *separator: Any, **options: Any) -> Any:
        if separator:
            options["sep"] = separator[0]
        squeeze, parser = options.pop("squeeze", False), options.pop("date_parser", None)
        if options.pop("error_bad_lines", None) is False:
            options["on_bad_lines"] = "skip"
        for gone in ("infer_datetime_format", "warn_bad_lines", "tupleize_cols", "mangle_dupe_cols"):
            options.pop(gone, None)
        dates = options.get("parse_dates")
        apart = parser is not None or isinstance(dates, dict) or _is_nested(dates)
        if apart and dates not in (None, False):
            found = _with_dates(original, source, options, parser)
        else:
            found = original(source, **options)
        return found.squeeze("columns") if squeeze and isinstance(found, pd.DataFrame) else found

    return read


def _is_nested(dates: Any) -> bool:
    return isinstance(dates, list) and any(isinstance(entry, list) for entry in dates)


def _with_dates(original: Any, source: Any, options: dict[str, Any], parser: Any) -> Any:
    """Read with dates that a function parses, or that several columns make up."""
    options = dict(options)
    dates, index = options.pop("parse_dates"), options.pop("index_col", None)
    frame = original(source, **options)
    if dates is True:
        dates = [0 if index is None else index]
    groups = dates.items() if isinstance(dates, dict) else ((None, entry) for entry in dates)
    first: list[Any] = []
    for title, entry in list(groups):
        names = [frame.columns[c] if isinstance(c, (int, np.integer)) else c for c in np.atleast_1d(entry).tolist()]
        columns = [frame[name].astype(str) for name in names]
        if parser is None:
            parsed = pd.to_datetime([" ".join(row) for row in zip(*columns, strict=True)], format="mixed")
        else:
            parsed = pd.DatetimeIndex(_parsed(parser, columns))
        if len(names) == 1 and title is None:
            frame[names[0]] = parsed
            continue
        title = title or "_".join(map(str, names))
        frame = frame.drop(columns=names)
        first.append(title)
        frame.insert(len(first) - 1, title, parsed)
    if index is None or index is False:
        return frame
    labels = [frame.columns[c] if isinstance(c, (int, np.integer)) else c for c in np.atleast_1d(index).tolist()]
    return frame.set_index(labels if len(labels) > 1 else labels[0])


def _parsed(parser: Any, columns: list[Any]) -> Any:
    """Dates by a function of whole columns, or else of single rows."""
    try:
        found = parser(*(column.to_numpy(object) for column in columns))
    except (TypeError, ValueError):
        found = None
    if found is not None and not np.isscalar(found) and len(found) == len(columns[0]):
        return found
    try:
        return [parser(*row) for row in zip(*columns, strict=True)]
    except TypeError:  # it takes one text
        return [parser(" ".join(row)) for row in zip(*columns, strict=True)]


def dropping(original: Callable[..., Any]) -> Callable[..., Any]:
    """``frame.drop`` that takes its axis by position."""

    @functools.wraps(original)
    def drop(self: Any, labels: Any = None, *axis: Any, **options: Any) -> Any:
        if axis:
            options["axis"] = axis[0]
        return original(self, labels, **options)

    return drop
