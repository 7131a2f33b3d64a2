"""Optimizers around others: any Optax transformation, and dynamic loss scaling."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
import optax

from kjax.nn.arguments import positive
from kjax.nn.optimizers.base import Optimizer, Visit, check_gradients, flatten, one, registry
from kjax.nn.optimizers.rule import RuleOptimizer
from kjax.nn.optimizers.state import OptimizerState, scalar
from kjax.nn.value import ArgumentError, field


def _transformation(value: Any) -> optax.GradientTransformation:
    if not isinstance(value, optax.GradientTransformation):
        raise TypeError(f"expected an Optax transformation, such as optax.adam(1e-3), received {value!r}")
    return value


@registry.add()
@dataclasses.dataclass(frozen=True)
class OptaxOptimizer(Optimizer):
    """An Optax transformation as an optimizer; its state is the ``inner`` of the optimizer's state.

    The learning rate can be read and set if the transformation was made by ``optax.inject_hyperparams``.
    Equal only to a wrapper of the same transformation object, since Optax's transformations cannot be
    compared.

    Attributes:
        transformation: for example ``optax.adam(1e-3)``.
        name: name in configs.
    """

    transformation: Any = field(convert=_transformation)
    name: str | None = None

    def init(self, params: Any) -> OptimizerState:
        inner = self.transformation.init(params)
        return OptimizerState(scalar(np.int32(0), params), None, {}, {}, inner=inner)

    def update(
        self, grads: Any, state: OptimizerState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, OptimizerState]:
        transformation = optax.with_extra_args_support(self.transformation)
        updates, inner = transformation.update(grads, state.inner, params, **extra_args)
        return updates, state._replace(count=state.count + 1, inner=inner)


def unscaled(optimizer: Any, factor: float | None = None) -> Optimizer:
    """An optimizer without loss scaling of its own (or with that of the optimizer around it)."""
    optimizer = one(optimizer)
    if isinstance(optimizer, RuleOptimizer) and optimizer.loss_scale_factor != factor:
        return dataclasses.replace(optimizer, loss_scale_factor=factor)
    return optimizer


@registry.add()
@dataclasses.dataclass(frozen=True)
class LossScaleOptimizer(Optimizer):
    """Scales the loss so that small gradients do not vanish in float16, and finds the scale by itself.

    A step whose gradients are not all finite is skipped and halves the scale; ``dynamic_growth_steps`` good
    steps in a row double it. The state is that of the inner optimizer with two more numbers,
    ``scalars['step_counter']`` and ``scalars['dynamic_scale']``.

    Attributes:
        inner_optimizer: anything that :func:`kjax.nn.optimizers.get` accepts.
        initial_scale: scale at the start.
        dynamic_growth_steps: good steps after which the scale is doubled.
        name: name in configs.
    """

    inner_optimizer: Any = field(convert=unscaled)
    initial_scale: float = field(2.0**15, convert=float)
    dynamic_growth_steps: int = field(2000, convert=positive)
    name: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.inner_optimizer, LossScaleOptimizer):
            raise ArgumentError("LossScaleOptimizer: argument `inner_optimizer`: is one already")

    @property
    def structure(self) -> Self:
        return dataclasses.replace(self, inner_optimizer=self.inner_optimizer.structure, name=None)

    def scale_loss(self, state: OptimizerState, loss: Any) -> Any:
        return loss * state.scalars["dynamic_scale"].astype(jnp.result_type(loss))

    def finalize(self, state: OptimizerState, params: Any) -> Any:
        return self.inner_optimizer.finalize(state, params)

    def init(self, params: Any) -> OptimizerState:
        state = self.inner_optimizer.init(params)
        own = {
            "step_counter": scalar(np.int32(0), params),
            "dynamic_scale": scalar(np.float32(self.initial_scale), params),
        }
        return state._replace(scalars=state.scalars | own)

    def visit_variables(self, state: OptimizerState, params: Any, order: Sequence[int], visit: Visit) -> OptimizerState:
        # Keras' wrapper has a count and a learning rate of its own, which it does not use, and leaves out the
        # scalars of the inner optimizer.
        visit(jnp.asarray(np.int32(0)))
        visit(jnp.asarray(np.float32(0)))
        own = {name: visit(state.scalars[name]) for name in ("step_counter", "dynamic_scale")}
        inner = self.inner_optimizer.visit_variables(state._replace(scalars={}), params, order, visit)
        return inner._replace(scalars=state.scalars | own)

    def update(
        self, grads: Any, state: OptimizerState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, OptimizerState]:
        _, parameters, treedef = flatten(params, self)
        gradients = check_gradients(grads, treedef, self)
        scalars = dict(state.scalars)
        counter, scale = scalars.pop("step_counter"), scalars.pop("dynamic_scale")
        inner = state._replace(scalars=scalars)

        def step() -> Any:
            small = treedef.unflatten([g / scale.astype(g.dtype) for g in gradients])
            updates, new = self.inner_optimizer.update(small, inner, params, **extra_args)
            grow = counter == self.dynamic_growth_steps - 1
            return updates, new, jnp.where(grow, 0, counter + 1), jnp.where(grow, scale * 2.0, scale)

        def skip() -> Any:
            zeros = treedef.unflatten([jnp.zeros_like(p) for p in parameters])
            return zeros, inner, jnp.zeros_like(counter), scale * 0.5

        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(g)) for g in gradients])) if gradients else True
        updates, new, counter, scale = jax.lax.cond(finite, step, skip)
        return updates, new._replace(scalars=new.scalars | {"step_counter": counter, "dynamic_scale": scale})
