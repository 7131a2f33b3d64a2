"""Training loops by hand in JAX, steps in the form of JAX, distributions (Keras 3)."""
import os; os.environ["KERAS_BACKEND"] = "jax"
import numpy as np, keras, jax, jax.numpy as jnp
rng = np.random.RandomState(0); X = rng.rand(64, 10).astype('float32'); Y = rng.randint(0, 3, (64, 1))
keras.utils.set_random_seed(1)
def get_model():
    inputs = keras.Input(shape=(10,), name="digits"); x = keras.layers.Dense(16, activation="relu")(inputs); x = keras.layers.BatchNormalization()(x); x = keras.layers.Dropout(.2)(x); return keras.Model(inputs=inputs, outputs=keras.layers.Dense(3)(x))
model = get_model(); optimizer = keras.optimizers.Adam(learning_rate=1e-2); loss_fn = keras.losses.CategoricalCrossentropy(from_logits=True)
def compute_loss_and_updates(trainable_variables, non_trainable_variables, metric_variables, x, y):
    y_pred, non_trainable_variables = model.stateless_call(trainable_variables, non_trainable_variables, x, training=True)
    loss = loss_fn(y, y_pred); metric_variables = train_acc_metric.stateless_update_state(metric_variables, y, y_pred); return loss, (non_trainable_variables, metric_variables)
train_acc_metric = keras.metrics.CategoricalAccuracy(); val_acc_metric = keras.metrics.CategoricalAccuracy()
grad_fn = jax.value_and_grad(compute_loss_and_updates, has_aux=True)
@jax.jit
def train_step(state, data):
    tv, ntv, ov, mv = state; x, y = data
    (loss, (ntv, mv)), grads = grad_fn(tv, ntv, mv, x, y)
    tv, ov = optimizer.stateless_apply(ov, grads, tv); return loss, (tv, ntv, ov, mv)
@jax.jit
def eval_step(state, data):
    tv, ntv, mv = state; x, y = data; y_pred, ntv = model.stateless_call(tv, ntv, x); loss = loss_fn(y, y_pred); mv = val_acc_metric.stateless_update_state(mv, y, y_pred); return loss, (tv, ntv, mv)
optimizer.build(model.trainable_variables)
tv, ntv, ov, mv = [[v.value for v in l] for l in (model.trainable_variables, model.non_trainable_variables, optimizer.variables, train_acc_metric.variables)]; state = tv, ntv, ov, mv
Yh = keras.utils.to_categorical(Y, 3)
for step in range(8): loss, state = train_step(state, (X[step * 8:step * 8 + 8], Yh[step * 8:step * 8 + 8]))
_, _, _, mv = state
for variable, value in zip(train_acc_metric.variables, mv): variable.assign(value)
print(float(loss), float(train_acc_metric.result())); train_acc_metric.reset_state(); tv, ntv, ov, mv = state
s = tv, ntv, [v.value for v in val_acc_metric.variables]
for step in range(2): l, s = eval_step(s, (X[:32], Yh[:32]))
for variable, value in zip(model.trainable_variables, tv): variable.assign(value)
for variable, value in zip(model.non_trainable_variables, ntv): variable.assign(value)
print(model.predict(X[:2], verbose=0).shape, float(val_acc_metric.stateless_result(s[2])))
# custom train_step in jax
class CustomModel(keras.Model):
    def compute_loss_and_updates(self, tv, ntv, mv, x, y, training=False):
        y_pred, ntv = self.stateless_call(tv, ntv, x, training=training); loss = self.compute_loss(x, y, y_pred); return loss, (y_pred, ntv)
    def train_step(self, state, data):
        tv, ntv, ov, mv = state; x, y = data; gf = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, ntv)), grads = gf(tv, ntv, mv, x, y, training=True); tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        new_mv = []; logs = {}
        for metric in self.metrics:
            this = mv[len(new_mv):len(new_mv) + len(metric.variables)]
            this = metric.stateless_update_state(this, loss) if metric.name == "loss" else metric.stateless_update_state(this, y, y_pred)
            logs[metric.name] = metric.stateless_result(this); new_mv += this
        return logs, (tv, ntv, ov, new_mv)
    def test_step(self, state, data):
        x, y = data; tv, ntv, mv = state; y_pred, ntv = self.stateless_call(tv, ntv, x, training=False); loss = self.compute_loss(x, y, y_pred)
        new_mv, logs = [], {}
        for metric in self.metrics:
            this = mv[len(new_mv):len(new_mv) + len(metric.variables)]
            this = metric.stateless_update_state(this, loss) if metric.name == "loss" else metric.stateless_update_state(this, y, y_pred)
            logs[metric.name] = metric.stateless_result(this); new_mv += this
        return logs, (tv, ntv, new_mv)
i = keras.Input((10,)); m = CustomModel(i, keras.layers.Dense(1)(keras.layers.Dropout(.1)(i))); m.compile(optimizer="adam", loss="mse", metrics=["mae"]); h = m.fit(X, X[:, :1], epochs=2); print(m.evaluate(X, X[:, :1], verbose=0)); assert set(h.history) == {'loss', 'mae'} or set(h.history) == {'loss', 'mean_absolute_error'}, h.history
# low level custom loop with own metric list
class CM2(keras.Model):
    def __init__(self, *a, **k): super().__init__(*a, **k); self.loss_tracker = keras.metrics.Mean(name="loss"); self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae"); self.loss_fn = keras.losses.MeanSquaredError()
    def cl(self, tv, ntv, x, y, training=False): y_pred, ntv = self.stateless_call(tv, ntv, x, training=training); return self.loss_fn(y, y_pred), (y_pred, ntv)
    def train_step(self, state, data):
        tv, ntv, ov, mv = state; x, y = data; (loss, (y_pred, ntv)), grads = jax.value_and_grad(self.cl, has_aux=True)(tv, ntv, x, y, training=True); tv, ov = self.optimizer.stateless_apply(ov, grads, tv)
        lv = mv[:len(self.loss_tracker.variables)]; mm = mv[len(self.loss_tracker.variables):]; lv = self.loss_tracker.stateless_update_state(lv, loss); mm = self.mae_metric.stateless_update_state(mm, y, y_pred)
        return {"loss": self.loss_tracker.stateless_result(lv), "mae": self.mae_metric.stateless_result(mm)}, (tv, ntv, ov, lv + mm)
    @property
    def metrics(self): return [self.loss_tracker, self.mae_metric]
i = keras.Input((10,)); m = CM2(i, keras.layers.Dense(1)(i)); m.compile(optimizer="adam"); h = m.fit(X, X[:, :1], epochs=2, verbose=2); assert set(h.history) == {'loss', 'mae'}
# seeds under jit, keras.random stateless
sg = keras.random.SeedGenerator(1)
print(keras.random.normal((2,), seed=3), keras.ops.convert_to_numpy(keras.random.uniform((2,), seed=sg)))
# distribution
devices = jax.devices(); dp = keras.distribution.DataParallel(devices=keras.distribution.list_devices()); mesh = keras.distribution.DeviceMesh(shape=(1, 1), axis_names=["batch", "model"], devices=keras.distribution.list_devices()[:1]); lm = keras.distribution.LayoutMap(mesh); lm[".*dense.*kernel"] = keras.distribution.TensorLayout([None, "model"], mesh) if False else (None, "model"); mp = keras.distribution.ModelParallel(layout_map=lm, batch_dim_name="batch")
with dp.scope(): mm = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)]); mm.compile('sgd', 'mse'); mm.fit(X, Y, verbose=0)
with mp.scope(): mm = keras.Sequential([keras.Input((10,)), keras.layers.Dense(2)]); mm.compile('sgd', 'mse'); mm.fit(X, np.ones((64, 2)), verbose=0)
from jax.experimental import mesh_utils; from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
dm = mesh_utils.create_device_mesh((1,)); msh = Mesh(dm, axis_names=("batch",)); sh = NamedSharding(msh, P("batch")); ds = jax.device_put(X, sh); print(ds.sharding)
