"""The training state: one pytree that holds everything a training run needs to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from kjax.nn.module import DROPOUT, LOSSES, PARAMS


@flax.struct.dataclass
class TrainState:
    """Everything that training changes, and the weights it reads.

    Attributes:
        step: number of optimizer steps done so far; dropout keys are derived from it.
        epoch: number of epochs begun so far; the order of the data is derived from it.
        params: trained weights, a nested dict.
        frozen: weights that are read but not trained, a nested dict of the same names.
        state: the other collections (``{'state': ...}``, for foreign Flax modules ``{'batch_stats': ...}``).
        opt_state: the optimizer's state.
        key: the run's key; all randomness is derived from it.
        metrics: accumulators of the loss and the metrics since the epoch began.
    """

    step: Int[Array, ""]
    epoch: Int[Array, ""]
    params: Any
    frozen: Any
    state: Any
    opt_state: Any
    key: Array
    metrics: Any

    @property
    def variables(self) -> dict[str, Any]:
        """The variables as ``module.apply`` takes them."""
        return {PARAMS: merge(self.params, self.frozen), **self.state}


def merge(first: Any, second: Any) -> Any:
    """Two nested dicts with different leaves as one; where both have a leaf the second wins."""
    if not second:
        return first
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return second
    result = dict(first)
    for name, value in second.items():
        result[name] = merge(first[name], value) if name in first else value
    return result


def create_state(
    module: nn.Module, objective: Any, optimizer: Any, *sample: Any, seed: int = 0, key: Array | None = None
) -> TrainState:
    """Initialise a module and an optimizer.

    Args:
        module: any Flax module.
        objective: a :class:`kjax.train.Objective` or a loss (name, function or value).
        optimizer: a kjax optimizer, its name, or an Optax transformation.
        *sample: inputs of the right shapes and types (any batch size); used for tracing only.
        seed: the run's seed, when no key is given.
        key: the run's key.

    Returns:
        A state whose arrays are on the default device.
    """
    from kjax.nn import optimizers
    from kjax.train.objective import Objective

    key = jax.random.key(seed) if key is None else key
    init_key, run_key = jax.random.split(key)
    rngs = {PARAMS: init_key, DROPOUT: jax.random.fold_in(init_key, 1)}
    variables = dict(jax.jit(lambda r, *xs: module.init(r, *xs))(rngs, *sample))
    variables.pop(LOSSES, None)
    params = variables.pop(PARAMS, {})
    return TrainState(
        step=jnp.int32(0),
        epoch=jnp.int32(0),
        params=params,
        frozen={},
        state=variables,
        opt_state=optimizers.get(optimizer).init(params),
        key=run_key,
        metrics=Objective.of(objective).init(),
    )
