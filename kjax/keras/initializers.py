"""The Keras initializers: those of floor 1."""

from kjax.nn.initializers import *  # noqa: F403
from kjax.nn.initializers import get as get
