"""AutoGraph-style functions, signatures, assertions and modules of TensorFlow 2."""
import os, tempfile
import tensorflow as tf, numpy as np
FOLDER = tempfile.mkdtemp()
@tf.function
def simple_relu(x):
    if tf.greater(x, 0):
        return x
    else:
        return 0
print(simple_relu(tf.constant(1)).numpy(), simple_relu(tf.constant(-1)))
assert int(simple_relu(tf.constant(3))) == 3 and int(simple_relu(tf.constant(-3))) == 0
@tf.function
def f(x):
    while tf.reduce_sum(x) > 1:
        tf.print(x)
        x = tf.tanh(x)
    return x
r = f(tf.random.uniform([5])); assert float(tf.reduce_sum(r)) <= 1
@tf.function
def fizzbuzz(n):
    for i in tf.range(1, n + 1):
        print('Tracing for loop')
        if i % 15 == 0: tf.print('fizzbuzz')
        elif i % 3 == 0: tf.print('fizz')
        elif i % 5 == 0: tf.print('buzz')
        else: tf.print(i)
fizzbuzz(tf.constant(5)); fizzbuzz(tf.constant(20))
batch_size = 2; seq_len = 3; feature_size = 4
def rnn_step(inp, state): return inp + state
@tf.function
def dynamic_rnn(rnn_step, input_data, initial_state):
    input_data = tf.transpose(input_data, [1, 0, 2])
    max_seq_len = tf.shape(input_data)[0]
    states = tf.TensorArray(tf.float32, size=max_seq_len)
    state = initial_state
    for i in tf.range(max_seq_len):
        state = rnn_step(input_data[i], state)
        states = states.write(i, state)
    return tf.transpose(states.stack(), [1, 0, 2])
o = dynamic_rnn(rnn_step, tf.random.uniform([batch_size, seq_len, feature_size]), tf.zeros([batch_size, feature_size])); assert o.shape == (2, 3, 4)
external_list = []
@tf.function
def side_effect(x):
    print('Traced with', x); tf.print('Executed with', x); return x
side_effect(1); side_effect(1); side_effect(tf.constant(2))
class Counter(tf.Module):
    def __init__(self): self.count = tf.Variable(0)
    @tf.function
    def increment(self): return self.count.assign_add(1)
c = Counter(); c.increment(); c.increment(); assert c.count.numpy() == 2
@tf.function(input_signature=(tf.TensorSpec(shape=[None], dtype=tf.int32),))
def next_collatz(x):
    print("Tracing with", x)
    return tf.where(x % 2 == 0, x // 2, 3 * x + 1)
print(next_collatz(tf.constant([1, 2])))
try:
    next_collatz(tf.constant([[1, 2], [3, 4]])); raise SystemExit("no error")
except (ValueError, TypeError) as e: print('ok', type(e))
try:
    next_collatz(tf.constant([1.0, 2.0])); raise SystemExit("no error")
except (ValueError, TypeError) as e: print('ok', type(e))
@tf.function
def pow(a, b): return a ** b
square = pow.get_concrete_function(a=tf.TensorSpec(None, tf.float32), b=2)
print(square); print(square(tf.constant(10.0))); assert float(square(tf.constant(10.0))) == 100.
double_strings = tf.function(lambda a: a + a).get_concrete_function(tf.TensorSpec(shape=[None], dtype=tf.string)) if False else None
v = tf.Variable(1.0)
@tf.function
def g(x):
    v.assign_add(x)
    if v > 5.: v.assign(0.)
    return v.read_value()
for i in range(4): r = g(tf.constant(2.0))
assert float(r) in (2.0,), r
@tf.function
def collatz_steps(n):
    steps = 0
    while n != 1:
        if n % 2 == 0: n = n // 2
        else: n = 3 * n + 1
        steps += 1
    return steps
print(collatz_steps(tf.constant(27)), int(collatz_steps(tf.constant(6)))); assert int(collatz_steps(tf.constant(6))) == 8
@tf.function
def train(ds):
    total = 0.
    for x, y in ds:
        total += tf.reduce_sum(x) * tf.cast(y, tf.float32)
        if total > 100.: break
    return total
print(train(tf.data.Dataset.from_tensor_slices((np.ones((4, 2), 'float32'), np.arange(4)))))
@tf.function
def with_assert(x):
    tf.debugging.assert_non_negative(x); tf.debugging.Assert(tf.reduce_all(x >= 0), [x]); return tf.sqrt(x)
with_assert(tf.constant([4.]))
try: with_assert(tf.constant([-4.])); raise SystemExit('none')
except tf.errors.InvalidArgumentError as e: print(type(e))
print(tf.autograph.to_code(f.python_function)[:20])
class Dense(tf.Module):
    def __init__(self, in_features, out_features, name=None):
        super().__init__(name=name)
        self.w = tf.Variable(tf.random.normal([in_features, out_features]), name='w'); self.b = tf.Variable(tf.zeros([out_features]), name='b')
    def __call__(self, x): return tf.nn.relu(tf.matmul(x, self.w) + self.b)
class SequentialModule(tf.Module):
    def __init__(self, name=None):
        super().__init__(name=name); self.dense_1 = Dense(3, 3); self.dense_2 = Dense(3, 2); self.l = [Dense(2, 2)]
    @tf.function
    def __call__(self, x): return self.l[0](self.dense_2(self.dense_1(x)))
m = SequentialModule(name="the_model"); print(m(tf.constant([[2.0, 2.0, 2.0]])))
assert len(m.submodules) == 3 and len(m.variables) == 6 and len(m.trainable_variables) == 6; print(m.submodules[0].name, [v.name for v in m.variables])
ck = tf.train.Checkpoint(model=m); ck.write(os.path.join(FOLDER, "my_checkpoint")); print(tf.train.list_variables(os.path.join(FOLDER, "my_checkpoint")))
n = SequentialModule(); tf.train.Checkpoint(model=n).restore(os.path.join(FOLDER, "my_checkpoint")); np.testing.assert_allclose(n(tf.ones((1, 3))), m(tf.ones((1, 3))))
pass
class FlexibleDense(tf.Module):
    def __init__(self, out_features, name=None):
        super().__init__(name=name); self.is_built = False; self.out_features = out_features
    def __call__(self, x):
        if not self.is_built:
            self.w = tf.Variable(tf.random.normal([x.shape[-1], self.out_features]), name='w'); self.b = tf.Variable(tf.zeros([self.out_features]), name='b'); self.is_built = True
        return tf.nn.relu(tf.matmul(x, self.w) + self.b)
class MM(tf.Module):
    def __init__(self): super().__init__(); self.d = FlexibleDense(3)
    @tf.function
    def __call__(self, x): return self.d(x)
mm = MM(); mm(tf.ones((2, 2))); assert mm.d.w.shape == (2, 3)
cond_fn = tf.function(lambda x: tf.cond(x < 0, lambda: -x, lambda: x * 2)); assert float(cond_fn(tf.constant(-3.))) == 3
i = tf.constant(0); print(tf.while_loop(lambda i: tf.less(i, 10), lambda i: (tf.add(i, 1),), [i]))
