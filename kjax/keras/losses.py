"""The Keras losses: the values of floor 1 under Keras' names."""

from kjax.nn.losses import *  # noqa: F403
from kjax.nn.losses import get as get
