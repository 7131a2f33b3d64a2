"""Keras optimizers as objects: members, stateless use, optimizers that users write, several optimizers, old spellings."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kjax import keras
from kjax.keras import backend as K

X = np.random.default_rng(0).standard_normal((16, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def network(api: Any = keras) -> Any:
    model = api.Sequential([api.Input((3,)), api.layers.Dense(4, "tanh"), api.layers.Dense(1)])
    rng = np.random.default_rng(1)
    model.set_weights([0.5 * rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def trained(optimizer: Any, api: Any = keras) -> list[np.ndarray]:
    """Weights after six steps."""
    model = network(api)
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return model.get_weights()


def assert_same(first: Any, second: Any) -> None:
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def momentum_class(api: Any) -> Any:
    """An optimizer as the guide of Keras 3 writes one."""

    class Heavy(api.optimizers.Optimizer):
        def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, **kwargs: Any) -> None:
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.momentum = momentum

        def build(self, variables: Any) -> None:
            super().build(variables)
            self.velocities = self.add_optimizer_variables(variables, "velocity")

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            velocity = self.velocities[self._get_variable_index(variable)]
            self.assign(velocity, api.ops.multiply(velocity, self.momentum) - gradient * learning_rate)
            self.assign_add(variable, velocity)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "momentum": self.momentum}

    return Heavy


OPTIONS = {"clipnorm": 0.1, "weight_decay": 0.01, "gradient_accumulation_steps": 2, "use_ema": True}


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["plain", "options"])
def test_an_optimizer_that_a_user_writes(keras3: ModuleType, options: dict[str, Any]) -> None:
    own = momentum_class(keras)(0.05, **options)
    weights = trained(own)
    assert_same(weights, trained(momentum_class(keras3)(0.05, **options), keras3))
    assert_same(weights, trained(keras.optimizers.SGD(0.05, momentum=0.9, **options)))
    assert own.variables[0] is own._iterations
    assert own.get_config()["momentum"] == 0.9
    copy = type(own).from_config(own.get_config())
    assert_same(trained(copy), weights)


class Centred(keras.optimizers.SGD):
    """Changes the gradients."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        super().apply([g - jnp.mean(g) for g in grads], trainable_variables)


class Halved(keras.optimizers.Nadam):
    """Changes the step of one weight."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(gradient, variable, learning_rate * 0.5)


def test_subclasses_of_built_in_optimizers() -> None:
    assert_same(trained(Halved(0.02)), trained(keras.optimizers.Nadam(0.01)))
    weights = trained(Centred(0.05))
    np.testing.assert_allclose(weights[3], network().get_weights()[3], atol=1e-7)  # one bias: its gradient is its mean
    assert np.abs(weights[0] - network().get_weights()[0]).max() > 1e-3


def test_stateless_apply_and_apply_agree(keras3: ModuleType) -> None:
    results = []
    for api in (keras, keras3):
        variables = [api.Variable(np.full((2, 2), 0.5, np.float32)), api.Variable(np.zeros(2, np.float32))]
        optimizer = api.optimizers.Adam(0.1, weight_decay=0.01)
        optimizer.build(variables)
        grads = [jnp.full((2, 2), 0.25), jnp.asarray([1.0, -2.0])]
        new, state = optimizer.stateless_apply(
            [v.value for v in optimizer.variables], grads, [v.value for v in variables]
        )
        assert np.all(np.asarray(variables[0]) == 0.5)
        optimizer.apply_gradients(list(zip(grads, variables, strict=True)))
        assert_same([np.asarray(v) for v in variables], new)
        assert_same([np.asarray(v) for v in optimizer.variables], state)
        results.append(([v.name.split("_")[-1] for v in optimizer.variables], [np.asarray(s) for s in state]))
    (_, ours), (_, theirs) = results
    assert_same(ours, theirs)  # the same variables in the same order


def test_some_gradients_alone_and_unknown_variables() -> None:
    first, second, third = (keras.Variable(np.ones(2, np.float32)) for _ in range(3))
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9)
    optimizer.build([first, second])
    optimizer.apply([jnp.ones(2)], [second])
    assert np.all(np.asarray(first) == 1) and np.all(np.asarray(second) == 0.5)
    with pytest.warns(UserWarning, match="no gradients for the variables"):
        optimizer.apply([None, jnp.ones(2)])
    np.testing.assert_allclose(np.asarray(second), 0.5 - 0.45 - 0.5)
    assert int(optimizer.iterations) == 2
    with pytest.raises(ValueError, match="can only be called for the variables"):
        optimizer.apply([jnp.ones(2)], [third])
    with pytest.raises(ValueError, match="2 gradients for 1"):
        optimizer.apply([jnp.ones(2), jnp.ones(2)], [first])


def test_the_learning_rate_in_every_way() -> None:
    optimizer = keras.optimizers.SGD(0.5)
    for set_rate in (
        lambda: setattr(optimizer, "learning_rate", 0.25),
        lambda: setattr(optimizer, "lr", 0.25),
        lambda: optimizer.lr.assign(0.25),
        lambda: K.set_value(optimizer.lr, 0.25),
    ):
        optimizer.learning_rate = 0.5
        set_rate()
        assert float(K.get_value(optimizer.learning_rate)) == 0.25 == optimizer.get_config()["learning_rate"]
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    assert float(optimizer.learning_rate) == 1.0
    assert_same(
        trained(optimizer), trained(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(1, 1, 0.5)))
    )
    np.testing.assert_allclose(float(optimizer.learning_rate), 0.5**6)
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1


@pytest.mark.filterwarnings("ignore:.*of the arguments:FutureWarning")
def test_decay_of_older_scripts_beside_a_rate_that_can_be_set() -> None:
    decaying = keras.optimizers.SGD(lr=0.2, decay=0.5, momentum=0.9, nesterov=True)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.2, 1, 0.5)
    assert_same(trained(decaying), trained(keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)))
    decaying.lr = 0.1
    config = decaying.get_config()
    assert (config["learning_rate"], config["decay"]) == (pytest.approx(0.1), 0.5)
    old = keras.optimizers.SGD.from_config({"lr": 0.1, "decay": 0.0, "momentum": 0.9, "nesterov": True})
    assert "decay" not in old.get_config()


def test_optax_transformations() -> None:
    assert_same(trained(optax.sgd(0.05, momentum=0.9)), trained(keras.optimizers.SGD(0.05, momentum=0.9)))
    optimizer = keras.optimizers.get(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5))
    optimizer.learning_rate = 0.05
    assert_same(trained(optimizer), trained(keras.optimizers.SGD(0.05)))
    assert float(optimizer.learning_rate) == pytest.approx(0.05)


def test_several_optimizers(keras3: ModuleType) -> None:
    results = []
    for api in (keras, keras3):
        chosen = api.optimizers.OptimizerMap(api.optimizers.SGD(0.05))
        chosen[".*/bias"] = api.optimizers.Adam(0.01)
        optimizer = api.optimizers.MultiOptimizer(chosen)
        results.append(trained(optimizer, api))
        assert len(optimizer.optimizers) == 2
    assert_same(*results)
    adam, sgd = keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.05)
    by_function = keras.optimizers.MultiOptimizer(lambda variable: adam if "bias" in variable.path else sgd)
    assert_same(trained(by_function), results[0])
    assert int(adam.iterations) == int(sgd.iterations) == 6
    with pytest.raises(ValueError, match="there already"):
        chosen_twice = keras.optimizers.OptimizerMap(sgd, {"a": adam})
        chosen_twice["a"] = adam


def test_loss_scaling_around_an_optimizer() -> None:
    inner = keras.optimizers.Adam(0.01)
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=3)
    assert_same(trained(scaled), trained(keras.optimizers.Adam(0.01)))
    assert float(scaled.dynamic_scale) == 16.0 and int(scaled.iterations) == 6
    inner.learning_rate = 0.5
    assert float(scaled.learning_rate) == 0.5
    assert float(scaled.scale_loss(2.0)) == 32.0
    assert not bool(scaled.check_finite([jnp.asarray([1.0, jnp.inf])]))


def test_weights_that_do_not_decay(keras3: ModuleType) -> None:
    results = []
    for api in (keras, keras3):
        optimizer = api.optimizers.AdamW(0.05, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        results.append(trained(optimizer, api))
    assert_same(*results)
    assert "exclude_from_weight_decay" not in optimizer.get_config()


def test_state_survives_another_layout() -> None:
    by_hand, by_fit = network(), network()
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(by_hand.trainable_variables)
    optimizer.apply([jnp.ones(v.shape) for v in by_hand.trainable_variables])
    before = optimizer.get_weights()
    by_hand.compile(optimizer, "mse")
    by_hand._prepare_optimizer()
    assert_same(optimizer.get_weights(), before)
    by_fit.compile(keras.optimizers.Adam(0.05), "mse")
    with pytest.raises(ValueError, match="has no state yet"):
        by_fit.optimizer.set_weights(before)
    store: dict[str, Any] = {}
    optimizer.save_own_variables(store)
    by_fit._prepare_optimizer()
    by_fit.optimizer.load_own_variables(store)
    assert_same(by_fit.optimizer.get_weights(), before)


def test_updates_of_older_scripts() -> None:
    """Policy gradients of Keras 2: a function that trains."""
    model, by_hand = network(), network()
    target = K.placeholder(shape=(None, 1))
    loss = K.mean(K.square(model.output - target))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    train = K.function([model.input, target], [loss], updates=optimizer.get_updates(loss, model.trainable_weights))
    by_hand.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    for _ in range(3):
        assert float(train([X, Y])[0]) == pytest.approx(by_hand.train_on_batch(X, Y), rel=1e-5)
    assert_same(model.get_weights(), by_hand.get_weights())
    assert len(optimizer.get_gradients(loss, model.trainable_weights)) == 4


def test_minimize_a_function() -> None:
    variable = keras.Variable(np.asarray([1.0, -2.0], np.float32))
    keras.optimizers.SGD(0.25).minimize(lambda: keras.ops.sum(variable * variable), [variable])
    np.testing.assert_allclose(np.asarray(variable), [0.5, -1.0])
    with pytest.raises(ValueError, match="must be a function"):
        keras.optimizers.SGD(0.25).minimize(3.0, [variable])


def test_names_and_configs(keras3: ModuleType) -> None:
    for name in ("SGD", "sgd", "Adam", "rmsprop", "Lion"):
        assert type(keras.optimizers.get(name)).__name__.lower() == name.lower()
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10), beta_1=0.5)
    config = keras.optimizers.serialize(optimizer)
    theirs = keras3.optimizers.deserialize(config)
    assert theirs.beta_1 == 0.5 and float(theirs.learning_rate) == pytest.approx(0.1)
    again = keras.optimizers.deserialize(keras3.optimizers.serialize(theirs))
    assert again.get_config() == optimizer.get_config()
    schedule = keras.optimizers.schedules.deserialize(
        keras.optimizers.schedules.serialize(optimizer.rule.learning_rate)
    )
    assert schedule == optimizer.rule.learning_rate
    with keras.saving.custom_object_scope({"Centred": Centred}):
        assert isinstance(keras.optimizers.get("Centred"), Centred)
    with pytest.raises(ValueError, match="did you mean 'Adam'"):
        keras.optimizers.get("adm")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"momentum": 0.9, "use_ema": True}),
        ("Adam", {"amsgrad": True, "gradient_accumulation_steps": 2}),
        ("AdamW", {}),
        ("RMSprop", {"momentum": 0.5, "centered": True}),
        ("Ftrl", {}),
        ("Muon", {}),
    ],
)
def test_variables_are_called_as_in_keras(keras3: ModuleType, name: str, arguments: dict[str, Any]) -> None:
    found = []
    for api in (keras, keras3):
        optimizer = getattr(api.optimizers, name)(**arguments)
        optimizer.name = "owner"
        kernel = api.Variable(np.ones((2, 3), np.float32), name="kernel")
        optimizer.build([kernel, api.Variable(np.ones(3, np.float32), name="bias")])
        # The first two were made before the name was set.
        found.append([(v.name, tuple(v.shape), str(v.dtype)) for v in optimizer.variables[2:]])
    assert found[0] == found[1]


def test_a_schedule_set_later_is_followed() -> None:
    optimizer = keras.optimizers.SGD(0.5)
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer.apply([np.ones(1, np.float32)], [weight])
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    np.testing.assert_allclose(optimizer.learning_rate, 0.05, rtol=1e-6)
    optimizer.apply([np.ones(1, np.float32)], [weight])
    np.testing.assert_allclose(weight, [-0.55], rtol=1e-6)


def test_adafactor_shows_its_variables() -> None:
    optimizer = keras.optimizers.Adafactor()
    optimizer.build([keras.Variable(np.ones((2, 3), np.float32), name="kernel")])
    assert [v.shape for v in optimizer.variables] == [(), (), (2,), (3,)]


def test_weights_that_muon_leaves_out_by_their_names() -> None:
    kernel, table = (keras.Variable(np.ones((2, 3)), name=name) for name in ("kernel", "embeddings"))
    optimizer = keras.optimizers.Muon(exclude_layers=["kern"])
    optimizer.build([kernel, table])
    names = [variable.name for variable in optimizer.variables[2:]]
    assert names == ["kernel_momentum", "kernel_velocity", "embeddings_momentum", "embeddings_velocity"]


def test_a_schedule_counts_accumulated_gradients() -> None:
    schedule = keras.optimizers.schedules.PolynomialDecay(0.4, 4, 0.0)
    optimizer = keras.optimizers.SGD(schedule, gradient_accumulation_steps=2)
    weight = keras.Variable(np.ones(1, "float32"))
    for _ in range(3):
        optimizer.apply([jnp.ones(1)], [weight])
    assert int(optimizer.iterations) == 1
    np.testing.assert_allclose(float(optimizer.learning_rate), 0.1, rtol=1e-6)


def test_no_optimizer() -> None:
    assert keras.optimizers.get(None) is None
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(None, "mse")
    x = np.ones((2, 1), "float32")
    assert model.evaluate(x, x, verbose=0) == 0
    with pytest.raises(ValueError, match="compiled without an optimizer"):
        model.fit(x, x, verbose=0)
