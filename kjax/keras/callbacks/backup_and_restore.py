"""Exact resumption of a training that was killed, in the middle of an epoch too."""

from __future__ import annotations

import os
from typing import Any

from kjax.keras.callbacks import lasting
from kjax.keras.callbacks.base import Callback


class BackupAndRestore(Callback):
    """Save everything that the training needs to go on, and go on from there when ``fit`` is called again.

    The resumed run takes the same batches in the same order with the same random numbers, and the other callbacks know
    what they knew (patience, best values; see :class:`Callback`): its end weights are bitwise those of a run that was
    never interrupted.

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

    acts_last = True  # at the beginning the others have begun anew; what they did at the end of an epoch belongs to it

    def on_train_begin(self, logs: Any = None) -> None:
        """Go on where the newest checkpoint stands, if there is one."""
        from kjax.train.checkpoint import Checkpoints

        self._checkpoints = Checkpoints(self.backup_dir)
        if self._checkpoints.latest() is not None:
            session = self.model._session
            state, metadata, arrays = self._checkpoints.newest(self._read)
            session.adopt(state, own=session.holder.lends)
            session.position = (metadata["epoch"], metadata["batch"])
            self.model._seed = session.reader.seed = metadata["seed"]
            session.reader.seek(metadata["data"])
            history = session.history
            if history is not None:
                history.epoch = list(metadata["past"]["epoch"])
                history.history = {name: list(values) for name, values in metadata["past"]["history"].items()}
            lasting.restore(session.callbacks, metadata["callbacks"], arrays)

    def _read(self, number: int) -> tuple[Any, Any, Any]:
        holder = self.model._session.holder
        metadata = self._checkpoints.metadata(number)
        arrays = self._checkpoints.extra(metadata["arrays"], number)
        # Where a session lends its state to the steps it has it in memory of its own.
        return *self._checkpoints.restore(holder.carry, number, donate=holder.lends), arrays

    def _save(self, epoch: int, batch: int) -> None:
        session = self.model._session
        history = session.history
        past: dict[str, Any] = {"epoch": [], "history": {}}
        if history is not None:
            past = {"epoch": list(history.epoch), "history": {k: list(v) for k, v in history.history.items()}}
        kept, arrays = lasting.collect(session.callbacks)
        metadata = {
            "epoch": epoch,
            "batch": batch,
            "seed": self.model._seed,
            "past": past,
            "data": session.reader.place,
            "callbacks": kept,
            "arrays": {name: [list(array.shape), str(array.dtype)] for name, array in arrays.items()},
        }
        number = int(session.holder.carry.step) * 2 + (batch == 0)
        self._checkpoints.save(number, session.holder.carry, metadata, arrays)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save every so many batches."""
        if self.batch_interval and (batch + 1) % self.batch_interval == 0:
            self._save(*self.model._session.position)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save after the epoch."""
        self._save(epoch + 1, 0)

    def on_train_end(self, logs: Any = None) -> None:
        """Clean up."""
        if self.delete_checkpoint:
            self._checkpoints.clear()
        self._checkpoints.close()
