"""The Keras constraints: those of floor 1, under every name of Keras."""

from kjax.keras.core.namespace import fill
from kjax.keras.legacy.arguments import respelled_class as _older
from kjax.nn import constraints as _values
from kjax.nn.constraints import *  # noqa: F403
from kjax.nn.constraints import get as get

fill(globals(), _values.registry, get, "constraint")

maxnorm = _older(_values.MaxNorm, "maxnorm", __name__)
