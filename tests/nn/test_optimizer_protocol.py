"""Optimizers as pure values: the Optax protocol, the state and its learning rate, accumulation, errors."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kjax.nn import optimizers
from kjax.nn.optimizers import schedules
from tests.nn.optimizer_oracle import (
    KERAS_ORDER,
    RULES,
    STEPS,
    apply_steps,
    make_gradients,
    make_params,
    run,
    run_scan,
)


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
    np.testing.assert_array_equal(got["dense"]["bias"], params["dense"]["bias"] - gradients["dense"]["bias"][0])


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


@pytest.mark.parametrize("where", ["no place", "a device", "a mesh"])
def test_state_lies_where_the_parameters_lie(where: str) -> None:
    # A state that moves in the first step would have that step compiled twice.
    params = {"kernel": jnp.ones((4, 2)), "bias": jnp.ones(2)}
    mesh = jax.make_mesh((4,), ("model",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = {"kernel": jax.P("model"), "bias": jax.P()}
    if where == "a device":
        params = jax.device_put(params, jax.devices()[0])
    elif where == "a mesh":
        params = jax.tree.map(lambda p, s: jax.device_put(p, jax.NamedSharding(mesh, s)), params, spec)
    for optimizer in (optimizers.Adafactor(use_ema=True), optimizers.LossScaleOptimizer("nadam")):
        step = jax.jit(optimizer.update)
        state = optimizer.init(params)
        for _ in range(3):
            _, state = step(params, state, params)
            state = optimizers.set_learning_rate(state, 0.5)
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
    for rate in (
        schedule,
        lambda step: jnp.where(step <= 1, 0.5, 0.25),
        optax.piecewise_constant_schedule(0.5, {2: 0.5}),
    ):
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
        (
            lambda: optimizers.SGD(momentum=2.0),
            "SGD: Invalid value for argument `momentum`: expected a number from 0 to 1, received 2.0",
        ),
        (
            lambda: optimizers.SGD.from_config({"learning_rate": "fast"}),
            "SGD: Invalid value for argument `learning_rate`: it should be float, .* 'fast'",
        ),
        (lambda: optimizers.SGD(float("nan")), "argument `learning_rate`: expected a number, received nan"),
        (
            lambda: optimizers.Adam(clipnorm=1.0, clipvalue=2.0),
            "Adam: Only one of .*clipnorm=1.0, clipvalue",
        ),
        (lambda: optimizers.Adam(gradient_accumulation_steps=1), "at least 2 .or None., received 1"),
        (
            lambda: optimizers.Adam(ema_momentum=1.5),
            "`ema_momentum`: expected a number from 0 to 1, received 1.5",
        ),
        (
            lambda: optimizers.Adam(ema_overwrite_frequency=-1),
            "expected a positive integer or None, received -1",
        ),
        (lambda: optimizers.Adam(exclude_from_weight_decay=("(",)), r"'\(' is not a regular expression"),
        (lambda: optimizers.Lion(beta_1=0), "Lion: Invalid value for argument `beta_1`"),
        (lambda: optimizers.Ftrl(learning_rate_power=1), "at most 0, received 1"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-1), "at least 0, received -1"),
        (lambda: optimizers.LossScaleOptimizer(None), "expected an optimizer, received None"),
        (lambda: optimizers.LossScaleOptimizer(optimizers.LossScaleOptimizer("sgd")), "is one already"),
        (
            lambda: optimizers.OptaxOptimizer(optax.adam),
            "expected an Optax transformation, such as optax.adam",
        ),
        (lambda: optimizers.OptimizerMap(optimizers.LossScaleOptimizer("sgd")), "cannot be one of several"),
        (lambda: optimizers.OptimizerMap("sgd", {"(": "adam"}), "no regular expression"),
        (
            lambda: optimizers.MultiOptimizer(3),
            "expected an OptimizerMap or a function of a parameter's path",
        ),
        (
            lambda: optimizers.OptimizerMap("sgd", {"a.*": "adam", ".*b": "sgd"})("ab"),
            "several keys match .*'ab'",
        ),
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
