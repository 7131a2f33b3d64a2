"""OrbaxCheckpoint: saves the whole state of the model with Orbax, while the training goes on."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

from kjax.keras.callbacks.monitor import MonitorCallback
from kjax.keras.console import print_message
from kjax.keras.core import doors


class OrbaxCheckpoint(MonitorCallback):
    """Saves weights, the optimizer's state, vocabularies and the model's config as Orbax checkpoints, in the layout of Keras 3.

    The arrays are handed over at once and written in the background. In a folder that has checkpoints already the
    numbers go on from the last one.

    Args:
        directory: folder of the checkpoints; each is a folder in it, named by the epoch (from 0) or, with ``save_freq``
            in batches, by the number of batches seen.
        monitor: name of the number in the logs that tells the best state.
        verbose: 1 prints when it acts.
        save_best_only: save only when ``monitor`` has improved.
        mode: ``'min'``: smaller is better; ``'max'``: larger is better; ``'auto'``: known by the name.
        save_freq: ``'epoch'``, or a number of batches. The loop runs compiled between.
        initial_value_threshold: the value that the first state has to beat (with ``save_best_only``).
        max_to_keep: number of checkpoints that are kept, the latest ones; None keeps all.
        save_on_background: False waits until each is written.
        save_weights_only: leave out the optimizer, the metrics and the config.

    Raises:
        ValueError: another ``save_freq`` or ``max_to_keep``.

    Example:

        >>> callback = OrbaxCheckpoint("checkpoints", monitor="val_accuracy", save_best_only=True)
    """

    lasting = ("best", "_since_saving", "_last_batch", "_total", "_epoch")

    def __init__(
        self,
        directory: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        is_count = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not is_count:
            raise ValueError(
                f"OrbaxCheckpoint: save_freq is 'epoch' or a positive integer (batches), received {save_freq!r}"
            )
        if max_to_keep is not None and (not isinstance(max_to_keep, int) or max_to_keep < 1):
            raise ValueError(f"OrbaxCheckpoint: max_to_keep is a positive integer or None, received {max_to_keep!r}")
        self.directory = os.path.abspath(os.path.expanduser(os.fspath(directory)))
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = save_freq
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self.save_weights_only = save_weights_only
        self._checkpointer: Any = None
        self._since_saving = 0
        self._last_batch = -1
        self._total = 0
        self._epoch = -1
        self._shift: int | None = None

    @property
    def checkpointer(self) -> Any:
        """The Orbax checkpointer; it is opened when it is first needed."""
        if self._checkpointer is None:
            import orbax.checkpoint as ocp

            training: Any = ocp.v1.training
            keep = self.max_to_keep
            self._checkpointer = training.Checkpointer(
                directory=self.directory,
                preservation_policy=None if keep is None else training.preservation_policies.LatestN(keep),
                save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
            )
        return self._checkpointer

    def batches_until(self, step: int) -> int | None:
        """How many batches may run before this has to be called."""
        return None if isinstance(self.save_freq, str) else self.save_freq - self._since_saving

    def on_train_begin(self, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        self._total = int(optimizer.iterations) if optimizer is not None else 0
        self._since_saving = 0
        self._shift = None
        self._epoch = -1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch != self._epoch:  # otherwise it goes on in the middle
            self._last_batch = -1
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        new = batch - self._last_batch
        self._last_batch = batch
        self._total += new
        self._since_saving += new
        if not isinstance(self.save_freq, str) and self._since_saving >= self.save_freq:
            self._since_saving = 0
            self._save_if_due(self._total, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self._save_if_due(epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        self.close()

    def is_multihost_enabled(self) -> bool:
        """Whether several processes train together."""
        import jax

        return jax.process_count() > 1

    def is_primary_host(self) -> bool:
        """Whether this is the first of the processes."""
        import jax

        return jax.process_index() == 0

    def wait_until_finished(self) -> None:
        """Wait until everything is written."""
        if self._checkpointer is not None:
            self._checkpointer.wait()

    def close(self) -> None:
        """Wait until everything is written, and free what Orbax holds."""
        if self._checkpointer is not None:
            self._checkpointer.close()
            self._checkpointer = None

    def _save_if_due(self, number: int, logs: Any) -> None:
        if self.save_best_only:
            current = (logs or {}).get(self.monitor)
            if current is None:
                warnings.warn(
                    f"OrbaxCheckpoint: can save the best state only with {self.monitor!r} in the logs; there are "
                    f"{', '.join(logs or {}) or 'none'}",
                    stacklevel=2,
                )
                return
            if not self._is_improvement(current, self.best):
                return
            self.best = current
        self._save(number)

    def _save(self, number: int) -> None:
        tree = self.model.get_state_tree()
        if self.save_weights_only:
            tree = {kind: tree[kind] for kind in ("trainable_variables", "non_trainable_variables")}
        payload: dict[str, Any] = {"pytree": tree}
        if not self.save_weights_only:
            payload["model_config"] = {"config": json.dumps(doors.files.shared_config(self.model), default=float)}
            if files := doors.files.assets(self.model):
                payload["assets"] = files
        self.wait_until_finished()  # of the one before, so that they are written in order
        checkpointer = self.checkpointer
        if self._shift is None:  # the newest checkpoint must be the one with the largest number
            latest = checkpointer.latest
            self._shift = 0 if latest is None else max(0, latest.step + 1 - number)
        number += self._shift
        save = checkpointer.save_checkpointables_async if self.save_on_background else checkpointer.save_checkpointables
        with _plain():
            save(number, payload)
        if self.verbose > 0:
            print_message(f"\nOrbaxCheckpoint: saving checkpoint {number} to {self.directory}")


def _plain() -> Any:
    """A setting of Orbax that writes numbers as they are: compressed, floats take a tenth less room and eight times as long."""
    import orbax.checkpoint as ocp

    context = ocp.v1.Context()
    context.array.saving.use_compression = False
    return context
