"""A training loop of one's own, with `tf.data`, `tf.function` and `tf.GradientTape`."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import Model
from tensorflow.keras.layers import Conv2D, Dense, Flatten

x_train = np.random.rand(48, 6, 6)
y_train = (x_train.mean(axis=(1, 2)) > 0.5).astype("int64")
x_train = x_train[..., tf.newaxis].astype("float32")
train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(100).batch(16)
test_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(16)


class MyModel(Model):
    def __init__(self):
        super().__init__()
        self.conv1 = Conv2D(4, 3, activation='relu')
        self.flatten = Flatten()
        self.d1 = Dense(8, activation='relu')
        self.d2 = Dense(2)

    def call(self, x):
        x = self.conv1(x)
        x = self.flatten(x)
        x = self.d1(x)
        return self.d2(x)


model = MyModel()
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.01)
train_loss = tf.keras.metrics.Mean(name='train_loss')
train_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name='train_accuracy')
test_loss = tf.keras.metrics.Mean(name='test_loss')


@tf.function
def train_step(images, labels):
    with tf.GradientTape() as tape:
        predictions = model(images, training=True)
        loss = loss_object(labels, predictions)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    train_loss(loss)
    train_accuracy(labels, predictions)


@tf.function
def test_step(images, labels):
    predictions = model(images, training=False)
    test_loss(loss_object(labels, predictions))


losses = []
for epoch in range(4):
    train_loss.reset_states()
    train_accuracy.reset_states()
    test_loss.reset_states()
    for images, labels in train_ds:
        train_step(images, labels)
    for test_images, test_labels in test_ds:
        test_step(test_images, test_labels)
    print(f'Epoch {epoch + 1}, Loss: {train_loss.result()}, Accuracy: {train_accuracy.result() * 100}, '
          f'Test Loss: {test_loss.result()}')
    losses.append(float(test_loss.result()))
assert losses[-1] < losses[0]
assert int(optimizer.iterations.numpy()) == 12
assert train_accuracy.result().numpy().shape == () and "%.2f" % train_loss.result()
