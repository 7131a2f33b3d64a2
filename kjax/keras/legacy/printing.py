"""What Keras 1 and 2 printed: the progress bar that counts samples, the table of a model, the numbers of epochs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kjax.keras.console import display, print_message
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.bars import older_bar
from kjax.keras.legacy.printing_tf import TensorFlowProgress
from kjax.keras.progress import HEADINGS, Progress, duration, metrics_text, now, per_unit


def epoch_label(number: int) -> str:
    """``'Epoch 7'``, or as Keras 2 wrote it, ``'Epoch 00007'``; Keras 1, which counted from 0, ``'Epoch 00006'``."""
    if settings.era not in OLD_ERAS:
        return f"Epoch {number}"
    return f"Epoch {number - (settings.era == '1'):05d}"


def waits_longer() -> bool:
    """Whether callbacks with ``patience`` wait an epoch longer, as those of Keras 1 did."""
    return settings.era == "1"


class OlderProgress(Progress):
    """The progress of ``fit``, ``evaluate`` and ``predict`` as Keras 2.2 showed it.

    Args:
        verbose: 0 shows nothing, 1 or ``'auto'`` a bar, 2 one line an epoch.
        epochs: number of epochs.
        steps: number of batches of an epoch, None where it is not known.
        names: the metrics, in the order in which they are shown.
        kind: ``'train'``, ``'test'`` or ``'predict'``.
    """

    def __init__(self, verbose: Any, epochs: int, steps: int | None, names: Sequence[str], kind: str) -> None:
        super().__init__(verbose, epochs, steps)
        self.names = tuple(names)
        self.kind = kind
        self._samples: int | None = None
        self._batch_size: int | None = None
        self._shown = 0

    def count_samples(
        self, samples: int | None, batch_size: int | None, held_out: int | None, counted: bool = True
    ) -> None:
        """Samples are counted, not batches, where their number is known; a run with a validation says how many."""
        if samples is None or batch_size is None:
            return
        if counted:
            self._samples, self._batch_size = samples, batch_size
        if held_out is not None and self.verbose:
            print_message(f"Train on {samples} samples, validate on {held_out} samples")

    def epoch_begin(self, epoch: int) -> None:
        """Begin an epoch."""
        self.finish()
        if self.verbose and self.kind == "train":
            print_message(f"Epoch {epoch + 1}/{self.epochs}")
        self._begin()

    def show(self, done_batches: int, logs: Mapping[str, Any] | None = None) -> None:
        """Show how far the epoch is, where a line can be drawn anew."""
        at = now()
        self._latest = (done_batches, at)
        if not self.draws or at - self._drawn_at < self.interval:
            return
        done, target = self._amount(done_batches), self._target()
        if target is not None and done >= target:
            return
        left = ""
        if target is not None:
            spent = (at - self._timer.start) / max(done, 1)
            left = f" - ETA: {duration(spent * (target - done))}"
        self._write(f"{older_bar(done, target)}{left}{self._values(logs)}", last=False)
        self._drawn_at = at

    def epoch_end(self, logs: Mapping[str, Any] | None = None, done_batches: int | None = None) -> None:
        """Write the line of the epoch that ended."""
        if not self.verbose or self.verbose == HEADINGS:
            return
        at = now()
        elapsed = at - self._timer.start
        done = done_batches or self.steps or self._latest[0]
        if self.verbose == 2:
            begin = f"{int(elapsed)}s" if settings.era == "1" else f" - {elapsed:.0f}s"
            print_message(f"{begin}{self._values(logs)}")
            return
        count = self._amount(done)
        target = self._target() or count
        each = (self._latest[1] - self._timer.start) / max(count, 1)
        spent = f"{int(elapsed)}s" if settings.era == "1" else f"{elapsed:.0f}s {per_unit(each, 'step')}"
        self._write(f"{older_bar(target, target)} - {spent}{self._values(logs)}", last=True)

    def finish(self) -> None:
        """End the line."""
        if self._shown:
            print_message("")
        self._shown = 0

    def _amount(self, batches: int) -> int:
        if self._samples is None or self._batch_size is None:
            return batches
        return min(batches * self._batch_size, self._samples)

    def _target(self) -> int | None:
        return self._samples if self._samples is not None else self.steps

    def _values(self, logs: Mapping[str, Any] | None) -> str:
        if self.kind != "train" or not logs:
            return ""
        order = [*self.names, *(f"val_{name}" for name in self.names)]
        return metrics_text((name, logs[name]) for name in order if dict.__contains__(logs, name))  # type: ignore[arg-type]

    def _write(self, line: str, *, last: bool) -> None:
        if display() == "plain":
            if last:
                print_message(line)
            return
        padding = " " * max(self._shown - len(line), 0)
        backspaces = "\b" * self._shown
        print_message(f"{backspaces}\r{line}{padding}", end="\n" if last else "")
        self._shown = 0 if last else len(line) + len(padding)


def make_progress(verbose: Any, epochs: int, steps: int | None, names: Sequence[str], kind: str) -> Progress:
    """The progress display of the era."""
    if settings.era in OLD_ERAS:
        return OlderProgress(verbose, epochs, steps, names, kind)
    if settings.era == "tf":
        return TensorFlowProgress(verbose, epochs, steps)
    return Progress(verbose, epochs, steps)


# -- summary -----------------------------------------------------------------------------------------------------


def rows_of_keras1(model: Any) -> Iterator[tuple[Any, str | None]]:
    """The layers of a sequential model of Keras 1, those of merged branches too, and what stood under `Connected to`.

    Args:
        model: a sequential model.
    """
    before: str | None = getattr(model._input_layer, "name", None)
    for place, layer in enumerate(model._stack):
        branches = getattr(layer, "branches", None)
        if place == 0 and branches:
            for branch in branches:
                yield from rows_of_keras1(branch) if hasattr(branch, "_stack") else ((branch, None),)
        else:
            yield layer, None if place == 0 and hasattr(layer, "_stack") else before
        inner = layer
        while place == 0 and getattr(inner, "_stack", None):  # its output was that of its last layer
            inner = inner._stack[-1]
        before = inner.name


def print_older_summary(
    model: Any,
    rows: Iterable[tuple[str, str, int, list[str] | None]],
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[[str], Any] | None,
) -> None:
    """The table of a model as Keras 2.2 printed it.

    Args:
        model: the model.
        rows: name and class, output shape, number of weights and, for a graph that is no row, what each layer reads.
        line_length: width; 65, or 98 with the column of connections, which Keras 1 always had, with 100.
        positions: where the columns end, as shares of the width or in characters.
        print_fn: called with each line; ``print`` by default.
    """
    rows = list(rows)
    connected = settings.era == "1" or any(row[3] is not None for row in rows)  # Keras 1 had one table for all models
    width = line_length or (100 if settings.era == "1" else 98 if connected else 65)
    ends = list(positions or ([0.33, 0.55, 0.67, 1.0] if connected else [0.45, 0.85, 1.0]))
    if ends[-1] <= 1:
        ends = [int(width * end) for end in ends]
    write = print_fn or (lambda line: sys.stdout.write(f"{line}\n"))

    def put(fields: Sequence[str]) -> None:
        line = ""
        for i, (field, end) in enumerate(zip(fields, ends, strict=False)):
            line = (f"{line[:-1]} " if i else line) + field
            line = line[: int(end)].ljust(int(end))
        write(line)

    write("_" * width)
    put(["Layer (type)", "Output Shape", "Param #", *(["Connected to"] if connected else [])])
    write("=" * width)
    for i, (name, shape, count, sources) in enumerate(rows):
        first, *rest = sources or [""]
        put([name, shape, str(count), *([first] if connected else [])])
        for source in rest:
            put(["", "", "", source])
        write(("=" if i == len(rows) - 1 else "_") * width)
    # A compiled model of Keras 2 trains what it did when it was compiled, and counts what was frozen since twice.
    fixed_by_compile = settings.era == "2" and getattr(model, "_trained", None) is not None
    trainable = model._collected_trainable_weights if fixed_by_compile else model.trainable_weights
    trained = sum(v.size for v in trainable)
    fixed = sum(v.size for v in model.non_trainable_weights)
    write(f"Total params: {trained + fixed:,}")
    write(f"Trainable params: {trained:,}")
    write(f"Non-trainable params: {fixed:,}")
    write("_" * width)
