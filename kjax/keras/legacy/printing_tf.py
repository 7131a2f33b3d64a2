"""What tf.keras 2 printed: the progress bar with its arrow, and the table of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kjax.keras.console import print_message
from kjax.keras.legacy.bars import older_bar
from kjax.keras.progress import HEADINGS, Progress, Segment, metrics_text, now, per_unit


class TensorFlowProgress(Progress):
    """The progress of ``fit``, ``evaluate`` and ``predict`` as tf.keras 2.15 showed it."""

    def epoch_end(self, logs: Mapping[str, Any] | None = None, done_batches: int | None = None) -> None:
        """Write the line of the epoch that ended; with ``verbose=2`` it tells how long an epoch took."""
        if self.verbose != 2 or self.verbose == HEADINGS:
            super().epoch_end(logs, done_batches)
            return
        elapsed = now() - self._timer.start
        done = done_batches or self.steps or self._latest[0]
        target = self.steps or done
        per_step = self._timer.per_step(done, self._latest[1])
        count = f"{done:{len(str(target))}d}/{target}"
        speeds = f"{per_unit(elapsed, 'epoch')} - {per_unit(per_step, 'step')}"
        print_message(f"{count} - {elapsed:.0f}s{metrics_text((logs or {}).items())} - {speeds}")

    def _bar_line(
        self, done: int, target: int | None, clock: str, per_step: float, logs: Mapping[str, Any] | None
    ) -> list[Segment]:
        on_the_way = target is not None and done < target
        spent = f"ETA: {clock}" if on_the_way else f"{clock} {per_unit(per_step, 'step')}"
        return [(f"{older_bar(done, target)} - {spent}{metrics_text((logs or {}).items())}", "plain")]


Row = tuple[str, Any, str, list[str] | None, str]
"""Name and class, output shape, number of weights, what is read (where that is shown), whether it is trained."""

HEADINGS_OF_TABLE = ("Layer (type)", "Output Shape", "Param #", "Connected to", "Trainable")
_BREAKS = ("),", "},", "],", "',")
"""Behind these a cell goes on in the next line."""


class Table:
    """The table of a model as tf.keras 2.15 printed it.

    Args:
        connected: whether there is a column of connections.
        trained: whether there is one that says what is trained.
        line_length: width without that column; by default 65, or 98 with connections.
        positions: where the columns end, as shares of the width or in characters.
        write: called with each line.
    """

    def __init__(
        self,
        connected: bool,
        trained: bool,
        line_length: int | None,
        positions: Sequence[float] | None,
        write: Callable[[str], Any],
    ) -> None:
        self.width = line_length or (98 if connected else 65)
        ends = list(positions or ([0.3, 0.6, 0.7, 1.0] if connected else [0.45, 0.85, 1.0]))
        if ends[-1] <= 1:
            ends = [int(self.width * end) for end in ends]
        self.shown = [0, 1, 2, *([3] if connected else []), *([4] if trained else [])]
        if trained:
            self.width += 11
            ends.append(self.width)
        self.ends = [int(end) for end in ends]
        self.write = write

    def head(self, name: str) -> None:
        """The name of the model and the headings."""
        self.write(f'Model: "{name}"')
        self.rule("_")
        self.row(HEADINGS_OF_TABLE)
        self.rule("=")

    def rule(self, character: str) -> None:
        """A line of one character."""
        self.write(character * self.width)

    def between(self, depth: int, character: str = " ") -> None:
        """A line between rows of a model inside others."""
        edge = "|" * depth
        self.write(f"{edge}{character * (self.width - 2 * depth)}{edge}")

    def row(self, cells: Sequence[Any], depth: int = 0) -> None:
        """A row, in as many lines as its longest cell needs."""
        left = [str(cells[i]) for i in self.shown]
        last = len(left) - 1
        while any(left):
            line = ""
            for column, end in enumerate(self.ends[: len(left)]):
                start = self.ends[column - 1] if column else 0
                space = 0 if column == last else 3
                room = end - start - space - (depth if column == 0 else 0)
                part = left[column][:room]
                breaks = [part.find(mark) + len(mark) for mark in _BREAKS if mark in part]
                room = min(breaks) if breaks else room
                part, left[column] = part[:room], left[column][room:]
                line += f"{'|' * depth} {part}" if column == 0 else part
                line = line.ljust(end - (depth if column == last else 0))
            self.write(line + "|" * depth)


def print_table(
    table: Table, name: str, layers: Iterable[Any], row_of: Callable[[Any], Row], expand_nested: bool
) -> None:
    """Print the head and the rows.

    Args:
        table: where.
        name: the model's.
        layers: the layers to show.
        row_of: gives the row of a layer.
        expand_nested: whether layers of models inside are shown, too.
    """

    def show(layer: Any, depth: int, is_last: bool) -> None:
        label, shape, count, sources, trained = row_of(layer)
        table.row((label, shape, count, [] if sources is None else sources, trained), depth)
        inside = list(getattr(layer, "layers", None) or ()) if expand_nested else []
        if inside:
            table.between(depth + 1, "¯")
            for i, inner in enumerate(inside):
                show(inner, depth + 1, i == len(inside) - 1)
            table.between(depth, "¯")
        if not (is_last or inside):
            table.between(depth)

    table.head(name)
    for layer in layers:
        show(layer, 0, False)
    table.rule("=")


def memory_text(size: float) -> str:
    """``'82.00 Byte'``, ``'1.50 MB'``; a kilobyte is 1024 bytes."""
    units = ("Byte", "KB", "MB", "GB", "TB", "PB")
    power = 0
    while size >= 1024 and power < len(units) - 1:
        size /= 1024
        power += 1
    return f"{size:.2f} {units[power]}"
