'''An improved Wasserstein GAN: a gradient penalty as a loss of tensors of the model (Keras 2).'''
from functools import partial

import numpy as np
from keras import backend as K
from keras.layers import Input, Dense, LeakyReLU
from keras.layers.merge import _Merge
from keras.models import Model, Sequential
from keras.optimizers import Adam

BATCH_SIZE, LATENT, DATA = 8, 3, 4


def wasserstein_loss(y_true, y_pred):
    return K.mean(y_true * y_pred)


def gradient_penalty_loss(y_true, y_pred, averaged_samples, gradient_penalty_weight):
    gradients = K.gradients(y_pred, averaged_samples)[0]
    gradients_sqr = K.square(gradients)
    gradients_sqr_sum = K.sum(gradients_sqr, axis=np.arange(1, len(gradients_sqr.shape)))
    gradient_l2_norm = K.sqrt(gradients_sqr_sum)
    return K.mean(gradient_penalty_weight * K.square(1 - gradient_l2_norm))


class RandomWeightedAverage(_Merge):
    def _merge_function(self, inputs):
        weights = K.random_uniform((BATCH_SIZE, 1))
        return (weights * inputs[0]) + ((1 - weights) * inputs[1])


generator = Sequential([Dense(8, input_dim=LATENT, activation='relu'), Dense(DATA)])
discriminator = Sequential([Dense(8, input_dim=DATA), LeakyReLU(), Dense(1)])

for layer in discriminator.layers:
    layer.trainable = False
discriminator.trainable = False
generator_input = Input(shape=(LATENT,))
generator_model = Model(inputs=[generator_input], outputs=[discriminator(generator(generator_input))])
generator_model.compile(optimizer=Adam(0.0001, beta_1=0.5, beta_2=0.9), loss=wasserstein_loss)

for layer in discriminator.layers:
    layer.trainable = True
for layer in generator.layers:
    layer.trainable = False
discriminator.trainable = True
generator.trainable = False
real_samples = Input(shape=(DATA,))
generator_input_for_discriminator = Input(shape=(LATENT,))
generated_samples = generator(generator_input_for_discriminator)
averaged_samples = RandomWeightedAverage()([real_samples, generated_samples])
partial_gp_loss = partial(gradient_penalty_loss, averaged_samples=averaged_samples, gradient_penalty_weight=10)
partial_gp_loss.__name__ = 'gradient_penalty'
discriminator_model = Model(
    inputs=[real_samples, generator_input_for_discriminator],
    outputs=[discriminator(real_samples), discriminator(generated_samples), discriminator(averaged_samples)])
discriminator_model.compile(
    optimizer=Adam(0.01, beta_1=0.5, beta_2=0.9), loss=[wasserstein_loss, wasserstein_loss, partial_gp_loss])

positive_y = np.ones((BATCH_SIZE, 1), dtype=np.float32)
negative_y = -positive_y
dummy_y = np.zeros((BATCH_SIZE, 1), dtype=np.float32)
totals = []
for epoch in range(60):
    real = np.random.rand(BATCH_SIZE, DATA)
    noise = np.random.rand(BATCH_SIZE, LATENT).astype(np.float32)
    frozen = generator.get_weights()[0].copy()
    losses = discriminator_model.train_on_batch([real, noise], [positive_y, negative_y, dummy_y])
    assert len(losses) == 4
    np.testing.assert_array_equal(frozen, generator.get_weights()[0])
    np.testing.assert_allclose(losses[0], sum(losses[1:]), rtol=1e-4, atol=1e-5)
    totals.append(losses[0])
    if epoch % 20 == 19:
        generator_model.train_on_batch(np.random.rand(BATCH_SIZE, LATENT), positive_y)
assert np.mean(totals[-10:]) < np.mean(totals[:10]), totals
