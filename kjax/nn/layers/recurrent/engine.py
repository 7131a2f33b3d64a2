"""Recurrence over time: one matrix product for all weight gradients instead of one for each step.

Differentiating a scan adds up the gradient of the recurrent kernel step by step, with one small matrix product each.
:func:`recur` keeps the gradients of all steps and multiplies once after the loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from kjax.nn.layers import base

States = tuple[Array, ...]
# (input part, recurrent part, states) -> new states; the first state is the output
Pointwise = Callable[[Array, Array | None, States], States]


def scan(
    step: Callable[[Array, States], States],
    inputs: Float[Array, "time batch features"],
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
        states = _hold(m, step(x, states), states)
        return states, states[0]

    states, outputs = lax.scan(body, states, (inputs, mask), unroll=unroll)
    return outputs, states


def _hold(mask: Array | None, new: States, old: States) -> States:
    if mask is None:
        return new
    return tuple(jnp.where(base.expand_mask(mask, n.ndim), n, o) for n, o in zip(new, old, strict=True))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def recur(
    pointwise: Pointwise,
    additive: bool,
    unroll: int | bool,
    inputs: Float[Array, "time batch gates"],
    states: States,
    kernel: Float[Array, "units gates"],
    bias: Float[Array, "gates"] | None,
    mask: Bool[Array, "time batch"] | None,
) -> tuple[Array, States]:
    """Run ``pointwise(inputs[t], output[t - 1] @ kernel + bias, states)`` over time.

    Args:
        pointwise: element-wise function; a module-level function or another hashable value, free of arrays.
        additive: the sum of the input part and the recurrent part is passed as the first of the two, and None as the
            second.
        unroll: as :func:`jax.lax.scan` takes it.
        inputs: input parts, time first.
        states: initial states, the first of which is the output.
        kernel: recurrent kernel.
        bias: bias of the recurrent part.
        mask: where False, the states stay what they were.

    Returns:
        The first state at all times, and the last states.
    """
    (outputs, last), _ = _forward(pointwise, additive, unroll, inputs, states, kernel, bias, mask)
    return outputs, last


def _forward(pointwise, additive, unroll, inputs, states, kernel, bias, mask):
    def body(states: States, at: tuple[Array, Array | None]):
        x, m = at
        r = base.add_bias(jnp.matmul(states[0], kernel), bias)
        x, r, kept = (x + r, None, x + r) if additive else (x, r, r)
        states = _hold(m, pointwise(x, r, states), states)
        return states, (states, kept)

    last, (history, kept) = lax.scan(body, states, (inputs, mask), unroll=unroll)
    residuals = (None if additive else inputs, kept, history, states, kernel, bias, mask)
    return (history[0], last), residuals


def _backward(pointwise, additive, unroll, residuals, cotangents):
    inputs, kept, history, initial, kernel, bias, mask = residuals
    d_outputs, d_last = cotangents
    before = tuple(jnp.concatenate([i[None], h[:-1]]) for i, h in zip(initial, history, strict=True))
    transposed = kernel.T

    def body(d_states: States, at):
        d_output, x, r, states, m = at
        d_states = (d_states[0] + d_output, *d_states[1:])
        if additive:
            _, pull = jax.vjp(lambda z, s: _hold(m, pointwise(z, None, s), s), r, states)
            d_x, d_states = pull(d_states)
            d_r = d_x
        else:
            _, pull = jax.vjp(lambda x, r, s: _hold(m, pointwise(x, r, s), s), x, r, states)
            d_x, d_r, d_states = pull(d_states)
        d_states = (d_states[0] + jnp.matmul(d_r, transposed), *d_states[1:])
        return d_states, (None if additive else d_x, d_r)

    d_initial, (d_inputs, d_r) = lax.scan(
        body, d_last, (d_outputs, inputs, kept, before, mask), reverse=True, unroll=unroll
    )
    d_kernel = jnp.tensordot(before[0], d_r, ((0, 1), (0, 1)))
    d_bias = None if bias is None else jnp.sum(d_r, axis=(0, 1))
    return d_r if additive else d_inputs, d_initial, d_kernel, d_bias, None


recur.defvjp(_forward, _backward)
