"""Connectionist temporal classification: loss and decoding (https://www.cs.toronto.edu/~graves/icml_2006.pdf)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.ops.convert import array

_NEVER = -1e30
"""Logarithm of a probability of 0, finite so that sums and differences stay numbers."""


def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Array:
    """Minus the log-probability of the labels under all alignments.

    Args:
        target: labels (batch, labels).
        output: logits (batch, steps, classes).
        target_length: number of labels of each sample (batch,).
        output_length: number of steps of each sample (batch,).
        mask_index: class of the blank.

    Returns:
        One value for each sample.
    """
    import optax  # only this function of the module needs it

    labels, logits = array(target).astype(jnp.int32), array(output)
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))

    def paddings(lengths: Any, size: int) -> Array:
        return (jnp.arange(size)[None] >= array(lengths).astype(jnp.int32).reshape(-1, 1)).astype(logits.dtype)

    return optax.ctc_loss(
        logits,
        paddings(output_length, logits.shape[1]),
        labels,
        paddings(target_length, labels.shape[1]),
        blank_id=mask_index,
    )


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[Array, Array]:
    """The likeliest labels.

    Args:
        inputs: logits (batch, steps, classes).
        sequence_lengths: number of steps of each sample (batch,).
        strategy: ``'greedy'`` (best class of each step) or ``'beam_search'`` (best prefixes).
        beam_width: number of prefixes that are kept.
        top_paths: number of results of the beam search.
        merge_repeated: whether a class that follows itself counts once (greedy; the beam search always does so).
        mask_index: class of the blank; None for the last.

    Returns:
        Labels (paths, batch, steps), -1 after the end, and scores: (batch, 1), minus the sum of the best values, for the
        greedy strategy; (batch, top_paths), log-probabilities, for the beam search.

    Raises:
        ValueError: unknown strategy.
    """
    x = array(inputs)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    lengths = array(sequence_lengths).astype(jnp.int32)
    blank = x.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(x, lengths, merge_repeated, blank)
    if strategy == "beam_search":
        labels, scores = jax.vmap(lambda s, n: beam_search(s, n, beam_width, top_paths, blank))(
            jax.nn.log_softmax(x), lengths
        )
        return jnp.transpose(labels, (1, 0, 2)), scores
    raise ValueError(f"ctc_decode: `strategy` must be 'greedy' or 'beam_search', received {strategy!r}")


def _greedy(x: Array, lengths: Array, merge_repeated: bool, blank: int) -> tuple[Array, Array]:
    steps = x.shape[1]
    inside = jnp.arange(steps)[None] < lengths[:, None]
    best = jnp.where(inside, jnp.argmax(x, axis=-1), blank)
    score = -jnp.sum(jnp.where(inside, jnp.max(x, axis=-1), 0), axis=1, keepdims=True)
    kept = best != blank
    if merge_repeated:
        kept &= jnp.pad(best[:, 1:] != best[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    order = jnp.argsort(~kept, axis=1, stable=True)
    labels = jnp.take_along_axis(jnp.where(kept, best, -1), order, axis=1)
    return labels[None], score


def beam_search(log_probabilities: Array, length: Array, width: int, paths: int, blank: int) -> tuple[Array, Array]:
    """Prefix beam search over the steps of one sequence.

    A prefix carries the log-probabilities that its alignments end in a blank and in its last label. A step extends each
    prefix by each class; where an extension is itself in the beam, the probabilities are added.

    Args:
        log_probabilities: (steps, classes).
        length: number of steps that count.
        width: number of prefixes that are kept.
        paths: number of results.
        blank: class of the blank.

    Returns:
        Labels (paths, steps), -1 after the end, and log-probabilities (paths,).
    """
    steps, classes = log_probabilities.shape
    width = max(width, paths)
    place = jnp.arange(steps)
    prefixes = jnp.full((width, steps), -1)
    sizes = jnp.zeros(width, jnp.int32)
    in_blank = jnp.full(width, _NEVER, log_probabilities.dtype).at[0].set(0.0)
    in_label = jnp.full_like(in_blank, _NEVER)

    def step(state: Any, given: Any) -> tuple[Any, None]:
        log_p, counts = given
        extended = extend(state, log_p)
        return jax.tree.map(lambda new, old: jnp.where(counts, new, old), extended, state), None

    def extend(state: Any, log_p: Array) -> Any:
        prefixes, sizes, in_blank, in_label = state
        last = jnp.where(sizes > 0, jnp.take_along_axis(prefixes, jnp.maximum(sizes - 1, 0)[:, None], 1)[:, 0], -1)
        both = jnp.logaddexp(in_blank, in_label)
        stay_blank = both + log_p[blank]
        stay_label = jnp.where(sizes > 0, in_label + log_p[jnp.maximum(last, 0)], _NEVER)
        same = jnp.arange(classes)[None] == last[:, None]
        longer = jnp.where(same, in_blank[:, None], both[:, None]) + log_p[None]
        longer = longer.at[:, blank].set(_NEVER)
        # parent[i, j]: prefix j without its last label is prefix i.
        shortened = jnp.where(place[None] == sizes[:, None] - 1, -1, prefixes)
        parent = jnp.all(prefixes[:, None] == shortened[None], axis=-1) & (sizes > 0)[None]
        parent &= (both > _NEVER / 2)[None] & (both > _NEVER / 2)[:, None]
        from_parent = jnp.where(parent, longer[:, jnp.maximum(last, 0)], _NEVER)
        stay_label = jnp.logaddexp(stay_label, jax.nn.logsumexp(from_parent, axis=0))
        taken = jnp.zeros((width, classes), bool).at[:, jnp.maximum(last, 0)].max(parent)
        longer = jnp.where(taken, _NEVER, longer)
        total = jnp.concatenate([jnp.logaddexp(stay_blank, stay_label), longer.reshape(-1)])
        _, chosen = jax.lax.top_k(total, width)
        stays = chosen < width
        origin = jnp.where(stays, chosen, (chosen - width) // classes)
        label = jnp.where(stays, -1, (chosen - width) % classes)
        size = sizes[origin]
        grown = jnp.where((place[None] == size[:, None]) & ~stays[:, None], label[:, None], prefixes[origin])
        return (
            grown,
            size + ~stays,
            jnp.where(stays, stay_blank[origin], _NEVER),
            jnp.where(stays, stay_label[origin], total[chosen]),
        )

    counts = jnp.arange(steps) < length
    (prefixes, _, in_blank, in_label), _ = jax.lax.scan(
        step, (prefixes, sizes, in_blank, in_label), (log_probabilities, counts)
    )
    scores, best = jax.lax.top_k(jnp.logaddexp(in_blank, in_label), paths)
    return prefixes[best], jnp.where(scores < _NEVER / 2, -jnp.inf, scores)
