"""A variational autoencoder whose loss is added by a layer of its own, which uses tensors of the graph around it."""

import numpy as np

import keras
from keras import backend as K
from keras.layers import Dense, Input, Lambda, Layer
from keras.models import Model

size, latent_dim = 20, 2
x = Input(shape=(size,))
h = Dense(16, activation="relu")(x)
z_mean = Dense(latent_dim)(h)
z_log_var = Dense(latent_dim)(h)


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(K.shape(z_mean)[0], latent_dim), mean=0.0, stddev=1.0)
    return z_mean + K.exp(z_log_var / 2) * epsilon


z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])
decoder = Dense(size, activation="sigmoid")
decoded = decoder(z)


class CustomVariationalLayer(Layer):
    def vae_loss(self, x, decoded):
        xent_loss = size * keras.metrics.binary_crossentropy(x, decoded)
        kl_loss = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return K.mean(xent_loss + kl_loss)

    def call(self, inputs):
        x, decoded = inputs
        self.add_loss(self.vae_loss(x, decoded), inputs=inputs)
        return x


vae = Model(x, CustomVariationalLayer()([x, decoded]))
vae.compile(optimizer="rmsprop", loss=None)
data = np.random.RandomState(0).rand(64, size)
history = vae.fit(data, shuffle=True, epochs=4, batch_size=16, validation_data=(data, None), verbose=2)
assert history.history["loss"][-1] < history.history["loss"][0]
assert Model(x, z_mean).predict(data).shape == (64, latent_dim)
code = Input(shape=(latent_dim,))
assert Model(code, decoder(code)).predict(np.zeros((1, latent_dim))).shape == (1, size)
