"""Reading a line of symbols: a convolution, two recurrent layers and the loss of CTC, trained by a generator of dicts."""

import keras.callbacks
import numpy as np
from keras import backend as K
from keras.layers import Activation, Dense, Input, Lambda, Permute, Reshape, merge
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.recurrent import GRU
from keras.models import Model
from keras.optimizers import SGD

np.random.seed(0)


def ctc_lambda_func(args):
    y_pred, labels, input_length, label_length = args
    return K.ctc_batch_cost(labels, y_pred[:, 2:, :], input_length, label_length)


input_data = Input(name="the_input", shape=(8, 32, 1), dtype="float32")
inner = Convolution2D(4, 3, 3, border_mode="same", activation="relu", name="conv1")(input_data)
inner = MaxPooling2D(pool_size=(2, 2), name="max1")(inner)
inner = Reshape(target_shape=(16, 4 * 4), name="reshape")(Permute((2, 1, 3))(inner))
gru_1 = GRU(6, return_sequences=True, name="gru1")(inner)
gru_1b = GRU(6, return_sequences=True, go_backwards=True, name="gru1_b")(inner)
y_pred = Activation("softmax", name="softmax")(Dense(5, name="dense2")(merge([gru_1, gru_1b], mode="sum")))

labels = Input(name="the_labels", shape=[3], dtype="float32")
input_length = Input(name="input_length", shape=[1], dtype="int64")
label_length = Input(name="label_length", shape=[1], dtype="int64")
loss_out = Lambda(ctc_lambda_func, output_shape=(1,), name="ctc")([y_pred, labels, input_length, label_length])
model = Model(input=[input_data, labels, input_length, label_length], output=[loss_out])
model.compile(
    loss={"ctc": lambda y_true, y_pred: y_pred},
    optimizer=SGD(lr=0.05, decay=1e-6, momentum=0.9, nesterov=True, clipnorm=5),
)
test_func = K.function([input_data], [y_pred])
read = []


class Reading(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs={}):
        out = test_func([np.ones((2, 8, 32, 1))])[0]
        read.append(np.argmax(out[0, 2:], 1).tolist())


def batches():
    while 1:
        inputs = {
            "the_input": np.random.rand(4, 8, 32, 1),
            "the_labels": np.random.randint(0, 4, (4, 3)),
            "input_length": np.full((4, 1), 14),
            "label_length": np.full((4, 1), 3),
        }
        yield inputs, {"ctc": np.zeros([4])}


history = model.fit_generator(
    generator=batches(), samples_per_epoch=20, nb_epoch=3, validation_data=batches(), nb_val_samples=8,
    callbacks=[Reading()], verbose=2,
)  # fmt: skip
assert sorted(history.history) == ["loss", "val_loss"]
assert history.history["loss"][-1] < history.history["loss"][0]
assert [len(line) for line in read] == [14, 14, 14]
best = K.get_value(K.ctc_decode(test_func([np.ones((2, 8, 32, 1))])[0], np.array([14, 14]), greedy=True)[0][0])
assert best.shape[0] == 2
