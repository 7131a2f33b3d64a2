"""The functional API: several inputs and outputs, residual connections, models as layers, a data set with dicts."""
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

num_tags, num_words, num_departments = 3, 30, 4
title_input = keras.Input(shape=(None,), name="title")
body_input = keras.Input(shape=(None,), name="body")
tags_input = keras.Input(shape=(num_tags,), name="tags")
title_features = layers.LSTM(8)(layers.Embedding(num_words, 8)(title_input))
body_features = layers.GRU(6)(layers.Embedding(num_words, 8)(body_input))
x = layers.concatenate([title_features, body_features, tags_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(num_departments, name="department")(x)
model = keras.Model(inputs=[title_input, body_input, tags_input], outputs=[priority_pred, department_pred])
model.compile(optimizer=keras.optimizers.RMSprop(1e-3),
              loss={"priority": keras.losses.BinaryCrossentropy(from_logits=True),
                    "department": keras.losses.CategoricalCrossentropy(from_logits=True)},
              loss_weights={"priority": 1.0, "department": 0.2}, metrics={"department": ["accuracy"]})
title_data = np.random.randint(num_words, size=(32, 5))
body_data = np.random.randint(num_words, size=(32, 9))
tags_data = np.random.randint(2, size=(32, num_tags)).astype("float32")
priority_targets = np.random.random(size=(32, 1))
dept_targets = np.eye(num_departments)[np.random.randint(num_departments, size=32)]
history = model.fit({"title": title_data, "body": body_data, "tags": tags_data},
                    {"priority": priority_targets, "department": dept_targets}, epochs=2, batch_size=16, verbose=2)
assert {"loss", "priority_loss", "department_loss", "department_accuracy"} <= set(history.history)
dataset = tf.data.Dataset.from_tensor_slices((
    {"title": title_data, "body": body_data, "tags": tags_data},
    {"priority": priority_targets, "department": dept_targets})).batch(16).prefetch(tf.data.AUTOTUNE)
model.fit(dataset, epochs=1, verbose=0)
assert len(model.evaluate(dataset, verbose=0)) == 4

inputs = keras.Input(shape=(8, 8, 3), name="img")
x = layers.Conv2D(4, 3, activation="relu")(inputs)
block_1_output = layers.MaxPooling2D(2)(x)
x = layers.Conv2D(4, 3, activation="relu", padding="same")(block_1_output)
block_2_output = layers.add([x, block_1_output])
x = layers.GlobalAveragePooling2D()(block_2_output)
outputs = layers.Dense(10)(layers.Dropout(0.5)(x))
resnet = keras.Model(inputs, outputs, name="toy_resnet")
resnet.summary()
wrapped = keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(1.0 / 255), resnet, layers.Activation("softmax")])
assert wrapped(np.random.rand(2, 8, 8, 3)).shape == (2, 10)
extractor = keras.Model(inputs=resnet.inputs, outputs=[layer.output for layer in resnet.layers[1:4]])
assert [tuple(f.shape) for f in extractor(tf.ones((1, 8, 8, 3)))] == [(1, 6, 6, 4), (1, 3, 3, 4), (1, 3, 3, 4)]
