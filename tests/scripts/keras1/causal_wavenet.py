'''A small WaveNet: causal convolutions written as a subclass of AtrousConvolution1D, gates by Merge, and a layer that
makes its own weights by keras.initializations.
'''
import numpy as np
np.random.seed(7)

from keras import backend as K
from keras import initializations, layers, metrics
from keras.callbacks import EarlyStopping
from keras.engine import Input, Model
from keras.engine.topology import Layer
from keras.layers.advanced_activations import SReLU
from keras.layers.convolutional import AtrousConvolution1D
from keras.regularizers import l2
from keras.utils.np_utils import conv_output_length, to_categorical

nb_bins = 8
length = 16


class CausalAtrousConvolution1D(AtrousConvolution1D):
    def __init__(self, nb_filter, filter_length, init='glorot_uniform', activation=None, atrous_rate=1,
                 W_regularizer=None, bias=True, **kwargs):
        super(CausalAtrousConvolution1D, self).__init__(
            nb_filter, filter_length, init=init, activation=activation, border_mode='valid', subsample_length=1,
            atrous_rate=atrous_rate, W_regularizer=W_regularizer, bias=bias, **kwargs)

    def get_output_shape_for(self, input_shape):
        padded = input_shape[1] + self.atrous_rate * (self.filter_length - 1)
        steps = conv_output_length(padded, self.filter_length, self.border_mode, self.subsample[0],
                                   dilation=self.atrous_rate)
        return (input_shape[0], steps, self.nb_filter)

    def call(self, x, mask=None):
        x = K.asymmetric_temporal_padding(x, self.atrous_rate * (self.filter_length - 1), 0)
        return super(CausalAtrousConvolution1D, self).call(x, mask)


class Scale(Layer):
    def __init__(self, init='one', **kwargs):
        self.init = initializations.get(init)
        super(Scale, self).__init__(**kwargs)

    def build(self, input_shape):
        self.gamma = self.init((input_shape[-1],), name='{}_gamma'.format(self.name))
        self.trainable_weights = [self.gamma]

    def call(self, x, mask=None):
        return x * self.gamma


def residual_block(x, rate):
    options = dict(atrous_rate=rate, bias=False, W_regularizer=l2(1e-5))
    tanh = CausalAtrousConvolution1D(16, 2, activation='tanh', name='tanh_%d' % rate, **options)(x)
    gate = CausalAtrousConvolution1D(16, 2, activation='sigmoid', name='gate_%d' % rate, **options)(x)
    gated = layers.Merge(mode='mul', name='gated_%d' % rate)([tanh, gate])
    skip = layers.Convolution1D(16, 1, border_mode='same')(gated)
    return layers.Merge(mode='sum')([x, layers.Convolution1D(16, 1, border_mode='same')(gated)]), skip


inputs = Input(shape=(length, nb_bins), name='sound')
x = CausalAtrousConvolution1D(16, 2, name='initial')(inputs)
skips = []
for rate in (1, 2):
    x, skip = residual_block(x, rate)
    skips.append(skip)
x = layers.Merge(mode='sum', name='skips')(skips)
x = Scale()(SReLU(shared_axes=[1])(x))
outputs = layers.Activation('softmax')(layers.Convolution1D(nb_bins, 1, name='logits')(x))
model = Model(input=inputs, output=outputs)


def mean_distance(y_true, y_pred):
    return K.mean(K.abs(K.cast(K.argmax(y_true, axis=-1) - K.argmax(y_pred, axis=-1), 'float32')))


model.compile(optimizer='nadam', loss='categorical_crossentropy', metrics=[metrics.categorical_accuracy, mean_distance])

steps = (np.arange(length + 1)[None] + np.random.randint(0, nb_bins, (64, 1))) % nb_bins
sounds = np.stack([to_categorical(row, nb_bins) for row in steps])
history = model.fit(sounds[:, :-1], sounds[:, 1:], nb_epoch=20, batch_size=16, verbose=2,
                    callbacks=[EarlyStopping(monitor='categorical_accuracy', patience=20)])
assert model.output_shape == (None, length, nb_bins)
assert model.get_layer('scale_1').gamma.name.startswith('scale_1_gamma')
assert history.history['categorical_accuracy'][-1] > 0.9, history.history['categorical_accuracy']

past = sounds[:2, :-1].copy()
future = past.copy()
future[:, 10:] = future[:, 10:][:, ::-1]
same = model.predict(past)[:, :10] - model.predict(future)[:, :10]
assert np.abs(same).max() < 1e-6
print('accuracy', history.history['categorical_accuracy'][-1])
