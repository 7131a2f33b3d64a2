"""CTC, attention on graphs, transformers, states of decoders, Q-learning, ratings, devices, mixed precision."""
import os, tempfile; os.environ["KERAS_BACKEND"] = "jax"
import numpy as np, keras, jax
FILE = os.path.join(tempfile.mkdtemp(), 's2s.keras')
from keras import layers, ops
keras.utils.set_random_seed(0); rng = np.random.RandomState(0)
# CTC OCR
class CTCLayer(layers.Layer):
    def call(self, y_true, y_pred):
        b = ops.cast(ops.shape(y_true)[0], 'int64'); t = ops.cast(ops.shape(y_pred)[1], 'int64'); l = ops.cast(ops.shape(y_true)[1], 'int64')
        il = t * ops.ones(shape=(b,), dtype='int64'); ll = l * ops.ones(shape=(b,), dtype='int64')
        self.add_loss(ops.mean(ops.nn.ctc_loss(ops.cast(y_true, 'int32'), y_pred, ll, il, mask_index=0)))
        return y_pred
img = keras.Input((16, 8, 1), name='image'); lab = keras.Input((None,), name='label', dtype='float32')
x = layers.Conv2D(4, 3, padding='same', activation='relu')(img); x = layers.MaxPooling2D((2, 2))(x); x = layers.Reshape((8, 16))(x)
x = layers.Bidirectional(layers.LSTM(8, return_sequences=True, dropout=.25))(x); x = layers.Dense(6, name='dense2')(x); out = CTCLayer(name='ctc_loss')(lab, x)
m = keras.Model([img, lab], out); m.compile(keras.optimizers.Adam()); h = m.fit({'image': rng.rand(8, 16, 8, 1), 'label': rng.randint(1, 6, (8, 3))}, epochs=2, verbose=0); assert sorted(h.history) == ['loss']
pm = keras.models.Model(m.input[0], m.get_layer(name='dense2').output); dec = ops.ctc_decode(pm.predict(rng.rand(2, 16, 8, 1), verbose=0), sequence_lengths=np.ones(2) * 8, mask_index=0); assert np.array(dec[0]).shape == (1, 2, 8)
# graph attention
class GraphAttention(layers.Layer):
    def __init__(self, units, **kw): super().__init__(**kw); self.units = units
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[0][-1], self.units), trainable=True, initializer='glorot_uniform', name='kernel')
        self.kernel_attention = self.add_weight(shape=(self.units * 2, 1), trainable=True, name='ka'); self.built = True
    def call(self, inputs):
        states, edges = inputs; st = ops.matmul(states, self.kernel)
        se = ops.reshape(ops.take(st, edges, axis=0), (ops.shape(edges)[0], -1))
        sc = ops.squeeze(ops.leaky_relu(ops.matmul(se, self.kernel_attention)), -1); sc = ops.exp(ops.clip(sc, -2, 2))
        ssum = ops.segment_sum(sc, edges[:, 0], num_segments=5); ssum = ops.repeat(ssum, 2, total_repeat_length=10) if False else ops.take(ssum, edges[:, 0])
        return ops.segment_sum(ops.take(st, edges[:, 1], axis=0) * (sc / ssum)[:, None], edges[:, 0], num_segments=5)
edges = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 0], [0, 2]]); print(np.array(GraphAttention(3)([rng.rand(5, 4).astype('float32'), edges])).shape)
# transformer text classification
class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
        super().__init__(); self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
        self.ln1 = layers.LayerNormalization(epsilon=1e-6); self.ln2 = layers.LayerNormalization(epsilon=1e-6); self.d1 = layers.Dropout(rate); self.d2 = layers.Dropout(rate)
    def call(self, inputs):
        a = self.d1(self.att(inputs, inputs)); o = self.ln1(inputs + a); return self.ln2(o + self.d2(self.ffn(o)))
class TokPos(layers.Layer):
    def __init__(self, maxlen, vocab, dim):
        super().__init__(); self.t = layers.Embedding(vocab, dim); self.p = layers.Embedding(maxlen, dim)
    def call(self, x):
        return self.t(x) + self.p(ops.arange(0, ops.shape(x)[-1], 1))
i = keras.Input((10,)); z = TransformerBlock(8, 2, 8)(TokPos(10, 30, 8)(i)); z = layers.GlobalAveragePooling1D()(z); o = layers.Dense(2, activation='softmax')(layers.Dropout(.1)(z)); m = keras.Model(i, o)
m.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy']); h = m.fit(rng.randint(0, 30, (16, 10)), rng.randint(0, 2, 16), batch_size=8, epochs=2, validation_data=(rng.randint(0, 30, (8, 10)), rng.randint(0, 2, 8)), verbose=0); print(sorted(h.history))
# seq2seq with states
ei = keras.Input((None, 5)); eo, sh, sc = layers.LSTM(6, return_state=True)(ei); di = keras.Input((None, 4)); dl = layers.LSTM(6, return_sequences=True, return_state=True)
do, _, _ = dl(di, initial_state=[sh, sc]); dd = layers.Dense(4, activation='softmax'); m = keras.Model([ei, di], dd(do)); m.compile('rmsprop', 'categorical_crossentropy', metrics=['accuracy'])
m.fit([rng.rand(8, 3, 5), rng.rand(8, 4, 4)], np.eye(4)[rng.randint(0, 4, (8, 4))], epochs=1, verbose=0)
m.save(FILE); m = keras.models.load_model(FILE); ei = m.input[0]; _, sh, sc = m.layers[2].output; em = keras.Model(ei, [sh, sc])
di = m.input[1]; s1, s2 = keras.Input((6,)), keras.Input((6,)); dl = m.layers[3]; do, a, b = dl(di, initial_state=[s1, s2]); dm = keras.Model([di, s1, s2], [m.layers[4](do), a, b])
st = em.predict(rng.rand(1, 3, 5), verbose=0); r = dm.predict([np.zeros((1, 1, 4))] + st, verbose=0); assert [x.shape for x in r] == [(1, 1, 4), (1, 6), (1, 6)]
# actor critic by hand in jax + keras metric weights, DQN
model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation='relu'), layers.Dense(2)]); target = keras.models.clone_model(model); target.set_weights(model.get_weights())
opt = keras.optimizers.Adam(learning_rate=0.00025, clipnorm=1.0); opt.build(model.trainable_variables); lf = keras.losses.Huber()
def L(tv, ntv, s, a, y):
    q, ntv = model.stateless_call(tv, ntv, s); qa = ops.sum(ops.multiply(q, ops.one_hot(a, 2)), axis=1); return lf(y, qa), ntv
gfn = jax.jit(jax.value_and_grad(L, has_aux=True))
tv = [v.value for v in model.trainable_variables]; (l, _), g = gfn(tv, [], rng.rand(5, 4).astype('float32'), rng.randint(0, 2, 5), rng.rand(5).astype('float32')); opt.apply(g, model.trainable_variables); assert float(l) > 0 and int(opt.iterations.value) == 1
# swin-like window ops
t = ops.roll(ops.reshape(ops.arange(32), (1, 4, 4, 2)), shift=[-1, -1], axis=[1, 2]); assert np.array(t)[0, 0, 0].tolist() == [10, 11]
# collaborative filtering
class RecommenderNet(keras.Model):
    def __init__(self, n, k, e, **kwargs):
        super().__init__(**kwargs)
        self.ue = layers.Embedding(n, e, embeddings_initializer="he_normal", embeddings_regularizer=keras.regularizers.l2(1e-6)); self.ub = layers.Embedding(n, 1)
        self.me = layers.Embedding(k, e, embeddings_initializer="he_normal", embeddings_regularizer=keras.regularizers.l2(1e-6)); self.mb = layers.Embedding(k, 1)
    def call(self, inputs):
        u, ub, v, vb = self.ue(inputs[:, 0]), self.ub(inputs[:, 0]), self.me(inputs[:, 1]), self.mb(inputs[:, 1])
        return ops.nn.sigmoid(ops.tensordot(u, v, 2) + ub + vb)
r = RecommenderNet(10, 12, 4); r.compile(loss=keras.losses.BinaryCrossentropy(), optimizer=keras.optimizers.Adam(0.001)); h = r.fit(np.c_[rng.randint(0, 10, 32), rng.randint(0, 12, 32)], rng.rand(32), batch_size=8, epochs=2, validation_split=.25, verbose=0); print(sorted(h.history))
# distribution API
devices = keras.distribution.list_devices(); assert devices
dp = keras.distribution.DataParallel(devices=devices); keras.distribution.set_distribution(dp)
q = keras.Sequential([keras.Input((4,)), layers.Dense(1)]); q.compile('sgd', 'mse'); q.fit(rng.rand(8, 4), rng.rand(8, 1), epochs=1, verbose=0)
mesh = keras.distribution.DeviceMesh(shape=(1, 1), axis_names=["data", "model"], devices=devices[:1]); lm = keras.distribution.LayoutMap(mesh); lm["dense.*kernel"] = (None, "model"); lm["dense.*bias"] = ("model",)
keras.distribution.set_distribution(None)
keras.mixed_precision.set_global_policy('mixed_bfloat16'); w = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(1, dtype='float32')]); w.compile('adam', 'mse'); w.fit(rng.rand(8, 4), rng.rand(8, 1), epochs=1, verbose=0); assert (w.layers[0].compute_dtype, w.layers[0].kernel.dtype) == ('bfloat16', 'float32'); keras.mixed_precision.set_global_policy('float32')
