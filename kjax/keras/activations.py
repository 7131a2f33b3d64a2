"""The Keras activations: those of floor 1."""

from kjax.nn.activations import *  # noqa: F403
from kjax.nn.activations import get as get
