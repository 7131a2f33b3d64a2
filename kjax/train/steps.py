"""The steps: pure functions from a state and a batch. Gradients are taken here and nowhere else."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import flax.linen as nn
import jax
import optax
from jaxtyping import Array

from kjax.nn import optimizers, row_gradients
from kjax.nn.module import DROPOUT, LOSSES, OVERWRITE, PARAMS, accepts, record_weights
from kjax.nn.randomness import moved_on, take_key
from kjax.train.objective import Objective
from kjax.train.state import TrainState, merge

Batch = tuple[Any, Any, Any]
"""(inputs, targets, sample weights); targets and weights may be None."""

TrainStep = Callable[[TrainState, Batch], TrainState]


def apply_module(
    module: nn.Module, variables: Any, inputs: Any, *, training: bool, key: Array | None = None, carries: bool = False
) -> tuple[Any, Any, dict[str, Any]]:
    """Apply a module in one mode.

    Args:
        module: any Flax module; it is told the mode through ``training``, ``train`` or ``deterministic``, whichever
            it takes.
        variables: its variables.
        inputs: what it is called with: one argument.
        training: the mode.
        key: key of the ``dropout`` stream; needed in training by layers with randomness.
        carries: whether state may change outside training too.

    Returns:
        The outputs, the list of their masks (or None), and the collections that changed (``losses`` among them).
    """
    kwargs: dict[str, Any] = {}
    for name, value in (("training", training), ("train", training), ("deterministic", not training)):
        if accepts(module, name):
            kwargs[name] = value
            break
    masked = accepts(module, "return_masks")
    if masked:
        kwargs["return_masks"] = True
    changing = [name for name in variables if name != PARAMS] if training or carries else []
    rngs = {DROPOUT: key} if key is not None else {}
    result, updates = module.apply(variables, inputs, **kwargs, rngs=rngs, mutable=[*changing, LOSSES])  # type: ignore[misc]
    outputs, masks = result if masked else (result, None)
    if masks is not None and all(mask is None for mask in masks):
        masks = None
    return outputs, masks, dict(updates)


@contextlib.contextmanager
def explain_numpy() -> Iterator[None]:
    """Say what to do where a loss, a metric or a layer computes with NumPy inside of a step."""
    try:
        yield
    except jax.errors.TracerArrayConversionError as error:
        error.add_note(
            "A loss, metric or layer of this model computes with NumPy, which neither a compiled step nor a gradient can go "
            "through: use keras.ops or jax.numpy. With run_eagerly=True metrics may use NumPy, and losses may on targets."
        )
        raise


def batch_size_of(inputs: Any) -> int:
    """Number of samples in a batch."""
    return jax.tree.leaves(inputs)[0].shape[0]


def make_train_step(module: nn.Module, objective: Any, optimizer: Any, metrics: tuple[Any, ...] = ()) -> TrainStep:
    """The training step of a model: ``step(state, (x, y, sample_weight)) -> state``, pure and not yet compiled.

    Equal arguments give the same function, so that what is compiled from it is shared.

    Args:
        module: any Flax module, called with the batch's inputs as one argument.
        objective: an :class:`Objective`, or a loss (name, function, value).
        optimizer: a kjax optimizer, its name, or an Optax transformation.
        metrics: metrics that go with a loss.
    """
    return _train_step(module, Objective.of(objective, metrics), optimizers.get(optimizer).structure)


@functools.lru_cache(maxsize=256)
def _train_step(module: nn.Module, objective: Objective, optimizer: Any) -> TrainStep:
    @explain_numpy()
    def train_step(state: TrainState, batch: Batch) -> TrainState:
        inputs, targets, weights = batch
        key = jax.random.fold_in(state.key, state.step)
        constraints: dict[tuple[str, ...], Any] = {}

        def loss_of(params: Any, overwrite: Any) -> tuple[Array, Any]:
            variables = {PARAMS: merge(params, state.frozen), **state.state, **overwrite}
            with record_weights() as specs:
                outputs, masks, updates = apply_module(module, variables, inputs, training=True, key=key)
            constraints.update({p[1:]: s.constraint for p, s in specs.items() if s.constraint is not None})
            penalties = updates.pop(LOSSES, ())
            total, values = objective.loss(targets, outputs, weights, masks, penalties)
            if hasattr(optimizer, "scale_loss"):
                total = optimizer.scale_loss(state.opt_state, total)
            return total, (outputs, masks, updates, values)

        overwrite = {name: inner for name, inner in state.state.items() if name == OVERWRITE}
        grad = jax.grad(loss_of, argnums=(0, 1), has_aux=True)
        with row_gradients.clipping(getattr(optimizer, "row_limit", None)):
            (grads, overwrite), (outputs, masks, updates, values) = grad(state.params, overwrite)
            changes, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, changes)
        if constraints:
            params = _constrain(params, constraints)
        size = batch_size_of(inputs)
        accumulators = objective.update(state.metrics, targets, outputs, weights, masks, values, size)
        return state.replace(  # type: ignore[attr-defined]
            step=state.step + 1,
            params=params,
            state={**state.state, **updates, **overwrite},
            opt_state=opt_state,
            metrics=accumulators,
        )

    return train_step


def _constrain(params: Any, constraints: dict[tuple[str, ...], Any]) -> Any:
    def project(path: Any, leaf: Array) -> Array:
        constraint = constraints.get(tuple(entry.key for entry in path))
        return leaf if constraint is None else constraint(leaf).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(project, params)


def make_eval_step(
    module: nn.Module, objective: Any, metrics: tuple[Any, ...] = (), *, carries: bool = False
) -> Callable[..., Any]:
    """The evaluation step: ``step(accumulators, variables, (x, y, sample_weight)) -> accumulators``, pure.

    Args:
        module: any Flax module.
        objective: an :class:`Objective`, or a loss.
        metrics: metrics that go with a loss.
        carries: for a module whose state goes from batch to batch outside training too (stateful recurrent layers):
            the step is ``step((accumulators, state), variables, batch) -> (accumulators, state)``. The state may hold a
            :data:`kjax.nn.randomness.STREAM`, from which layers that draw random numbers in every mode get their keys.
    """
    return _eval_step(module, Objective.of(objective, metrics), carries)


@functools.lru_cache(maxsize=256)
def _eval_step(module: nn.Module, objective: Objective, carries: bool) -> Callable[..., Any]:
    @explain_numpy()
    def eval_step(carry: Any, variables: Any, batch: Batch) -> Any:
        inputs, targets, weights = batch
        accumulators, state = carry if carries else (carry, {})
        variables, key = take_key({**variables, **state})
        outputs, masks, updates = apply_module(module, variables, inputs, training=False, key=key, carries=carries)
        _, values = objective.loss(targets, outputs, weights, masks, updates.pop(LOSSES, ()))
        new = objective.update(accumulators, targets, outputs, weights, masks, values, batch_size_of(inputs))
        return (new, moved_on({**state, **updates}, 1)) if carries else new

    return eval_step


@functools.lru_cache(maxsize=256)
def make_predict_step(module: nn.Module, carries: bool = False) -> Callable[..., Any]:
    """The prediction step: ``step(variables, x) -> outputs``, pure.

    Args:
        module: any Flax module.
        carries: for a module whose state goes from batch to batch outside training too: the step is
            ``step(variables, x) -> (outputs, state)``.
    """

    def predict_step(variables: Any, inputs: Any) -> Any:
        variables, key = take_key(variables)
        outputs, _, updates = apply_module(module, variables, inputs, training=False, key=key, carries=carries)
        updates.pop(LOSSES, None)
        return (outputs, updates) if carries else outputs

    return predict_step
