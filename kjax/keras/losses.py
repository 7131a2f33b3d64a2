"""The Keras losses: those of floor 1, under every name of Keras."""

from kjax.keras.core.namespace import fill
from kjax.nn import losses as _values
from kjax.nn.losses import *  # noqa: F403
from kjax.nn.losses import get as get

fill(globals(), _values.registry, get, "loss", "name")
