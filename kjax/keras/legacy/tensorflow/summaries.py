"""`tf.summary`: what scripts write for TensorBoard themselves."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kjax.keras.core import doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.updates import Effect, Group
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
        """Let the functions of ``tf.summary`` write here, at a step unless they say another."""
        before = get_step()
        self.set_as_default(step)
        try:
            yield self
        finally:
            _writers.pop()
            set_step(before)

    def set_as_default(self, step: int | None = None) -> None:
        """Let the functions of ``tf.summary`` write here from now on."""
        _writers.append(self)
        if step is not None:
            set_step(step)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write what a session gave for a summary, or a ``tf.Summary`` (TensorFlow 1)."""
        if isinstance(summary, bytes):
            from kjax.keras.callbacks.events import proto

            summary = proto("summary", "Summary").FromString(summary)
        self._events.add([summary], int(0 if global_step is None else global_step))

    def add_graph(self, *args: Any, **options: Any) -> None:
        """Accepted: graphs are not drawn by TensorBoard."""

    def add_run_metadata(self, *args: Any, **options: Any) -> None:
        """Accepted."""

    def flush(self) -> None:
        """All is written at once."""

    close = flush

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


_writers: list[SummaryWriter] = []
_steps: list[Any] = []


def set_step(step: Any) -> None:
    """``tf.summary.experimental.set_step``: the step of functions that say none; a variable may go on counting."""
    _steps[:] = [] if step is None else [step]


def get_step() -> Any:
    """``tf.summary.experimental.get_step``."""
    return _steps[0] if _steps else None


def create_file_writer(logdir: Any, *args: Any, **options: Any) -> SummaryWriter:
    """``tf.summary.create_file_writer``."""
    return SummaryWriter(logdir)


class Summary(Effect):
    """What ``tf.summary.scalar`` and its like give in a graph: a session returns bytes for ``add_summary``.

    Args:
        make: makes a record of a name and a value.
        name: the name.
        data: the tensor.
    """

    def __init__(self, make: Callable[..., Any], name: str, data: Any) -> None:
        symbolic = data.__symbolic__() if hasattr(data, "__symbolic__") else data
        super().__init__([symbolic] if is_symbolic(symbolic) else [])
        self.make, self.name, self.constant = make, name, None if self.tensors else data
        self.records: list[Any] = []
        _drawn.append(self)

    def apply(self, values: Sequence[Any]) -> None:
        """Make the record."""
        self.records = [self.make(self.name, np.asarray(unwrap(values[0] if values else self.constant)))]

    def result(self) -> bytes:
        """The record, written as TensorFlow wrote it."""
        return b"".join(record.SerializeToString() for record in self.records)


class Summaries(Group):
    """Several summaries as one."""

    def result(self) -> bytes:
        """The records: messages of the same kind one after the other are one message."""
        return b"".join(part.result() for part in self.parts)


_MESSAGES = {
    "Message": ("summary", "Summary"),
    "HistogramProto": ("summary", "HistogramProto"),
    "Event": ("event", "Event"),
    "SummaryMetadata": ("summary", "SummaryMetadata"),
}


def __getattr__(name: str) -> Any:
    """``tf.Summary``, ``tf.HistogramProto`` and ``tf.Event``: messages that scripts of TensorFlow 1 put together themselves."""
    if name not in _MESSAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kjax.keras.callbacks.events import need_tensorboard, proto

    need_tensorboard()
    return proto(*_MESSAGES[name])


_drawn: list[Summary] = []


def merge(inputs: Sequence[Any], *args: Any, **options: Any) -> Summaries:
    """``tf.summary.merge``."""
    return Summaries(list(inputs))


def merge_all(*args: Any, **options: Any) -> Summaries | None:
    """``tf.summary.merge_all``: the summaries of the graph, None where there are none."""
    return Summaries(list(_drawn)) if _drawn else None


def _write(make: Callable[..., Any], step: Any, *args: Any) -> Any:
    if step is None and scopes.is_drawing():
        return Summary(make, *args)
    if not _writers:
        return False
    step = get_step() if step is None else step
    _writers[-1]._events.add([make(*args)], int(np.asarray(unwrap(0 if step is None else step))))
    return True


def scalar(name: str, data: Any, step: Any = None, description: Any = None, **options: Any) -> Any:
    """``tf.summary.scalar``: a number."""
    from kjax.keras.callbacks import events

    return _write(lambda n, value: events.scalar(n, float(np.asarray(unwrap(value)))), step, name, data)


def histogram(
    name: str, data: Any, step: Any = None, buckets: Any = None, description: Any = None, **options: Any
) -> Any:
    """``tf.summary.histogram``: how values are distributed."""
    from kjax.keras.callbacks import events

    return _write(lambda n, value: events.histogram(n, np.asarray(unwrap(value))), step, name, data)


def image(name: str, data: Any, step: Any = None, max_outputs: int = 3, description: Any = None, **options: Any) -> Any:
    """``tf.summary.image``: pictures."""
    from kjax.keras.callbacks import events

    return _write(lambda n, value: events.images(n, np.asarray(unwrap(value))[:max_outputs]), step, name, data)


def text(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """``tf.summary.text``: accepted, and not written."""
    return False


def trace(*args: Any, **options: Any) -> None:
    """``tf.summary.trace_on`` and its like: accepted."""


def audio(name: str, data: Any, sample_rate: int, step: Any = None, **options: Any) -> bool:
    """``tf.summary.audio``: accepted, and not written."""
    return False


def should_record_summaries() -> bool:
    """``tf.summary.should_record_summaries``: whether there is a writer."""
    return bool(_writers)


@contextlib.contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """``tf.summary.record_if``: nothing is written inside where the condition does not hold."""
    holds = condition() if callable(condition) else condition
    hidden, _writers[:] = list(_writers), list(_writers) if bool(unwrap(holds)) else []
    try:
        yield
    finally:
        _writers[:] = hidden


class NoWriter(SummaryWriter):
    """What ``tf.summary.create_noop_writer`` gives: it writes nothing."""

    def __init__(self) -> None:
        self._events = self

    def add(self, *args: Any) -> None:
        """Accepted."""


def create_noop_writer() -> SummaryWriter:
    """``tf.summary.create_noop_writer``."""
    return NoWriter()


doors.summaries.fill(functions=lambda: sys.modules[__name__], drawn=lambda: _drawn)


def write_raw_pb(tensor: Any, step: Any = None, name: str | None = None) -> bool:
    """``tf.summary.experimental.write_raw_pb``: write a summary that others put together.

    Args:
        tensor: the message, as bytes.
        step: its place on the horizontal axis.
        name: of the operation; nothing is named after it.

    Returns:
        Whether there is a writer.
    """
    if not _writers:
        return False
    given = tensor if isinstance(tensor, bytes) else np.asarray(unwrap(tensor)).item()
    step = get_step() if step is None else step
    _writers[-1].add_summary(bytes(given), int(np.asarray(unwrap(0 if step is None else step))))
    return True


@contextlib.contextmanager
def summary_scope(name: str, default_name: str = "summary", values: Any = None) -> Iterator[tuple[str, str]]:
    """``tf.summary.experimental.summary_scope``: the tag of a summary, and the scope around it.

    Args:
        name: of the summary.
        default_name: where there is none.
        values: taken for compatibility.
    """
    tag = name or default_name
    yield tag, f"{tag}/"


def summary_iterator(path: Any) -> Iterator[Any]:
    """``tf.compat.v1.train.summary_iterator``: the events of a file of TensorBoard.

    Args:
        path: the file.
    """
    from kjax.keras.callbacks.events import need_tensorboard, proto
    from kjax.keras.legacy.tensorflow.records import read_records

    need_tensorboard()
    event = proto("event", "Event")
    return (event.FromString(record) for record in read_records(os.fspath(path)))
