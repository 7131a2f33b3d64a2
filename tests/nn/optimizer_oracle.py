"""Ten steps of an optimizer by kjax and by real Keras 3, compared; the arguments to try each rule with."""

from __future__ import annotations

import functools
import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import optax

from kjax.nn import optimizers

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
    """Ten gradients: tiny ones, ones of very different sizes, and (embeddings) two rows a step only."""
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


def run_scan(optimizer: Any, state: Any, gradients: Any, params: Any) -> tuple[Any, Any]:
    """The parameters after all gradients, and the last state."""

    def step(carry: Any, grads: Any) -> Any:
        params, state = carry
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, state), gradients)[0]


def run(optimizer: Any, gradients: Any, params: Any) -> tuple[Any, Any]:
    """The same, compiled, from a new state."""
    train = jax.jit(functools.partial(run_scan, optimizer))
    return train(optimizer.init(params), gradients, params)


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
    if optimizer.gradient_accumulation_steps or hasattr(optimizer, "inner_optimizer"):
        step = jax.jit(step)  # otherwise its conditionals are compiled anew in every step
    weights, state = [box.value for box in boxes], [v.value for v in optimizer.variables]
    for i in range(STEPS):
        weights, state = step(state, [gradients[k][i] for k in KERAS_ORDER], weights)
    return [np.asarray(w) for w in weights], [np.asarray(v) for v in state]


def close(got: Any, want: Any, what: str, start: Any = 0.0) -> None:
    """Equal to 1e-6, in elements that are small beside the largest to 2e-7 of that one.

    Updates are added to parameters, so a parameter is no more exact than float32 is at its size at the start.
    """
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape, (what, got.shape, want.shape)
    size = max(np.max(np.abs(want), initial=0.0), np.max(np.abs(start)))
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=2e-7 * size, err_msg=what)


def check(ours: Any, theirs: Any, gradients: Any = None) -> Any:
    """Compare parameters and all optimizer variables after ten steps; returns our last state."""
    params = make_params()
    gradients = make_gradients() if gradients is None else gradients
    got, state = run(ours, gradients, params)
    want, want_state = run_keras(theirs, gradients, params)
    leaves, starts = jax.tree.leaves(got), jax.tree.leaves(params)
    for i, value in zip(KERAS_ORDER, want, strict=True):
        close(leaves[i], value, f"parameter {i}", starts[i])
    got_state = optimizers.to_variables(ours, state, params, KERAS_ORDER)
    assert len(got_state) == len(want_state)
    for variable, a, b in zip(theirs.variables, got_state, want_state, strict=True):
        close(a, b, variable.path, 1.0 if variable.path.endswith("average") else 0.0)
    return state


def apply_steps(transformation: Any, params: Any, gradients: Any, steps: int = 3) -> tuple[Any, Any]:
    """A few steps of an Optax transformation, compiled."""

    @jax.jit
    def step(state: Any, params: Any, grads: Any) -> Any:
        updates, state = transformation.update(grads, state, params)
        return state, optax.apply_updates(params, updates)

    state = transformation.init(params)
    for i in range(steps):
        state, params = step(state, params, jax.tree.map(lambda g, i=i: g[i], gradients))
    return params, state


RULES: dict[str, list[dict[str, Any]]] = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [
        {},
        {"momentum": 0.5, "rho": 0.8},
        {"centered": True, "epsilon": 1e-3},
        {"momentum": 0.5, "centered": True},
    ],
    "Adam": [{}, {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "AdamW": [{}, {"weight_decay": 0.1, "amsgrad": True}],
    "Adamax": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-3}],
    "Adadelta": [{}, {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4}],
    "Nadam": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "Ftrl": [
        {},
        {"learning_rate": 0.1, "l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2},
        {
            "learning_rate_power": -0.7,
            "beta": 0.3,
            "l2_shrinkage_regularization_strength": 0.1,
            "initial_accumulator_value": 1.0,
        },
    ],
    "Lion": [{}, {"beta_1": 0.8, "beta_2": 0.95}],
    "Lamb": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
    "Adafactor": [
        {},
        {
            "relative_step": False,
            "beta_2_decay": -0.5,
            "clip_threshold": 0.5,
            "epsilon_2": 0.1,
            "epsilon_1": 1e-6,
        },
    ],
    "Muon": [
        {},
        {"exclude_layers": ["dense"], "adam_weight_decay": None, "adam_lr_ratio": 0.5, "adam_beta_1": 0.8},
        {
            "exclude_embeddings": False,
            "nesterov": False,
            "rms_rate": None,
            "momentum": 0.8,
            "ns_steps": 3,
            "muon_a": 3.0,
        },
    ],
    "ScheduleFreeAdamW": [{}, {"warmup_steps": 4, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}],
}
