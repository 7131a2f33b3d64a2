'''A recurrent cell, a layer with state and a metric of one's own (Keras 2).'''
import numpy as np
import keras
from keras import backend as K
from keras.layers import Layer, RNN, Input, Dense, Embedding, TimeDistributed, Bidirectional, LSTM, Masking
from keras.models import Model, Sequential


class MinimalRNNCell(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        self.units = units
        self.state_size = units
        super(MinimalRNNCell, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer='uniform', name='kernel')
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer='uniform', name='recurrent_kernel')
        self.built = True

    def call(self, inputs, states):
        prev_output = states[0]
        h = K.dot(inputs, self.kernel)
        output = h + K.dot(prev_output, self.recurrent_kernel)
        return output, [output]


class MyLayer(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super(MyLayer, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(name='kernel', shape=(input_shape[1], self.output_dim),
                                      initializer='uniform', trainable=True)
        super(MyLayer, self).build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)


def mean_pred(y_true, y_pred):
    return K.mean(y_pred)


x = Input((None, 5))
layer = RNN([MinimalRNNCell(8), MinimalRNNCell(6)])
y = layer(x)
y = MyLayer(1)(y)
model = Model(x, y)
model.compile('rmsprop', 'mse', metrics=['mae', mean_pred])
data = np.random.rand(16, 7, 5)
history = model.fit(data, data.mean(axis=(1, 2)), epochs=2, verbose=2)
assert set(history.history) == {'loss', 'mean_absolute_error', 'mean_pred'}

model = Sequential()
model.add(Masking(mask_value=0., input_shape=(6, 3)))
model.add(Bidirectional(LSTM(4, return_sequences=True), merge_mode='concat'))
model.add(TimeDistributed(Dense(2, activation='softmax')))
model.compile('adam', 'categorical_crossentropy', sample_weight_mode='temporal')
sequences = np.random.rand(8, 6, 3)
sequences[:, 4:] = 0
targets = np.eye(2)[np.random.randint(2, size=(8, 6))]
model.fit(sequences, targets, sample_weight=np.ones((8, 6)), epochs=1, verbose=0)
assert model.predict(sequences).shape == (8, 6, 2)
