"""The Keras activations: those of floor 1, under every name of Keras."""

from kjax.keras.core.layer import Layer as Layer
from kjax.keras.core.namespace import fill
from kjax.keras.legacy.arguments import respelled as _respelled
from kjax.nn import activations as _values
from kjax.nn.activations import *  # noqa: F403
from kjax.nn.activations import get as get

fill(globals(), _values.registry, get, "activation")
relu = _respelled(globals()["relu"])
deserialize = _respelled(globals()["deserialize"], "deserialize_activation")
