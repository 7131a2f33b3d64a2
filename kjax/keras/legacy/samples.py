"""Numbers of samples where Keras 1 counted those of a generator: ``fit_generator(samples_per_epoch=...)``."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator


@dataclasses.dataclass(frozen=True)
class Samples:
    """What an epoch was said to hold.

    Attributes:
        count: number of samples.
        batch_size: samples in a batch.
    """

    count: int
    batch_size: int


_asked: contextvars.ContextVar[Samples | None] = contextvars.ContextVar("samples", default=None)


@contextlib.contextmanager
def asking(samples: Samples | None) -> Iterator[None]:
    """Inside, epochs hold this number of samples."""
    token = _asked.set(samples)
    try:
        yield
    finally:
        _asked.reset(token)


def asked() -> Samples | None:
    """What was said of the epochs of the call in progress."""
    return _asked.get()
