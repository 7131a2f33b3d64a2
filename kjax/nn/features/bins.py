"""Boundaries of bins that hold about equally many values, learned from batches: a small weighted sample of the data.

Source: the scheme of Keras' Discretization layer: sorted values thinned out to about ``1 / epsilon`` of them, each with
the number of values it stands for.
"""

from __future__ import annotations

import numpy as np

Summary = np.ndarray
"""Array (2, n): values in order, and how many values each stands for."""


def summarize(values: np.ndarray, epsilon: float) -> Summary:
    """The summary of an array."""
    ordered = np.sort(values, axis=None)
    step = max(ordered.size * epsilon, 1)
    kept = ordered[int(step - 1) :: int(step)]
    return np.stack([kept, np.full_like(kept, step)])


def merge(first: Summary, second: Summary, epsilon: float) -> Summary:
    """The summary of two parts of the data."""
    both = np.concatenate((first, second), axis=1)
    return compress(both[:, np.argsort(both[0])], epsilon)


def compress(summary: Summary, epsilon: float) -> Summary:
    """At most ``1 / epsilon`` of the values, at equal distances in weight."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    total = summary[1].cumsum()
    place = total / total[-1]
    weights = np.interp(shares, place, total)
    values = np.interp(shares, place, summary[0])
    return np.stack((values, np.diff(weights, prepend=0.0))).astype(np.float32)


def boundaries(summary: Summary, count: int) -> np.ndarray:
    """The ``count - 1`` boundaries between ``count`` bins."""
    return compress(summary, 1.0 / count)[0, :-1]
