"""Checkpoints by TensorFlow's names, folders of saved models, files."""
import os, tempfile
import tensorflow as tf
from tensorflow import keras
import numpy as np
os.chdir(tempfile.mkdtemp())
rng = np.random.RandomState(0)
train_images = rng.rand(50, 784).astype('float32'); train_labels = rng.randint(0, 10, 50)
test_images, test_labels = train_images, train_labels
def create_model():
  model = tf.keras.Sequential([keras.layers.Dense(32, activation='relu', input_shape=(784,)), keras.layers.Dropout(0.2), keras.layers.Dense(10)])
  model.compile(optimizer='adam', loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=[tf.keras.metrics.SparseCategoricalAccuracy()])
  return model
model = create_model()
model.summary()
checkpoint_path = "training_1/cp.ckpt"
checkpoint_dir = os.path.dirname(checkpoint_path)
cp_callback = tf.keras.callbacks.ModelCheckpoint(filepath=checkpoint_path, save_weights_only=True, verbose=1)
model.fit(train_images, train_labels, epochs=3, validation_data=(test_images, test_labels), callbacks=[cp_callback])
print(os.listdir(checkpoint_dir))
loss, acc = model.evaluate(test_images, test_labels, verbose=2)
model = create_model()
model.load_weights(checkpoint_path)
loss2, acc2 = model.evaluate(test_images, test_labels, verbose=2)
assert abs(loss - loss2) < 1e-5
checkpoint_path = "training_2/cp-{epoch:04d}.ckpt"
checkpoint_dir = os.path.dirname(checkpoint_path)
n_batches = 2
cp_callback = tf.keras.callbacks.ModelCheckpoint(filepath=checkpoint_path, verbose=1, save_weights_only=True, save_freq=5*n_batches)
model = create_model()
model.save_weights(checkpoint_path.format(epoch=0))
model.fit(train_images, train_labels, epochs=10, batch_size=32, callbacks=[cp_callback], validation_data=(test_images, test_labels), verbose=0)
print(os.listdir(checkpoint_dir))
latest = tf.train.latest_checkpoint(checkpoint_dir)
print(latest)
m2 = create_model(); m2.load_weights(latest)
assert abs(m2.evaluate(test_images, test_labels, verbose=0)[0] - model.evaluate(test_images, test_labels, verbose=0)[0]) < 1e-5
model.save_weights('./checkpoints/my_checkpoint')
m2 = create_model()
m2.load_weights('./checkpoints/my_checkpoint').expect_partial()
model.save('saved_model/my_model')
new_model = tf.keras.models.load_model('saved_model/my_model')
new_model.summary()
print(new_model.predict(test_images).shape)
model.save('my_model.h5')
new_model = tf.keras.models.load_model('my_model.h5')
model.save('my_model.keras')
new_model = tf.keras.models.load_model('my_model.keras')
assert abs(new_model.evaluate(test_images, test_labels, verbose=0)[0] - model.evaluate(test_images, test_labels, verbose=0)[0]) < 1e-5
