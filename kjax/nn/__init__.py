"""Floor 1: Keras' layers, losses, metrics and optimizers as pure functions and values, on Flax and Optax."""

from kjax.nn import activations as activations
from kjax.nn import constraints as constraints
from kjax.nn import initializers as initializers
from kjax.nn import losses as losses
from kjax.nn import metrics as metrics
from kjax.nn import optimizers as optimizers
from kjax.nn import orthogonality as orthogonality
from kjax.nn import quantization as quantization
from kjax.nn import regularizers as regularizers
from kjax.nn.builder import GraphBuilder as GraphBuilder
from kjax.nn.graph import Graph as Graph
from kjax.nn.graph import Op as Op
from kjax.nn.graph import Ref as Ref
from kjax.nn.graph import chain as chain
from kjax.nn.layers import *  # noqa: F403
from kjax.nn.module import Description as Description
from kjax.nn.module import Layer as Layer
from kjax.nn.module import WeightSpec as WeightSpec
from kjax.nn.module import describe as describe
