"""Normalization layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers


def case(name: str, *args: Any, shape: tuple[int, ...], mask: Any = None, **kwargs: Any) -> Case:
    """The same arguments for both layers."""
    return Case(
        getattr(L, name)(*args, **kwargs), lambda K: getattr(K, name)(*args, **kwargs), [shape], mask=mask, scale=2.0
    )


def time_mask(inputs: Any) -> Any:
    """Some time steps of each sample."""
    return np.array([[True, True, False], [True, False, False], [True, True, True]])


def around(inner: Any, *, shape: tuple[int, ...], **kwargs: Any) -> Case:
    """Spectral normalization of a layer."""
    make = lambda K: K.SpectralNormalization(inner(K), **kwargs)  # noqa: E731
    label = f"SpectralNormalization({type(inner(L)).__name__},{kwargs})"
    return Case(make(L), make, [shape], scale=4.0, id=label)


CASES = [
    case("BatchNormalization", shape=(6, 4)),
    case("BatchNormalization", axis=1, momentum=0.9, epsilon=0.01, shape=(3, 2, 4, 5)),
    case("BatchNormalization", center=False, scale=False, shape=(3, 2, 4)),
    case("BatchNormalization", mask=time_mask, shape=(3, 3, 4)),
    case("BatchNormalization", dtype="mixed_bfloat16", shape=(6, 4)),
    case("BatchNormalization", renorm=True, shape=(6, 4)),
    case(
        "BatchNormalization",
        renorm=True,
        scale=False,
        renorm_clipping={"rmax": 1.1, "rmin": 0.9, "dmax": 0.2},
        shape=(6, 4),
    ),
    case("LayerNormalization", shape=(3, 4, 5)),
    case("LayerNormalization", axis=[1, -1], epsilon=0.1, center=False, shape=(3, 4, 5)),
    case("LayerNormalization", axis=1, scale=False, shape=(3, 4, 5)),
    case("LayerNormalization", dtype="mixed_bfloat16", shape=(3, 5)),
    case("GroupNormalization", groups=2, shape=(3, 4, 6)),
    case("GroupNormalization", groups=-1, axis=1, scale=False, shape=(3, 4, 5, 2)),
    case("GroupNormalization", groups=1, center=False, epsilon=0.1, dtype="mixed_bfloat16", shape=(3, 4)),
    case("RMSNormalization", shape=(3, 4, 5)),
    case("RMSNormalization", axis=(1, 2), epsilon=0.1, shape=(3, 4, 5)),
    case("UnitNormalization", shape=(3, 4, 5)),
    case("UnitNormalization", axis=[1, 2], shape=(3, 4, 5)),
    around(lambda K: K.Dense(4), shape=(3, 5)),
    around(lambda K: K.Conv2D(4, 3, activation="relu"), power_iterations=3, shape=(2, 5, 4, 3)),
]
