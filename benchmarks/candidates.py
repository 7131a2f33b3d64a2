"""The candidates: one workload trained through `fit`, by a jitted step in a loop, and by a scanned epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import handwritten
from benchmarks.handwritten import ByHand
from benchmarks.workloads import Data

Candidate = Callable[[int], float]
"""Trains for so many epochs and returns the last epoch's mean loss, as a number on the host."""


def fit(model: Any, data: Data, batch_size: int) -> Candidate:
    """``model.fit``, silent, shuffling, without callbacks."""
    x, y = data

    def train(epochs: int) -> float:
        history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, shuffle=True)
        return float(history.history["loss"][-1])

    return train


def jitted_step(task: ByHand, weights: list[np.ndarray], data: Data, batch_size: int) -> Candidate:
    """A jitted step that donates its state, called from a Python loop over shuffled batches on the host."""
    x, y = data
    step = jax.jit(handwritten.train_step(task), donate_argnums=0)
    rng = np.random.default_rng(0)
    carry = handwritten.start(weights, task.optimizer)

    def train(epochs: int) -> float:
        nonlocal carry
        loss = float("nan")
        for _ in range(epochs):
            order = rng.permutation(len(x))
            carry = (*carry[:2], jnp.zeros(2), carry[3])
            for low in range(0, len(x), batch_size):
                rows = order[low : low + batch_size]
                carry = step(carry, (x[rows], y[rows]))
            loss = float(carry[2][0]) / (len(x) // batch_size)
        return loss

    return train


def scanned_epoch(task: ByHand, weights: list[np.ndarray], data: Data, batch_size: int, *, shuffle: bool) -> Candidate:
    """One jitted, donating call an epoch: a scan over batches of data that lie on the device.

    Args:
        task: what is trained.
        weights: its weights at the start.
        data: inputs and targets; a whole number of batches.
        batch_size: samples in a batch.
        shuffle: draw a permutation on the device and gather each batch by it, or take them as they lie.
    """
    steps = len(data[0]) // batch_size
    step = handwritten.train_step(task)

    def shuffled(carry: Any, x: Any, y: Any, key: Any) -> Any:
        order = jax.random.permutation(key, len(x)).reshape(steps, batch_size)
        return jax.lax.scan(lambda c, rows: (step(c, (x[rows], y[rows])), None), carry, order)[0]

    def ordered(carry: Any, x: Any, y: Any, key: Any) -> Any:
        return jax.lax.scan(lambda c, batch: (step(c, batch), None), carry, (x, y))[0]

    epoch = jax.jit(shuffled if shuffle else ordered, donate_argnums=0)
    x, y = (jax.device_put(a if shuffle else a.reshape(steps, batch_size, *a.shape[1:])) for a in data)
    carry = handwritten.start(weights, task.optimizer)
    key = jax.random.key(0)

    def train(epochs: int) -> float:
        nonlocal carry, key
        loss = float("nan")
        for _ in range(epochs):
            key, epoch_key = jax.random.split(key)
            carry = epoch((*carry[:2], jnp.zeros(2), carry[3]), x, y, epoch_key)
            loss = float(carry[2][0]) / steps
        return loss

    return train
