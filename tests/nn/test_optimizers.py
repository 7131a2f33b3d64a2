"""Optimizers against real Keras 3: every rule with every option, ten steps; the Optax protocol; the registry."""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kjax.nn import optimizers
from kjax.nn.optimizers import schedules

STEPS = 10
SHAPES = {"dense": {"bias": (3,), "kernel": (5, 3)}, "embedding": {"embeddings": (6, 2)}}
# Keras counts weights in the order in which layers were made, JAX sorts names; this order is neither.
KERAS_ORDER = [2, 1, 0]


def make_params() -> dict[str, Any]:
    """Parameters of size 1."""
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda shape: jnp.asarray(rng.standard_normal(shape), jnp.float32),
        SHAPES,
        is_leaf=lambda node: isinstance(node, tuple),
    )


def make_gradients() -> dict[str, Any]:
    """Ten gradients: tiny for the bias, of very different sizes for the kernel, two rows a step for the embeddings."""
    rng = np.random.default_rng(1)
    sizes = 10.0 ** rng.uniform(-3, 3, (STEPS, 5, 3))
    rows = np.zeros((STEPS, 6, 2))
    for step in range(STEPS):
        rows[step, rng.choice(6, 2, replace=False)] = rng.standard_normal((2, 2))
    return {
        "dense": {
            "bias": jnp.asarray(1e-6 * rng.standard_normal((STEPS, 3)), jnp.float32),
            "kernel": jnp.asarray(sizes * rng.standard_normal((STEPS, 5, 3)), jnp.float32),
        },
        "embedding": {"embeddings": jnp.asarray(rows, jnp.float32)},
    }


def run(optimizer: Any, gradients: Any, params: Any) -> tuple[Any, Any]:
    """The parameters after all gradients, and the last state; one compiled scan."""

    @jax.jit
    def train(state: Any, params: Any) -> Any:
        def step(carry: Any, grads: Any) -> Any:
            state, params = carry
            updates, state = optimizer.update(grads, state, params)
            return (state, optax.apply_updates(params, updates)), None

        return jax.lax.scan(step, (state, params), gradients)[0]

    state, params = train(optimizer.init(params), params)
    return params, state


@functools.cache
def keras_module() -> Any:
    """Real Keras on JAX."""
    import keras

    return keras


def run_keras(optimizer: Any, gradients: Any, params: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The same ten steps by real Keras; parameters and optimizer variables in its order."""
    keras = keras_module()
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]
    leaves, gradients = jax.tree.leaves(params), jax.tree.leaves(gradients)
    boxes = []
    for i in KERAS_ORDER:
        layer, name = (key.key for key in paths[i])
        with keras.name_scope(layer):
            boxes.append(keras.Variable(leaves[i], name=name))
    optimizer.build(boxes)
    step = lambda state, grads, weights: optimizer.stateless_apply(state, grads, weights)  # noqa: E731
    if getattr(optimizer, "gradient_accumulation_steps", None):
        step = jax.jit(step)  # otherwise its conditionals are compiled anew in every step
    weights, state = [box.value for box in boxes], [v.value for v in optimizer.variables]
    for i in range(STEPS):
        weights, state = step(state, [gradients[k][i] for k in KERAS_ORDER], weights)
    return [np.asarray(w) for w in weights], [np.asarray(v) for v in state]


def close(got: Any, want: Any, what: str) -> None:
    """Equal to 1e-6 of the largest element, and of each element that is not small beside it."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape, (what, got.shape, want.shape)
    size = np.max(np.abs(want), initial=0.0)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=2e-7 * size, err_msg=what)


def check(ours: Any, theirs: Any) -> None:
    """Compare parameters and all optimizer variables after ten steps."""
    params, gradients = make_params(), make_gradients()
    got, state = run(ours, gradients, params)
    want, want_state = run_keras(theirs, gradients, params)
    leaves = jax.tree.leaves(got)
    for i, value in zip(KERAS_ORDER, want, strict=True):
        close(leaves[i], value, f"parameter {i}")
    got_state = optimizers.to_variables(ours, state, params, KERAS_ORDER)
    assert len(got_state) == len(want_state)
    for i, (a, b) in enumerate(zip(got_state, want_state, strict=True)):
        close(a, b, f"variable {i} ({theirs.variables[i].path})")


RULES: dict[str, list[dict[str, Any]]] = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [{}, {"momentum": 0.5, "rho": 0.8}, {"centered": True, "epsilon": 1e-3}, {"momentum": 0.5, "centered": True}],
    "Adam": [{}, {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "AdamW": [{}, {"weight_decay": 0.1, "amsgrad": True}],
    "Adamax": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-3}],
    "Adadelta": [{}, {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4}],
    "Nadam": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "Ftrl": [
        {},
        {"learning_rate": 0.1, "l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2},
        {"learning_rate_power": -0.7, "beta": 0.3, "l2_shrinkage_regularization_strength": 0.1, "initial_accumulator_value": 1.0},
    ],
    "Lion": [{}, {"beta_1": 0.8, "beta_2": 0.95}],
    "Lamb": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "Adafactor": [{}, {"relative_step": False, "beta_2_decay": -0.5, "clip_threshold": 0.5, "epsilon_2": 0.1, "epsilon_1": 1e-6}],
    "Muon": [
        {},
        {"exclude_layers": ["dense"], "adam_weight_decay": None, "adam_lr_ratio": 0.5, "adam_beta_1": 0.8},
        {"exclude_embeddings": False, "nesterov": False, "rms_rate": None, "momentum": 0.8, "ns_steps": 3, "muon_a": 3.0},
    ],
    "ScheduleFreeAdamW": [{}, {"warmup_steps": 4, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
}
# Of the options, those that act together with a rule are tried with every rule; each alone with SGD and Adam.
TOGETHER: dict[str, dict[str, Any]] = {
    "decay, clipnorm, scale, ema, schedule": {
        "weight_decay": 0.1,
        "clipnorm": 0.1,
        "loss_scale_factor": 8.0,
        "use_ema": True,
        "ema_momentum": 0.8,
        "learning_rate": "schedule",
    },
    "accumulation, global_clipnorm, ema overwrites": {
        "gradient_accumulation_steps": 3,
        "global_clipnorm": 1.0,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "weight_decay": 0.1,
    },
}
ALONE: dict[str, dict[str, Any]] = {
    "weight_decay": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.5},
    "global_clipnorm": {"global_clipnorm": 1.0},
    "ema": {"use_ema": True},
    "ema overwrites": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    "loss_scale_factor": {"loss_scale_factor": 1024.0},
    "accumulation": {"gradient_accumulation_steps": 4},
    "schedule": {"learning_rate": "schedule"},
}


@pytest.mark.parametrize(
    "name, arguments", [pytest.param(n, a, id=f"{n}-{i}") for n, rows in RULES.items() for i, a in enumerate(rows)]
)
def test_rule_equals_keras(name: str, arguments: dict[str, Any]) -> None:
    ours = getattr(optimizers, name)(**arguments)
    check(ours, getattr(keras_module().optimizers, name)(**arguments))


def check_options(name: str, arguments: dict[str, Any]) -> None:
    """Compare an optimizer with options; weight decay leaves out the bias."""
    ours, theirs = dict(arguments), dict(arguments)
    if arguments.get("learning_rate") == "schedule":
        ours["learning_rate"] = schedules.ExponentialDecay(0.01, 3, 0.5)
        theirs["learning_rate"] = keras_module().optimizers.schedules.ExponentialDecay(0.01, 3, 0.5)
    theirs_optimizer = getattr(keras_module().optimizers, name)(**theirs)
    if "weight_decay" in arguments:
        ours["exclude_from_weight_decay"] = ("bias", "^nothing")
        theirs_optimizer.exclude_from_weight_decay(var_names=["bias", "^nothing"])
    check(getattr(optimizers, name)(**ours), theirs_optimizer)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("options", TOGETHER)
def test_rule_with_options_equals_keras(name: str, options: str) -> None:
    check_options(name, RULES[name][-1] | TOGETHER[options])


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("option", ALONE)
def test_option_equals_keras(name: str, option: str) -> None:
    check_options(name, ALONE[option])
