"""Losses, metrics, layers, models, gradients and loops of one's own, in the style of a book."""
import numpy as np, tensorflow as tf, os, tempfile
from tensorflow import keras
K = keras.backend
rng = np.random.RandomState(42); tf.random.set_seed(42); keras.backend.clear_session()
X = rng.rand(96, 8).astype(np.float32); y = X.sum(1, keepdims=True).astype(np.float32)
X_train, y_train, X_valid, y_valid = X[:64], y[:64], X[64:], y[64:]
def huber_fn(y_true, y_pred):
    error = y_true - y_pred
    is_small_error = tf.abs(error) < 1
    return tf.where(is_small_error, tf.square(error) / 2, tf.abs(error) - 0.5)
def create_huber(threshold=1.0):
    def huber_fn(y_true, y_pred):
        error = y_true - y_pred
        is_small_error = tf.abs(error) < threshold
        return tf.where(is_small_error, tf.square(error) / 2, threshold * tf.abs(error) - threshold**2 / 2)
    return huber_fn
class HuberLoss(keras.losses.Loss):
    def __init__(self, threshold=1.0, **kwargs):
        self.threshold = threshold
        super().__init__(**kwargs)
    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return tf.where(tf.abs(error) < self.threshold, tf.square(error) / 2, self.threshold * tf.abs(error) - self.threshold**2 / 2)
    def get_config(self):
        base_config = super().get_config()
        return {**base_config, "threshold": self.threshold}
class HuberMetric(keras.metrics.Metric):
    def __init__(self, threshold=1.0, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold
        self.huber_fn = create_huber(threshold)
        self.total = self.add_weight("total", initializer="zeros")
        self.count = self.add_weight("count", initializer="zeros")
    def update_state(self, y_true, y_pred, sample_weight=None):
        metric = self.huber_fn(y_true, y_pred)
        self.total.assign_add(tf.reduce_sum(metric))
        self.count.assign_add(tf.cast(tf.size(y_true), tf.float32))
    def result(self):
        return self.total / self.count
    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}
def my_softplus(z): return tf.math.log(tf.exp(z) + 1.0)
def my_glorot_initializer(shape, dtype=tf.float32):
    stddev = tf.sqrt(2. / (shape[0] + shape[1]))
    return tf.random.normal(shape, stddev=stddev, dtype=dtype)
def my_l1_regularizer(weights): return tf.reduce_sum(tf.abs(0.01 * weights))
def my_positive_weights(weights): return tf.where(weights < 0., tf.zeros_like(weights), weights)
class MyL1Regularizer(keras.regularizers.Regularizer):
    def __init__(self, factor): self.factor = factor
    def __call__(self, weights): return tf.reduce_sum(tf.abs(self.factor * weights))
    def get_config(self): return {"factor": self.factor}
model = keras.models.Sequential([
    keras.layers.Dense(30, activation="selu", kernel_initializer="lecun_normal", input_shape=[8]),
    keras.layers.Dense(1, activation=my_softplus, kernel_regularizer=my_l1_regularizer, kernel_constraint=my_positive_weights, kernel_initializer=my_glorot_initializer)])
model.compile(loss=HuberLoss(2.), optimizer="nadam", metrics=[HuberMetric(2.), "mae", create_huber(2.0)])
h = model.fit(X_train, y_train, epochs=2, validation_data=(X_valid, y_valid), verbose=0)
assert set(h.history) == {"loss", "huber_metric", "mae", "huber_fn", "val_loss", "val_huber_metric", "val_mae", "val_huber_fn"}
d = tempfile.mkdtemp(); model.save(d + "/m.h5")
model = keras.models.load_model(d + "/m.h5", custom_objects={"my_l1_regularizer": my_l1_regularizer, "my_positive_weights": my_positive_weights, "my_glorot_initializer": my_glorot_initializer, "my_softplus": my_softplus, "HuberLoss": HuberLoss, "HuberMetric": HuberMetric, "huber_fn": create_huber(2.0)})
model.fit(X_train, y_train, epochs=1, verbose=0)
m = HuberMetric(2.); m(tf.constant([[2.]]), tf.constant([[10.]])); assert m.result().numpy() == 14.0; m.reset_states()
class MyDense(keras.layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs); self.units = units; self.activation = keras.activations.get(activation)
    def build(self, batch_input_shape):
        self.kernel = self.add_weight(name="kernel", shape=[batch_input_shape[-1], self.units], initializer="glorot_normal")
        self.bias = self.add_weight(name="bias", shape=[self.units], initializer="zeros")
        super().build(batch_input_shape)
    def call(self, X): return self.activation(X @ self.kernel + self.bias)
    def compute_output_shape(self, batch_input_shape): return tf.TensorShape(batch_input_shape.as_list()[:-1] + [self.units])
    def get_config(self): return {**super().get_config(), "units": self.units, "activation": keras.activations.serialize(self.activation)}
class AddGaussianNoise(keras.layers.Layer):
    def __init__(self, stddev, **kwargs): super().__init__(**kwargs); self.stddev = stddev
    def call(self, X, training=None):
        if training:
            noise = tf.random.normal(tf.shape(X), stddev=self.stddev)
            return X + noise
        else: return X
class MyMultiLayer(keras.layers.Layer):
    def call(self, X):
        X1, X2 = X
        return X1 + X2, X1 * X2
    def compute_output_shape(self, s): return [s[0], s[1]]
i1 = keras.layers.Input(shape=[2]); o1, o2 = MyMultiLayer()((i1, i1))
model = keras.models.Sequential([AddGaussianNoise(1.), MyDense(16, 'relu', input_shape=[8]), MyDense(1)])
model.compile(loss="mse", optimizer="nadam"); model.fit(X_train, y_train, epochs=1, verbose=0); model.evaluate(X_valid, y_valid, verbose=0)
class ResidualBlock(keras.layers.Layer):
    def __init__(self, n_layers, n_neurons, **kwargs):
        super().__init__(**kwargs); self.hidden = [keras.layers.Dense(n_neurons, activation="elu", kernel_initializer="he_normal") for _ in range(n_layers)]
    def call(self, inputs):
        Z = inputs
        for layer in self.hidden: Z = layer(Z)
        return inputs + Z
class ReconstructingRegressor(keras.models.Model):
    def __init__(self, output_dim, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [keras.layers.Dense(8, activation="selu", kernel_initializer="lecun_normal") for _ in range(2)]
        self.block = ResidualBlock(2, 8)
        self.out = keras.layers.Dense(output_dim)
        self.reconstruction_mean = keras.metrics.Mean(name="reconstruction_error")
    def build(self, batch_input_shape):
        n_inputs = batch_input_shape[-1]
        self.reconstruct = keras.layers.Dense(n_inputs)
    def call(self, inputs, training=None):
        Z = inputs
        for layer in self.hidden: Z = layer(Z)
        Z = self.block(Z)
        reconstruction = self.reconstruct(Z)
        recon_loss = tf.reduce_mean(tf.square(reconstruction - inputs))
        self.add_loss(0.05 * recon_loss)
        if training:
            result = self.reconstruction_mean(recon_loss)
            self.add_metric(result)
        return self.out(Z)
model = ReconstructingRegressor(1); model.compile(loss="mse", optimizer="nadam")
h = model.fit(X_train, y_train, epochs=2, verbose=0); assert set(h.history) == {"loss", "reconstruction_error"}
def f(w1, w2): return 3 * w1 ** 2 + 2 * w1 * w2
w1, w2 = tf.Variable(5.), tf.Variable(3.)
with tf.GradientTape() as tape: z = f(w1, w2)
assert [g.numpy() for g in tape.gradient(z, [w1, w2])] == [36.0, 10.0]
with tf.GradientTape(persistent=True) as hessian_tape:
    with tf.GradientTape() as jacobian_tape:
        z = f(w1, w2)
    jacobians = jacobian_tape.gradient(z, [w1, w2])
hessians = [hessian_tape.gradient(jacobian, [w1, w2]) for jacobian in jacobians]
assert [[None if a is None else float(a) for a in r] for r in hessians] == [[6.0, 2.0], [2.0, 0.0]]
@tf.custom_gradient
def my_better_softplus(z):
    exp = tf.exp(z)
    def my_softplus_gradients(grad): return grad / (1 + 1 / exp)
    return tf.math.log(exp + 1), my_softplus_gradients
x = tf.Variable([1000.])
with tf.GradientTape() as tape: z = my_better_softplus(x)
assert tape.gradient(z, [x])[0].numpy() == 1.0
l2_reg = keras.regularizers.l2(0.05)
model = keras.models.Sequential([keras.layers.Dense(30, activation="elu", kernel_initializer="he_normal", kernel_regularizer=l2_reg), keras.layers.Dense(1, kernel_regularizer=l2_reg)])
def random_batch(X, y, batch_size=32):
    idx = np.random.randint(len(X), size=batch_size); return X[idx], y[idx]
def print_status_bar(iteration, total, loss, metrics=None):
    metrics = " - ".join(["{}: {:.4f}".format(m.name, m.result()) for m in [loss] + (metrics or [])])
    end = "" if iteration < total else "\n"
    print("\r{}/{} - ".format(iteration, total) + metrics, end=end)
optimizer = keras.optimizers.Nadam(learning_rate=0.01); loss_fn = keras.losses.mean_squared_error
mean_loss = keras.metrics.Mean(); metrics = [keras.metrics.MeanAbsoluteError()]
first = None
for epoch in range(1, 3):
    for step in range(1, 5):
        X_batch, y_batch = random_batch(X_train, y_train)
        with tf.GradientTape() as tape:
            y_pred = model(X_batch)
            main_loss = tf.reduce_mean(loss_fn(y_batch, y_pred))
            loss = tf.add_n([main_loss] + model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        for variable in model.variables:
            if variable.constraint is not None: variable.assign(variable.constraint(variable))
        first = first or float(loss)
        mean_loss(loss)
        for metric in metrics: metric(y_batch, y_pred)
        print_status_bar(step * 32, len(y_train), mean_loss, metrics)
    for metric in [mean_loss] + metrics: metric.reset_states()
assert float(loss) < first
@tf.function
def add_10(x):
    for i in tf.range(10): x += 1
    return x
assert add_10(tf.constant(5)).numpy() == 15 and tf.function(lambda x: x ** 3)(tf.constant(2.0)).numpy() == 8
class MCDropout(keras.layers.AlphaDropout):
    def call(self, inputs): return super().call(inputs, training=True)
mc = keras.models.Sequential([keras.layers.Dense(8, input_shape=[8]), MCDropout(rate=0.5), keras.layers.Dense(2, activation='softmax')])
yp = np.stack([mc(X_valid, training=True) for _ in range(3)]); assert yp.std(axis=0).max() > 0
K = keras.backend
class ExponentialLearningRate(keras.callbacks.Callback):
    def __init__(self, factor): self.factor = factor; self.rates = []; self.losses = []
    def on_batch_end(self, batch, logs):
        self.rates.append(K.get_value(self.model.optimizer.lr)); self.losses.append(logs["loss"])
        K.set_value(self.model.optimizer.lr, self.model.optimizer.lr * self.factor)
m = keras.models.Sequential([keras.layers.Dense(1, input_shape=[8])]); m.compile(loss='mse', optimizer=keras.optimizers.SGD(learning_rate=1e-3)); e = ExponentialLearningRate(1.1); m.fit(X_train, y_train, epochs=1, callbacks=[e], verbose=0); np.testing.assert_allclose(e.rates, [1e-3, 1.1e-3], rtol=1e-5)
policy = keras.models.Sequential([keras.layers.Dense(5, activation="elu", input_shape=[4]), keras.layers.Dense(1, activation="sigmoid")])
def play_one_step(obs, model, loss_fn):
    with tf.GradientTape() as tape:
        left_proba = model(obs[np.newaxis])
        action = (tf.random.uniform([1, 1]) > left_proba)
        y_target = tf.constant([[1.]]) - tf.cast(action, tf.float32)
        loss = tf.reduce_mean(loss_fn(y_target, left_proba))
    grads = tape.gradient(loss, model.trainable_variables)
    return int(action[0, 0].numpy()), grads
allg = [play_one_step(rng.rand(4).astype('float32'), policy, keras.losses.binary_crossentropy)[1] for _ in range(3)]
mean_grads = []
for vi in range(len(policy.trainable_variables)):
    mean_grads.append(tf.reduce_mean([r * allg[s][vi] for s, r in enumerate([.5, 1., -1.])], axis=0))
optimizer = keras.optimizers.Adam(learning_rate=0.01); optimizer.apply_gradients(zip(mean_grads, policy.trainable_variables))
