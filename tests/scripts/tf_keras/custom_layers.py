"""Layers and models by subclassing: weights, losses, metrics, training mode, configs."""
import numpy as np
import tensorflow as tf
from tensorflow import keras


class Linear(keras.layers.Layer):
    def __init__(self, units=32, **kwargs):
        super(Linear, self).__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b

    def get_config(self):
        config = super(Linear, self).get_config()
        config.update({"units": self.units})
        return config


class ActivityRegularization(keras.layers.Layer):
    def __init__(self, rate=1e-2):
        super().__init__()
        self.rate = rate

    def call(self, inputs):
        self.add_loss(self.rate * tf.reduce_sum(inputs))
        return inputs


class CustomDropout(keras.layers.Layer):
    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs, training=None):
        if training:
            return tf.nn.dropout(inputs, rate=self.rate)
        return inputs


class Block(keras.Model):
    def __init__(self):
        super().__init__()
        self.linear_1, self.linear_2 = Linear(8), Linear(1)
        self.regularization, self.drop = ActivityRegularization(1e-2), CustomDropout(0.5)

    def call(self, inputs, training=None):
        x = tf.nn.relu(self.linear_1(inputs))
        x = self.drop(x, training=training)
        return self.linear_2(self.regularization(x))


layer = Linear.from_config(Linear(64).get_config())
assert layer.units == 64
y = layer(tf.ones((2, 2)))
assert y.shape == (2, 64) and len(layer.weights) == 2
block = Block()
assert block(tf.ones(shape=(3, 6))).shape == (3, 1)
assert len(block.losses) == 1 and len(block.trainable_weights) == 4
block.compile(optimizer="adam", loss="mse", metrics=[keras.metrics.MeanAbsoluteError(name="mae")])
x, y = np.random.rand(32, 6).astype("float32"), np.random.rand(32, 1)
history = block.fit(x, y, epochs=2, batch_size=8, verbose=0)
assert set(history.history) == {"loss", "mae"}
np.testing.assert_array_equal(block.predict(x), block.predict(x))  # no dropout there
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(block(x, training=True) - y.astype("float32"))) + sum(block.losses)
gradients = tape.gradient(loss, block.trainable_weights)
assert all(g is not None and np.isfinite(g.numpy()).all() for g in gradients)
