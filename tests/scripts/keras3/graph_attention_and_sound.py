"""A graph attention network of one's own on integers, spectra of sounds, the distiller: what only Keras 3 has."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers, ops
from keras.distillation import Distiller, LogitsDistillation

assert keras.version() == keras.__version__
rng = np.random.default_rng(0)


class GraphAttention(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[0][-1], self.units), name="kernel")
        self.attention = self.add_weight(shape=(2 * self.units, 1), name="attention")

    def call(self, inputs):
        nodes, edges = inputs
        states = ops.matmul(nodes, self.kernel)
        pairs = ops.reshape(ops.take(states, edges, axis=0), (ops.shape(edges)[0], -1))
        scores = ops.exp(ops.clip(ops.leaky_relu(ops.squeeze(ops.matmul(pairs, self.attention), -1)), -2, 2))
        total = ops.take(ops.segment_sum(scores, edges[:, 0], num_segments=nodes.shape[0]), edges[:, 0])
        neighbours = ops.take(states, edges[:, 1], axis=0) * (scores / total)[:, None]
        return ops.segment_sum(neighbours, edges[:, 0], num_segments=nodes.shape[0])


class Network(keras.Model):
    def __init__(self, nodes, edges, units):
        super().__init__()
        self.nodes, self.edges = nodes, edges
        self.attention = GraphAttention(units)
        self.out = layers.Dense(3)

    def call(self, indices):
        return ops.take(self.out(self.attention([self.nodes, self.edges])), indices, axis=0)


nodes = ops.convert_to_tensor(rng.normal(size=(6, 5)).astype("float32"))
edges = ops.convert_to_tensor(np.array([[0, 1], [1, 2], [2, 0], [3, 4], [4, 5], [5, 3], [0, 3]]))
indices, classes = np.arange(6), np.array([0, 1, 2, 0, 1, 2])
for called_first in (True, False):
    network = Network(nodes, edges, 4)
    if called_first:
        assert network(indices[:2]).shape == (2, 3)
    network.compile(
        keras.optimizers.Adam(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    losses = network.fit(indices, classes, batch_size=3, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
network.summary()

sound = rng.normal(size=(2, 256)).astype("float32")
real, imaginary = ops.fft((sound, np.zeros_like(sound)))
np.testing.assert_allclose(real, np.fft.fft(sound).real, atol=1e-3)
spectrum = ops.stft(sound, sequence_length=64, sequence_stride=32, fft_length=64)
back = ops.istft(spectrum, sequence_length=64, sequence_stride=32, fft_length=64)
np.testing.assert_allclose(back[:, 32:224], sound[:, 32:224], atol=1e-4)
assert layers.MelSpectrogram(num_mel_bins=8, sampling_rate=800, sequence_stride=32, fft_length=64)(sound).shape == (2, 8, 9)

teacher = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="relu"), layers.Dense(3)], name="teacher")
student = keras.Sequential([keras.Input((5,)), layers.Dense(3)], name="student")
distiller = Distiller(teacher, student, distillation_losses=LogitsDistillation(temperature=3.0), student_loss_weight=0.5)
distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
history = distiller.fit(np.asarray(nodes), classes, epochs=1, verbose=0).history
assert set(history) == {"accuracy", "distillation_loss", "loss", "student_loss", "total_loss"}
print("the graph, the sound and the student are all right")
