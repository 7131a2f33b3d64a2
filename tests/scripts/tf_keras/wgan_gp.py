"""A GAN whose critic has a gradient penalty; gradients of gradients, penalties and losses under a tape."""
import numpy as np, tensorflow as tf
# second order
x = tf.Variable(2.0)
with tf.GradientTape() as o:
    with tf.GradientTape() as i:
        y = x ** 3
    g = i.gradient(y, x)
assert g.numpy() == 12 and o.gradient(g, x).numpy() == 12
# regulariser grads
l = tf.keras.layers.Dense(2, kernel_regularizer='l2')
with tf.GradientTape() as t:
    y = l(np.ones((1, 3), 'float32'))
    loss = tf.add_n(l.losses)
gr = t.gradient(loss, l.trainable_variables)
np.testing.assert_allclose(gr[0], 0.02 * l.kernel.numpy(), rtol=1e-5); assert gr[1] is None
with tf.GradientTape() as t:
    loss = tf.reduce_sum(l.kernel * l.kernel)
np.testing.assert_allclose(t.gradient(loss, l.kernel), 2 * l.kernel.numpy(), rtol=1e-5)
# functional losses
with tf.GradientTape() as t:
    y = l(np.ones((4, 3), 'float32'))
    loss = tf.reduce_mean(tf.keras.losses.mean_squared_error(np.ones((4, 2)), y))
assert [g.shape for g in t.gradient(loss, l.trainable_variables)] == [(3, 2), (2,)]
# WGAN-GP as model
class WGAN(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.disc = tf.keras.Sequential([tf.keras.layers.Dense(4, activation='tanh'), tf.keras.layers.Dense(1)])
        self.gen = tf.keras.Sequential([tf.keras.layers.Dense(4, activation='tanh'), tf.keras.layers.Dense(3)])
    def compile(self, d, g, **k):
        super().compile(**k); self.d_opt, self.g_opt = d, g
    def gradient_penalty(self, batch_size, real, fake):
        alpha = tf.random.normal([batch_size, 1], 0.0, 1.0)
        interp = real + alpha * (fake - real)
        with tf.GradientTape() as gp:
            gp.watch(interp)
            pred = self.disc(interp, training=True)
        grads = gp.gradient(pred, [interp])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(grads), axis=[1]))
        return tf.reduce_mean((norm - 1.0) ** 2)
    def train_step(self, real):
        if isinstance(real, tuple): real = real[0]
        batch_size = tf.shape(real)[0]
        for i in range(2):
            z = tf.random.normal(shape=(batch_size, 2))
            with tf.GradientTape() as tape:
                fake = self.gen(z, training=True)
                gp = self.gradient_penalty(batch_size, real, fake)
                d_loss = tf.reduce_mean(self.disc(fake)) - tf.reduce_mean(self.disc(real)) + 10.0 * gp
            g = tape.gradient(d_loss, self.disc.trainable_variables)
            self.d_opt.apply_gradients(zip(g, self.disc.trainable_variables))
        with tf.GradientTape() as tape:
            g_loss = -tf.reduce_mean(self.disc(self.gen(z, training=True), training=True))
        self.g_opt.apply_gradients(zip(tape.gradient(g_loss, self.gen.trainable_variables), self.gen.trainable_variables))
        return {'d_loss': d_loss, 'g_loss': g_loss, 'z': tf.reduce_mean(z), 'gp': gp}
w = WGAN(); w.compile(tf.keras.optimizers.Adam(1e-2), tf.keras.optimizers.Adam(1e-2))
h = w.fit(np.random.rand(32, 3).astype('float32'), batch_size=8, epochs=4, verbose=0)
assert len(set(h.history['z'])) == 4
