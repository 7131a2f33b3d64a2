"""The Keras regularizers: those of floor 1."""

from kjax.nn.regularizers import *  # noqa: F403
from kjax.nn.regularizers import get as get
