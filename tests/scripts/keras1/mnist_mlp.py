'''Trains a simple deep NN on images of digits (Keras 1).'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import SGD, Adam, RMSprop
from keras.utils import np_utils

batch_size = 16
nb_classes = 10
nb_epoch = 3

X_train = np.random.randint(0, 256, (128, 8, 8)).reshape(128, 64)
y_train = (X_train[:, :10]).argmax(axis=1)
X_train = X_train.astype('float32')
X_train /= 255
print(X_train.shape[0], 'train samples')

# convert class vectors to binary class matrices
Y_train = np_utils.to_categorical(y_train, nb_classes)

model = Sequential()
model.add(Dense(32, input_shape=(64,)))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(output_dim=32, init='glorot_normal'))
model.add(Activation('relu'))
model.add(Dense(10))
model.add(Activation('softmax'))
model.summary()

model.compile(loss='categorical_crossentropy',
              optimizer=RMSprop(lr=0.01, rho=0.9, epsilon=1e-06),
              metrics=['accuracy'])

history = model.fit(X_train, Y_train,
                    batch_size=batch_size, nb_epoch=nb_epoch,
                    verbose=1, validation_data=(X_train[:32], Y_train[:32]))
score = model.evaluate(X_train, Y_train, verbose=0)
print('Test score:', score[0])
print('Test accuracy:', score[1])
assert history.history['acc'][-1] == history.history['accuracy'][-1]
assert history.history['loss'][-1] < history.history['loss'][0]
assert len(history.history['val_acc']) == nb_epoch
classes = model.predict_classes(X_train, batch_size=32)
proba = model.predict_proba(X_train, batch_size=32)
assert classes.shape == (128,) and proba.shape == (128, 10)
