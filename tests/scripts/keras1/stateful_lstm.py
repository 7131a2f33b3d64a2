'''A stateful recurrent network learns a slow wave (Keras 1).'''
from __future__ import print_function
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, LSTM

tsteps = 1
batch_size = 5
epochs = 2
lahead = 1

cos = np.cos(2 * np.pi * np.arange(100) / 25.).reshape(100, 1, 1)
expected_output = cos.mean(axis=2)
model = Sequential()
model.add(LSTM(8, batch_input_shape=(batch_size, tsteps, 1), return_sequences=True, stateful=True))
model.add(LSTM(8, batch_input_shape=(batch_size, tsteps, 1), return_sequences=False, stateful=True))
model.add(Dense(1))
model.compile(loss='mse', optimizer='rmsprop')
for i in range(epochs):
    print('Epoch', i, '/', epochs)
    model.fit(cos, expected_output, batch_size=batch_size, verbose=1, nb_epoch=1, shuffle=False)
    model.reset_states()
first = model.predict(cos, batch_size=batch_size)
second = model.predict(cos, batch_size=batch_size)
assert not np.allclose(first[:5], second[:5])  # the state went on
model.reset_states()
again = model.predict(cos, batch_size=batch_size)
model.reset_states()
np.testing.assert_allclose(model.predict(cos, batch_size=batch_size), again, rtol=1e-5, atol=1e-6)
