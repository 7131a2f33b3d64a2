"""Core layers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.nn import layers
from kjax.nn.regularizers import L2
from tests.nn.oracle import Case

L: Any = layers

MATRIX = np.arange(15, dtype="float32").reshape(5, 3) / 10

CASES = [
    Case(L.Dense(4), lambda K: K.Dense(4), [(3, 5)]),
    Case(
        L.Dense(4, activation="relu", use_bias=False, kernel_regularizer="l2"),
        lambda K: K.Dense(4, activation="relu", use_bias=False, kernel_regularizer="l2"),
        [(3, 2, 5)],
    ),
    Case(
        L.Dense(2, activation="softmax", activity_regularizer=L2(0.1)),
        lambda K: K.Dense(2, activation="softmax"),
        [(3, 5)],
    ),
    Case(L.Dense(4, dtype="mixed_bfloat16"), lambda K: K.Dense(4, dtype="mixed_bfloat16"), [(3, 5)]),
    Case(L.Dense(4, dtype="float16"), lambda K: K.Dense(4, dtype="float16"), [(3, 5)]),
    Case(L.Activation("tanh"), lambda K: K.Activation("tanh"), [(3, 5)]),
    Case(L.Embedding(7, 3), lambda K: K.Embedding(7, 3), [(2, 4)], dtype="int32"),
    Case(
        L.Embedding(7, 3, mask_zero=True, dtype="mixed_bfloat16"),
        lambda K: K.Embedding(7, 3, mask_zero=True, dtype="mixed_bfloat16"),
        [(2, 4, 2)],
        dtype="int32",
    ),
    Case(
        L.Embedding(5, 3, weights=MATRIX), lambda K: K.Embedding(5, 3, weights=[MATRIX]), [(2,)], dtype="int32", high=5
    ),
    Case(L.Identity(), lambda K: K.Identity(), [(2, 3)]),
    Case(L.Masking(0.0), lambda K: K.Masking(0.0), [(2, 3, 4)]),
    Case(L.Lambda(jnp.square), lambda K: K.Lambda(lambda x: x * x), [(2, 3)], id="Lambda"),
    Case(
        L.Lambda(lambda x, by: x * by, arguments={"by": 2.5}),
        lambda K: K.Lambda(lambda x, by: x * by, arguments={"by": 2.5}),
        [(2, 3)],
        id="Lambda(arguments)",
    ),
    Case(L.ReversibleEmbedding(7, 3), lambda K: K.ReversibleEmbedding(7, 3), [(2, 4)], dtype="int32"),
    Case(
        L.ReversibleEmbedding(7, 3, tie_weights=False, logit_soft_cap=2.0),
        lambda K: K.ReversibleEmbedding(7, 3, tie_weights=False, logit_soft_cap=2.0),
        [(2, 4, 3)],
        call={"reverse": True},
    ),
    *(
        Case(
            L.EinsumDense(*args, **kwargs),
            lambda K, args=args, kwargs=kwargs: K.EinsumDense(*args, **kwargs),
            [shape],
            scale=2.0,
        )
        for args, kwargs, shape in (
            (("ab,bc->ac", 4), {"bias_axes": "c", "activation": "relu"}, (2, 3)),
            (("abc,cde->abde", (None, 2, 3)), {"bias_axes": "e"}, (2, 3, 4)),
            (("...x,xy->...y", 4), {"bias_axes": "y"}, (2, 3, 5)),
            (("abc,cd->adb", (5, None)), {"bias_axes": "d"}, (2, 3, 4)),
            (("ab...,bc->ac...", 4), {"bias_axes": "c"}, (2, 3, 5)),
        )
    ),
]
