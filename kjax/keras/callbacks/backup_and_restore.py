"""Exact resumption of a training that was killed, in the middle of an epoch too."""

from __future__ import annotations

import os
from typing import Any

from kjax.keras.callbacks.base import Callback
from kjax.keras.callbacks.history import History


class BackupAndRestore(Callback):
    """Save everything that the training needs to go on, and go on from there when ``fit`` is called again.

    The resumed run takes the same batches in the same order with the same random numbers: its end weights are bitwise
    those of a run that was never interrupted.

    Args:
        backup_dir: folder of the checkpoints.
        save_freq: ``'epoch'``, or a number of batches between two checkpoints.
        double_checkpoint: accepted; the last two are always kept, and each is complete before it counts.
        delete_checkpoint: delete the checkpoints when the training ends.

    Raises:
        ValueError: ``save_freq`` is neither ``'epoch'`` nor a positive integer.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        del double_checkpoint
        if not backup_dir:
            raise ValueError("BackupAndRestore: argument `backup_dir` must name a folder")
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(f"BackupAndRestore: `save_freq` is 'epoch' or a positive integer, received {save_freq!r}")
        self.backup_dir = backup_dir
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self.batch_interval = None if save_freq == "epoch" else int(save_freq)
        self._checkpoints: Any = None
        self._past: dict[str, Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Go on where the newest checkpoint stands, if there is one."""
        from kjax.train.checkpoint import Checkpoints

        self._checkpoints = Checkpoints(self.backup_dir)
        if self._checkpoints.latest() is not None:
            session = self.model._session
            state, metadata = self._checkpoints.restore(session.holder.carry)
            session.adopt(state)
            session.position = (metadata["epoch"], metadata["batch"])
            self.model._seed = session.reader.seed = metadata["seed"]
            session.reader.seek(metadata["data"])
            self._past = metadata["past"]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Give the history of the interrupted run back: not earlier, since recording begins with an empty one."""
        past, self._past = self._past, None
        history = self.model._session.history
        if past is not None and history is not None:
            history.epoch = list(past["epoch"])
            history.history = {name: list(values) for name, values in past["history"].items()}

    def _save(self, epoch: int, batch: int, logs: Any = None) -> None:
        session = self.model._session
        recorded: History | None = session.history
        past: dict[str, Any] = {"epoch": [], "history": {}}
        if recorded is not None:
            past = {
                "epoch": list(recorded.epoch),
                "history": {k: list(v) for k, v in recorded.history.items()},
            }
        if logs and epoch - 1 not in past["epoch"]:  # the history is written after this callback
            past["epoch"].append(epoch - 1)
            for name, value in logs.items():
                past["history"].setdefault(name, []).append(value)
        metadata = {
            "epoch": epoch,
            "batch": batch,
            "seed": self.model._seed,
            "past": past,
            "data": session.reader.place,
        }
        number = int(session.holder.carry.step) * 2 + (batch == 0)
        self._checkpoints.save(number, session.holder.carry, metadata)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save every so many batches."""
        if self.batch_interval and (batch + 1) % self.batch_interval == 0:
            self._save(*self.model._session.position)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save after the epoch."""
        self._save(epoch + 1, 0, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Clean up."""
        if self.delete_checkpoint:
            self._checkpoints.clear()
        self._checkpoints.close()
