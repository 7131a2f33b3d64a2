"""The Keras initializers: those of floor 1, under every name of Keras; they may be called as ``initializer(shape, dtype)``."""

from kjax.keras.core.namespace import fill
from kjax.keras.core.settings import next_key, settings
from kjax.nn import initializers as _values
from kjax.nn.initializers import *  # noqa: F403
from kjax.nn.initializers import Constant
from kjax.nn.initializers import get as get
from kjax.nn.initializers.base import keras_defaults

constant = Constant  # and not the module of floor 1

if not keras_defaults:
    keras_defaults.append(lambda: (next_key(), settings.floatx))

fill(globals(), _values.registry, get, "initializer")
