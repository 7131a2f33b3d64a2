"""BaseLogger: a name of Keras 1 and 2, for work that the compiled loop does itself."""

from __future__ import annotations

from collections.abc import Iterable

from kjax.keras.callbacks.base import Callback


class BaseLogger(Callback):
    """Does nothing: the metrics in the logs are means over the epoch without it.

    In Keras 1 and 2 this callback, part of every ``fit``, took these means in Python, batch after batch. Old
    scripts that name it keep running.

    Args:
        stateful_metrics: names of metrics of which no mean was to be taken.
    """

    def __init__(self, stateful_metrics: Iterable[str] | None = None) -> None:
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())
