"""Preprocessing layers in front of a model: lookups, normalization, one-hot (Keras 3)."""
import numpy as np
import keras
from keras import layers

rng = np.random.default_rng(0)
ages = rng.normal(50, 10, (64, 1)).astype("float32")
sexes = rng.integers(0, 3, (64, 1))
target = (ages[:, 0] > 50).astype("float32")
normalizer = layers.Normalization()
normalizer.adapt(ages)
np.testing.assert_allclose(np.mean(normalizer(ages)), 0, atol=1e-4)
age, sex = keras.Input((1,), name="age"), keras.Input((1,), name="sex", dtype="int64")
encoded = layers.CategoryEncoding(num_tokens=3, output_mode="one_hot")(sex)
x = layers.concatenate([normalizer(age), encoded])
x = layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4))(x)
output = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model({"age": age, "sex": sex}, output)
model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
history = model.fit({"age": ages, "sex": sexes}, target, epochs=3, verbose=2, class_weight={0: 1.0, 1: 2.0})
assert {"accuracy", "auc", "loss"} == set(history.history)
assert 0 <= model.evaluate({"age": ages, "sex": sexes}, target, return_dict=True)["auc"] <= 1
