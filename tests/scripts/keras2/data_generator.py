'''A `Sequence`, `fit_generator` and the text tools (Keras 2).'''
import numpy as np
from keras.utils import Sequence, to_categorical
from keras.models import Sequential
from keras.layers import Dense, Embedding, Conv1D, GlobalMaxPooling1D, Dropout, Activation
from keras.preprocessing.text import Tokenizer
from keras.preprocessing.sequence import pad_sequences


class DataGenerator(Sequence):
    def __init__(self, x, y, batch_size=8, shuffle=True):
        self.x, self.y, self.batch_size, self.shuffle = x, y, batch_size, shuffle
        self.ends = 0
        self.on_epoch_end()

    def __len__(self):
        return int(np.floor(len(self.x) / float(self.batch_size)))

    def __getitem__(self, index):
        indexes = self.indexes[index * self.batch_size:(index + 1) * self.batch_size]
        return self.x[indexes], self.y[indexes]

    def on_epoch_end(self):
        self.ends += 1
        self.indexes = np.arange(len(self.x))
        if self.shuffle:
            np.random.shuffle(self.indexes)


texts = ['the cat sat on the mat', 'the dog ate my homework', 'a cat is no dog', 'my mat is on the dog'] * 8
labels = to_categorical([0, 1, 0, 1] * 8)
tokenizer = Tokenizer(num_words=20)
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
data = pad_sequences(sequences, maxlen=8)
assert tokenizer.word_index['the'] == 1 and data.shape == (32, 8)

embedding_matrix = np.random.rand(20, 6)
model = Sequential()
model.add(Embedding(20, 6, weights=[embedding_matrix], input_length=8, trainable=False))
model.add(Dropout(0.2))
model.add(Conv1D(5, 3, padding='valid', activation='relu', strides=1))
model.add(GlobalMaxPooling1D())
model.add(Dense(2))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
np.testing.assert_allclose(model.layers[0].get_weights()[0], embedding_matrix, rtol=1e-6)
training = DataGenerator(data, labels)
history = model.fit_generator(generator=training, validation_data=DataGenerator(data, labels),
                              epochs=2, use_multiprocessing=False, workers=1, verbose=2)
assert len(history.history['val_acc']) == 2 and training.ends >= 2


def endless():
    while True:
        yield data[:8], labels[:8]


model.fit_generator(endless(), steps_per_epoch=3, epochs=1, verbose=0)
assert len(model.evaluate_generator(endless(), steps=2)) == 2
assert model.predict_generator(DataGenerator(data, labels, shuffle=False)).shape == (32, 2)
assert set(model.predict_classes(data)) <= {0, 1}
