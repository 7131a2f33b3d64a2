"""An actor and a critic whose gradients a session of TensorFlow takes, as agents of 2016 did."""

import numpy as np
import tensorflow as tf
from keras import backend as K
from keras.initializations import normal
from keras.layers import Dense, Input, merge
from keras.models import Model
from keras.optimizers import Adam

np.random.seed(1337)
sess = tf.Session()
K.set_session(sess)


def make_actor(states, actions):
    s = Input(shape=[states])
    hidden = Dense(16, activation="relu")(s)
    start = lambda shape, name: normal(shape, scale=1e-3, name=name)  # noqa: E731
    heads = [Dense(1, activation=a, init=start)(hidden) for a in ("tanh", "sigmoid")]
    return Model(input=s, output=merge(heads, mode="concat")), s


actor, state = make_actor(4, 2)
target, _ = make_actor(4, 2)
action_gradient = tf.placeholder(tf.float32, [None, 2])
parameter_gradients = tf.gradients(actor.output, actor.trainable_weights, -action_gradient)
optimize = tf.train.AdamOptimizer(0.03).apply_gradients(zip(parameter_gradients, actor.trainable_weights))

s, a = Input(shape=[4]), Input(shape=[2], name="action")
h = merge([Dense(16, activation="relu")(s), Dense(16, activation="linear")(a)], mode="sum")
critic = Model(input=[s, a], output=Dense(1)(Dense(16, activation="relu")(h)))
critic.compile(loss="mse", optimizer=Adam(lr=0.03))
action_grads = tf.gradients(critic.output, a)
sess.run(tf.initialize_all_variables())

states = np.random.rand(32, 4)
best = np.array([[0.5, 0.25]])


def reward(actions):
    return -np.sum((actions - best) ** 2, axis=1, keepdims=True)


before = reward(actor.predict(states)).mean()
for _ in range(25):
    tried = actor.predict(states) + 0.3 * np.random.randn(32, 2)
    critic.train_on_batch([states, tried], reward(tried))
    found = sess.run(action_grads, feed_dict={s: states, a: actor.predict(states)})[0]
    sess.run(optimize, feed_dict={state: states, action_gradient: found / 32})
    moved = [0.1 * w + 0.9 * t for w, t in zip(actor.get_weights(), target.get_weights())]
    target.set_weights(moved)
after = reward(actor.predict(states)).mean()
print(before, after)
assert after > before
