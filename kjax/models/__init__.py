"""Ready-made networks as values, written in ``kjax.nn`` alone.

Each function returns a Flax module (a graph of layers). ``kjax.keras.models.from_module`` makes a Keras model of one.
"""

from kjax.models.convolutional import cnn as cnn
from kjax.models.mlp import mlp as mlp
from kjax.models.resnet import resnet18 as resnet18
from kjax.models.resnet import resnet_cifar as resnet_cifar
