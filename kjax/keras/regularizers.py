"""The Keras regularizers: those of floor 1, under every name of Keras."""

from typing import Any

from kjax.keras.core.namespace import fill
from kjax.keras.legacy.arguments import respelled as _respelled
from kjax.nn import orthogonality as _orthogonality  # noqa: F401  (registers its class)
from kjax.nn import regularizers as _values
from kjax.nn.regularizers import *  # noqa: F403
from kjax.nn.regularizers import get as get

fill(globals(), _values.registry, get, "regularizer")


def _older(cls: Any, name: str) -> Any:
    """A class that makes instances of another, of arguments in the spelling of Keras 2 too."""
    make = _respelled(cls, name)
    body = {"__new__": lambda _, *args, **kwargs: make(*args, **kwargs), "__doc__": cls.__doc__, "__module__": __name__}
    made = type(name, (cls,), body)
    made.__signature__ = make.__signature__
    return made


l1, l2 = _older(_values.L1, "l1"), _older(_values.L2, "l2")
