"""Text from strings to classes with a bidirectional LSTM, callbacks and a saved model."""
import os
import tempfile
import numpy as np
from tensorflow.keras.preprocessing.text import Tokenizer
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.models import Sequential, load_model
from tensorflow.keras.layers import Embedding, LSTM, Dense, Bidirectional, GlobalAveragePooling1D
from tensorflow.keras.callbacks import EarlyStopping, ModelCheckpoint, TensorBoard
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.utils import to_categorical
import tensorflow as tf

tf.random.set_seed(7)
sentences = ['I love my dog', 'I love my cat', 'You hate rain', 'Do you hate my dog'] * 6
labels = np.array([1, 1, 0, 0] * 6)
tokenizer = Tokenizer(num_words=100, oov_token="<OOV>")
tokenizer.fit_on_texts(sentences)
padded = pad_sequences(tokenizer.texts_to_sequences(sentences), maxlen=5, padding='post', truncating='post')
assert tokenizer.word_index['<OOV>'] == 1
model = Sequential([
    Embedding(100, 8, input_length=5),
    Bidirectional(LSTM(6, return_sequences=True)),
    GlobalAveragePooling1D(),
    Dense(1, activation='sigmoid')])
model.compile(loss='binary_crossentropy', optimizer=Adam(learning_rate=0.02), metrics=['accuracy'])
model.summary()
path = os.path.join(tempfile.mkdtemp(), 'best.h5')


class myCallback(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs={}):
        if logs.get('accuracy') > 0.99 and epoch >= 1:
            print("\nReached 99% accuracy so cancelling training!")
            self.model.stop_training = True


history = model.fit(padded, labels, epochs=8, validation_data=(padded, labels), verbose=2,
                    callbacks=[myCallback(), EarlyStopping(patience=3),
                               ModelCheckpoint(path, save_best_only=True, monitor='val_accuracy')])
again = load_model(path)
assert again.predict(padded).shape == (24, 1) and history.history['val_accuracy'][-1] > 0.7
