"""The loop engine for a research script: epochs, evaluations and predictions from pure steps and a source."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kjax.data.reader import Reader, Source
from kjax.train import loop
from kjax.train.objective import Objective
from kjax.train.predict import run_predict
from kjax.train.state import TrainState


def seed_of(key: jax.Array) -> int:
    """The number that the orders of the epochs are derived from; read from the device once a call."""
    return int(jax.device_get(jax.random.key_data(key)).ravel()[-1])


def fit_epoch(
    step: Callable[..., Any],
    state: TrainState,
    source: Source | Reader,
    objective: Any,
    *,
    start: int = 0,
    stop: int | None = None,
    listener: Any = None,
) -> tuple[TrainState, dict[str, float]]:
    """Train for one epoch.

    Args:
        step: from :func:`make_train_step`.
        state: the state; its buffers are donated, so use the returned one from now on.
        source: batches of (inputs, targets, weights): :class:`kjax.data.Arrays` or :func:`kjax.data.source`, of which an
            epoch is a pass; or a :class:`kjax.data.Reader` of one, whose epochs may have any length, and whose ``place``
            belongs into a checkpoint.
        objective: the objective (or loss) that the step was made with.
        start: first batch; an epoch that was interrupted after some batches goes on from there.
        stop: stop before this batch.
        listener: who follows; see :class:`kjax.train.loop.Listener`.

    Returns:
        The new state, and the mean loss and metrics of the epoch by name.
    """
    objective = Objective.of(objective)
    report = loop.report_program(objective)
    number = int(state.epoch) - (1 if start else 0)
    if start == 0:
        sample = jax.tree.map(jnp.zeros_like, state.metrics)
        state = state.replace(epoch=state.epoch + 1, metrics=sample)  # type: ignore[attr-defined]
    holder = loop.Holder(state)
    reader = source if isinstance(source, Reader) else Reader(source, seed=seed_of(state.key), number=number)
    if not isinstance(source, Reader):
        reader.position = start
    feed = reader.begin(start, stop)
    try:
        done = loop.run_epoch(
            loop.train_program(step),
            holder,
            None,
            feed,
            report=lambda carry: report(carry.metrics),
            batch_bytes=reader.source.batch_bytes,
            steps=reader.steps if stop is None else stop,
            resident_bytes=reader.source.bytes,
            listener=listener,
            done=start,
        )
        if stop is None:
            reader.end(done)
    finally:
        reader.pause()
    return holder.carry, _named(objective, report(holder.carry.metrics))


def evaluate(
    step: Callable[..., Any], state: TrainState, source: Source, objective: Any, *, steps: int | None = None
) -> dict[str, float]:
    """Loss and metrics over a source (or its first ``steps`` batches), by name; ``step`` is from :func:`make_eval_step`."""
    objective = Objective.of(objective)
    report = loop.report_program(objective)
    holder = loop.Holder(jax.tree.map(jnp.zeros_like, state.metrics))
    with contextlib.closing(source.feed(most=steps)) as feed:
        loop.run_epoch(
            loop.eval_program(step),
            holder,
            state.variables,
            feed,
            report=report,
            batch_bytes=source.batch_bytes,
            steps=source.steps if steps is None else steps,
            resident_bytes=source.bytes,
        )
    return _named(objective, report(holder.carry))


def predict(step: Callable[..., Any], state: TrainState, source: Source, *, steps: int | None = None) -> Any:
    """Outputs for the inputs of a source (or its first ``steps`` batches), as numpy arrays.

    ``step`` is from :func:`make_predict_step`. Targets and weights of the batches are left alone.
    """
    with contextlib.closing(source.feed(most=steps)) as feed:
        outputs, _ = run_predict(
            step,
            state.variables,
            feed,
            samples=source.samples if steps is None else None,
            batch_bytes=source.batch_bytes,
            steps=source.steps if steps is None else steps,
        )
    return outputs


def _named(objective: Objective, values: Any) -> dict[str, float]:
    return {name: float(value) for name, value in zip(objective.names, jax.device_get(values), strict=True)}
