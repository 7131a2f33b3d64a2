"""Windows of a time series as a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.keras.preprocessing.dataset import Dataset, read_in_batches


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Windows of a series, with the target at the first step of each.

    Args:
        data: series with time as its first axis.
        targets: one for each window that may begin at each step; None for windows alone.
        sequence_length: steps of a window.
        sequence_stride: steps between the beginnings of windows.
        sampling_rate: steps of the series between two steps of a window.
        batch_size: windows in a batch; None gives single windows.
        shuffle: draw the order of the windows anew for each epoch.
        seed: makes the orders repeatable.
        start_index: first step that is used.
        end_index: step before which the data end.
        format: accepted for compatibility.

    Raises:
        ValueError: numbers that do not fit the length of the data.
    """
    length = len(data)
    if start_index is not None and not 0 <= start_index < length:
        raise ValueError(f"`start_index` must be from 0 to {length - 1}, received start_index={start_index}")
    if end_index is not None and not (start_index or 0) < end_index < length:
        raise ValueError(
            f"`end_index` must be higher than `start_index` and lower than the length of the data, {length}; received "
            f"start_index={start_index}, end_index={end_index}"
        )
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if not 0 < value < length:
            raise ValueError(
                f"`{name}` must be higher than 0 and lower than the length of the data, {length}; received {value}"
            )
    if format not in ("tf", "grain"):
        raise ValueError(f"`format` must be 'tf' or 'grain', received {format!r}")
    first = start_index or 0
    data = np.asarray(data)[first : end_index or length]
    count = len(data) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)[first:]
        count = min(count, len(targets))
    positions = np.arange(0, max(count, 0), sequence_stride)
    if not len(positions):
        raise ValueError(f"no window of {sequence_length} steps fits into the {len(data)} steps of the data")
    steps = np.arange(sequence_length) * sampling_rate

    def read(numbers: np.ndarray) -> Any:
        starts = positions[numbers]
        windows = data[starts[:, None] + steps]
        return windows if targets is None else (windows, targets[starts])

    return read_in_batches(read, len(positions), batch_size, shuffle, seed)
