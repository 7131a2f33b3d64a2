"""Losses that relate the members of a batch (circle) or the steps of a sequence (CTC) to each other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

# Stands for minus infinity in a logarithm of a sum, where a sum of nothing has to keep a finite gradient.
_NEVER = -1e30


def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Array:
    """Circle loss between embeddings: the same label should be near, others far (https://arxiv.org/abs/2002.10857).

    Args:
        y_true: integer labels of shape (batch,) or (batch, 1).
        y_pred: embeddings of norm 1, shape (batch, d).
        ref_labels: labels of the embeddings to compare with; those of the batch by default.
        ref_embeddings: embeddings to compare with, of shape (references, d).
        remove_diagonal: leave out the pair of an embedding with itself.
        gamma: scale of the exponents.
        margin: how far apart the two kinds of pairs should be.

    Returns:
        One value for each sample, 0 for a sample without a partner of its label or of another.
    """
    y_pred = jnp.asarray(y_pred)
    labels = jnp.asarray(y_true, jnp.int32).reshape(-1)
    references = y_pred if ref_embeddings is None else jnp.asarray(ref_embeddings)
    others = labels if ref_labels is None else jnp.asarray(ref_labels, jnp.int32).reshape(-1)
    distance = jnp.maximum(1 - y_pred @ references.T, 0.0)
    same = labels[:, None] == others[None, :]
    different = ~same
    if remove_diagonal:
        same &= ~jnp.eye(labels.size, others.size, dtype=bool)
    near = -gamma * (margin + distance) * (margin - distance)
    far = gamma * jnp.maximum(1 + margin - distance, 0.0) * (1 - margin - distance)
    pull = jax.nn.logsumexp(jnp.where(same, near, _NEVER), axis=1)
    push = jax.nn.logsumexp(jnp.where(different, far, _NEVER), axis=1)
    return jax.nn.softplus(pull + push)


def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Connectionist temporal classification: minus the log-probability of the labels under all alignments.

    Source: https://www.cs.toronto.edu/~graves/icml_2006.pdf

    Args:
        y_true: labels of shape (batch, length), filled up with 0, which is the blank.
        y_pred: logits of shape (batch, steps, classes).

    Returns:
        One value for each sequence.

    Raises:
        ValueError: the ranks are others.
    """
    import optax  # only this function of the vocabulary of losses needs it

    labels, logits = jnp.asarray(y_true), jnp.asarray(y_pred)
    if labels.ndim != 2 or logits.ndim != 3:
        raise ValueError(
            f"ctc: expected labels of shape (batch, length) and logits of shape (batch, steps, classes), "
            f"received {labels.shape} and {logits.shape}"
        )
    labels = labels.astype(jnp.int32)
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    length = jnp.sum(labels != 0, axis=-1, keepdims=True)
    label_paddings = jnp.asarray(jnp.arange(labels.shape[1])[None, :] >= length, logits.dtype)
    return optax.ctc_loss(logits, jnp.zeros(logits.shape[:2], logits.dtype), labels, label_paddings)
