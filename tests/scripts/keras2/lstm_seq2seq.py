'''Characters to characters with an encoder and a decoder (Keras 2).'''
from __future__ import print_function
from keras.models import Model, load_model
from keras.layers import Input, LSTM, Dense
import numpy as np
import os
import tempfile

batch_size, epochs, latent_dim = 8, 2, 8
num_encoder_tokens, num_decoder_tokens, length = 6, 7, 5
encoder_input_data = np.eye(num_encoder_tokens)[np.random.randint(num_encoder_tokens, size=(24, length))]
decoder_input_data = np.eye(num_decoder_tokens)[np.random.randint(num_decoder_tokens, size=(24, length))]
decoder_target_data = np.roll(decoder_input_data, -1, axis=1)

encoder_inputs = Input(shape=(None, num_encoder_tokens))
encoder = LSTM(latent_dim, return_state=True)
encoder_outputs, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = Input(shape=(None, num_decoder_tokens))
decoder_lstm = LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = Dense(num_decoder_tokens, activation='softmax')
decoder_outputs = decoder_dense(decoder_outputs)
model = Model([encoder_inputs, decoder_inputs], decoder_outputs)
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
model.fit([encoder_input_data, decoder_input_data], decoder_target_data,
          batch_size=batch_size, epochs=epochs, validation_split=0.2)
path = os.path.join(tempfile.mkdtemp(), 's2s.h5')
model.save(path)
again = load_model(path)
np.testing.assert_allclose(again.predict([encoder_input_data, decoder_input_data]),
                           model.predict([encoder_input_data, decoder_input_data]), rtol=1e-5, atol=1e-6)

encoder_model = Model(encoder_inputs, encoder_states)
decoder_state_input_h = Input(shape=(latent_dim,))
decoder_state_input_c = Input(shape=(latent_dim,))
decoder_states_inputs = [decoder_state_input_h, decoder_state_input_c]
decoder_outputs, state_h, state_c = decoder_lstm(decoder_inputs, initial_state=decoder_states_inputs)
decoder_states = [state_h, state_c]
decoder_outputs = decoder_dense(decoder_outputs)
decoder_model = Model([decoder_inputs] + decoder_states_inputs, [decoder_outputs] + decoder_states)

states_value = encoder_model.predict(encoder_input_data[:1])
target_seq = np.zeros((1, 1, num_decoder_tokens))
target_seq[0, 0, 0] = 1.
decoded = []
for _ in range(4):
    output_tokens, h, c = decoder_model.predict([target_seq] + states_value)
    index = np.argmax(output_tokens[0, -1, :])
    decoded.append(index)
    target_seq = np.zeros((1, 1, num_decoder_tokens))
    target_seq[0, 0, index] = 1.
    states_value = [h, c]
assert len(decoded) == 4
