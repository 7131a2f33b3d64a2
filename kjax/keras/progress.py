"""What `fit`, `evaluate` and `predict` show while they run: a bar redrawn in place, or a line an epoch."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from kjax.keras.console import display, has_colours, print_message

Style: TypeAlias = Literal["plain", "bold", "done", "left"]
Segment: TypeAlias = tuple[str, Style]

_CODES: dict[Style, str] = {"bold": "\x1b[1m", "done": "\x1b[32m", "left": "\x1b[37m"}
_RESET = "\x1b[0m"

BAR_WIDTH = 20
INTERVAL = 0.1
"""Seconds between two drawings of the bar."""

HEADINGS = 3
"""How much is shown where `verbose` is an integer that has no meaning of its own."""

now = time.monotonic


def parse_verbose(verbose: Any) -> int:
    """0 (nothing), 1 (a bar), 2 (a line an epoch) or 3 (the headings of epochs alone) from what a user passed.

    ``'auto'`` is 1, None is 0; any other integer shows the headings, as in every Keras.

    Raises:
        ValueError: no integer.
    """
    if verbose == "auto":
        return 1
    if verbose is None:
        return 0
    if not isinstance(verbose, str) and hasattr(verbose, "__index__"):
        return int(verbose) if verbose in (0, 1, 2) else HEADINGS
    raise ValueError(f"verbose must be 0 (nothing), 1 (a bar), 2 (a line an epoch) or 'auto', received {verbose!r}")


def duration(seconds: float) -> str:
    """``'7s'``, ``'2:07'`` or ``'1:02:07'``."""
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if seconds > 60 else f"{whole}s"


def per_unit(seconds: float, unit: str) -> str:
    """``'3s/step'``, ``'2ms/step'`` or ``'85us/step'``."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/{unit}"
    return f"{seconds * 1e3:.0f}ms/{unit}" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/{unit}"


def metrics_text(metrics: Iterable[tuple[str, Any]]) -> str:
    """``' - accuracy: 0.9100 - loss: 3.1000e-04'``; of several numbers the mean, anything else as text."""
    parts = []
    for name, value in metrics:
        try:
            number = float(value) if isinstance(value, float) else float(np.mean(value))
        except (TypeError, ValueError):
            parts.append(f" - {name}: {value}")
            continue
        parts.append(f" - {name}: {number:.4f}" if abs(number) > 1e-3 else f" - {name}: {number:.4e}")
    return "".join(parts)


def bar(done: int, target: int | None, width: int = BAR_WIDTH) -> list[Segment]:
    """``'12/32 ━━━━━━━'``: what is done and what is left; the count alone without a target."""
    if not target:
        return [(f"{done:7d}/Unknown", "plain")]
    filled = min(width, int(width * done / target))
    segments: list[Segment] = [(f"{done:{len(str(target))}d}/{target}", "bold"), (" ", "plain")]
    return [*segments, ("━" * filled, "done"), ("━" * (width - filled), "left")]


def crop(segments: Iterable[Segment], width: int) -> list[Segment]:
    """The first ``width`` characters."""
    kept: list[Segment] = []
    for text, style in segments:
        kept.append((text[:width], style))
        width -= len(kept[-1][0])
    return kept


class Line:
    """A line of the screen that can be drawn anew in place. In a file or a pipe only whole lines are written.

    Attributes:
        is_open: whether the line was drawn and not ended.
    """

    def __init__(self) -> None:
        self.kind = display()
        self.is_open = False
        self._colours = has_colours()
        self._width = 0

    def draw(self, segments: Iterable[Segment], *, last: bool) -> None:
        """Draw the line in place of what it was.

        Args:
            segments: its parts.
            last: end the line.
        """
        segments = [s for s in segments if s[0]]
        if self.kind == "plain":
            if last:
                print_message("".join(text for text, _ in segments))
            return
        if self.kind == "terminal" and not last:
            # A line that wraps cannot be drawn over: the cursor returns to the start of its last row only.
            segments = crop(segments, shutil.get_terminal_size().columns - 1)
        width = sum(len(text) for text, _ in segments)
        if self._colours:
            text = "".join(f"{_CODES[s]}{t}{_RESET}" if s in _CODES else t for t, s in segments)
        else:
            text = "".join(t for t, _ in segments)
        rest = " " * (self._width - width)
        print_message(f"\r{text}{rest}", end="\n" if last else "")
        self._width = 0 if last else width
        self.is_open = not last

    def close(self) -> None:
        """End the line where it was not ended, so that what is written next begins a new one."""
        if self.is_open:
            print_message("")
        self.is_open = False
        self._width = 0


class StepTimer:
    """Measures how long a step takes, without the first ones, which wait for the compiler.

    Args:
        skip_first: whether there is a compilation in the first steps.
    """

    def __init__(self, skip_first: bool = True) -> None:
        self.start = now()
        self._skip_first = skip_first
        self._first: tuple[int, float] | None = None

    def per_step(self, done: int, at: float) -> float:
        """Seconds a step.

        Args:
            done: number of steps done.
            at: the time at which they were.
        """
        if not done:
            return 0.0
        if self._first is None:
            self._first = (done, at)
        first, then = self._first
        if self._skip_first and done > first:
            return (at - then) / (done - first)
        return (at - self.start) / done


class Progress:
    """What ``fit``, ``evaluate`` and ``predict`` show.

    On a terminal and in a notebook a bar is redrawn in place; in a file or a pipe one line is written for
    each epoch.

    Args:
        verbose: 0 shows nothing, 1 or ``'auto'`` a bar, 2 one line an epoch; other integers the headings alone.
        epochs: number of epochs; with one there is no heading ``Epoch 1/1``.
        steps: number of batches of an epoch, None where it is not known.
        interval: seconds between two drawings of the bar.

    Raises:
        ValueError: a ``verbose`` that is no integer.

    Example:

        >>> progress = Progress(verbose=0, epochs=2, steps=32)
        >>> progress.epoch_begin(0)
        >>> progress.show(4, {"loss": 0.5})
        >>> progress.epoch_end({"loss": 0.25})
        >>> progress.finish()
    """

    def __init__(
        self, verbose: Any = "auto", epochs: int = 1, steps: int | None = None, *, interval: float = INTERVAL
    ) -> None:
        self.verbose = parse_verbose(verbose)
        self.epochs = epochs
        self.steps = steps
        self.interval = interval
        self._line = Line()
        self._timer = StepTimer()
        self._latest: tuple[int, float] = (0, self._timer.start)
        self._drawn_at = -math.inf
        self._epochs_begun = 0

    @property
    def draws(self) -> bool:
        """Whether anything is shown between the beginning and the end of an epoch."""
        return self.verbose == 1 and self._line.kind != "plain"

    def count_samples(
        self, samples: int | None, batch_size: int | None, held_out: int | None, counted: bool = True
    ) -> None:
        """How many samples there are; what is shown today are batches."""

    def epoch_begin(self, epoch: int) -> None:
        """Begin an epoch (or an evaluation, a prediction).

        Args:
            epoch: its index, from 0.
        """
        self._line.close()
        if self.verbose and self.epochs > 1:
            print_message(f"Epoch {epoch + 1}/{self.epochs}")
        self._begin()

    def _begin(self) -> None:
        self._timer = StepTimer(skip_first=self._epochs_begun == 0)
        self._latest = (0, self._timer.start)
        self._drawn_at = -math.inf
        self._epochs_begun += 1

    def show(self, done_batches: int, logs: Mapping[str, Any] | None = None) -> None:
        """Show how far the epoch is. It draws, and reads ``logs``, only when it is time to.

        Args:
            done_batches: number of batches done in this epoch.
            logs: metric values by name.
        """
        at = now()
        per_step = self._timer.per_step(done_batches, at)
        self._latest = (done_batches, at)
        if not self.draws or at - self._drawn_at < self.interval:
            return
        if self.steps:
            left = duration(per_step * max(0, self.steps - done_batches))
        else:
            left = f"{at - self._timer.start:.0f}s"
        self._line.draw(self._bar_line(done_batches, self.steps, left, per_step, logs), last=False)
        self._drawn_at = at

    def epoch_end(self, logs: Mapping[str, Any] | None = None, done_batches: int | None = None) -> None:
        """Write the line of the epoch that ended.

        Args:
            logs: metric values by name, those of the validation included.
            done_batches: number of batches done; where it is not given, all of them, or the last number
                shown.
        """
        if not self.verbose or self.verbose == HEADINGS:
            return
        at = now()
        done, done_at = self._latest
        if done_batches is None:
            done_batches = self.steps or done
        # The validation is no part of the time of a step.
        per_step = self._timer.per_step(done_batches, done_at if done == done_batches else at)
        target = self.steps or done_batches
        elapsed = f"{at - self._timer.start:.0f}s"
        if self.verbose == 1:
            segments = self._bar_line(done_batches, target, elapsed, per_step, logs)
            self._line.draw(segments, last=True)
        else:
            count = f"{done_batches:{len(str(target))}d}/{target}"
            speed = per_unit(per_step, "step")
            print_message(f"{count} - {elapsed} - {speed}{metrics_text((logs or {}).items())}")

    def finish(self) -> None:
        """End the display, also in the middle of an epoch (after Ctrl-C, or an error)."""
        self._line.close()

    def _bar_line(
        self, done: int, target: int | None, clock: str, per_step: float, logs: Mapping[str, Any] | None
    ) -> list[Segment]:
        speed = f" {per_unit(per_step, 'step')}{metrics_text((logs or {}).items())}"
        return [*bar(done, target), (" ", "plain"), (clock, "bold"), (speed, "plain")]
