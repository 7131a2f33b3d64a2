"""Steps of GANs with gradient tapes, as scripts for the TensorFlow backend of Keras 3 write them."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

rng = np.random.default_rng(0)
pictures = rng.uniform(size=(16, 8, 8, 1)).astype("float32")
discriminator = keras.Sequential(
    [keras.Input((8, 8, 1)), layers.Conv2D(4, 3, strides=2), layers.LeakyReLU(negative_slope=0.2), layers.Flatten(), layers.Dense(1)]
)
generator = keras.Sequential(
    [keras.Input((4,)), layers.Dense(64), layers.BatchNormalization(), layers.Reshape((8, 8, 1)), layers.Conv2D(1, 3, padding="same")]
)


class GAN(keras.Model):
    def __init__(self, discriminator, generator, latent_dim):
        super().__init__()
        self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent_dim
        self.seed_generator = keras.random.SeedGenerator(1337)

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn
        self.d_loss_metric = keras.metrics.Mean(name="d_loss")
        self.g_loss_metric = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.d_loss_metric, self.g_loss_metric]

    def gradient_penalty(self, real, fake):
        between = ops.pad(real, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")[:, 1:-1, 1:-1] * 0.5 + fake * 0.5
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = self.discriminator(between, training=True)
        slopes = tape.gradient(scores, [between])[0]
        return ops.mean((ops.sqrt(ops.sum(ops.square(slopes), axis=[1, 2, 3])) - 1.0) ** 2)

    def train_step(self, real):
        size = ops.shape(real)[0]
        noise = keras.random.normal(shape=(size, self.latent_dim), seed=self.seed_generator)
        fake = self.generator(noise)
        both = ops.concatenate([fake, real], axis=0)
        labels = ops.concatenate([ops.ones((size, 1)), ops.zeros((size, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(both)) + self.gradient_penalty(real, fake)
        gradients = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(gradients, self.discriminator.trainable_weights))

        noise = keras.random.normal(shape=(size, self.latent_dim), seed=self.seed_generator)
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(ops.zeros((size, 1)), self.discriminator(self.generator(noise)))
        gradients = tape.gradient(g_loss, self.generator.trainable_weights)
        assert all(gradient is not None for gradient in gradients)
        self.g_optimizer.apply_gradients(zip(gradients, self.generator.trainable_weights))
        self.d_loss_metric.update_state(d_loss)
        self.g_loss_metric.update_state(g_loss)
        return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}


class Monitor(keras.callbacks.Callback):
    shapes = []

    def on_epoch_end(self, epoch, logs=None):
        made = self.model.generator(keras.random.normal(shape=(3, self.model.latent_dim))) * 255
        self.shapes.append(made.numpy().shape)


gan = GAN(discriminator, generator, latent_dim=4)
gan.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
trained = discriminator.trainable_weights + generator.trainable_weights
before = [w.numpy().copy() for w in trained]
data = tf.data.Dataset.from_tensor_slices(pictures).shuffle(16).batch(8)
history = gan.fit(data, epochs=2, callbacks=[Monitor()], verbose=0).history
assert sorted(history) == ["d_loss", "g_loss"] and np.isfinite(history["d_loss"]).all()
assert all((a != w.numpy()).any() for a, w in zip(before, trained))
assert Monitor.shapes == [(3, 8, 8, 1)] * 2

answers = ops.convert_to_tensor([["yes"], ["no"]])
lookup = layers.StringLookup(vocabulary=["no", "yes"], num_oov_indices=0)
assert np.asarray(lookup(answers)).tolist() == [[1], [0]]


class Autoencoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.inside = layers.Dense(8)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=data, y_pred=self.inside(data))
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights))
        return {"loss": loss}

    def test_step(self, data):
        return {"loss": self.compute_loss(y=data, y_pred=self.inside(data))}


autoencoder = Autoencoder()
autoencoder.compile("adam", keras.losses.MeanSquaredError())
autoencoder.fit(pictures, verbose=0)
assert np.isfinite(autoencoder.evaluate(pictures, verbose=0))
print("both players trained")
