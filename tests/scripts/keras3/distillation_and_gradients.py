"""Distillation, contrastive losses, siamese networks, gradients of networks, regularizers of one's own."""
import os; os.environ["KERAS_BACKEND"] = "jax"
import numpy as np, keras, jax
from keras import layers, ops
keras.utils.set_random_seed(0)
rng = np.random.RandomState(0)
# knowledge distillation
class Distiller(keras.Model):
    def __init__(self, student, teacher):
        super().__init__(); self.teacher = teacher; self.student = student
    def compile(self, optimizer, metrics, student_loss_fn, distillation_loss_fn, alpha=0.1, temperature=3):
        super().compile(optimizer=optimizer, metrics=metrics)
        self.student_loss_fn, self.distillation_loss_fn, self.alpha, self.temperature = student_loss_fn, distillation_loss_fn, alpha, temperature
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, allow_empty=False):
        teacher_pred = self.teacher(x, training=False)
        student_loss = self.student_loss_fn(y, y_pred)
        distillation_loss = self.distillation_loss_fn(ops.softmax(teacher_pred / self.temperature, axis=1), ops.softmax(y_pred / self.temperature, axis=1)) * (self.temperature**2)
        return self.alpha * student_loss + (1 - self.alpha) * distillation_loss
    def call(self, x): return self.student(x)
teacher = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation='relu'), layers.Dense(3)])
student = keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.Dense(3)])
x = rng.rand(32, 8).astype('float32'); y = rng.randint(0, 3, 32)
teacher.compile('adam', keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=[keras.metrics.SparseCategoricalAccuracy()])
teacher.fit(x, y, epochs=1, verbose=0); before = teacher.get_weights()[0].copy()
d = Distiller(student, teacher)
d.compile(keras.optimizers.Adam(), [keras.metrics.SparseCategoricalAccuracy()], keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.losses.KLDivergence(), alpha=0.1, temperature=10)
h = d.fit(x, y, epochs=2, verbose=0); assert sorted(h.history) == ['loss', 'sparse_categorical_accuracy'] and len(d.evaluate(x, y, verbose=0)) == 2
# supervised contrastive
class SupCon(keras.losses.Loss):
    def __init__(self, temperature=1, name=None):
        super().__init__(name=name); self.temperature = temperature
    def __call__(self, labels, feature_vectors, sample_weight=None):
        f = keras.utils.normalize(feature_vectors, axis=1, order=2)
        logits = ops.divide(ops.matmul(f, keras.ops.transpose(f)), self.temperature)
        labels = ops.reshape(labels, (-1, 1)); same = ops.cast(ops.equal(labels, ops.transpose(labels)), 'float32')
        same = same / ops.sum(same, axis=1, keepdims=True)
        return ops.mean(keras.losses.categorical_crossentropy(same, logits, from_logits=True))
enc = keras.Sequential([keras.Input((8,)), layers.Dense(8)]); inp = keras.Input((8,)); f = enc(inp); out = layers.Dense(4, activation='relu')(f)
m = keras.Model(inp, out); m.compile(keras.optimizers.Adam(0.001), loss=SupCon(0.05)); h = m.fit(x, y, batch_size=16, epochs=2, verbose=0); assert sorted(h.history) == ['loss']
enc.trainable = False
# metric learning, DistanceLayer siamese with custom train_step via jax
class DistanceLayer(layers.Layer):
    def call(self, anchor, positive, negative):
        return (ops.sum(ops.square(anchor - positive), -1), ops.sum(ops.square(anchor - negative), -1))
ain, pin, nin = (keras.Input((8,), name=n) for n in ('anchor', 'positive', 'negative'))
emb = keras.Sequential([layers.Dense(4)]); dist = DistanceLayer()(emb(ain), emb(pin), emb(nin)); net = keras.Model([ain, pin, nin], dist)
class Siamese(keras.Model):
    def __init__(self, net, margin=0.5):
        super().__init__(); self.net = net; self.margin = margin; self.loss_tracker = keras.metrics.Mean(name='loss')
    def call(self, inputs): return self.net(inputs)
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        ap, an = y_pred
        return ops.mean(ops.maximum(ap - an + self.margin, 0.0))
s = Siamese(net); s.compile(keras.optimizers.Adam(1e-3)); h = s.fit([x, x[::-1], x + 1], epochs=2, verbose=0); assert sorted(h.history) == ['loss']
# grad-cam / integrated gradients with jax
inp = keras.Input((8, 8, 3)); c = layers.Conv2D(4, 3, name='last_conv')(inp); o = layers.Dense(3, name='out')(layers.GlobalAveragePooling2D()(c)); cnn = keras.Model(inp, o)
last = keras.Model(cnn.inputs, cnn.get_layer('last_conv').output)
cls_in = keras.Input(cnn.get_layer('last_conv').output.shape[1:]); z = cls_in
for l in cnn.layers[2:]: z = l(z)
clf = keras.Model(cls_in, z)
img = rng.rand(1, 8, 8, 3).astype('float32')
def loss_fn(a):
    preds = clf(a); top = ops.argmax(preds[0]); return preds[:, top][0]
a = last(img); g = jax.grad(loss_fn)(a); assert np.array(ops.mean(g, axis=(0, 1, 2))).shape == (4,)
base = np.zeros_like(img); al = np.linspace(0, 1, 5).reshape(-1, 1, 1, 1); gr = jax.vmap(jax.grad(lambda i: cnn(i[None])[0, 1]))(base + al * (img - base)); assert gr.shape == (5, 8, 8, 3)
# deep dream / visualizing filters
def fl(image): return ops.mean(last(image)[:, 2:-2, 2:-2, 0])
gf = jax.jit(jax.grad(fl)); im = img
for _ in range(3):
    grads = gf(im); grads = keras.utils.normalize(np.array(grads)) if False else grads / ops.sqrt(ops.mean(ops.square(grads))); im = im + 0.1 * grads
# PointNet orthogonal regularizer
class OrthogonalRegularizer(keras.regularizers.Regularizer):
    def __init__(self, n, l2reg=0.001): self.n, self.l2reg, self.identity = n, l2reg, ops.eye(n)
    def __call__(self, x):
        x = ops.reshape(x, (-1, self.n, self.n)); xxt = ops.tensordot(x, x, axes=(2, 2)); xxt = ops.reshape(xxt, (-1, self.n, self.n))
        return ops.sum(self.l2reg * ops.square(xxt - self.identity))
def tnet(inputs, k):
    bias = keras.initializers.Constant(np.eye(k).flatten()); reg = OrthogonalRegularizer(k)
    t = layers.Conv1D(8, 1)(inputs); t = layers.BatchNormalization(momentum=0.0)(t); t = layers.GlobalMaxPooling1D()(t)
    t = layers.Dense(k * k, kernel_initializer="zeros", bias_initializer=bias, activity_regularizer=reg)(t)
    return layers.Dot(axes=(2, 1))([inputs, layers.Reshape((k, k))(t)])
i = keras.Input((16, 3)); p = keras.Model(i, layers.Dense(2, activation='softmax')(layers.GlobalMaxPooling1D()(tnet(i, 3))))
p.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(0.001), metrics=["sparse_categorical_accuracy"]); p.fit(rng.rand(8, 16, 3), rng.randint(0, 2, 8), epochs=1, verbose=0, batch_size=4)
