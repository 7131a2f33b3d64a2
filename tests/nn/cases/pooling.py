"""Pooling layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers

FIRST = "channels_first"
SHAPES = {1: (2, 7, 3), 2: (2, 5, 7, 3), 3: (1, 4, 5, 3, 2)}
CASES = [
    Case(
        getattr(L, f"{kind}Pooling{rank}D")(2, **kwargs),
        lambda K, name=f"{kind}Pooling{rank}D", kwargs=kwargs: getattr(K, name)(2, **kwargs),
        [shape],
    )
    for kind in ("Max", "Average")
    for rank, shape in SHAPES.items()
    for kwargs in ({}, {"strides": 1, "padding": "same", "data_format": FIRST})
] + [
    Case(
        L.AveragePooling2D((3, 2), strides=2, padding="same"),
        lambda K: K.AveragePooling2D((3, 2), strides=2, padding="same"),
        [(2, 5, 6, 3)],
    ),
    Case(
        L.MaxPooling2D((3, 2), strides=(2, 1), dtype="mixed_bfloat16"),
        lambda K: K.MaxPooling2D((3, 2), strides=(2, 1), dtype="mixed_bfloat16"),
        [(2, 5, 6, 3)],
    ),
]
CASES += [
    Case(
        getattr(L, f"Global{kind}Pooling{rank}D")(**kwargs),
        lambda K, name=f"Global{kind}Pooling{rank}D", kwargs=kwargs: getattr(K, name)(**kwargs),
        [shape],
    )
    for kind in ("Max", "Average")
    for rank, shape in SHAPES.items()
    for kwargs in ({}, {"keepdims": True, "data_format": FIRST})
]
CASES += [
    Case(
        L.GlobalAveragePooling1D(data_format=data_format),
        lambda K, data_format=data_format: K.GlobalAveragePooling1D(data_format=data_format),
        [(2, 4, 4)],
        mask=lambda inputs: np.array([[True, True, False, False], [True, False, True, True]]),
        id=f"GlobalAveragePooling1D(mask,{data_format})",
    )
    for data_format in ("channels_last", FIRST)
]
CASES += [
    Case(
        getattr(L, f"Adaptive{kind}Pooling{rank}D")(3, **kwargs),
        lambda K, name=f"Adaptive{kind}Pooling{rank}D", kwargs=kwargs: getattr(K, name)(3, **kwargs),
        [shape],
    )
    for kind in ("Max", "Average")
    for rank, shape, kwargs in (
        (1, (2, 7, 3), {}),
        (2, (2, 5, 6, 4), {"data_format": FIRST}),
        (2, (2, 5, 7, 3), {}),
        (3, (1, 4, 5, 3, 2), {}),
    )
]
