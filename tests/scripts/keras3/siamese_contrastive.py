"""A Siamese network with a distance by `ops` in a Lambda layer and a loss that is a closure (Keras 3)."""
import numpy as np
import keras
from keras import ops

epochs, batch_size, margin = 2, 16, 1
x = np.random.rand(64, 2, 6, 6).astype("float32")
labels = (np.arange(64) % 2).astype("float32")


def euclidean_distance(vects):
    x, y = vects
    sum_square = ops.sum(ops.square(x - y), axis=1, keepdims=True)
    return ops.sqrt(ops.maximum(sum_square, keras.backend.epsilon()))


input = keras.layers.Input((6, 6, 1))
h = keras.layers.BatchNormalization()(input)
h = keras.layers.Conv2D(4, (3, 3), activation="tanh")(h)
h = keras.layers.AveragePooling2D(pool_size=(2, 2))(h)
h = keras.layers.Flatten()(h)
embedding_network = keras.Model(input, keras.layers.Dense(4, activation="tanh")(h))
input_1 = keras.layers.Input((6, 6, 1))
input_2 = keras.layers.Input((6, 6, 1))
merge_layer = keras.layers.Lambda(euclidean_distance, output_shape=(1,))(
    [embedding_network(input_1), embedding_network(input_2)]
)
normal_layer = keras.layers.BatchNormalization()(merge_layer)
output_layer = keras.layers.Dense(1, activation="sigmoid")(normal_layer)
siamese = keras.Model(inputs=[input_1, input_2], outputs=output_layer)


def loss(margin=1):
    def contrastive_loss(y_true, y_pred):
        square_pred = ops.square(y_pred)
        margin_square = ops.square(ops.maximum(margin - (y_pred), 0))
        return ops.mean((1 - y_true) * square_pred + (y_true) * margin_square)

    return contrastive_loss


siamese.compile(loss=loss(margin=margin), optimizer="RMSprop", metrics=["accuracy"])
siamese.summary()
history = siamese.fit([x[:, 0, ..., None], x[:, 1, ..., None]], labels, batch_size=batch_size, epochs=epochs)
assert siamese.predict([x[:, 0, ..., None], x[:, 1, ..., None]]).shape == (64, 1)
assert len(embedding_network.weights) == 8
