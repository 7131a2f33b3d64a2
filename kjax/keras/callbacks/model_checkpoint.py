"""ModelCheckpoint: saves the model, or its weights, after epochs or after a number of batches."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from kjax.keras.callbacks.logs import Named
from kjax.keras.callbacks.monitor import MonitorCallback
from kjax.keras.console import print_message
from kjax.keras.core.settings import settings
from kjax.keras.legacy.printing import epoch_label
from kjax.nn.value import did_you_mean

_MODEL_FORMATS = (".keras", ".h5", ".hdf5")
_WEIGHT_FORMATS = (".weights.h5", ".h5", ".hdf5")


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, while it is trained.

    Args:
        filepath: where to save. It may hold fields such as ``{epoch:02d}`` (counted from 1), ``{batch}``
            (from 1, with ``save_freq`` in batches) and the names in the logs (``{val_loss:.2f}``). It ends in
            ``.keras`` or ``.h5`` for models, in ``.weights.h5`` for weights; ``.h5`` and ``.hdf5`` of older
            scripts are taken for both. Folders that are missing are made.
        monitor: name of the number in the logs that tells the best model.
        verbose: 1 prints when it acts.
        save_best_only: save only when ``monitor`` has improved.
        save_weights_only: save the weights only.
        mode: ``'min'``: smaller is better; ``'max'``: larger is better; ``'auto'``: known by the name.
        save_freq: ``'epoch'``, or a number of batches, counted on across epochs. The loop runs compiled
            between.
        initial_value_threshold: the value that the first model has to beat (with ``save_best_only``).
        period: Keras 2: save after each so many epochs.

    Raises:
        ValueError: an unknown ending, or a ``save_freq`` or ``period`` that is not positive.
        KeyError: while training, where ``filepath`` names what the logs do not have.
        IsADirectoryError: while training, where ``filepath`` is a folder.

    Example:

        >>> callback = ModelCheckpoint("best.keras", monitor="val_accuracy", save_best_only=True)
    """

    lasting = (
        "best",
        "_epochs_seen_since_last_saving",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
        "_current_epoch",
    )

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        *,
        period: int = 1,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = period
        self._epochs_seen_since_last_saving = 0
        self._batches_seen_since_last_saving = 0
        self._last_batch_seen: int | None = None
        self._current_epoch = 0

        is_count = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not is_count:
            raise ValueError(
                f"Unrecognized save_freq: {save_freq!r}. It is 'epoch', or after how many batches to save: "
                "a positive integer"
            )
        if not isinstance(period, int) or period < 1:
            raise ValueError(f"period is after how many epochs to save: a positive integer, received {period!r}")
        formats = _WEIGHT_FORMATS if save_weights_only else _MODEL_FORMATS
        if not self.filepath.endswith(formats) and settings.era == "3":  # older generations take any name
            what = "the weights (save_weights_only=True)" if save_weights_only else "the whole model"
            raise ValueError(
                f"ModelCheckpoint saves {what}, so the filepath provided must end in {formats[0]!r} (or, as in older "
                f"scripts, in {' or '.join(map(repr, formats[1:]))}), received {self.filepath!r}"
            )

    def batches_until(self, step: int) -> int | None:
        """How many batches may run before this has to be called; None without a ``save_freq`` in batches."""
        if isinstance(self.save_freq, str):
            return None
        return self.save_freq - self._batches_seen_since_last_saving

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not isinstance(self.save_freq, str) and self._count_batches(batch) >= self.save_freq:
            self._batches_seen_since_last_saving = 0
            self._save_model(self._current_epoch, batch, logs)

    def on_train_begin(self, logs: Any = None) -> None:
        self._last_batch_seen = None
        self._current_epoch = -1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch != self._current_epoch:  # otherwise it goes on in the middle
            self._last_batch_seen = None
        self._current_epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.monitor_op is None and self.save_best_only:
            self._set_monitor_op()
        if self.save_freq == "epoch":
            self._epochs_seen_since_last_saving += 1
            if self._epochs_seen_since_last_saving >= self.period:
                self._epochs_seen_since_last_saving = 0
                self._save_model(epoch, None, logs)

    def _count_batches(self, batch: int) -> int:
        """Batches since the last saving; several may have run since the last call."""
        last = self._last_batch_seen
        self._batches_seen_since_last_saving += batch + 1 if last is None or batch <= last else batch - last
        self._last_batch_seen = batch
        return self._batches_seen_since_last_saving

    def _save_model(self, epoch: int, batch: int | None, logs: Any) -> None:
        logs = logs or {}
        filepath = self._file_path(epoch, batch, logs)
        if not self._should_save(epoch, logs, filepath):
            return
        if os.path.isdir(filepath) and settings.era != "tf":  # there a name without an ending is a folder's
            raise _is_a_folder(filepath)
        if "://" not in filepath and (folder := os.path.dirname(filepath)):
            os.makedirs(folder, exist_ok=True)
        try:
            if self.save_weights_only:
                self.model.save_weights(filepath, overwrite=True)
            else:
                self.model.save(filepath, overwrite=True)
        except IsADirectoryError as error:
            raise _is_a_folder(filepath) from error
        if self.verbose > 0 and settings.era == "3":
            print_message(f"\nEpoch {epoch + 1}: finished saving model to {filepath}")

    def _should_save(self, epoch: int, logs: Any, filepath: str) -> bool:
        """Decide, and say so."""
        place = f"\n{epoch_label(epoch + 1)}: "
        if not self.save_best_only:
            if self.verbose > 0:
                print_message(f"{place}saving model to {filepath}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=2)
            return True
        if np.ndim(current):
            warnings.warn(
                f"Can save best model only when `monitor` is a scalar value. Received: {current}. "
                "Every model is saved instead.",
                stacklevel=2,
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if self.best is None and settings.era != "3":
            best = "inf" if self.monitor_op is np.less else "-inf"
        if self._is_improvement(current, self.best):
            if self.verbose > 0:
                print_message(
                    f"{place}{self.monitor} improved from {best} to {current:.5f}, saving model to {filepath}"
                )
            self.best = current
            return True
        if self.verbose > 0:
            print_message(f"{place}{self.monitor} did not improve from {best}")
        return False

    def _file_path(self, epoch: int, batch: int | None, logs: Any) -> str:
        fields = {} if batch is None else {"batch": batch + 1}
        fields = Named(fields | {**logs, "epoch": epoch + 1})
        try:
            return self.filepath.format_map(fields)
        except (KeyError, IndexError) as error:
            name = str(error.args[0])
            raise KeyError(
                f"ModelCheckpoint: filepath={self.filepath!r} asks for {name!r}, which is not known here; "
                f"{did_you_mean(name, fields)}"
            ) from error


def _is_a_folder(filepath: str) -> IsADirectoryError:
    return IsADirectoryError(f"Please specify a non-directory filepath for ModelCheckpoint: {filepath} is a directory")
