"""A recurrent network in a graph of TensorFlow 1, saved, brought back and asked for by names."""

import os
import tempfile

import numpy as np
import tensorflow as tf

tf.set_random_seed(42)
np.random.seed(42)
X = tf.placeholder(tf.float32, [None, 6, 2], name="X")
y = tf.placeholder(tf.int32, shape=(None), name="y")
lengths = tf.placeholder(tf.int32, [None], name="lengths")
with tf.name_scope("net"):
    cell = tf.contrib.rnn.BasicLSTMCell(num_units=8)
    outputs, states = tf.nn.dynamic_rnn(cell, X, dtype=tf.float32, sequence_length=lengths)
    logits = tf.layers.dense(states.h, 2, name="scores")
with tf.name_scope("loss"):
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits), name="loss")
training_op = tf.train.AdamOptimizer(0.05).minimize(loss, name="train")
accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32), name="accuracy")
saver = tf.train.Saver()
data = np.random.rand(40, 6, 2).astype("float32")
classes = (data[:, 0, 0] > 0.5).astype("int32")
feed = {"X:0": data, "y:0": classes, "lengths:0": np.random.randint(2, 7, 40)}
path = os.path.join(tempfile.mkdtemp(), "model.ckpt")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    before = sess.run(loss, feed)
    for _ in range(25):
        sess.run(training_op, feed)
    after, share = sess.run([loss, accuracy], feed)
    saver.save(sess, path)
print(before, after, share)
assert after < before

tf.reset_default_graph()
saver = tf.train.import_meta_graph(path + ".meta")
graph = tf.get_default_graph()
assert graph.get_tensor_by_name("rnn/basic_lstm_cell/kernel:0").shape.as_list() == [10, 32]
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    saver.restore(sess, path)
    assert np.isclose(sess.run("loss/loss:0", feed), after)
    sess.run(graph.get_operation_by_name("train"), feed)
