"""Optimizers against real Keras 3: every rule with every option, ten steps; the Optax protocol; the registry."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
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

# Keras 3.15.1 reads its variables in a way that NumPy 2 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

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

    Updates are added to parameters, so a parameter is no more exact than float32 is at the size it had at the start.
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
    "decay, clip, scale, schedule": {
        "weight_decay": 0.1,
        "global_clipnorm": 1.0,
        "loss_scale_factor": 8.0,
        "learning_rate": "schedule",
    },
    "accumulation, ema overwrites": {
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
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


def test_loss_scale_optimizer_equals_keras() -> None:
    gradients = make_gradients()
    kernel = gradients["dense"]["kernel"].at[4, 1, 1].set(jnp.inf).at[8, 0, 0].set(jnp.nan)
    gradients["dense"]["kernel"] = kernel
    arguments = {"initial_scale": 8.0, "dynamic_growth_steps": 3}
    ours = optimizers.LossScaleOptimizer(optimizers.Adam(clipnorm=1.0), **arguments)
    keras = keras_module()
    theirs = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(clipnorm=1.0), **arguments)
    state = check(ours, theirs, gradients)
    assert int(state.count) == STEPS - 2  # the steps that are not finite do not count
    assert float(ours.scale_loss(state, jnp.float32(3.0))) == 3.0 * float(state.scalars["dynamic_scale"])


def test_loss_scale_optimizer_keeps_the_numbers_of_the_rule() -> None:
    # Keras 3.15.1 loses the product of momenta here: its wrapper does not track that variable of Nadam.
    params, gradients = make_params(), make_gradients()
    ours = optimizers.LossScaleOptimizer(optimizers.Nadam(), initial_scale=8.0)
    got, state = apply_steps(ours, params, jax.tree.map(lambda g: 8 * g, gradients))
    want, want_state = apply_steps(optimizers.Nadam(), params, gradients)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), got, want)
    assert float(state.scalars["u_product"]) == float(want_state.scalars["u_product"])


@pytest.mark.parametrize("chooser", ["map", "function"])
def test_multi_optimizer_equals_keras(chooser: str) -> None:
    def make(package: Any, wrap: Any) -> Any:
        adam = package.Adam(0.01, global_clipnorm=1.0)
        sgd = package.SGD(momentum=0.9, use_ema=True)
        if chooser == "map":
            chosen = package.OptimizerMap(adam, {"dense/kernel": sgd, "embed.*": adam})
        else:
            chosen = wrap(lambda path: sgd if "kernel" in path else adam)
        return package.MultiOptimizer(chosen, loss_scale_factor=4.0)

    def by_path(function: Any) -> Any:
        return lambda variable: function(variable.path)

    ours = make(optimizers, lambda function: function)
    state = check(ours, make(keras_module().optimizers, by_path))
    assert len(state.inner) == 2
    params = make_params()
    final = ours.finalize(state, params)
    averages = [inner.average for inner in state.inner if inner.average is not None]
    np.testing.assert_array_equal(final["dense"]["kernel"], averages[0]["dense"]["kernel"])
    np.testing.assert_array_equal(final["dense"]["bias"], params["dense"]["bias"])


# The optimizer classes of keras.optimizers in Keras 3.15.1.
KERAS_NAMES = (
    "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam RMSprop "
    "SGD ScheduleFreeAdamW"
).split()
# Names that Keras 2.2.4's `optimizers.get` takes.
KERAS_2_NAMES = "sgd rmsprop adagrad adadelta adam adamax nadam SGD RMSprop Adagrad Adadelta Adam Adamax Nadam".split()


def test_every_optimizer_of_keras_is_there() -> None:
    assert sorted(optimizers.registry.names()) == sorted([*KERAS_NAMES, "OptaxOptimizer"])
    assert set(RULES) | {"LossScaleOptimizer", "MultiOptimizer"} == set(KERAS_NAMES)
    for name in [*RULES, *KERAS_2_NAMES]:
        optimizer = optimizers.get(name)
        assert type(optimizer).__name__.lower() == name.lower()
        assert optimizers.get(name.upper()) == optimizer


@pytest.mark.parametrize("name", [*KERAS_NAMES, "OptimizerMap"])
def test_arguments_are_those_of_keras(name: str) -> None:
    def arguments(cls: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(cls.__init__).parameters.values()
        positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]
        return [(p.name, p.default) for p in positional]

    ours, theirs = arguments(getattr(optimizers, name)), arguments(getattr(keras_module().optimizers, name))
    assert [n for n, _ in ours] == [n for n, _ in theirs]
    same = {"exclude_layers", "optimizer_map"}  # an empty list where Keras has None
    assert [d for n, d in ours if n not in same] == [d for n, d in theirs if n not in same]


@pytest.mark.parametrize("name", RULES)
def test_config_of_keras_makes_the_same_optimizer(name: str) -> None:
    keras = keras_module()
    for arguments in RULES[name]:
        ours = getattr(optimizers, name)(**({"learning_rate": 0.5} | arguments | {"name": "mine"}))
        theirs = getattr(keras.optimizers, name)(**({"learning_rate": 0.5} | arguments | {"name": "mine"}))
        config = json.loads(json.dumps(keras.optimizers.serialize(theirs)))
        made = optimizers.get(config)
        rate = dataclasses.replace(made, learning_rate=np.float32(made.learning_rate))
        assert rate == dataclasses.replace(ours, learning_rate=np.float32(ours.learning_rate))
        assert type(ours).from_config(ours.get_config()) == ours
        assert hash(ours) == hash(type(ours).from_config(ours.get_config()))
        theirs.from_config(ours.get_config())  # and Keras takes ours


def test_nested_configs_of_keras() -> None:
    keras = keras_module().optimizers
    schedule = keras.schedules.CosineDecay(0.5, 10, warmup_target=1.0, warmup_steps=3)
    config = json.loads(json.dumps(keras.serialize(keras.LossScaleOptimizer(keras.SGD(schedule), name="s"))))
    wanted = schedules.CosineDecay(0.5, 10, warmup_target=1.0, warmup_steps=3)
    made = optimizers.get(config)
    assert made.inner_optimizer.learning_rate == wanted
    inner = optimizers.SGD(wanted, name=made.inner_optimizer.name)
    assert made == optimizers.LossScaleOptimizer(inner, name="s")
    several = keras.MultiOptimizer(keras.OptimizerMap(keras.Lion(0.5), {"a/.*": keras.SGD(0.25)}))
    made = optimizers.get(json.loads(json.dumps(keras.serialize(several))))
    assert [type(o) for o in made.optimizer_map.optimizers] == [optimizers.SGD, optimizers.Lion]
    assert made.optimizer_map("a/b").learning_rate == 0.25
    assert made.optimizer_map("b").learning_rate == 0.5


def test_get_passes_values_and_refuses_others() -> None:
    optimizer = optimizers.SGD(0.5)
    assert optimizers.get(optimizer) is optimizer
    assert optimizers.get(optimizers.Adam) == optimizers.Adam()
    assert optimizers.get(None) is None
    with pytest.raises(ValueError, match="unknown optimizer 'Adm'; did you mean 'Adam'"):
        optimizers.get("Adm")
    for wrong in (3, len):
        with pytest.raises(ValueError, match="as an? optimizer"):
            optimizers.get(wrong)


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


def test_transform_is_an_optax_transformation() -> None:
    params, gradients = make_params(), make_gradients()
    clipped = optax.chain(optax.clip(0.1), optimizers.Adam(0.01).transform())
    assert isinstance(optimizers.Adam(0.01).transform(), optax.GradientTransformationExtraArgs)
    got, state = apply_steps(clipped, params, gradients)
    want, _ = apply_steps(optimizers.Adam(0.01, clipvalue=0.1), params, gradients)
    jax.tree.map(np.testing.assert_array_equal, got, want)
    # Wrapped again, with its learning rate in the middle of Optax's state.
    wrapped = optimizers.get(clipped)
    state = wrapped.init(params)
    assert float(optimizers.get_learning_rate(state)) == np.float32(0.01)
    assert float(optimizers.get_learning_rate(optimizers.set_learning_rate(state, 0.5))) == 0.5
    # Optax's own wrappers work on it.
    masked = optax.masked(optimizers.SGD(1.0).transform(), {"dense": True, "embedding": False})
    got, _ = apply_steps(masked, params, gradients, 1)
    np.testing.assert_array_equal(
        got["dense"]["bias"], params["dense"]["bias"] - gradients["dense"]["bias"][0]
    )


def test_optax_transformation_is_an_optimizer() -> None:
    params, gradients = make_params(), make_gradients()
    transformation = optax.inject_hyperparams(optax.adam)(learning_rate=0.01)
    optimizer = optimizers.get(transformation)
    assert optimizer == optimizers.get(transformation) and optimizer.structure == optimizer
    got, state = apply_steps(optimizer, params, gradients)
    want, _ = apply_steps(optax.adam(0.01), params, gradients)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-7), got, want)
    assert int(state.count) == 3 and state.count.dtype == jnp.int32
    assert float(optimizers.get_learning_rate(state)) == np.float32(0.01)
    still = optimizers.set_learning_rate(state, 0.0)
    updates, _ = optimizer.update(jax.tree.map(lambda g: g[0], gradients), still, params)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(updates))
    plain = optimizers.get(optax.chain(optax.clip(1.0), optax.sgd(0.1))).init(params)
    with pytest.raises(ValueError, match="inject_hyperparams"):
        optimizers.get_learning_rate(plain)
    with pytest.raises(ValueError, match="inject_hyperparams"):
        optimizers.set_learning_rate(plain, 0.1)
    scaled = optimizers.LossScaleOptimizer(transformation, initial_scale=2.0)
    doubled = jax.tree.map(lambda g: 2 * g, gradients)
    got, _ = apply_steps(scaled, params, doubled)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-7), got, want)


def test_changing_the_learning_rate_does_not_recompile() -> None:
    params, grads = make_params(), jax.tree.map(lambda g: g[0], make_gradients())
    traces = []

    @functools.partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
    def step(optimizer: Any, state: Any, params: Any, grads: Any) -> Any:
        traces.append(optimizer)
        updates, state = optimizer.update(grads, state, params)
        return state, optax.apply_updates(params, updates)

    want = jax.tree.map(lambda p, g: p - 0.1 * g - 0.025 * g - 0.5 * g, params, grads)
    first, second = optimizers.SGD(0.1), optimizers.SGD(0.5, name="other")
    assert first != second and first.structure == second.structure
    state = first.init(params)
    state, params = step(first.structure, state, params, grads)
    assert float(optimizers.get_learning_rate(state)) == np.float32(0.1)
    state = optimizers.set_learning_rate(state, 0.025)
    state, params = step(first.structure, state, params, grads)
    state = optimizers.set_learning_rate(state, jnp.float32(0.5))
    state, params = step(second.structure, state, params, grads)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), params, want)
    assert len(traces) == 1
    assert step._cache_size() == 1  # type: ignore[attr-defined]


def test_structure_keeps_what_matters() -> None:
    schedule = schedules.ExponentialDecay(0.1, 10, 0.5)
    assert optimizers.SGD(schedule).structure.learning_rate == schedule
    assert optimizers.SGD(0.1, momentum=0.5).structure != optimizers.SGD(0.1).structure
    wrap = optimizers.LossScaleOptimizer
    assert wrap(optimizers.SGD(0.1)).structure == wrap(optimizers.SGD(0.2)).structure

    def several(rate: float) -> Any:
        rates = {"a": optimizers.SGD(rate), "b": optimizers.SGD(3 * rate)}
        return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.Adam(rate), rates))

    assert several(0.1).structure == several(0.2).structure
    params = {"a": jnp.ones(2), "b": jnp.ones(3), "c": jnp.ones(1)}
    optimizer = several(0.1)
    state = optimizer.init(params)
    updates, _ = optimizer.structure.update(params, state, params)
    np.testing.assert_allclose(updates["a"], -0.1 * params["a"], rtol=1e-6)
    np.testing.assert_allclose(updates["b"], -0.3 * params["b"], rtol=1e-6)


def test_accumulation_equals_the_large_batch() -> None:
    params, gradients = make_params(), make_gradients()
    accumulating = optimizers.Adam(0.01, gradient_accumulation_steps=5)
    got, state = apply_steps(accumulating, params, gradients, STEPS)
    means = jax.tree.map(lambda g: jnp.mean(g.reshape(2, 5, *g.shape[1:]), axis=1), gradients)
    want, want_state = apply_steps(optimizers.Adam(0.01), params, means, 2)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-7), got, want)
    assert int(state.count) == STEPS and int(want_state.count) == 2
    half, state = apply_steps(accumulating, params, gradients, 4)
    jax.tree.map(np.testing.assert_array_equal, half, params)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(state.slots))


def test_state_is_small_and_like_keras() -> None:
    params = make_params()
    state = optimizers.SGD(0.1).init(params)
    assert len(jax.tree.leaves(state)) == 2  # count and learning rate
    assert state.count.dtype == jnp.int32 and state.learning_rate.dtype == jnp.float32
    assert set(optimizers.Adam().init(params).slots) == {"momentum", "velocity"}
    abstract = jax.eval_shape(optimizers.Adafactor().init, params)
    real = optimizers.Adafactor().init(params)
    assert jax.tree.structure(abstract) == jax.tree.structure(real)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), abstract) == jax.tree.map(lambda x: (x.shape, x.dtype), real)
    # A matrix is kept as a row and a column only.
    assert real.slots["velocity"]["dense"]["kernel"] is None and real.slots["row"]["dense"]["bias"] is None


@pytest.mark.parametrize("name", RULES)
def test_variables_round_trip(name: str) -> None:
    optimizer = getattr(optimizers, name)(use_ema=True, gradient_accumulation_steps=2)
    params = make_params()
    values = optimizers.to_variables(optimizer, optimizer.init(params), params, KERAS_ORDER)
    values = [np.asarray(v) + i for i, v in enumerate(values)]
    state = optimizers.from_variables(optimizer, optimizer.init(params), params, values, KERAS_ORDER)
    again = optimizers.to_variables(optimizer, state, params, KERAS_ORDER)
    for i, (a, b) in enumerate(zip(again, values, strict=True)):
        # What Adafactor's velocity of a matrix and the means of a vector say is not read back.
        if name != "Adafactor" or i < 8:
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=rf"{name} has {len(values)} variables .* received 1 arrays"):
        optimizers.from_variables(optimizer, state, params, values[:1])
    with pytest.raises(ValueError, match="shape"):
        optimizers.from_variables(optimizer, state, params, values)  # in another order


def test_bfloat16_parameters_train() -> None:
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), make_params())
    gradients = jax.tree.map(jnp.ones_like, params)
    for name in RULES:
        optimizer = getattr(optimizers, name)(0.125)
        state = optimizer.init(params)
        updates, new = jax.eval_shape(optimizer.update, gradients, state, params)
        assert all(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(updates))
        assert jax.tree.map(lambda x: (x.shape, x.dtype), new) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    # The bias correction is computed in float32: in bfloat16 the first step of Adam would be 0.
    updates, _ = optimizers.Adam(0.125).update(gradients, optimizers.Adam(0.125).init(params), params)
    np.testing.assert_allclose(np.float32(updates["dense"]["bias"]), -0.125, rtol=1e-2)


def test_many_learning_rates_in_one_program() -> None:
    params, gradients = make_params(), make_gradients()
    optimizer = optimizers.Adam(0.1, use_ema=True)
    rates = jnp.asarray([0.1, 0.01, 0.001], jnp.float32)

    def train(rate: Any) -> Any:
        state = optimizers.set_learning_rate(optimizer.init(params), rate)
        return run_scan(optimizer, state, gradients, params)[0]

    together = jax.jit(jax.vmap(train))(rates)
    for i, rate in enumerate([0.1, 0.01, 0.001]):
        alone, _ = run(optimizers.Adam(rate, use_ema=True), gradients, params)
        picked = jax.tree.map(lambda x, i=i: x[i], together)
        jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6), picked, alone)


def test_learning_rate_in_the_state_follows_the_schedule() -> None:
    params, gradients = make_params(), make_gradients()
    schedule = schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    for rate in (schedule, lambda step: jnp.where(step <= 1, 0.5, 0.25), optax.piecewise_constant_schedule(0.5, {2: 0.5})):
        optimizer = optimizers.SGD(rate)
        assert float(optimizers.get_learning_rate(optimizer.init(params))) == 0.5
        got, state = apply_steps(optimizer, params, gradients, 2)
        assert float(optimizers.get_learning_rate(state)) == 0.25
        grads = gradients["dense"]["bias"]
        want = params["dense"]["bias"] - 0.5 * grads[0] - 0.5 * grads[1]
        np.testing.assert_allclose(got["dense"]["bias"], want, rtol=1e-6)
    constant = optimizers.SGD(lambda: 0.5)
    assert float(constant.init(params).learning_rate) == 0.5


def test_loss_scale_and_final_average() -> None:
    params = make_params()
    plain, scaled = optimizers.SGD(0.1), optimizers.SGD(0.1, loss_scale_factor=4.0, use_ema=True)
    assert plain.scale_loss(plain.init(params), 3.0) == 3.0
    state = scaled.init(params)
    assert scaled.scale_loss(state, 3.0) == 12.0
    assert plain.finalize(plain.init(params), params) is params
    _, state = scaled.update(params, state, params)
    np.testing.assert_allclose(
        scaled.finalize(state, params)["dense"]["bias"], 0.975 * params["dense"]["bias"], rtol=1e-6
    )
    inner = optimizers.LossScaleOptimizer(optimizers.SGD(0.1, loss_scale_factor=4.0)).inner_optimizer
    assert inner.loss_scale_factor is None  # else gradients would be divided twice


def test_weight_decay_leaves_out_what_is_excluded() -> None:
    params = make_params()
    zero = jax.tree.map(jnp.zeros_like, params)
    optimizer = optimizers.AdamW(0.5, 0.5, exclude_from_weight_decay=("bias$", "^embedding/"))
    updates, _ = optimizer.update(zero, optimizer.init(params), params)
    np.testing.assert_allclose(updates["dense"]["kernel"], -0.25 * params["dense"]["kernel"], rtol=1e-6)
    assert not np.any(updates["dense"]["bias"]) and not np.any(updates["embedding"]["embeddings"])
    assert optimizer.get_config()["exclude_from_weight_decay"] == ("bias$", "^embedding/")
    assert "exclude_from_weight_decay" not in optimizers.AdamW().get_config()


def test_own_rule() -> None:
    @dataclasses.dataclass(frozen=True)
    class SignDescent(optimizers.RuleOptimizer):
        learning_rate: Any = 0.5
        power: float = 2.0

        def slots(self) -> dict[str, Any]:
            return {"seen": lambda path, parameter: jnp.zeros_like(parameter)}

        def step(self, gradient: Any, parameter: Any, slots: Any, common: Any) -> Any:
            return -common * jnp.sign(gradient) ** self.power, {"seen": slots["seen"] + 1}

    params = {"w": jnp.asarray([1.0, -2.0])}
    optimizer = SignDescent(power=1.0, clipvalue=1.0)
    updates, state = optimizer.update(params, optimizer.init(params), params)
    np.testing.assert_array_equal(updates["w"], [-0.5, 0.5])
    np.testing.assert_array_equal(state.slots["seen"]["w"], [1.0, 1.0])


def test_step_may_reuse_the_memory_of_its_arguments() -> None:
    params, grads = make_params(), jax.tree.map(lambda g: g[0], make_gradients())
    for optimizer in (optimizers.ScheduleFreeAdamW(), optimizers.Adam(use_ema=True)):
        step = jax.jit(optimizer.update, donate_argnums=(1, 2))
        state, own = optimizer.init(params), jax.tree.map(lambda p: p + 0, params)
        updates, _ = step(grads, state, own)
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(updates))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: optimizers.SGD(momentum=2.0), "SGD: argument `momentum`: expected a number from 0 to 1, received 2.0"),
        (lambda: optimizers.SGD("fast"), "SGD: argument `learning_rate`: expected a number, a schedule .* 'fast'"),
        (lambda: optimizers.SGD(float("nan")), "argument `learning_rate`: expected a number, received nan"),
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=2.0), "Adam: only one kind of clipping .*clipnorm=1.0, clipvalue"),
        (lambda: optimizers.Adam(gradient_accumulation_steps=1), "at least 2 .or None., received 1"),
        (lambda: optimizers.Adam(ema_momentum=1.5), "`ema_momentum`: expected a number from 0 to 1, received 1.5"),
        (lambda: optimizers.Adam(ema_overwrite_frequency=-1), "expected a positive integer or None, received -1"),
        (lambda: optimizers.Adam(exclude_from_weight_decay=("(",)), r"'\(' is not a regular expression"),
        (lambda: optimizers.Lion(beta_1=0), "Lion: argument `beta_1`"),
        (lambda: optimizers.Ftrl(learning_rate_power=1), "at most 0, received 1"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-1), "at least 0, received -1"),
        (lambda: optimizers.LossScaleOptimizer(None), "expected an optimizer, received None"),
        (lambda: optimizers.LossScaleOptimizer(optimizers.LossScaleOptimizer("sgd")), "is one already"),
        (lambda: optimizers.OptaxOptimizer(optax.adam), "expected an Optax transformation, such as optax.adam"),
        (lambda: optimizers.OptimizerMap(optimizers.LossScaleOptimizer("sgd")), "cannot be one of several"),
        (lambda: optimizers.OptimizerMap("sgd", {"(": "adam"}), "no regular expression"),
        (lambda: optimizers.MultiOptimizer(3), "expected an OptimizerMap or a function of a parameter's path"),
        (lambda: optimizers.OptimizerMap("sgd", {"a.*": "adam", ".*b": "sgd"})("ab"), "several keys match .*'ab'"),
        (lambda: jax.jit(lambda r: optimizers.SGD(r).init(jnp.ones(2)))(0.1), "set_learning_rate"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_trees() -> None:
    params = {"a": jnp.ones(2)}
    optimizer = optimizers.SGD(momentum=0.5)
    state = optimizer.init(params)
    with pytest.raises(ValueError, match=r"SGD needs the parameters: call `update\(grads, state, params\)`"):
        optimizer.update(params, state)
    with pytest.raises(ValueError, match="gradients must be a tree like the parameters"):
        optimizer.update({"b": jnp.ones(2)}, state, params)
    with pytest.raises(ValueError, match=r"the state has the slots \['momentum'\], but the slots \[\] are needed"):
        optimizers.SGD().update(params, state, params)
    with pytest.raises(ValueError, match="learning rate has the shape"):
        optimizers.set_learning_rate(state, jnp.ones(3))
    several = optimizers.MultiOptimizer(optimizers.OptimizerMap("sgd", {"b": "adam"})).init(params)
    with pytest.raises(ValueError, match="2 learning rates"):
        optimizers.get_learning_rate(several)
