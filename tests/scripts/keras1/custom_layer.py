'''A layer, an activation and a loss of one's own (Keras 1).'''
import numpy as np
from keras import backend as K
from keras import activations, initializations
from keras.engine.topology import Layer
from keras.layers import Dense, Dropout, Activation, Lambda
from keras.models import Sequential
from keras.callbacks import Callback


class Antirectifier(Layer):
    '''Both signs of a centred input, so that the next layer sees twice as many features.'''

    def get_output_shape_for(self, input_shape):
        shape = list(input_shape)
        assert len(shape) == 2  # only valid for 2D tensors
        shape[-1] *= 2
        return tuple(shape)

    def call(self, x, mask=None):
        x -= K.mean(x, axis=1, keepdims=True)
        x = K.l2_normalize(x, axis=1)
        pos = K.relu(x)
        neg = K.relu(-x)
        return K.concatenate([pos, neg], axis=1)


class Scale(Layer):
    def __init__(self, init='one', **kwargs):
        self.init = initializations.get(init)
        super(Scale, self).__init__(**kwargs)

    def build(self, input_shape):
        self.gamma = self.add_weight((input_shape[-1],), initializer=self.init, name='{}_gamma'.format(self.name))
        super(Scale, self).build(input_shape)

    def call(self, x, mask=None):
        return x * self.gamma


class LossHistory(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get('loss'))


def my_loss(y_true, y_pred):
    return K.mean(K.square(y_pred - y_true), axis=-1)


model = Sequential()
model.add(Dense(8, input_shape=(6,)))
model.add(Antirectifier())
model.add(Scale())
model.add(Lambda(lambda x: x * 2, output_shape=lambda shape: shape))
model.add(Dropout(0.1))
model.add(Dense(3))
model.add(Activation('softmax'))
model.compile(loss=my_loss, optimizer='rmsprop', metrics=['accuracy'])
history = LossHistory()
x, y = np.random.rand(32, 6), np.eye(3)[np.random.randint(3, size=32)]
model.fit(x, y, batch_size=8, nb_epoch=2, verbose=0, callbacks=[history])
assert len(history.losses) == 8 and np.isfinite(history.losses).all()
assert model.layers[1].output_shape == (None, 16)
