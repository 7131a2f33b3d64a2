"""TensorFlow's losses, candidate sampling, and functions of networks that are rarely met."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.settings import next_seed
from kjax.keras.legacy.tensorflow.door import define, fresh_key
from kjax.keras.legacy.tensorflow.tensor import Tensor, unwrap
from kjax.nn.ops import ctc as alignments


@define
def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any) -> Any:
    labels = jnp.asarray(labels, logits.dtype)
    weight = 1 + (pos_weight - 1) * labels
    return (1 - labels) * logits + weight * (jnp.log1p(jnp.exp(-jnp.abs(logits))) + jax.nn.relu(-logits))


@define
def compute_average_loss(per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None) -> Any:
    loss = jnp.asarray(per_example_loss)
    loss = loss if sample_weight is None else loss * sample_weight
    return jnp.sum(loss) / (loss.shape[0] if global_batch_size is None else global_batch_size)


@define
def scale_regularization_loss(regularization_loss: Any) -> Any:
    return jnp.sum(jnp.asarray(regularization_loss))


@define
def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5
) -> Any:
    squares = jnp.pad(jnp.square(input), [(0, 0)] * (input.ndim - 1) + [(depth_radius, depth_radius)])
    window = sum(squares[..., i : i + input.shape[-1]] for i in range(2 * depth_radius + 1))
    return input / (bias + alpha * window) ** beta


@define
def zero_fraction(value: Any) -> Any:
    return jnp.mean(jnp.asarray(value == 0, jnp.float32))


@define
def ctc_loss(
    labels: Any, logits: Any, label_length: Any, logit_length: Any, logits_time_major: bool = True, blank_index: Any = 0,
    unique: Any = None,
) -> Any:  # fmt: skip
    logits = jnp.swapaxes(logits, 0, 1) if logits_time_major else logits
    blank = int(blank_index or 0) % logits.shape[-1]
    return alignments.ctc_loss(labels, logits, label_length, logit_length, mask_index=blank)


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None, name: Any = None
) -> tuple[Any, Any, Any]:
    """``tf.random.log_uniform_candidate_sampler``: frequent (low) numbers are drawn more often.

    The chance of ``k`` is ``(log(k + 2) - log(k + 1)) / log(range_max + 1)``.
    """
    chances = np.diff(np.log(np.arange(1, range_max + 2))) / np.log(range_max + 1)
    draw = np.random.default_rng(next_seed() if seed is None else int(seed))
    found = draw.choice(range_max, int(num_sampled), replace=not unique, p=chances / chances.sum())
    true = np.asarray(unwrap(true_classes))
    expected = chances * num_sampled if not unique else -np.expm1(num_sampled * np.log1p(-chances))
    return Tensor(jnp.asarray(found)), Tensor(jnp.asarray(expected[true])), Tensor(jnp.asarray(expected[found]))


@define
def nce_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1, **options: Any
) -> Any:  # fmt: skip
    own, others = _sampled(weights, biases, labels, inputs, num_sampled, num_classes, num_true, bool(options.get("remove_accidental_hits")))  # fmt: skip
    target = 1.0 / num_true
    beside = jax.nn.softplus(own) - target * own
    return jnp.sum(beside, -1) + jnp.sum(jax.nn.softplus(others), -1)


@define
def sampled_softmax_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1, **options: Any
) -> Any:  # fmt: skip
    own, others = _sampled(weights, biases, labels, inputs, num_sampled, num_classes, num_true, bool(options.get("remove_accidental_hits", True)))  # fmt: skip
    return jax.nn.logsumexp(jnp.concatenate([own, others], -1), -1) - jnp.mean(own, -1)


def _sampled(
    weights: Any, biases: Any, labels: Any, inputs: Any, number: int, classes: int, true: int, drop_hits: bool
) -> tuple[Any, Any]:
    """Logits of the true classes and of drawn ones, less the logarithm of how often they are drawn."""
    weights, biases, inputs = jnp.asarray(weights), jnp.asarray(biases), jnp.asarray(inputs)
    chances = jnp.diff(jnp.log(jnp.arange(1, classes + 2, dtype=jnp.float32))) / np.log(classes + 1)
    drawn = jax.random.choice(fresh_key(), classes, (number,), p=chances / chances.sum())
    labels = jnp.reshape(jnp.asarray(labels, jnp.int32), (-1, true))

    def logits(rows: Any, chosen: Any) -> Any:
        return rows + jnp.take(biases, chosen) - jnp.log(jnp.take(chances, chosen) * number)

    own = logits(jnp.einsum("bf,btf->bt", inputs, jnp.take(weights, labels, 0)), labels)
    others = logits(inputs @ jnp.take(weights, drawn, 0).T, drawn[None])
    hits = jnp.any(labels[:, :, None] == drawn[None, None], axis=1)
    return own, jnp.where(hits, -1e9, others) if drop_hits else others
