"""The Keras regularizers: those of floor 1, under every name of Keras."""

from typing import Any

from kjax.keras.core.namespace import fill
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import respelled_class as _older
from kjax.nn import orthogonality as _orthogonality  # noqa: F401  (registers its class)
from kjax.nn import regularizers as _values
from kjax.nn.regularizers import *  # noqa: F403
from kjax.nn.regularizers import get as get

fill(globals(), _values.registry, get, "regularizer")


l1, l2 = _older(_values.L1, "l1", __name__), _older(_values.L2, "l2", __name__)


class l1_l2(_values.L1L2):
    """Both penalties. Before Keras 3 each rate was 0.01 where it was not given; the class ``L1L2`` has zeros always.

    Args:
        l1: rate of the sum of absolute values.
        l2: rate of the sum of squares.
    """

    def __new__(cls, l1: float | None = None, l2: float | None = None, **kwargs: Any) -> Any:
        """An ``L1L2``."""
        rate = 0.0 if settings.era == "3" else 0.01
        return _values.L1L2(rate if l1 is None else l1, rate if l2 is None else l2, **kwargs)
