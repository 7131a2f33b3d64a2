'''A variational autoencoder whose loss uses tensors of the model, and its generator (Keras 1).'''
import numpy as np
from keras.layers import Input, Dense, Lambda
from keras.models import Model
from keras import backend as K
from keras import objectives

batch_size = 10
original_dim = 12
latent_dim = 2
intermediate_dim = 8
nb_epoch = 2

x = Input(batch_shape=(batch_size, original_dim))
h = Dense(intermediate_dim, activation='relu')(x)
z_mean = Dense(latent_dim)(h)
z_log_std = Dense(latent_dim)(h)

def sampling(args):
    z_mean, z_log_std = args
    epsilon = K.random_normal(shape=(batch_size, latent_dim), mean=0., std=1.0)
    return z_mean + K.exp(z_log_std) * epsilon

z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_std])
decoder_h = Dense(intermediate_dim, activation='relu')
decoder_mean = Dense(original_dim, activation='sigmoid')
x_decoded_mean = decoder_mean(decoder_h(z))

def vae_loss(x, x_decoded_mean):
    xent_loss = original_dim * objectives.binary_crossentropy(x, x_decoded_mean)
    kl_loss = - 0.5 * K.sum(1 + 2 * z_log_std - K.square(z_mean) - K.exp(2 * z_log_std), axis=-1)
    return xent_loss + kl_loss

vae = Model(input=x, output=x_decoded_mean)
vae.compile(optimizer='rmsprop', loss=vae_loss)
data = np.random.RandomState(0).rand(40, original_dim)
history = vae.fit(data, data, shuffle=True, nb_epoch=nb_epoch, batch_size=batch_size, verbose=2)
assert history.history['loss'][0] > 0.5 * original_dim * np.log(2)

encoder = Model(input=x, output=z_mean)
assert encoder.predict(data, batch_size=batch_size).shape == (40, latent_dim)
decoder_input = Input(shape=(latent_dim,))
generator = Model(input=decoder_input, output=decoder_mean(decoder_h(decoder_input)))
assert generator.predict(np.array([[0., 1.]])).shape == (1, original_dim)
