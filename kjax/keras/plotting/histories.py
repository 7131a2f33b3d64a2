"""Learning curves: the history of one or several trainings as a picture."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kjax.nn.value import did_you_mean


def plot_history(
    history: Any,
    metrics: Sequence[str] | str | None = None,
    to_file: str | os.PathLike[str] | None = None,
    *,
    log_scale: bool = False,
    title: str | None = None,
) -> Any:
    """Draw learning curves: one diagram for each metric, with a line for training and one for validation.

    Args:
        history: what ``fit`` returned, or its ``history``; or a dict of several such by label, to compare them.
        metrics: names of the metrics to draw, without ``val_``; all by default.
        to_file: file for the picture; its ending says the format.
        log_scale: logarithmic vertical axes.
        title: a title above the diagrams.

    Returns:
        The Matplotlib figure.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: no history, or a metric that it does not have.

    Example:

        >>> figure = plot_history({"loss": [0.5, 0.25], "val_loss": [0.75, 0.5]})  # doctest: +SKIP
    """
    runs = _runs(history)
    names = list(dict.fromkeys(name.removeprefix("val_") for _, _, logs in runs for name in logs))
    if metrics is not None:
        wanted = [metrics] if isinstance(metrics, str) else list(metrics)
        for name in wanted:
            if name not in names:
                raise ValueError(f"plot_history: the history has no metric {name!r}; {did_you_mean(name, names)}")
        names = wanted
    if not names:
        raise ValueError("plot_history: the history is empty: nothing was trained")
    try:
        from matplotlib import pyplot
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise ImportError("plot_history needs Matplotlib: pip install 'kjax[plot]'") from error
    columns = min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(5 * columns, 3.5 * rows), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for axes, name in zip(grid.flat, names, strict=False):
        for number, (label, epochs, logs) in enumerate(runs):
            colour = f"C{number}"
            for prefix, style, kind in (("", "-", "training"), ("val_", "--", "validation")):
                if prefix + name in logs:
                    x, y = _points(epochs, logs, prefix + name)
                    text = f"{label} {kind}".strip()
                    marker = "o" if len(x) == 1 else None
                    axes.plot(x, y, style, color=colour, marker=marker, label=text)
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if log_scale:
            axes.set_yscale("log")
        axes.legend()
    if title is not None:
        figure.suptitle(title)
    if to_file is not None:
        figure.savefig(os.fspath(to_file))
    return figure


def _runs(history: Any) -> list[tuple[str, list[int] | None, dict[str, list[Any]]]]:
    """(label, indices of the epochs, logs) of each training."""
    if hasattr(history, "history"):
        return [("", list(getattr(history, "epoch", None) or []) or None, dict(history.history))]
    if isinstance(history, Mapping):
        if not any(hasattr(value, "history") or isinstance(value, Mapping) for value in history.values()):
            return [("", None, dict(history))]
        found = [(str(label), _runs(run)[0]) for label, run in history.items()]
        return [(label, epochs, logs) for label, (_, epochs, logs) in found]
    raise ValueError(
        "plot_history: expected what `fit` returned, its `history`, or a dict of such, received "
        f"{type(history).__name__}: {history!r}"
    )


def _points(epochs: list[int] | None, logs: Mapping[str, list[Any]], name: str) -> tuple[Any, np.ndarray]:
    """Epochs, counted from 1, and values. A metric that was not measured in every epoch is spread over them."""
    values = np.array([float(np.mean(value)) for value in logs[name]])
    count = max(len(column) for column in logs.values())
    known = epochs if epochs is not None and len(epochs) == count else list(range(count))
    # With validation_freq=k the last value is that of the last epoch that k divides.
    step = max(1, count // len(values)) if len(values) else 1
    chosen = known if len(values) == count else known[step - 1 :: step][: len(values)]
    return [epoch + 1 for epoch in chosen], values[: len(chosen)]
