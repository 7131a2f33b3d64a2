"""Muon: orthogonalized momentum for matrices, AdamW for all else."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, Self

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn.arguments import integer, optional
from kjax.nn.optimizers.adam import moments, power
from kjax.nn.optimizers.base import registry
from kjax.nn.optimizers.rule import Rule, RuleOptimizer, Scalars, Slot, Slots, exactly, patterns, zeros
from kjax.nn.optimizers.schedules import LearningRate, learning_rate
from kjax.nn.value import field


def orthogonalize(x: Float[Array, "n m"], steps: int, a: float, b: float, c: float) -> Float[Array, "n m"]:
    """An approximation of the orthogonal factor ``U V^T`` of ``x = U S V^T``, by Newton-Schulz iterations.

    Each iteration applies ``a s + b s^3 + c s^5`` to the singular values, which drives them towards 1
    (roughly: with Muon's coefficients they end between 0.7 and 1.2). Reference: Jordan et al., 2024, "Muon".

    Args:
        x: a matrix.
        steps: number of iterations.
        a: coefficient of the polynomial.
        b: coefficient of the polynomial.
        c: coefficient of the polynomial.
    """
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (jnp.sqrt(jnp.sum(jnp.square(x))) + 1e-7)  # no singular value is above 1
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + (c * gram) @ gram) @ x
    return x.T if tall else x


@dataclasses.dataclass(frozen=True)
class MuonRule(Rule):
    """The first arguments of :class:`Muon`, in Keras' order."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    adam_beta_1: float = field(0.9, convert=float)
    adam_beta_2: float = field(0.999, convert=float)
    adam_weight_decay: float | None = field(0.004, convert=optional(float))
    epsilon: float = field(1e-7, convert=float)
    weight_decay: float | None = field(0.004, convert=optional(float))


@registry.add()
@dataclasses.dataclass(frozen=True)
class Muon(RuleOptimizer, MuonRule):
    """Momentum whose matrix is made orthogonal before the step; AdamW for tensors that are no matrices.

    Embeddings should not be trained by it, nor should the last layer: name that in ``exclude_layers``.
    References: https://github.com/KellerJordan/Muon; ``rms_rate``: Liu et al., 2025 (arXiv:2502.16982).

    Attributes:
        learning_rate: number, schedule, or function of the step.
        adam_beta_1: ``beta_1`` where AdamW is used.
        adam_beta_2: ``beta_2`` where AdamW is used.
        adam_weight_decay: weight decay where AdamW is used.
        epsilon: ``epsilon`` where AdamW is used.
        weight_decay: weight decay where Muon is used.
        exclude_layers: regular expressions, searched in the path of a parameter; those found use AdamW.
        exclude_embeddings: whether parameters with "embedding" in their path use AdamW.
        muon_a: coefficient of the Newton-Schulz polynomial.
        muon_b: coefficient of the Newton-Schulz polynomial.
        muon_c: coefficient of the Newton-Schulz polynomial.
        adam_lr_ratio: learning rate of AdamW over that of Muon.
        momentum: momentum of Muon.
        ns_steps: number of Newton-Schulz iterations.
        nesterov: look ahead.
        rms_rate: scales the step by ``rms_rate * sqrt(max(n, m))``, so that the learning rate and decay of
            Adam can be used; None: no scaling.
    """

    weight_decay: float | None = field(0.004, convert=optional(float))
    exclude_layers: Any = field(None, convert=patterns)
    exclude_embeddings: bool = field(True, convert=bool)
    muon_a: float = field(3.4445, convert=float)
    muon_b: float = field(-4.7750, convert=float)
    muon_c: float = field(2.0315, convert=float)
    adam_lr_ratio: float = field(1, convert=float)
    momentum: float = field(0.95, convert=float)
    ns_steps: int = field(5, convert=integer)
    nesterov: bool = field(True, convert=bool)
    rms_rate: float | None = field(0.2, convert=optional(float))

    def slots(self) -> dict[str, Slot]:
        return {
            "momentum": zeros,
            "velocity": lambda path, p: zeros(path, p) if self.uses_adam(path, p) else None,
        }

    def uses_adam(self, path: str, parameter: Any) -> bool:
        """Whether this parameter is trained by AdamW."""
        return parameter.ndim != 2 or self._is_left_out(path)

    def _is_left_out(self, path: str) -> bool:
        if self.exclude_embeddings and "embedding" in path.lower():
            return True
        return any(re.search(pattern, path) for pattern in self.exclude_layers)

    def known_as(self, names: Mapping[str, str]) -> Self:
        rule = super().known_as(names)
        found = [path for path, name in names.items() if self._is_left_out(name) and not self._is_left_out(path)]
        if not found:
            return rule
        return dataclasses.replace(rule, exclude_layers=(*rule.exclude_layers, *map(exactly, found)))

    def decay_rate(self, path: str, parameter: Array) -> float | None:
        return self.adam_weight_decay if self.uses_adam(path, parameter) else self.weight_decay

    def lr_adjust(self, x: Array) -> Array:
        """An update scaled for the learning rates of Adam, see ``rms_rate``."""
        return x if self.rms_rate is None else x * math.sqrt(max(x.shape)) * self.rms_rate

    def zeropower_via_newtonschulz5(self, x: Array, steps: int) -> Array:
        """Nearly the nearest matrix with orthonormal rows or columns, by Newton-Schulz iterations."""
        return orthogonalize(x, steps, self.muon_a, self.muon_b, self.muon_c)

    def transpose_last_axis(self, X: Array) -> Array:
        """The array with its last two axes exchanged."""
        return jnp.swapaxes(X, -1, -2)

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        first = 1 - power(self.adam_beta_1, iteration, learning_rate)
        second = 1 - power(self.adam_beta_2, iteration, learning_rate)
        return (learning_rate, learning_rate * self.adam_lr_ratio * jnp.sqrt(second) / first), scalars

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        rate, adam_rate = common
        if slots["velocity"] is not None:
            momentum, velocity = moments(gradient, slots, self.adam_beta_1, self.adam_beta_2)
            update = -(momentum * adam_rate) / (jnp.sqrt(velocity) + self.epsilon)
            return update, {"momentum": momentum, "velocity": velocity}
        momentum = slots["momentum"] + (gradient + slots["momentum"] * (self.momentum - 1))
        ahead = gradient + self.momentum * momentum if self.nesterov else momentum
        update = rate * self.zeropower_via_newtonschulz5(ahead, self.ns_steps)
        return -self.lr_adjust(update), {"momentum": momentum, "velocity": None}
