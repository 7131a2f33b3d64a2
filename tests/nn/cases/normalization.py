"""Normalization layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import layers as L
from tests.nn.oracle import Case


def case(name: str, *args: Any, shape: tuple[int, ...], mask: Any = None, **kwargs: Any) -> Case:
    """The same arguments for both layers."""
    return Case(
        getattr(L, name)(*args, **kwargs), lambda K: getattr(K, name)(*args, **kwargs), [shape], mask=mask, scale=2.0
    )


def time_mask(inputs: Any) -> Any:
    """Some time steps of each sample."""
    return np.array([[True, True, False], [True, False, False], [True, True, True]])


CASES = [
    case("BatchNormalization", shape=(6, 4)),
    case("BatchNormalization", axis=1, momentum=0.9, epsilon=0.01, shape=(3, 2, 4, 5)),
    case("BatchNormalization", center=False, scale=False, shape=(3, 2, 4)),
    case("BatchNormalization", mask=time_mask, shape=(3, 3, 4)),
    case("BatchNormalization", dtype="mixed_bfloat16", shape=(6, 4)),
    case("BatchNormalization", renorm=True, shape=(6, 4)),
    case(
        "BatchNormalization", renorm=True, scale=False, renorm_clipping={"rmax": 1.1, "rmin": 0.9, "dmax": 0.2}, shape=(6, 4)
    ),
]
