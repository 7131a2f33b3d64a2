"""Gradients of values by hand: linear regression, higher derivatives, gradients of a network's input."""
import numpy as np
import tensorflow as tf

x = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = x ** 2
assert tape.gradient(y, x).numpy() == 6.0

x = tf.constant([1.0, 2.0, 3.0])
with tf.GradientTape(persistent=True) as tape:
    tape.watch(x)
    y = tf.reduce_sum(tf.sin(x) * x)
    z = tf.reduce_mean(tf.square(x))
np.testing.assert_allclose(tape.gradient(y, x), np.cos([1, 2, 3]) * [1, 2, 3] + np.sin([1, 2, 3]), rtol=1e-6)
np.testing.assert_allclose(tape.gradient(z, x), [2 / 3, 4 / 3, 2], rtol=1e-6)

with tf.GradientTape() as outer:
    v = tf.Variable(2.0)
    with tf.GradientTape() as inner:
        y = v * v * v
    dy = inner.gradient(y, v)
assert abs(dy.numpy() - 12.0) < 1e-5

TRUE_W, TRUE_B = 3.0, 2.0
xs = tf.random.normal(shape=[200])
ys = xs * TRUE_W + TRUE_B


class MyModel(tf.Module):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.w = tf.Variable(5.0)
        self.b = tf.Variable(0.0)

    def __call__(self, x):
        return self.w * x + self.b


model = MyModel()
for epoch in range(60):
    with tf.GradientTape() as t:
        current_loss = tf.reduce_mean(tf.square(ys - model(xs)))
    dw, db = t.gradient(current_loss, [model.w, model.b])
    model.w.assign_sub(0.1 * dw)
    model.b.assign_sub(0.1 * db)
assert abs(model.w.numpy() - 3) < 0.01 and abs(model.b.numpy() - 2) < 0.01
assert len(model.variables) == 2

# a saliency map
network = tf.keras.Sequential([tf.keras.layers.Dense(4, activation='tanh', input_shape=(5,)), tf.keras.layers.Dense(3)])
image = tf.convert_to_tensor(np.random.rand(1, 5).astype('float32'))
with tf.GradientTape() as tape:
    tape.watch(image)
    score = network(image)[:, 1]
saliency = tape.gradient(score, image)
w0, b0, w1, _ = network.get_weights()
hidden = np.tanh(image.numpy() @ w0 + b0)
np.testing.assert_allclose(saliency.numpy(), ((1 - hidden ** 2) * w1[:, 1]) @ w0.T, rtol=1e-4, atol=1e-6)

# Losses and metrics as functions give tensors, for arrays and lists of numbers too.
assert tf.keras.losses.mse([0.0, 1.0], [1.0, 1.0]).numpy() == 0.5
assert tf.keras.metrics.mae(np.zeros((2, 3)), np.ones((2, 3))).numpy().tolist() == [1.0, 1.0]
start = tf.Variable([1.0, 2.0])
with tf.GradientTape() as tape:
    value = tf.keras.losses.mse(np.zeros(2, "float32"), start)
assert tape.gradient(value, start).numpy().tolist() == [1.0, 2.0]
