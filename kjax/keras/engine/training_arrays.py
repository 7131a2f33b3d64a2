"""``keras.engine.training_arrays`` of Keras 2: loops over arrays around functions of ``K.function``, in Python.

Scripts that changed how Keras trains called them with functions of their own. ``fit`` does not go through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse as issparse

from kjax.keras.callbacks import CallbackList
from kjax.keras.engine.training_utils import batch_shuffle, check_num_samples, make_batches
from kjax.keras.legacy.printing import make_progress
from kjax.keras.utils.generic_utils import slice_arrays, to_list, unpack_singleton

Function = Callable[[list[Any]], Any]


def fit_loop(
    model: Any,
    f: Function,
    ins: Sequence[Any],
    out_labels: Sequence[str] | None = None,
    batch_size: int | None = None,
    epochs: int = 100,
    verbose: int = 1,
    callbacks: Any = None,
    val_f: Function | None = None,
    val_ins: Sequence[Any] | None = None,
    shuffle: Any = True,
    callback_metrics: Sequence[str] | None = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
) -> Any:
    """Train with a function of a batch.

    Args:
        model: the model, for the callbacks.
        f: from a list of arrays to the values of ``out_labels``, such as ``model.train_function``.
        ins: inputs, targets, sample weights; a number at the end is the learning phase.
        out_labels: names of the values.
        batch_size: samples of a batch.
        epochs: index of the epoch to stop before.
        verbose: 0 silent, 1 progress bar, 2 a line an epoch.
        callbacks: one callback or a list.
        val_f: the function of a validation.
        val_ins: its arrays.
        shuffle: whether samples are shuffled in each epoch; ``'batch'`` shuffles whole batches.
        callback_metrics: names for ``callback.params['metrics']``.
        initial_epoch: index of the first epoch.
        steps_per_epoch: how often the function is called on all of ``ins``, where it draws data of its own.
        validation_steps: likewise.

    Returns:
        The ``History`` callback.

    Raises:
        ValueError: steps of a validation without steps of an epoch, or the other way round.
    """
    validates = bool(val_f and val_ins) or bool(validation_steps)
    if validation_steps and steps_per_epoch is None:
        raise ValueError(
            "Can only use `validation_steps` when doing step-wise training, i.e. `steps_per_epoch` must be set."
        )
    if validates and steps_per_epoch and not validation_steps:
        raise ValueError("Must specify `validation_steps` to perform validation when doing step-wise training.")
    samples = check_num_samples(ins, batch_size, steps_per_epoch, "steps_per_epoch")
    labels = list(out_labels or [])
    params = {
        "batch_size": batch_size,
        "epochs": epochs,
        "steps": steps_per_epoch,
        "samples": samples,
        "verbose": verbose,
        "do_validation": validates,
        "metrics": list(callback_metrics or []),
    }
    told = CallbackList(callbacks, add_history=True, model=model, params=params)
    model.history, model.stop_training = told.history, False
    for callback in told.callbacks:
        callback.validation_data = val_ins
    sizes = (
        [1] * steps_per_epoch if steps_per_epoch else [b - a for a, b in make_batches(samples or 0, batch_size or 32)]
    )
    progress = make_progress(verbose, epochs, len(sizes), labels, "train")
    held_back = val_ins[0].shape[0] if val_ins and hasattr(val_ins[0], "shape") else None
    progress.count_samples(samples, batch_size or 32, held_back, counted=steps_per_epoch is None)
    told.on_train_begin()
    for epoch in range(initial_epoch, epochs):
        _reset(model)
        progress.epoch_begin(epoch)
        told.on_epoch_begin(epoch)
        sums, seen, done = np.zeros(len(labels)), 0, 0
        for batch, arrays in enumerate(_batches(ins, samples, batch_size, steps_per_epoch, shuffle)):
            logs: dict[str, Any] = {"batch": batch, "size": sizes[batch]}
            told.on_train_batch_begin(batch, logs)
            logs.update(zip(labels, to_list(f(arrays)), strict=False))
            values = np.array([float(logs[name]) for name in labels if name in logs])
            sums[: len(values)] += values * sizes[batch]
            seen, done = seen + sizes[batch], batch + 1
            told.on_train_batch_end(batch, logs)
            progress.show(done, dict(zip(labels, sums / seen, strict=True)))
            if model.stop_training:
                break
        found: dict[str, Any] = {}
        if validates and (not model.stop_training or steps_per_epoch):
            how = {"steps": validation_steps} if steps_per_epoch else {"batch_size": batch_size}
            values = to_list(test_loop(model, val_f or f, val_ins or [], **how))  # type: ignore[arg-type]
            found = {f"val_{name}": value for name, value in zip(labels, values, strict=False)}
        found |= dict(zip(labels, sums / max(seen, 1), strict=True))
        told.on_epoch_end(epoch, found)
        progress.epoch_end(found, done_batches=done)
        if model.stop_training:
            break
    progress.finish()
    told.on_train_end()
    return model.history


def predict_loop(
    model: Any, f: Function, ins: Sequence[Any], batch_size: int | None = 32, verbose: int = 0, steps: int | None = None
) -> Any:
    """The outputs of a function of batches, as one array or a list of them.

    Args:
        model: the model.
        f: from a list of arrays to the outputs, such as ``model.predict_function``.
        ins: the arrays.
        batch_size: samples of a batch.
        verbose: 1 for a progress bar.
        steps: how often the function is called on all of ``ins``, where it draws data of its own.
    """
    del model
    rows = [to_list(out) for _, out in _run(f, ins, batch_size, verbose, steps)]
    return unpack_singleton([np.concatenate(column, axis=0) for column in zip(*rows, strict=True)])


def test_loop(
    model: Any,
    f: Function,
    ins: Sequence[Any],
    batch_size: int | None = None,
    verbose: int = 0,
    steps: int | None = None,
) -> Any:
    """The means of what a function gives for batches, weighted by their sizes, as a number or a list.

    Args:
        model: the model, whose ``stateful_metric_names`` are taken from the last batch.
        f: from a list of arrays to numbers, such as ``model.test_function``.
        ins: the arrays.
        batch_size: samples of a batch.
        verbose: 1 for a progress bar.
        steps: how often the function is called on all of ``ins``, where it draws data of its own.
    """
    _reset(model)
    last = [name in model.stateful_metric_names for name in model.metrics_names]
    rows, sizes = [], []
    for size, out in _run(f, ins, batch_size, verbose, steps):
        rows.append([float(value) for value in to_list(out)])
        sizes.append(size)
    kept = last + [False] * len(rows[0])
    means = np.average(rows, axis=0, weights=sizes)
    return unpack_singleton([rows[-1][i] if kept[i] else mean for i, mean in enumerate(means)])


def _reset(model: Any) -> None:
    for metric in model.stateful_metric_functions:
        metric.reset_states()


def _run(
    f: Function, ins: Sequence[Any], batch_size: int | None, verbose: int, steps: int | None
) -> Iterator[tuple[int, Any]]:
    """(samples of a batch, or 1 where steps are counted; what the function gives) for each batch."""
    samples = check_num_samples(ins, batch_size, steps, "steps")
    sizes = [1] * steps if steps else [b - a for a, b in make_batches(samples or 0, batch_size or 32)]
    progress = make_progress(1 if verbose == 1 else 0, 1, len(sizes), (), "test")
    progress.count_samples(samples, batch_size or 32, None, counted=not steps)
    for batch, arrays in enumerate(_batches(ins, samples, batch_size, steps, False)):
        yield sizes[batch], f(arrays)
        progress.show(batch + 1, {})
    progress.epoch_end({})
    progress.finish()


def _batches(
    ins: Sequence[Any], samples: int | None, batch_size: int | None, steps: int | None, shuffle: Any
) -> Iterator[list[Any]]:
    """The arrays of each batch; all of them, as they are, where steps are counted."""
    if steps:
        yield from ([*ins] for _ in range(steps))
        return
    order = np.arange(samples or 0)
    if shuffle == "batch":
        order = batch_shuffle(order, batch_size or 32)
    elif shuffle:
        np.random.shuffle(order)
    phase = [ins[-1]] if ins and isinstance(ins[-1], float) else []
    data = list(ins)[: len(ins) - len(phase)]
    for start, stop in make_batches(len(order), batch_size or 32):
        parts = slice_arrays(data, order[start:stop])
        yield [part.toarray() if issparse(part) else part for part in parts] + phase
