"""The Keras initializers: those of floor 1, under every name of Keras."""

from kjax.keras.core.namespace import fill
from kjax.nn import initializers as _values
from kjax.nn.initializers import *  # noqa: F403
from kjax.nn.initializers import get as get

fill(globals(), _values.registry, get)
