"""Progbar: the progress bar of `keras.utils`, for loops that people write themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from kjax.keras.console import print_message
from kjax.keras.core import doors
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.progress import (
    Line,
    Segment,
    StepTimer,
    bar,
    duration,
    metrics_text,
    now,
    parse_verbose,
    per_unit,
)


class Progbar:
    """A progress bar.

    Args:
        target: number of steps, None where it is not known.
        width: width of the bar in characters.
        verbose: 0 shows nothing, 1 a bar, 2 one line at the end.
        interval: least number of seconds between two drawings. In a file or a pipe, where nothing can be
            redrawn, only the last line is written, unless ``interval`` is 0.
        stateful_metrics: names of the values that are shown as they are; of all others the mean over the
            steps is shown.
        unit_name: what a step is called.
        stateless_metrics: names of the values of which the mean is shown; all others are shown as they are.

    Raises:
        ValueError: both ``stateful_metrics`` and ``stateless_metrics``.

    Example:

        >>> progress = Progbar(3, verbose=2, unit_name="file")
        >>> for i in range(3):
        ...     progress.add(1, [("size", 2.0)])  # doctest: +ELLIPSIS
        3/3 - 0s - ...us/file - size: 2.0000
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """In the eras of Keras 1 and 2 the bar of then."""
        if cls is Progbar and settings.era in OLD_ERAS:
            return doors.bars.of_then()
        return super().__new__(cls)

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
        stateless_metrics: Iterable[str] | None = None,
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Only one of `stateful_metrics` and `stateless_metrics` can be given: each is what the other is not"
            )
        self.target = target
        self.width = width
        self.verbose = parse_verbose(verbose)
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateless_metrics is not None else set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._line = Line()
        self._timer = StepTimer()
        self._drawn_at = -math.inf
        self._seen = 0
        self._sums: dict[str, tuple[Any, int]] = {}

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show how far the loop is.

        Args:
            current: number of steps done.
            values: (name, value in the last step) pairs.
            finalize: whether this is the last update; by default, whether ``current`` has reached the target.
        """
        last = bool(self.target is not None and current >= self.target) if finalize is None else finalize
        for name, value in values or ():
            self._add(name, value, max(current - self._seen, 1), last)
        self._seen = current
        at = now()
        per_step = self._timer.per_step(current, at)
        if self.verbose == 1:
            if last or at - self._drawn_at >= self.interval:
                self._draw(current, at, per_step, last)
                self._drawn_at = at
        elif self.verbose == 2 and last and self.target:
            count = f"{current:{len(str(self.target))}d}/{self.target}"
            speed = per_unit(per_step, self.unit_name)
            print_message(f"{count} - {at - self._timer.start:.0f}s - {speed}{metrics_text(self._means())}")

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that ``n`` more steps are done; ``values`` as in :meth:`update`."""
        self.update(self._seen + n, values)

    def _add(self, name: str, value: Any, steps: int, last: bool) -> None:
        if self.stateless_metrics is not None:
            averaged = name in self.stateless_metrics
        else:
            averaged = name not in (self.stateful_metrics or ())
        if isinstance(value, (list, tuple)):
            value = np.mean(value)
        # The values that come with the last update are those of the whole, not of one more step.
        if not averaged or last:
            self._sums[name] = (value, 1)
        else:
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value * steps, count + steps)

    def _means(self) -> Iterable[tuple[str, Any]]:
        return ((name, total if count == 1 else total / max(count, 1)) for name, (total, count) in self._sums.items())

    def _draw(self, current: int, at: float, per_step: float, last: bool) -> None:
        if self.target and not last:
            clock = duration(per_step * (self.target - current))
        else:
            clock = f"{at - self._timer.start:.0f}s"
        speed = f" {per_unit(per_step, self.unit_name)}{metrics_text(self._means())}"
        segments: list[Segment] = [
            *bar(current, self.target, self.width),
            (" ", "plain"),
            (clock, "bold"),
            (speed, "plain"),
        ]
        if self._line.kind == "plain" and not last and self.interval == 0:
            print_message("".join(text for text, _ in segments))
        else:
            self._line.draw(segments, last=last)
