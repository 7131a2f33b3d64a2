"""The progress bar of `keras.utils` as Keras 1 and 2 drew it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kjax.keras.console import display, print_message
from kjax.keras.core import doors
from kjax.keras.legacy.bars import WIDTH, older_bar
from kjax.keras.progbar import Progbar
from kjax.keras.progress import duration, metrics_text, now, per_unit


class OlderProgbar(Progbar):
    """The progress bar of Keras 2.2: its width, and means over all steps, the last one too. Every drawing is printed.

    Args:
        target: number of steps, None where it is not known.
        width: width of the bar in characters.
        verbose: 0 shows nothing, 1 a bar, 2 one line at the end.
        interval: least number of seconds between two drawings.
        stateful_metrics: names of the values that are shown as they are.
    """

    def __init__(
        self,
        target: int | None,
        width: int = WIDTH,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
    ) -> None:
        super().__init__(target, width, verbose, interval, stateful_metrics)
        self._shown = 0

    def update(self, current: int, values: Iterable[tuple[str, Any]] | None = None, force: bool = False) -> None:
        """Show how far the loop is.

        Args:
            current: number of steps done.
            values: (name, value in the last step) pairs.
            force: draw however short it is since the last drawing (Keras 1).
        """
        for name, value in values or ():
            self._add(name, value, current - self._seen, last=False)
        self._seen = current
        at = now()
        spent = at - self._timer.start
        last = self.target is not None and current >= self.target
        if self.verbose == 1 and (force or last or at - self._drawn_at >= self.interval):
            each = spent / current if current else 0.0
            if self.target is not None and not last:
                told = f" - ETA: {duration(each * (self.target - current))}"
            else:
                told = f" - {spent:.0f}s {per_unit(each, 'step')}"
            self._write(f"{older_bar(current, self.target, self.width)}{told}{metrics_text(self._means())}", last)
            self._drawn_at = at
        elif self.verbose == 2 and (self.target is None or last):
            print_message(f" - {spent:.0f}s{metrics_text(self._means())}")

    def _write(self, line: str, last: bool) -> None:
        begin = "\n" if display() == "plain" else "\b" * self._shown + "\r"
        padding = " " * max(self._shown - len(line), 0)
        print_message(f"{begin}{line}{padding}", end="\n" if last else "")
        self._shown = len(line)


doors.bars.fill(of_then=lambda: object.__new__(OlderProgbar))
