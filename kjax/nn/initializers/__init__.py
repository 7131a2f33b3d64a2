"""Initializers: pure functions ``(key, shape, dtype) -> array`` with Keras' names and distributions."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from kjax.nn.initializers.adapters import KerasInitializer as KerasInitializer
from kjax.nn.initializers.adapters import adapt
from kjax.nn.initializers.base import Initializer as Initializer
from kjax.nn.initializers.base import registry as registry
from kjax.nn.initializers.constant import STFT as STFT
from kjax.nn.initializers.constant import Constant as Constant
from kjax.nn.initializers.constant import FrozenArray as FrozenArray
from kjax.nn.initializers.constant import GivenValues as GivenValues
from kjax.nn.initializers.constant import Identity as Identity
from kjax.nn.initializers.constant import Ones as Ones
from kjax.nn.initializers.constant import Zeros as Zeros
from kjax.nn.initializers.random import GlorotNormal as GlorotNormal
from kjax.nn.initializers.random import GlorotUniform as GlorotUniform
from kjax.nn.initializers.random import HeNormal as HeNormal
from kjax.nn.initializers.random import HeUniform as HeUniform
from kjax.nn.initializers.random import LecunNormal as LecunNormal
from kjax.nn.initializers.random import LecunUniform as LecunUniform
from kjax.nn.initializers.random import Orthogonal as Orthogonal
from kjax.nn.initializers.random import RandomNormal as RandomNormal
from kjax.nn.initializers.random import RandomUniform as RandomUniform
from kjax.nn.initializers.random import TruncatedNormal as TruncatedNormal
from kjax.nn.initializers.random import VarianceScaling as VarianceScaling
from kjax.nn.initializers.random import compute_fans as compute_fans

registry.register(Initializer, "initializer")


def get(identifier: Any) -> Any:
    """The initializer ``(key, shape, dtype) -> array`` for what a user gave.

    Args:
        identifier: None (stays None); a name in any alias; a config; a class or an object; a function or an
            object that is called as ``(key, shape, dtype)`` or, in Keras' form, as ``(shape, dtype)``; an
            array, whose values are used for a weight of its shape.

    Raises:
        ValueError: unknown name, or a thing that is no initializer.
    """
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array)):
        return GivenValues(identifier)
    initializer = registry.get(identifier)
    return None if initializer is None else adapt(initializer)
