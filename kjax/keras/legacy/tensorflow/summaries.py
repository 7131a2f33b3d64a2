"""`tf.summary`: what scripts write for TensorBoard themselves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kjax.keras.legacy.tensorflow.tensor import unwrap


class SummaryWriter:
    """What ``tf.summary.create_file_writer`` gives: an event file of TensorBoard.

    Args:
        logdir: the folder.
    """

    def __init__(self, logdir: Any) -> None:
        from kjax.keras.callbacks.events import EventFile, need_tensorboard

        need_tensorboard()
        self._events = EventFile(os.fspath(logdir))

    @contextlib.contextmanager
    def as_default(self, step: int | None = None) -> Iterator[SummaryWriter]:
        """Let the functions of ``tf.summary`` write here."""
        _writers.append(self)
        try:
            yield self
        finally:
            _writers.pop()

    def set_as_default(self, step: int | None = None) -> None:
        """Let the functions of ``tf.summary`` write here from now on."""
        _writers.append(self)

    def flush(self) -> None:
        """All is written at once."""

    close = flush

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


_writers: list[SummaryWriter] = []


def create_file_writer(logdir: Any, *args: Any, **options: Any) -> SummaryWriter:
    """``tf.summary.create_file_writer``."""
    return SummaryWriter(logdir)


def _write(make: Callable[..., Any], step: Any, *args: Any) -> bool:
    if not _writers:
        return False
    _writers[-1]._events.add([make(*args)], int(np.asarray(unwrap(0 if step is None else step))))
    return True


def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """``tf.summary.scalar``: a number."""
    from kjax.keras.callbacks import events

    return _write(events.scalar, step, name, float(np.asarray(unwrap(data))))


def histogram(name: str, data: Any, step: Any = None, buckets: Any = None, description: str | None = None) -> bool:
    """``tf.summary.histogram``: how values are distributed."""
    from kjax.keras.callbacks import events

    return _write(events.histogram, step, name, np.asarray(unwrap(data)))


def image(name: str, data: Any, step: Any = None, max_outputs: int = 3, description: str | None = None) -> bool:
    """``tf.summary.image``: pictures."""
    from kjax.keras.callbacks import events

    return _write(events.images, step, name, np.asarray(unwrap(data))[:max_outputs])


def text(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """``tf.summary.text``: accepted, and not written."""
    return False


def trace(*args: Any, **options: Any) -> None:
    """``tf.summary.trace_on`` and its like: accepted."""
