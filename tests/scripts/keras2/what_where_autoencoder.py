"""A stacked what-where autoencoder: pooling passes its values up, and where they stood to the decoder.

Where the largest values stood is the gradient of the pooled values with respect to those before.
"""

import numpy as np

from keras import backend as K
from keras.layers import Activation, BatchNormalization, Conv2D, Input, Lambda, MaxPooling2D, UpSampling2D, add, multiply
from keras.models import Model


def getwhere(pair):
    y_prepool, y_postpool = pair
    return K.gradients(K.sum(y_postpool), y_prepool)


def residual(y, filters):
    inner = Conv2D(filters, 3, padding="same")(y)
    inner = Activation("relu")(BatchNormalization()(inner))
    return add([y, Conv2D(filters, 3, padding="same")(inner)])


image = Input(shape=(8, 8, 1))
y = Conv2D(4, 3, padding="same")(image)
wheres = []
for _ in range(2):
    prepool = residual(y, 4)
    y = MaxPooling2D((2, 2))(prepool)
    wheres.append(Lambda(getwhere, output_shape=lambda shapes: shapes[0])([prepool, y]))
for where in reversed(wheres):
    y = multiply([UpSampling2D()(y), where])
    y = residual(y, 4)
y = Conv2D(1, 3, padding="same", activation="sigmoid")(y)

model = Model(image, y)
model.compile("adam", "mse")
x = np.random.RandomState(0).rand(16, 8, 8, 1)
history = model.fit(x, x, epochs=3, batch_size=8, validation_data=(x, x), verbose=2)
assert history.history["loss"][-1] < history.history["loss"][0]
masks = Model(image, wheres).predict(x)
assert masks[0].shape == (16, 8, 8, 4) and abs(masks[0].mean() - 0.25) < 1e-6
