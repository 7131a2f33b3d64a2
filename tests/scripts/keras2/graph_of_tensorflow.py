'''Layers of Keras on placeholders, trained by an optimizer of TensorFlow in a session (Keras 2).'''
import numpy as np
import tensorflow as tf
from keras import backend as K
from keras.layers import Dense, Dropout
from keras.metrics import categorical_accuracy as accuracy
from keras.objectives import categorical_crossentropy

sess = tf.Session()
K.set_session(sess)

img = tf.placeholder(tf.float32, shape=(None, 12))
x = Dense(16, activation='relu')(img)
x = Dropout(0.1)(x)
preds = Dense(3, activation='softmax')(x)
labels = tf.placeholder(tf.float32, shape=(None, 3))
loss = tf.reduce_mean(categorical_crossentropy(labels, preds))
train_step = tf.train.AdamOptimizer(0.01).minimize(loss)
sess.run(tf.global_variables_initializer())

rng = np.random.RandomState(0)
data = rng.rand(64, 12)
classes = np.eye(3)[np.argmax(data[:, :3], axis=1)]
first = sess.run(loss, feed_dict={img: data, labels: classes, K.learning_phase(): 0})
with sess.as_default():
    for i in range(100):
        train_step.run(feed_dict={img: data, labels: classes, K.learning_phase(): 1})
acc_value = accuracy(labels, preds)
with sess.as_default():
    last = loss.eval(feed_dict={img: data, labels: classes, K.learning_phase(): 0})
    right = acc_value.eval(feed_dict={img: data, labels: classes, K.learning_phase(): 0})
print(first, last, np.mean(right))
assert last < 0.7 * first and right.shape == (64,)
