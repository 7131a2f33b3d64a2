'''An LSTM on sequences of words (Keras 1).'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)

from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Embedding
from keras.layers import LSTM, SimpleRNN, GRU

max_features = 50
maxlen = 12
batch_size = 16

words = [list(np.random.randint(1, max_features, np.random.randint(4, 20))) for _ in range(96)]
y = np.array([int(sum(w) > 25 * len(w)) for w in words])
X = sequence.pad_sequences(words, maxlen=maxlen)
print('X shape:', X.shape)

model = Sequential()
model.add(Embedding(max_features, 8, input_length=maxlen, dropout=0.2))
model.add(LSTM(8, dropout_W=0.2, dropout_U=0.2, consume_less='gpu', inner_activation='hard_sigmoid'))
model.add(Dense(1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
model.fit(X, y, batch_size=batch_size, nb_epoch=2, validation_split=0.25, show_accuracy=True)
score, acc = model.evaluate(X, y, batch_size=batch_size)
print('Test score:', score)
print('Test accuracy:', acc)
assert 0 <= acc <= 1
