"""CSVLogger: one line of a table for each epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any, TextIO

from kjax.keras.callbacks.base import Callback


class CSVLogger(Callback):
    """Writes the logs of each epoch to a CSV file, at once, so that it can be read while the training runs.

    The columns are ``epoch`` (from 0) and the names in the first logs, sorted. Where the first epoch has no
    validation, columns for it are made all the same. A value that an epoch does not have is ``NA``.

    Args:
        filename: the file; folders that are missing are made.
        separator: character between the values.
        append: go on with a file that is there, without a second header, instead of beginning it anew.

    Example:

        >>> callback = CSVLogger("training.csv", append=True)
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.sep = separator
        self.filename = os.fspath(filename)
        self.append = append
        self.append_header = True
        self.keys: list[str] | None = None
        self.writer: Any = None
        self.csv_file: TextIO | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        self._close()
        if folder := os.path.dirname(self.filename):
            os.makedirs(folder, exist_ok=True)
        if self.append and os.path.exists(self.filename):
            self.append_header = os.path.getsize(self.filename) == 0
        # newline="": the line ends are those of the csv module, on every system.
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.csv_file is None:
            raise RuntimeError(
                f"CSVLogger: {self.filename} is not open; on_train_begin was not called before"
            )
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if self.writer is None:
            columns = ["epoch", *self.keys]
            self.writer = csv.DictWriter(self.csv_file, fieldnames=columns, delimiter=self.sep)
            if self.append_header:
                self.writer.writeheader()
        self.writer.writerow({"epoch": epoch, **{key: _cell(logs.get(key, "NA")) for key in self.keys}})
        self.csv_file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = None
        self.writer = None


def _cell(value: Any) -> Any:
    """A value as it stands in the table: a vector as ``"[1, 2]"``."""
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", 1):
        return f'"[{", ".join(map(str, value))}]"'
    return value
