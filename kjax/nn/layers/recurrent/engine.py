"""Recurrence over time: one matrix product for all weight gradients instead of one for each step.

Differentiating a scan adds up the gradient of the recurrent kernel step by step, with one small matrix product each.
:func:`recur` keeps the gradients of all steps and multiplies once after the loop; what the gradient needs of the
element-wise part of the steps is computed for all times at once before its loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from kjax.nn.layers import base

States = tuple[Array, ...]


class Pointwise:
    """The element-wise part of a step, as a hashable value free of arrays.

    A subclass writes ``__call__``, and may write the three methods below it, which give its gradient by hand.

    Attributes:
        additive: input part and recurrent part only ever occur as their sum, which is passed as ``x``, with None as
            ``r``.
    """

    additive: bool = True

    def __call__(self, x: Array, r: Array | None, states: States) -> States:
        """The new states, the first of which is the output.

        Args:
            x: input part.
            r: recurrent part.
            states: the states before.
        """
        raise NotImplementedError

    def save(self, x: Array, r: Array | None, states: States) -> tuple[States, Any]:
        """The new states, and what the gradient needs besides them."""
        return self(x, r, states), (x, r)

    def prepare(self, saved: Any, before: States, after: States) -> Any:
        """What :meth:`pull` needs, from what was saved and the states, all of them with a leading time axis."""
        del after
        return saved, before

    def pull(self, prepared: Any, d_states: States) -> tuple[Array, Array | None, States]:
        """The gradients by ``x``, ``r`` and the states before from that by the new states, at one time."""
        (x, r), before = prepared
        d_x, d_r, d_before = jax.vjp(self.__call__, x, r, before)[1](d_states)
        return d_x, None if self.additive else d_r, d_before


def scan(
    step: Callable[[Array, States], States],
    inputs: Float[Array, "time batch *features"],
    states: States,
    mask: Bool[Array, "time batch"] | None,
    unroll: int | bool = 1,
) -> tuple[Array, States]:
    """Run any step over time.

    Args:
        step: from inputs of one time and the states before to the states after.
        inputs: time first.
        states: initial states.
        mask: where False, the states stay what they were.
        unroll: as :func:`jax.lax.scan` takes it.

    Returns:
        The first state at all times, and the last states.
    """

    def body(states: States, at: tuple[Array, Array | None]) -> tuple[States, Array]:
        x, m = at
        states = _choose(m, step(x, states), states)
        return states, states[0]

    states, outputs = lax.scan(body, states, (inputs, mask), unroll=unroll)
    return outputs, states


def _choose(mask: Array | None, new: States, old: States) -> States:
    if mask is None:
        return new
    return tuple(jnp.where(base.expand_mask(mask, n.ndim), n, o) for n, o in zip(new, old, strict=True))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def recur(
    pointwise: Pointwise,
    unroll: int | bool,
    inputs: Float[Array, "time batch gates"],
    states: States,
    kernel: Float[Array, "units gates"],
    bias: Float[Array, "gates"] | None,
    mask: Bool[Array, "time batch"] | None,
) -> tuple[Array, States]:
    """Run ``pointwise(inputs[t], output[t - 1] @ kernel + bias, states)`` over time.

    Args:
        pointwise: the element-wise part of a step.
        unroll: as :func:`jax.lax.scan` takes it.
        inputs: input parts, time first.
        states: initial states, the first of which is the output.
        kernel: recurrent kernel.
        bias: bias of the recurrent part.
        mask: where False, the states stay what they were.

    Returns:
        The first state at all times, and the last states.
    """

    def step(x: Array, states: States) -> States:
        return pointwise(*_parts(pointwise, x, states, kernel, bias), states)

    return scan(step, inputs, states, mask, unroll)


def _parts(
    pointwise: Pointwise, x: Array, states: States, kernel: Array, bias: Array | None
) -> tuple[Array, Array | None]:
    r = base.add_bias(jnp.matmul(states[0], kernel), bias)
    return (x + r, None) if pointwise.additive else (x, r)


def _forward(
    pointwise: Pointwise,
    unroll: int | bool,
    inputs: Array,
    states: States,
    kernel: Array,
    bias: Array | None,
    mask: Array | None,
) -> tuple[tuple[Array, States], Any]:
    def body(states: States, at: tuple[Array, Array | None]) -> tuple[States, Any]:
        x, m = at
        new, saved = pointwise.save(*_parts(pointwise, x, states, kernel, bias), states)
        states = _choose(m, new, states)
        return states, (states, saved)

    last, (history, saved) = lax.scan(body, states, (inputs, mask), unroll=unroll)
    return (history[0], last), (saved, history, states, kernel, bias, mask)


def _backward(pointwise: Pointwise, unroll: int | bool, residuals: Any, cotangents: Any) -> tuple[Any, ...]:
    saved, history, initial, kernel, bias, mask = residuals
    d_outputs, d_last = cotangents
    before = tuple(jnp.concatenate([i[None], h[:-1]]) for i, h in zip(initial, history, strict=True))
    prepared = pointwise.prepare(saved, before, history)
    transposed = kernel.T

    def body(d_states: States, at: tuple[Array, Any, Array | None]) -> tuple[States, Any]:
        d_output, prepared, m = at
        d_states = (d_states[0] + d_output, *d_states[1:])
        zeros = tuple(jnp.zeros_like(d) for d in d_states)
        d_x, d_r, d_before = pointwise.pull(prepared, _choose(m, d_states, zeros))
        d_r = d_x if d_r is None else d_r
        d_before = (d_before[0] + jnp.matmul(d_r, transposed), *d_before[1:])
        if m is not None:  # where the step was masked, the states before are the states after
            d_before = tuple(a + b for a, b in zip(d_before, _choose(m, zeros, d_states), strict=True))
        return d_before, (None if pointwise.additive else d_x, d_r)

    d_initial, (d_x, d_r) = lax.scan(body, d_last, (d_outputs, prepared, mask), reverse=True, unroll=unroll)
    d_kernel = jnp.matmul(_rows(before[0]).T, _rows(d_r))
    d_bias = None if bias is None else jnp.sum(d_r, axis=(0, 1))
    return d_r if pointwise.additive else d_x, d_initial, d_kernel, d_bias, None


def _rows(x: Float[Array, "time batch features"]) -> Float[Array, "rows features"]:
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


recur.defvjp(_forward, _backward)
