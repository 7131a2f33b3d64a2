"""Layers that rearrange, pad and cut."""

from __future__ import annotations

from typing import Any

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers

FIRST = "channels_first"
CASES = [
    Case(L.Flatten(), lambda K: K.Flatten(), [(2, 3, 4)]),
    Case(L.Flatten(data_format=FIRST), lambda K: K.Flatten(data_format=FIRST), [(2, 3, 4, 5)]),
    Case(L.Flatten(), lambda K: K.Flatten(), [(2,)], id="Flatten(scalars)"),
    Case(L.Reshape((4, -1)), lambda K: K.Reshape((4, -1)), [(2, 3, 8)]),
    Case(L.Permute((2, 1, 3)), lambda K: K.Permute((2, 1, 3)), [(2, 3, 4, 5)]),
    Case(L.RepeatVector(3), lambda K: K.RepeatVector(3), [(2, 4)]),
    Case(L.ZeroPadding1D((1, 2)), lambda K: K.ZeroPadding1D((1, 2)), [(2, 3, 4)]),
    Case(L.ZeroPadding1D(2, FIRST), lambda K: K.ZeroPadding1D(2, FIRST), [(2, 3, 4)]),
    Case(L.ZeroPadding2D(((1, 0), (2, 3))), lambda K: K.ZeroPadding2D(((1, 0), (2, 3))), [(2, 3, 4, 2)]),
    Case(L.ZeroPadding2D((1, 2), FIRST), lambda K: K.ZeroPadding2D((1, 2), FIRST), [(2, 3, 4, 2)]),
    Case(L.ZeroPadding3D((1, 0, 2)), lambda K: K.ZeroPadding3D((1, 0, 2)), [(1, 2, 3, 2, 2)]),
    Case(L.Cropping1D((1, 0)), lambda K: K.Cropping1D((1, 0)), [(2, 3, 4)]),
    Case(L.Cropping2D(((1, 0), (0, 2))), lambda K: K.Cropping2D(((1, 0), (0, 2))), [(2, 3, 4, 2)]),
    Case(L.Cropping2D(1, FIRST), lambda K: K.Cropping2D(1, FIRST), [(2, 3, 4, 5)]),
    Case(L.Cropping3D(1), lambda K: K.Cropping3D(1), [(1, 3, 4, 3, 2)]),
    Case(L.UpSampling1D(3), lambda K: K.UpSampling1D(3), [(2, 3, 4)]),
    Case(L.UpSampling2D((2, 3)), lambda K: K.UpSampling2D((2, 3)), [(2, 3, 4, 2)]),
    Case(L.UpSampling2D(2, FIRST), lambda K: K.UpSampling2D(2, FIRST), [(2, 3, 4, 2)]),
    *(
        Case(
            L.UpSampling2D((2, 3), interpolation=how),
            lambda K, how=how: K.UpSampling2D((2, 3), interpolation=how),
            [(1, 3, 4, 2)],
        )
        for how in ("bilinear", "bicubic", "lanczos3", "lanczos5")
    ),
    Case(
        L.UpSampling2D(2, FIRST, "bilinear"),
        lambda K: K.UpSampling2D(2, FIRST, "bilinear"),
        [(1, 2, 3, 4)],
    ),
    Case(L.UpSampling3D((1, 2, 3)), lambda K: K.UpSampling3D((1, 2, 3)), [(1, 2, 3, 2, 2)]),
]
