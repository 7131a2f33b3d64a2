"""Callbacks that keep or change the whole state of a model: SwapEMAWeights, OrbaxCheckpoint, state trees."""

from __future__ import annotations

import os

import jax
import numpy as np
import pytest

from kjax import keras

X = np.random.default_rng(0).standard_normal((48, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def build(k, name="s", **optimizer):
    stack = [
        k.Input((4,)),
        k.layers.Dense(3, activation="relu", kernel_initializer="ones", name="first"),
        k.layers.BatchNormalization(name="norm"),
        k.layers.Dense(1, kernel_initializer="ones", name="last"),
    ]
    model = k.Sequential(stack, name=name)
    model.compile(k.optimizers.SGD(0.01, momentum=0.5, **optimizer), "mse")
    return model


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_swap_ema_weights(keras3, swap_on_epoch):
    seen = []
    for k in (keras3, keras):
        model = build(k, use_ema=True, ema_momentum=0.8)
        weights = []
        swap = k.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
        watch = k.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, m=model, w=weights: w.extend(np.array(a) for a in m.get_weights())
        )
        run = model.fit(
            X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=[swap, watch]
        )
        end = [np.array(a) for a in model.get_weights()]
        seen.append([*run.history["loss"], *run.history["val_loss"], *weights, *end])
    for real, ours in zip(*seen, strict=True):
        np.testing.assert_allclose(ours, real, rtol=2e-5, atol=1e-6)


def test_swap_ema_weights_in_evaluate_and_predict():
    model = build(keras, use_ema=True, ema_momentum=0.9)
    model.fit(X, Y, epochs=2, verbose=0)
    average = model.predict(X, verbose=0)  # a training ends with the average in the model
    for variable in model.trainable_weights:
        variable.assign_add(np.ones(variable.shape, "float32"))
    before = model.get_weights()
    swap = keras.callbacks.SwapEMAWeights()
    np.testing.assert_array_equal(model.predict(X, verbose=0, callbacks=[swap]), average)
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_swap_ema_weights_needs_an_average():
    model = build(keras)
    model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="use_ema=True"):
        model.evaluate(X, Y, verbose=0, callbacks=keras.callbacks.SwapEMAWeights())
    with pytest.raises(ValueError, match="no state yet"):
        build(keras, use_ema=True).evaluate(X, Y, verbose=0, callbacks=keras.callbacks.SwapEMAWeights())


def paths(tree, prefix=""):
    if not isinstance(tree, dict):
        return {prefix: tuple(tree.shape)}
    return {path: shape for name, inner in tree.items() for path, shape in paths(inner, f"{prefix}/{name}").items()}


def functional(k):
    """Layers outside, and in a model inside."""
    inner = k.Sequential([k.Input((3,)), k.layers.Dense(2, name="deep")], name="inner")
    tensor = k.Input((5,))
    hidden = k.layers.Conv1D(3, 5, name="conv")(k.layers.Embedding(10, 4, name="embedding")(tensor))
    model = k.Model(tensor, inner(k.layers.Flatten()(hidden)), name="f")
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("make", [build, functional])
def test_state_trees_are_those_of_keras(keras3, make):
    data = (X, Y) if make is build else (np.ones((4, 5)), np.ones((4, 2)))
    trees = []
    for k in (keras3, keras):
        model = make(k)
        model.fit(*data, verbose=0)
        tree = model.get_state_tree("numpy_array")
        tree["optimizer_variables"] = next(iter(tree["optimizer_variables"].values()))  # automatic names count up
        trees.append({kind: paths(tree[kind]) for kind in tree if kind != "metrics_variables"})
    random = [path for path in trees[0]["non_trainable_variables"] if "seed_generator" in path]
    for path in random:  # randomness is derived from keys here
        del trees[0]["non_trainable_variables"][path]
    for kind in trees[0]:
        assert trees[0][kind] == trees[1][kind]


def test_a_state_tree_brings_everything_back():
    model, other = build(keras), build(keras, name="t")
    model.fit(X, Y, epochs=2, verbose=0)
    tree = jax.tree.map(np.array, model.get_state_tree())
    other._seed = model._seed
    tree["trainable_variables"] = tree["trainable_variables"]["s"]  # without the model's name
    tree["non_trainable_variables"]["t"] = tree["non_trainable_variables"].pop("s")
    (kind, slots), *_ = tree["optimizer_variables"].items()
    tree["optimizer_variables"][kind] = {name.replace("s_", "t_", 1): value for name, value in slots.items()}
    other.set_state_tree(tree)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    for a, b in zip(model.optimizer.get_weights(), other.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="no variable 'nowhere'"):
        other.set_state_tree({"trainable_variables": {"nowhere": np.ones(2)}})
    with pytest.raises(ValueError, match="unknown key"):
        other.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="value_format"):
        model.get_state_tree("list")


def test_orbax_checkpoints_go_on_in_their_folder(tmp_path):
    import orbax.checkpoint as ocp

    model = build(keras)
    save = keras.callbacks.OrbaxCheckpoint(tmp_path, max_to_keep=2)
    for expected in ({"1", "2"}, {"4", "5"}):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=save)
        assert {name for name in os.listdir(tmp_path) if name.isdigit()} == expected
    with ocp.v1.training.Checkpointer(directory=tmp_path) as reader:
        found = reader.load_checkpointables(5, {"pytree": model.get_state_tree()})["pytree"]
    other = build(keras)
    other.set_state_tree(found)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations)


def test_orbax_checkpoints_by_batches_and_the_best_only(tmp_path):
    model = build(keras)
    by_batches = keras.callbacks.OrbaxCheckpoint(
        tmp_path / "a", save_freq=4, max_to_keep=None, save_weights_only=True, save_on_background=False
    )
    best = keras.callbacks.OrbaxCheckpoint(
        tmp_path / "b", monitor="loss", save_best_only=True, initial_value_threshold=-1.0, mode="min"
    )
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[by_batches, best])
    assert sorted(int(n) for n in os.listdir(tmp_path / "a") if n.isdigit()) == [4, 8, 12]
    assert not (tmp_path / "b").exists() or not [n for n in os.listdir(tmp_path / "b") if n.isdigit()]
    with pytest.raises(ValueError, match="save_freq"):
        keras.callbacks.OrbaxCheckpoint(tmp_path, save_freq=0)
    with pytest.raises(ValueError, match="max_to_keep"):
        keras.callbacks.OrbaxCheckpoint(tmp_path, max_to_keep=0)
