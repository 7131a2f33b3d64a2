'''A dense and a convolutional autoencoder (Keras 1).'''
import numpy as np
from keras.layers import Input, Dense, Convolution2D, MaxPooling2D, UpSampling2D
from keras.models import Model
from keras import regularizers

encoding_dim = 4
input_img = Input(shape=(16,))
encoded = Dense(encoding_dim, activation='relu',
                activity_regularizer=regularizers.activity_l1(10e-5))(input_img)
decoded = Dense(16, activation='sigmoid')(encoded)
autoencoder = Model(input=input_img, output=decoded)
encoder = Model(input=input_img, output=encoded)
encoded_input = Input(shape=(encoding_dim,))
decoder_layer = autoencoder.layers[-1]
decoder = Model(input=encoded_input, output=decoder_layer(encoded_input))
autoencoder.compile(optimizer='adadelta', loss='binary_crossentropy')
x = np.random.rand(64, 16)
autoencoder.fit(x, x, nb_epoch=2, batch_size=16, shuffle=True, validation_data=(x, x))
codes = encoder.predict(x)
np.testing.assert_allclose(decoder.predict(codes), autoencoder.predict(x), rtol=1e-5, atol=1e-6)

input_img = Input(shape=(1, 8, 8))
x = Convolution2D(4, 3, 3, activation='relu', border_mode='same', dim_ordering='th')(input_img)
x = MaxPooling2D((2, 2), border_mode='same', dim_ordering='th')(x)
x = UpSampling2D((2, 2), dim_ordering='th')(x)
decoded = Convolution2D(1, 3, 3, activation='sigmoid', border_mode='same', dim_ordering='th')(x)
autoencoder = Model(input_img, decoded)
autoencoder.compile(optimizer='adadelta', loss='binary_crossentropy')
pictures = np.random.rand(16, 1, 8, 8)
autoencoder.fit(pictures, pictures, nb_epoch=1, batch_size=8)
assert autoencoder.predict(pictures).shape == (16, 1, 8, 8)
