"""Skip-grams, attention with states by hand, windows of time series, tables with preprocessing layers."""
import numpy as np, tensorflow as tf, string, re, io, itertools, pandas as pd
from tensorflow.keras import layers
SEED = 42; AUTOTUNE = tf.data.AUTOTUNE
sentence = "The wide road shimmered in the hot sun"
tokens = list(sentence.lower().split()); vocab, index = {}, 1; vocab['<pad>'] = 0
for token in tokens:
    if token not in vocab: vocab[token] = index; index += 1
example_sequence = [vocab[w] for w in tokens]
positive_skip_grams, _ = tf.keras.preprocessing.sequence.skipgrams(example_sequence, vocabulary_size=len(vocab), window_size=2, negative_samples=0)
target_word, context_word = positive_skip_grams[0]
context_class = tf.reshape(tf.constant(context_word, dtype="int64"), (1, 1))
negative_sampling_candidates, _, _ = tf.random.log_uniform_candidate_sampler(true_classes=context_class, num_true=1, num_sampled=4, unique=True, range_max=len(vocab), seed=SEED, name="negative_sampling")
squeezed_context_class = tf.squeeze(context_class, 1)
context = tf.concat([squeezed_context_class, negative_sampling_candidates], 0)
label = tf.constant([1] + [0] * 4, dtype="int64"); target = target_word
assert context.shape == (5,) and label.numpy().tolist() == [1, 0, 0, 0, 0]
class Word2Vec(tf.keras.Model):
    def __init__(self, vocab_size, embedding_dim):
        super(Word2Vec, self).__init__()
        self.target_embedding = layers.Embedding(vocab_size, embedding_dim, input_length=1, name="w2v_embedding")
        self.context_embedding = layers.Embedding(vocab_size, embedding_dim, input_length=5)
    def call(self, pair):
        target, context = pair
        if len(target.shape) == 2: target = tf.squeeze(target, axis=1)
        word_emb = self.target_embedding(target)
        context_emb = self.context_embedding(context)
        return tf.einsum('be,bce->bc', word_emb, context_emb)
rng = np.random.RandomState(0)
targets, contexts, labels = rng.randint(0, 8, 64), rng.randint(0, 8, (64, 5)), np.tile([1, 0, 0, 0, 0], (64, 1))
dataset = tf.data.Dataset.from_tensor_slices(((targets, contexts), labels)).shuffle(1000).batch(16, drop_remainder=True).cache().prefetch(buffer_size=AUTOTUNE)
w = Word2Vec(8, 4); w.compile(optimizer='adam', loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True), metrics=['accuracy'])
h = w.fit(dataset, epochs=2, verbose=0); weights = w.get_layer('w2v_embedding').get_weights()[0]; assert weights.shape == (8, 4)
# NMT attention
class Encoder(tf.keras.Model):
    def __init__(self, vocab_size, embedding_dim, enc_units, batch_sz):
        super(Encoder, self).__init__()
        self.batch_sz, self.enc_units = batch_sz, enc_units
        self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_dim)
        self.gru = tf.keras.layers.GRU(self.enc_units, return_sequences=True, return_state=True, recurrent_initializer='glorot_uniform')
    def call(self, x, hidden):
        x = self.embedding(x)
        output, state = self.gru(x, initial_state=hidden)
        return output, state
    def initialize_hidden_state(self): return tf.zeros((self.batch_sz, self.enc_units))
class BahdanauAttention(tf.keras.layers.Layer):
    def __init__(self, units):
        super(BahdanauAttention, self).__init__(); self.W1 = tf.keras.layers.Dense(units); self.W2 = tf.keras.layers.Dense(units); self.V = tf.keras.layers.Dense(1)
    def call(self, query, values):
        q = tf.expand_dims(query, 1)
        score = self.V(tf.nn.tanh(self.W1(q) + self.W2(values)))
        attention_weights = tf.nn.softmax(score, axis=1)
        context_vector = tf.reduce_sum(attention_weights * values, axis=1)
        return context_vector, attention_weights
class Decoder(tf.keras.Model):
    def __init__(self, vocab_size, embedding_dim, dec_units, batch_sz):
        super(Decoder, self).__init__()
        self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_dim)
        self.gru = tf.keras.layers.GRU(dec_units, return_sequences=True, return_state=True, recurrent_initializer='glorot_uniform')
        self.fc = tf.keras.layers.Dense(vocab_size); self.attention = BahdanauAttention(dec_units)
    def call(self, x, hidden, enc_output):
        context_vector, attention_weights = self.attention(hidden, enc_output)
        x = self.embedding(x)
        x = tf.concat([tf.expand_dims(context_vector, 1), x], axis=-1)
        output, state = self.gru(x)
        output = tf.reshape(output, (-1, output.shape[2]))
        return self.fc(output), state, attention_weights
enc, dec = Encoder(9, 4, 6, 4), Decoder(9, 4, 6, 4)
sample_hidden = enc.initialize_hidden_state(); so, sh = enc(tf.constant(rng.randint(1, 9, (4, 5))), sample_hidden); assert so.shape == (4, 5, 6) and sh.shape == (4, 6)
optimizer = tf.keras.optimizers.Adam(); loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction='none')
def loss_function(real, pred):
    mask = tf.math.logical_not(tf.math.equal(real, 0))
    loss_ = loss_object(real, pred)
    mask = tf.cast(mask, dtype=loss_.dtype)
    loss_ *= mask
    return tf.reduce_mean(loss_)
@tf.function
def train_step(inp, targ, enc_hidden):
    loss = 0
    with tf.GradientTape() as tape:
        enc_output, enc_hidden = enc(inp, enc_hidden)
        dec_hidden = enc_hidden
        dec_input = tf.expand_dims([1] * 4, 1)
        for t in range(1, targ.shape[1]):
            predictions, dec_hidden, _ = dec(dec_input, dec_hidden, enc_output)
            loss += loss_function(targ[:, t], predictions)
            dec_input = tf.expand_dims(targ[:, t], 1)
    batch_loss = (loss / int(targ.shape[1]))
    variables = enc.trainable_variables + dec.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
    return batch_loss
ds = tf.data.Dataset.from_tensor_slices((rng.randint(1, 9, (8, 5)), rng.randint(1, 9, (8, 4)))).batch(4, drop_remainder=True)
for epoch in range(2):
    enc_hidden = enc.initialize_hidden_state(); total_loss = 0
    for (batch, (inp, targ)) in enumerate(ds.take(2)):
        batch_loss = train_step(inp, targ, enc_hidden); total_loss += batch_loss
    print('Epoch {} Loss {:.4f}'.format(epoch + 1, total_loss / 2), batch_loss.numpy())
def evaluate():
    hidden = [tf.zeros((1, 6))]; enc_out, enc_hidden = enc(tf.convert_to_tensor(rng.randint(1, 9, (1, 5))), hidden); dec_hidden = enc_hidden; dec_input = tf.expand_dims([1], 0); r = []
    for t in range(3):
        predictions, dec_hidden, attention_weights = dec(dec_input, dec_hidden, enc_out)
        attention_weights = tf.reshape(attention_weights, (-1,)); attention_weights.numpy()
        predicted_id = tf.argmax(predictions[0]).numpy(); r.append(predicted_id); dec_input = tf.expand_dims([predicted_id], 0)
    return r
assert len(evaluate()) == 3
# time series
df = pd.DataFrame({'T': rng.rand(100), 'p': rng.rand(100)})
class WindowGenerator():
    def __init__(self, input_width, label_width, shift, train_df, label_columns=None):
        self.train_df, self.label_columns = train_df, label_columns
        self.column_indices = {name: i for i, name in enumerate(train_df.columns)}
        self.input_width, self.label_width, self.shift = input_width, label_width, shift
        self.total_window_size = input_width + shift
        self.input_slice = slice(0, input_width); self.label_start = self.total_window_size - self.label_width; self.labels_slice = slice(self.label_start, None)
    def split_window(self, features):
        inputs = features[:, self.input_slice, :]
        labels = features[:, self.labels_slice, :]
        if self.label_columns is not None:
            labels = tf.stack([labels[:, :, self.column_indices[name]] for name in self.label_columns], axis=-1)
        inputs.set_shape([None, self.input_width, None]); labels.set_shape([None, self.label_width, None])
        return inputs, labels
    def make_dataset(self, data):
        data = np.array(data, dtype=np.float32)
        ds = tf.keras.utils.timeseries_dataset_from_array(data=data, targets=None, sequence_length=self.total_window_size, sequence_stride=1, shuffle=True, batch_size=32,)
        return ds.map(self.split_window)
    @property
    def train(self): return self.make_dataset(self.train_df)
wd = WindowGenerator(6, 6, 1, df, ['T']); print(wd.train.element_spec)
lstm_model = tf.keras.models.Sequential([tf.keras.layers.LSTM(8, return_sequences=True), tf.keras.layers.Dense(units=1)])
lstm_model.compile(loss=tf.keras.losses.MeanSquaredError(), optimizer=tf.keras.optimizers.Adam(), metrics=[tf.keras.metrics.MeanAbsoluteError()])
h = lstm_model.fit(wd.train, epochs=1, validation_data=wd.train, callbacks=[tf.keras.callbacks.EarlyStopping(monitor='val_loss', patience=2, mode='min')], verbose=0); assert set(h.history) == {'loss', 'mean_absolute_error', 'val_loss', 'val_mean_absolute_error'}
class Baseline(tf.keras.Model):
    def __init__(self, label_index=None): super().__init__(); self.label_index = label_index
    def call(self, inputs):
        if self.label_index is None: return inputs
        result = inputs[:, :, self.label_index]
        return result[:, :, tf.newaxis]
b = Baseline(0); b.compile(loss=tf.keras.losses.MeanSquaredError(), metrics=[tf.keras.metrics.MeanAbsoluteError()]); print(len(b.evaluate(wd.train, verbose=0)))
class FeedBack(tf.keras.Model):
    def __init__(self, units, out_steps):
        super().__init__(); self.out_steps = out_steps; self.lstm_cell = tf.keras.layers.LSTMCell(units); self.lstm_rnn = tf.keras.layers.RNN(self.lstm_cell, return_state=True); self.dense = tf.keras.layers.Dense(2)
    def warmup(self, inputs):
        x, *state = self.lstm_rnn(inputs)
        return self.dense(x), state
    def call(self, inputs, training=None):
        predictions = []
        prediction, state = self.warmup(inputs); predictions.append(prediction)
        for n in range(1, self.out_steps):
            x, state = self.lstm_cell(prediction, states=state, training=training)
            prediction = self.dense(x); predictions.append(prediction)
        predictions = tf.stack(predictions)
        return tf.transpose(predictions, [1, 0, 2])
fb = FeedBack(4, 3); fb.compile('adam', 'mse'); fb.fit(rng.rand(8, 6, 2), rng.rand(8, 3, 2), epochs=1, verbose=0); assert fb(rng.rand(1, 6, 2).astype('float32')).shape == (1, 3, 2)
# structured data with preprocessing layers
dataframe = pd.DataFrame({'Type': ['Cat', 'Dog'] * 10, 'Age': rng.randint(1, 9, 20), 'Fee': rng.rand(20), 'target': rng.randint(0, 2, 20)})
def df_to_dataset(dataframe, shuffle=True, batch_size=4):
    df = dataframe.copy(); labels = df.pop('target'); df = {key: value.to_numpy()[:, tf.newaxis] for key, value in df.items()}
    ds = tf.data.Dataset.from_tensor_slices((dict(df), labels))
    if shuffle: ds = ds.shuffle(buffer_size=len(dataframe))
    return ds.batch(batch_size).prefetch(batch_size)
train_ds = df_to_dataset(dataframe)
[(train_features, label_batch)] = train_ds.take(1)
print('Every feature:', list(train_features.keys()), train_features['Type'])
def get_normalization_layer(name, dataset):
    normalizer = layers.Normalization(axis=None); feature_ds = dataset.map(lambda x, y: x[name]); normalizer.adapt(feature_ds); return normalizer
def get_category_encoding_layer(name, dataset, dtype, max_tokens=None):
    index = layers.StringLookup(max_tokens=max_tokens) if dtype == 'string' else layers.IntegerLookup(max_tokens=max_tokens)
    feature_ds = dataset.map(lambda x, y: x[name]); index.adapt(feature_ds)
    encoder = layers.CategoryEncoding(num_tokens=index.vocabulary_size())
    return lambda feature: encoder(index(feature))
tl = get_category_encoding_layer('Type', train_ds, 'string'); assert tl(train_features['Type']).numpy().sum() == 4
all_inputs, encoded = [], []
c = tf.keras.Input(shape=(1,), name='Fee'); all_inputs.append(c); encoded.append(get_normalization_layer('Fee', train_ds)(c))
c = tf.keras.Input(shape=(1,), name='Age', dtype='int64'); all_inputs.append(c); encoded.append(get_category_encoding_layer('Age', train_ds, 'int64', 5)(c))
c = tf.keras.Input(shape=(1,), name='Type', dtype='string'); all_inputs.append(c); encoded.append(tl(c))
x = layers.Dense(8, activation='relu')(tf.keras.layers.concatenate(encoded)); out = layers.Dense(1)(layers.Dropout(.5)(x)); model = tf.keras.Model(all_inputs, out)
model.compile(optimizer='adam', loss=tf.keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"], run_eagerly=False); model.fit(train_ds, epochs=2, validation_data=train_ds, verbose=0); print(len(model.evaluate(train_ds, verbose=0)))
sample = {'Type': 'Cat', 'Age': 3, 'Fee': 100.}; input_dict = {name: tf.convert_to_tensor([value]) for name, value in sample.items()}
predictions = model.predict(input_dict); prob = tf.nn.sigmoid(predictions[0]); print(prob)
