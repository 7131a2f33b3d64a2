"""The quickstart for beginners of tf.keras: a Sequential model, logits, a probability model."""
import numpy as np
import tensorflow as tf

print("TensorFlow version:", tf.__version__)
x_train = np.random.randint(0, 256, (64, 8, 8)) / 255.0
y_train = np.random.randint(0, 10, 64)

model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(8, 8)),
    tf.keras.layers.Dense(16, activation='relu'),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10)
])
predictions = model(x_train[:1]).numpy()
probabilities = tf.nn.softmax(predictions).numpy()
assert probabilities.shape == (1, 10) and abs(probabilities.sum() - 1) < 1e-5
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
first = loss_fn(y_train[:1], predictions).numpy()
assert abs(first - -np.log(probabilities[0, y_train[0]])) < 1e-4
model.compile(optimizer='adam', loss=loss_fn, metrics=['accuracy'])
history = model.fit(x_train, y_train, epochs=2)
model.evaluate(x_train, y_train, verbose=2)
assert set(history.history) == {'loss', 'accuracy'} and 'acc' in history.history
probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
out = probability_model(x_train[:5])
assert out.shape == (5, 10) and model.layers[0].name == 'flatten'
