"""TerminateOnNaN: ends the training when the loss is no longer a number."""

from __future__ import annotations

import math
from typing import Any

from kjax.keras.callbacks.base import Callback
from kjax.keras.console import print_message


class TerminateOnNaN(Callback):
    """Ends the training when the loss is NaN or infinite.

    Args:
        raise_error: raise an error instead of ending in good order, so that no callback does its work of the
            end.
        check_every: look after each so many batches. The default 1 finds the very batch, but calls back to
            Python for each, which small models feel; as the loss in the logs is the mean over the epoch so
            far, a larger number misses nothing and finds it later.

    Raises:
        RuntimeError: while training, with ``raise_error``, when the loss is NaN or infinite.

    Example:

        >>> callback = TerminateOnNaN(check_every=100)
    """

    def __init__(self, raise_error: bool = False, *, check_every: int = 1) -> None:
        super().__init__()
        self.raise_error = raise_error
        if check_every < 1:
            raise ValueError(f"TerminateOnNaN: check_every must be at least 1, received {check_every!r}")
        self.check_every = check_every

    def batches_until(self, step: int) -> int:
        """How many batches may run before this has to be called."""
        return self.check_every - step % self.check_every

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"NaN or Inf loss encountered at batch {batch}: the loss is {loss}.")
        print_message(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
