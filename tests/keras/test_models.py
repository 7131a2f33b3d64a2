"""Models of every kind: classes with ``call``, shared and frozen layers, callbacks that read and write."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from kjax import keras, nn

layers = keras.layers


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 5)).astype("float32"), rng.integers(0, 3, 40)


class Affine(layers.Layer):
    """A layer as users write them, with a counter that ``call`` sets."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel", regularizer="l2")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs, training=False):
        if training:
            self.calls.assign_add(1.0)
        return keras.ops.matmul(inputs, self.kernel) + self.bias


class Network(keras.Model):
    """A model as users write them."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(8, activation="relu")
        self.norm = layers.BatchNormalization()
        self.blocks = [layers.Dense(8, activation="relu") for _ in range(2)]
        self.drop = layers.Dropout(0.5)
        self.last = layers.Dense(3, activation="softmax")

    def call(self, x, training=False):
        x = self.norm(self.first(x))
        for block in self.blocks:
            x = x + block(x)
        return self.last(self.drop(x))


def test_own_layer_trains_and_counts_its_calls(batch):
    x, y = batch
    model = keras.Sequential(
        [keras.Input((5,)), Affine(4), layers.Dropout(0.3), Affine(3), layers.Activation("softmax")]
    )
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=5, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert float(model.layers[0].calls) == 25
    assert [w.name for w in model.layers[0].weights] == ["kernel", "bias", "calls"]
    penalty = sum(0.01 * float((layer.kernel.value**2).sum()) for layer in (model.layers[0], model.layers[2]))
    plain = nn.losses.SparseCategoricalCrossentropy()(y, model.predict(x, verbose=0))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(float(plain) + penalty, rel=1e-5)


def test_own_model_trains_and_has_a_pure_side(batch):
    x, y = batch
    model = Network()
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=20, batch_size=8, verbose=0, validation_data=(x, y)).history
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert len(model.weights) == 2 + 4 + 4 + 2
    outputs = jax.jit(model.module.apply)(model.variables_tree, x)
    np.testing.assert_allclose(outputs, model(x), rtol=1e-5, atol=1e-6)
    assert not np.allclose(
        model.norm.moving_mean if hasattr(model.norm, "moving_mean") else model.norm.get_weights()[2], 0
    )


def test_variables_tree_may_be_set(batch):
    x, _ = batch
    model = keras.Sequential([layers.Dense(3, input_shape=(5,))])
    model.variables_tree = jax.tree.map(lambda a: a * 0 + 1, model.variables_tree)
    np.testing.assert_allclose(model(x), x.sum(1, keepdims=True).repeat(3, 1) + 1, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="structure"):
        model.variables_tree = {"params": {}}


def test_flax_module_as_a_layer(batch):
    import flax.linen as linen

    class Block(linen.Module):
        @linen.compact
        def __call__(self, x, training=False):
            x = linen.Dense(6)(x)
            x = linen.BatchNorm(use_running_average=not training)(x)
            return linen.Dropout(0.1)(x, deterministic=not training)

    x, y = batch
    model = keras.Sequential([keras.Input((5,)), Block(), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(x, y, epochs=2, verbose=0)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(moved) and len(moved) == 8


def test_optax_transformation_as_optimizer(batch):
    x, y = batch
    model = keras.Sequential([layers.Dense(3, activation="softmax", input_dim=5)])
    model.compile(optax.inject_hyperparams(optax.adam)(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_what_is_trained_is_fixed_by_compile(batch):
    """The alternation of a GAN: a frozen discriminator inside, a training one outside."""
    x, _ = batch
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(5)])
    discriminator = keras.Sequential([keras.Input((5,)), layers.Dense(1, activation="sigmoid")])
    discriminator.compile("sgd", "binary_crossentropy")
    discriminator.trainable = False
    noise = keras.Input((2,))
    combined = keras.Model(noise, discriminator(generator(noise)))
    combined.compile("sgd", "binary_crossentropy")
    inner, outer = discriminator.get_weights()[0], generator.get_weights()[0]
    combined.train_on_batch(x[:, :2], np.ones(40))
    np.testing.assert_array_equal(inner, discriminator.get_weights()[0])
    assert not np.array_equal(outer, generator.get_weights()[0])
    discriminator.train_on_batch(x, np.ones(40))
    assert not np.array_equal(inner, discriminator.get_weights()[0])


def test_frozen_batch_normalization_uses_its_statistics(batch):
    x, y = batch
    model = keras.Sequential([keras.Input((5,)), layers.BatchNormalization(), layers.Dense(3, activation="softmax")])
    model.layers[0].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.layers[0].get_weights()
    model.fit(x, y, verbose=0)
    for a, b in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_callback_reads_and_writes_during_fit(batch):
    x, y = batch
    model = keras.Sequential([layers.Dense(3, activation="softmax", input_dim=5)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    seen = []

    class Meddler(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, logs["loss"], model.get_weights()[0][0, 0]))
            model.optimizer.learning_rate = float(model.optimizer.learning_rate) / 2

        def on_epoch_end(self, epoch, logs=None):
            model.set_weights([w * 0 for w in model.get_weights()])
            self.value = model.evaluate(x, y, verbose=0)

    meddler = Meddler()
    model.fit(x, y, batch_size=20, epochs=2, verbose=0, callbacks=meddler)
    assert [s[0] for s in seen] == [0, 1, 0, 1]
    assert len({s[2] for s in seen}) == 4
    assert meddler.value == pytest.approx(np.log(3), rel=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01 / 16)
    assert not np.any(model.get_weights()[0])


def test_stop_training_and_latest_weights_after_an_exception(batch):
    x, y = batch
    model = keras.Sequential([layers.Dense(3, activation="softmax", input_dim=5)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    kept = {}

    class Stopper(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                kept["weights"] = model.get_weights()
                raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        model.fit(x, y, batch_size=8, verbose=0, callbacks=[Stopper()])
    np.testing.assert_array_equal(kept["weights"][0], model.get_weights()[0])
    assert int(model.optimizer.iterations) == 3

    class Once(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert len(model.fit(x, y, epochs=5, verbose=0, callbacks=[Once()]).epoch) == 1


def test_submodel_shares_weights_and_pop_and_add(batch):
    x, y = batch
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="hidden"), layers.Dense(3)])
    features = keras.Model(model.inputs, model.get_layer("hidden").output)
    model.compile("sgd", "mse")
    model.fit(x, np.eye(3)[y], verbose=0)
    np.testing.assert_array_equal(features.get_weights()[0], model.get_weights()[0])
    hidden = x @ model.get_weights()[0] + model.get_weights()[1]
    np.testing.assert_allclose(features.predict(x, verbose=0), hidden, rtol=1e-4, atol=1e-5)
    model.pop()
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2) and model.predict(x, verbose=0).shape == (40, 2)


def test_operators_on_symbolic_tensors(batch):
    x, _ = batch
    a = keras.Input((5,))
    model = keras.Model(a, [a * 2 + 1, a[:, 1:3], keras.ops.mean(a, axis=1), 1.0 - a, np.ones((1, 5), "float32") + a])
    for got, want in zip(model.predict(x, verbose=0), [x * 2 + 1, x[:, 1:3], x.mean(1), 1 - x, 1 + x], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_metric_written_by_a_user(batch):
    x, y = batch

    class Total(keras.metrics.Metric):
        def __init__(self, name="total", **kwargs):
            super().__init__(name=name, **kwargs)
            self.sum = self.add_weight(name="sum", shape=(), initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.sum.assign_add(keras.ops.sum(y_pred))

        def result(self):
            return self.sum

    model = keras.Sequential([layers.Dense(3, activation="softmax", input_dim=5)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[Total()])
    history = model.fit(x, y, epochs=2, verbose=0, batch_size=16).history
    np.testing.assert_allclose(history["total"], [40, 40], rtol=1e-5)


def test_a_declared_batch_size_is_no_limit():
    model = keras.Sequential([keras.Input((3,), batch_size=2), keras.layers.Dense(2)])
    assert model(np.ones((4, 3), np.float32)).shape == (4, 2)
    assert model.predict(np.ones((5, 3)), verbose=0).shape == (5, 2)


def test_an_optional_input_may_be_left_out_of_lists():
    given, optional = keras.Input((3,)), keras.Input((2,), optional=True)
    model = keras.Model([given, optional], keras.layers.Dense(1)(given))
    model.compile("sgd", "mse")
    data = np.ones((8, 3), np.float32)
    assert len(model.fit([data, None], np.ones((8, 1)), verbose=0).history["loss"]) == 1
    assert model.predict([data, None], verbose=0).shape == (8, 1)


def test_dicts_of_outputs_keep_the_order_in_which_they_were_written(tmp_path):
    inputs = {"z": keras.Input((3,), name="z"), "a": keras.Input((3,), name="a")}
    hidden = keras.layers.Dense(2)(inputs["z"])
    model = keras.Model(inputs, {"y": {"q": hidden, "b": keras.layers.Dense(1)(inputs["a"])}, "c": hidden + 1})
    data = {"z": np.ones((2, 3), "float32"), "a": np.ones((2, 3), "float32")}
    model.save(tmp_path / "model.keras")
    for one in (model, keras.models.clone_model(model), keras.models.load_model(tmp_path / "model.keras")):
        assert list(one.input) == ["z", "a"]
        drawn = one({name: keras.Input((3,)) for name in "za"})
        for found in (one(data), one.output, drawn, one.compute_output_shape({"z": (2, 3), "a": (2, 3)})):
            assert list(found) == ["y", "c"] and list(found["y"]) == ["q", "b"]
    assert list(model.get_config()["output_layers"]) == ["y", "c"]
    np.testing.assert_array_equal(model.predict(data, verbose=0)["c"], np.asarray(model(data)["c"]))
    assert list(keras.Function(inputs, model.output)(data)["y"]) == ["q", "b"]

    class Both(keras.layers.Layer):
        def call(self, inputs):
            return {"z": inputs, "a": inputs + 1}

    assert list(Both()(np.ones(2))) == ["z", "a"]


def test_names_count_what_sequentials_and_attention_hold():
    keras.backend.clear_session()
    inputs = keras.Input((4, 3))
    keras.Sequential([keras.layers.Dense(3)])(inputs)
    model = keras.Model(inputs, keras.layers.MultiHeadAttention(2, 3)(inputs, inputs))
    assert model.name == "functional_1"
    assert keras.layers.Dropout(0.1).name == "dropout_1"
    assert keras.layers.Softmax().name == "softmax_1"
