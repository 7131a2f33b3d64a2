'''Two branches merged at the start of a Sequential model, with layers that only Keras 1 had.'''
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Merge, Highway, MaxoutDense, TimeDistributedDense, RepeatVector, GRU

left_branch = Sequential()
left_branch.add(Dense(8, input_dim=6))
right_branch = Sequential()
right_branch.add(Dense(8, input_dim=6))
merged = Merge([left_branch, right_branch], mode='concat')

final_model = Sequential()
final_model.add(merged)
final_model.add(Highway(activation='relu'))
final_model.add(MaxoutDense(6, nb_feature=3, init='glorot_uniform'))
final_model.add(Dense(3, activation='softmax'))
final_model.compile(optimizer='rmsprop', loss='categorical_crossentropy')
x1, x2 = np.random.rand(24, 6), np.random.rand(24, 6)
y = np.eye(3)[np.random.randint(3, size=24)]
before = left_branch.get_weights()[0].copy()
final_model.fit([x1, x2], y, nb_epoch=2, batch_size=8, verbose=2)
assert not np.allclose(before, left_branch.get_weights()[0])
assert final_model.predict([x1, x2]).shape == (24, 3)

decoder = Sequential()
decoder.add(RepeatVector(4, input_shape=(6,)))
decoder.add(GRU(5, return_sequences=True, inner_init='orthogonal'))
decoder.add(TimeDistributedDense(2))
assert decoder.output_shape == (None, 4, 2)
