'''An ACGAN: generator and discriminator trained in turn, `trainable` set before compiling (Keras 2).'''
from __future__ import print_function
from collections import defaultdict
import numpy as np
from keras.layers import Input, Dense, Reshape, Flatten, Embedding, Dropout, BatchNormalization, multiply
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import Conv2DTranspose, Conv2D
from keras.models import Sequential, Model
from keras.optimizers import Adam
from keras.utils.generic_utils import Progbar

np.random.seed(1337)
num_classes = 3
latent_size = 6


def build_generator(latent_size):
    cnn = Sequential()
    cnn.add(Dense(2 * 2 * 4, input_dim=latent_size, activation='relu'))
    cnn.add(Reshape((2, 2, 4)))
    cnn.add(Conv2DTranspose(4, 3, strides=2, padding='same', activation='relu', kernel_initializer='glorot_normal'))
    cnn.add(BatchNormalization())
    cnn.add(Conv2DTranspose(1, 3, strides=2, padding='same', activation='tanh', kernel_initializer='glorot_normal'))
    latent = Input(shape=(latent_size, ))
    image_class = Input(shape=(1,), dtype='int32')
    cls = Embedding(num_classes, latent_size, embeddings_initializer='glorot_normal')(image_class)
    h = multiply([latent, Flatten()(cls)])
    fake_image = cnn(h)
    return Model([latent, image_class], fake_image)


def build_discriminator():
    cnn = Sequential()
    cnn.add(Conv2D(4, 3, padding='same', strides=2, input_shape=(8, 8, 1)))
    cnn.add(LeakyReLU(0.2))
    cnn.add(Dropout(0.3))
    cnn.add(Flatten())
    image = Input(shape=(8, 8, 1))
    features = cnn(image)
    fake = Dense(1, activation='sigmoid', name='generation')(features)
    aux = Dense(num_classes, activation='softmax', name='auxiliary')(features)
    return Model(image, [fake, aux])


epochs, batch_size = 1, 8
adam_lr, adam_beta_1 = 0.0002, 0.5
discriminator = build_discriminator()
discriminator.compile(optimizer=Adam(lr=adam_lr, beta_1=adam_beta_1),
                      loss=['binary_crossentropy', 'sparse_categorical_crossentropy'])
discriminator.summary()
generator = build_generator(latent_size)
latent = Input(shape=(latent_size, ))
image_class = Input(shape=(1,), dtype='int32')
fake = generator([latent, image_class])
discriminator.trainable = False
fake, aux = discriminator(fake)
combined = Model([latent, image_class], [fake, aux])
combined.compile(optimizer=Adam(lr=adam_lr, beta_1=adam_beta_1),
                 loss=['binary_crossentropy', 'sparse_categorical_crossentropy'])

x_train = np.random.uniform(-1, 1, (32, 8, 8, 1))
y_train = np.random.randint(0, num_classes, 32)
train_history = defaultdict(list)
progress_bar = Progbar(target=4)
disc_loss, gen_loss = [], []
for index in range(4):
    image_batch = x_train[index * batch_size:(index + 1) * batch_size]
    label_batch = y_train[index * batch_size:(index + 1) * batch_size]
    noise = np.random.uniform(-1, 1, (len(image_batch), latent_size))
    sampled_labels = np.random.randint(0, num_classes, len(image_batch))
    generated_images = generator.predict([noise, sampled_labels.reshape((-1, 1))], verbose=0)
    x = np.concatenate((image_batch, generated_images))
    y = np.array([0.95] * len(image_batch) + [0] * len(image_batch))
    aux_y = np.concatenate((label_batch, sampled_labels), axis=0)
    disc_sample_weight = [np.ones(2 * len(image_batch)),
                          np.concatenate((np.ones(len(image_batch)) * 2, np.zeros(len(image_batch))))]
    disc_loss.append(discriminator.train_on_batch(x, [y, aux_y], sample_weight=disc_sample_weight))
    before = [w.copy() for w in discriminator.get_weights()]
    noise = np.random.uniform(-1, 1, (2 * len(image_batch), latent_size))
    sampled_labels = np.random.randint(0, num_classes, 2 * len(image_batch))
    trick = np.ones(2 * len(image_batch)) * 0.95
    gen_loss.append(combined.train_on_batch([noise, sampled_labels.reshape((-1, 1))], [trick, sampled_labels]))
    for old, new in zip(before, discriminator.get_weights()):
        np.testing.assert_array_equal(old, new)  # frozen there
    progress_bar.update(index + 1)
assert discriminator.metrics_names == ['loss', 'generation_loss', 'auxiliary_loss']
assert np.mean(np.array(disc_loss), axis=0).shape == (3,) and len(gen_loss[0]) == 3
