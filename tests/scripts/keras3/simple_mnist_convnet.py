"""A simple convnet (Keras 3)."""
import numpy as np
import keras
from keras import layers

num_classes = 10
input_shape = (8, 8, 1)
x_train = np.random.rand(64, 8, 8).astype("float32")
x_train = np.expand_dims(x_train, -1)
y_train = keras.utils.to_categorical(np.random.randint(0, 10, 64), num_classes)
model = keras.Sequential(
    [
        keras.Input(shape=input_shape),
        layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.summary()
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=16, epochs=2, validation_split=0.1)
score = model.evaluate(x_train, y_train, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
assert keras.__version__.startswith("3.") and keras.backend.backend() == "jax"
assert set(history.history) == {"accuracy", "loss", "val_accuracy", "val_loss"}
