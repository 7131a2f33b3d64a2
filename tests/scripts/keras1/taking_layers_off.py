"""A network with Theano's order of axes whose last layers are taken off, after the posts about VGG16 of 2016."""

import numpy as np
from keras import backend as K
from keras.layers.convolutional import Convolution2D, MaxPooling2D, ZeroPadding2D
from keras.layers.core import Dense, Dropout, Flatten
from keras.models import Sequential, model_from_json
from keras.optimizers import SGD

np.random.seed(7)
K.set_image_dim_ordering("th")
model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=(3, 8, 8)))
model.add(Convolution2D(4, 3, 3, activation="relu", name="block/conv"))
model.add(MaxPooling2D((2, 2), strides=(2, 2)))
model.add(Flatten())
model.add(Dense(10, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(5, activation="softmax"))

W, b = model.layers[1].get_weights()
assert W.shape == (4, 3, 3, 3) and model.layers[1].get_config()["nb_filter"] == 4
model.layers[1].set_weights([W + 0.1, b])
copied = model_from_json(model.to_json())
copied.set_weights(model.get_weights())
images = np.random.rand(6, 3, 8, 8)
assert np.allclose(copied.predict(images), model.predict(images), atol=1e-6)

model.layers.pop()
model.layers.pop()
model.outputs = [model.layers[-1].output]
model.layers[-1].outbound_nodes = []
for layer in model.layers:
    layer.trainable = False
model.add(Dense(3, activation="softmax"))
model.compile(SGD(lr=0.1, momentum=0.9, nesterov=True), "categorical_crossentropy", metrics=["accuracy"])
history = model.fit(images, np.eye(3)[[0, 1, 2, 0, 1, 2]], nb_epoch=5, verbose=2)
assert np.allclose(model.layers[1].get_weights()[0], W + 0.1)
features = K.function([model.layers[0].input, K.learning_phase()], [model.layers[4].output])([images, 0])[0]
assert features.shape == (6, 10) and len(history.history["acc"]) == 5
