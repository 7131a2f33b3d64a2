'''Gradient ascent on the input of a convnet, by `K.gradients` and `K.function` (Keras 2).'''
from __future__ import print_function
import numpy as np
from keras import backend as K
from keras.models import Sequential
from keras.layers import Conv2D, MaxPooling2D, Flatten, Dense

model = Sequential()
model.add(Conv2D(4, (3, 3), activation='relu', padding='same', name='block1_conv1', input_shape=(12, 12, 3)))
model.add(MaxPooling2D((2, 2), name='block1_pool'))
model.add(Conv2D(6, (3, 3), activation='relu', padding='same', name='block2_conv1'))
model.add(Flatten())
model.add(Dense(3, activation='softmax', name='predictions'))
layer_dict = dict([(layer.name, layer) for layer in model.layers])
input_img = model.input
layer_output = layer_dict['block2_conv1'].output


def normalize(x):
    return x / (K.sqrt(K.mean(K.square(x))) + K.epsilon())


rising = 0
for filter_index in range(3):
    if K.image_data_format() == 'channels_first':
        loss = K.mean(layer_output[:, filter_index, :, :])
    else:
        loss = K.mean(layer_output[:, :, :, filter_index])
    grads = K.gradients(loss, input_img)[0]
    grads = normalize(grads)
    iterate = K.function([input_img], [loss, grads])
    input_img_data = np.random.random((1, 12, 12, 3))
    input_img_data = (input_img_data - 0.5) * 20 + 128
    first = iterate([input_img_data])[0]
    for i in range(5):
        loss_value, grads_value = iterate([input_img_data])
        input_img_data += grads_value * 1.
    rising += loss_value >= first
assert rising == 3

# class activation by gradients of a prediction with respect to a layer's output (Grad-CAM)
african_elephant_output = model.output[:, 1]
grads = K.gradients(african_elephant_output, layer_output)[0]
pooled_grads = K.mean(grads, axis=(0, 1, 2))
iterate = K.function([model.input], [pooled_grads, layer_output[0]])
pooled_grads_value, conv_layer_output_value = iterate([np.random.rand(1, 12, 12, 3)])
assert pooled_grads_value.shape == (6,) and conv_layer_output_value.shape == (6, 6, 6)

# the output of a layer in training and in test phase
get_output = K.function([model.layers[0].input, K.learning_phase()], [model.layers[-1].output])
layer_output = get_output([np.random.rand(2, 12, 12, 3), 0])[0]
np.testing.assert_allclose(layer_output.sum(axis=1), 1, rtol=1e-5)
