"""The Keras losses: those of floor 1, under every name of Keras."""

import inspect
from typing import Any

from kjax.keras.core.masks import mask_of
from kjax.keras.core.namespace import fill, make_symbolic, on_tensors
from kjax.nn import losses as _values
from kjax.nn.losses import *  # noqa: F403
from kjax.nn.losses.base import travelling_mask
from kjax.nn.losses.wrapper import classes as _classes


def get(identifier: Any) -> Any:
    """The loss for what a user gave.

    Args:
        identifier: None; a name: that of a class gives an object, that of a function, or an alias of one (``'mse'``),
            the function, which returns a value for each sample; a config; a loss; a function, which stays as it is.

    Raises:
        ValueError: unknown name, or a thing that is no loss.
    """
    if isinstance(identifier, str):
        entry = _values.registry.lookup(identifier)
        function = getattr(entry, "function", None)
        if function is not None and identifier != entry.__name__:
            return on_tensors(function)
    elif inspect.isfunction(identifier):
        return identifier
    found = _values.get(identifier)
    if isinstance(found, _values.LossFunctionWrapper) and not isinstance(identifier, (dict, type(found))):
        return found.fn
    return found


travelling_mask.append(mask_of)
fill(globals(), _values.registry, get, "loss", "name")
make_symbolic(globals(), _classes)
