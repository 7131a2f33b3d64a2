'''A small deep CNN on colour images, fed by a generator of batches (Keras 1).'''
from __future__ import print_function
import numpy as np
from keras.preprocessing.image import ImageDataGenerator
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D, ZeroPadding2D
from keras.layers.normalization import BatchNormalization
from keras.optimizers import SGD
from keras.utils import np_utils
from keras.regularizers import l2, activity_l2

batch_size = 8
nb_classes = 4
nb_epoch = 2
img_rows, img_cols = 8, 8
img_channels = 3

np.random.seed(0)
X_train = np.random.rand(48, img_channels, img_rows, img_cols).astype('float32')
y_train = np.random.randint(0, nb_classes, (48, 1))
Y_train = np_utils.to_categorical(y_train, nb_classes)

model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=(img_channels, img_rows, img_cols), dim_ordering='th'))
model.add(Convolution2D(8, 3, 3, border_mode='same', dim_ordering='th', W_regularizer=l2(0.001)))
model.add(BatchNormalization(mode=0, axis=1))
model.add(Activation('relu'))
model.add(Convolution2D(8, 3, 3, subsample=(2, 2), dim_ordering='th', init='he_normal'))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2), strides=(1, 1), border_mode='valid', dim_ordering='th'))
model.add(Dropout(p=0.25))
model.add(Flatten())
model.add(Dense(16, b_regularizer=l2(0.01), activity_regularizer=activity_l2(0.001)))
model.add(Activation('relu'))
model.add(Dense(nb_classes, activation='softmax'))

sgd = SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss='categorical_crossentropy', optimizer=sgd, metrics=['accuracy'])

datagen = ImageDataGenerator(
    featurewise_center=False, rotation_range=0, width_shift_range=0.1,
    height_shift_range=0.1, horizontal_flip=True, vertical_flip=False, dim_ordering='th')
datagen.fit(X_train)
history = model.fit_generator(datagen.flow(X_train, Y_train, batch_size=batch_size),
                              samples_per_epoch=X_train.shape[0],
                              nb_epoch=nb_epoch,
                              validation_data=(X_train, Y_train), verbose=2)
assert len(history.history['val_loss']) == nb_epoch
assert np.isfinite(history.history['loss']).all()
