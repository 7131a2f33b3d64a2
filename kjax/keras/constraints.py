"""The Keras constraints: those of floor 1."""

from kjax.nn.constraints import *  # noqa: F403
from kjax.nn.constraints import get as get
