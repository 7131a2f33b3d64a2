"""CSVLogger: one line of a table for each epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any

from kjax.keras.callbacks.base import Callback
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS


class CSVLogger(Callback):
    """Writes the logs of each epoch to a CSV file at once, so that it can be read while the training runs.

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
        self._path = self.filename

    def on_train_begin(self, logs: Any = None) -> None:
        # A script that changes its working directory meanwhile goes on with the same file.
        self._path = os.path.abspath(self.filename)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with open(self._path, "a" if self.append else "w", encoding="utf-8") as file:
            self.append_header = file.tell() == 0
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        is_first = self.keys is None
        if self.keys is None:
            self.keys = sorted(logs)
            if settings.era not in OLD_ERAS and not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        # Open only while a line is written: an interrupted training leaves no open file behind.
        # newline="": the line ends are those of the csv module, on every system.
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self.sep)
            if is_first and self.append_header:
                writer.writerow(["epoch", *self.keys])
            writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])


def _cell(value: Any) -> Any:
    """A value as it stands in the table: a vector as ``"[1, 2]"``."""
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", 1):
        return f'"[{", ".join(map(str, value))}]"'
    return value
