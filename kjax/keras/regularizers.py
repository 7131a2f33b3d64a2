"""The Keras regularizers: those of floor 1, under every name of Keras."""

from kjax.keras.core.namespace import fill
from kjax.keras.legacy.arguments import respelled_class as _older
from kjax.nn import orthogonality as _orthogonality  # noqa: F401  (registers its class)
from kjax.nn import regularizers as _values
from kjax.nn.regularizers import *  # noqa: F403
from kjax.nn.regularizers import get as get

fill(globals(), _values.registry, get, "regularizer")


l1, l2 = _older(_values.L1, "l1", __name__), _older(_values.L2, "l2", __name__)
