'''A functional model with two inputs, shared layers and two outputs (Keras 1).'''
import numpy as np
from keras.layers import Input, Embedding, LSTM, Dense, merge
from keras.models import Model

main_input = Input(shape=(10,), dtype='int32', name='main_input')
x = Embedding(output_dim=8, input_dim=50, input_length=10)(main_input)
lstm_out = LSTM(8)(x)
auxiliary_output = Dense(1, activation='sigmoid', name='aux_output')(lstm_out)
auxiliary_input = Input(shape=(5,), name='aux_input')
x = merge([lstm_out, auxiliary_input], mode='concat')
x = Dense(8, activation='relu')(x)
gate = Dense(8, activation='sigmoid')(x)
x = merge([x, gate], mode='mul')
main_output = Dense(1, activation='sigmoid', name='main_output')(x)

model = Model(input=[main_input, auxiliary_input], output=[main_output, auxiliary_output])
model.compile(optimizer='rmsprop', loss='binary_crossentropy', loss_weights=[1., 0.2])
headline = np.random.randint(1, 50, size=(32, 10))
additional = np.random.rand(32, 5)
labels = np.random.randint(0, 2, size=(32, 1))
model.fit([headline, additional], [labels, labels], nb_epoch=1, batch_size=16)
model.compile(optimizer='rmsprop',
              loss={'main_output': 'binary_crossentropy', 'aux_output': 'binary_crossentropy'},
              loss_weights={'main_output': 1., 'aux_output': 0.2})
h = model.fit({'main_input': headline, 'aux_input': additional},
              {'main_output': labels, 'aux_output': labels}, nb_epoch=2, batch_size=16)
assert len(h.history['main_output_loss']) == 2

# one layer on two inputs
a, b = Input(shape=(4,)), Input(shape=(4,))
shared = Dense(3)
cosine = merge([shared(a), shared(b)], mode='cos', dot_axes=1)
model = Model(input=[a, b], output=cosine)
same = np.random.rand(6, 4)
np.testing.assert_allclose(model.predict([same, same]).reshape(-1), 1, rtol=1e-5)
assert len(model.trainable_weights) == 2
