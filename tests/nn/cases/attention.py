"""Attention layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers

QUERY_MASK = np.array([[True, True, False], [True, False, False]])
VALUE_MASK = np.array([[True, True, True, False], [True, False, True, False]])
BOTH = np.random.default_rng(0).random((2, 3, 4)) < 0.6


def scored(name: str, *, masked: bool = False, key: bool = False, call: Any = None, **kwargs: Any) -> Case:
    """Inputs as one list."""
    make = lambda K: getattr(K, name)(**kwargs)  # noqa: E731
    return Case(
        make(L),
        make,
        [(2, 3, 5), (2, 4, 5), (2, 4, 5)][: 2 + key],
        as_list=True,
        mask=(lambda inputs: [QUERY_MASK, VALUE_MASK, None][: 2 + key]) if masked else None,
        call=call or {},
        training=(False,) if kwargs.get("dropout") else (False, True),
        scale=2.0,
        id=f"{name}({kwargs},masked={masked},key={key},{call or ''})",
    )


def headed(name: str, *args: Any, shapes: Any = ((2, 3, 5), (2, 4, 5)), call: Any = None, **kwargs: Any) -> Case:
    """Inputs as arguments."""
    make = lambda K: getattr(K, name)(*args, **kwargs)  # noqa: E731
    return Case(
        make(L),
        make,
        shapes,
        call=call or {},
        training=(False,) if kwargs.get("dropout") else (False, True),
        scale=4.0,
        id=f"{name}({args},{kwargs},{sorted(call or {})})",
    )


CASES = [
    scored("Attention"),
    scored("Attention", use_scale=True, masked=True, key=True),
    scored("Attention", score_mode="concat", use_scale=True, call={"use_causal_mask": True}),
    scored("Attention", score_mode="concat", masked=True, call={"return_attention_scores": True}),
    scored("Attention", dropout=0.5, masked=True, call={"use_causal_mask": True}),
    scored("AdditiveAttention", masked=True),
    scored("AdditiveAttention", use_scale=False, key=True, call={"return_attention_scores": True}),
    headed("MultiHeadAttention", 2, 3, shapes=((2, 3, 5), (2, 4, 6))),
    headed("MultiHeadAttention", 2, 3, use_gate=True, call={"value_mask": VALUE_MASK}),
    headed("MultiHeadAttention", 2, 3, value_dim=2, output_shape=(2, 3), call={"return_attention_scores": True}),
    headed("MultiHeadAttention", 2, 3, shapes=((2, 3, 5), (2, 4, 6), (2, 4, 2)), call={"attention_mask": BOTH}),
    headed("MultiHeadAttention", 2, 3, dropout=0.5, use_bias=False, call={"use_causal_mask": True}),
    headed("MultiHeadAttention", 2, 3, sliding_window=2, call={"use_causal_mask": True, "attention_mask": BOTH}),
    headed("MultiHeadAttention", 2, 3, attention_axes=2, shapes=((2, 2, 3, 5), (2, 2, 4, 6))),
    headed("MultiHeadAttention", 2, 3, shapes=((2, 2, 3, 5), (2, 4, 1, 6)), call={"return_attention_scores": True}),
    headed("GroupQueryAttention", 3, 4, 2),
    headed(
        "GroupQueryAttention",
        3,
        4,
        2,
        use_gate=True,
        sliding_window=2,
        shapes=((2, 3, 5), (2, 4, 5), (2, 4, 2)),
        call={"value_mask": VALUE_MASK, "return_attention_scores": True},
    ),
    headed("GroupQueryAttention", 3, 2, 1, dropout=0.5, use_bias=False, call={"use_causal_mask": True}),
    headed(
        "GroupQueryAttention", 3, 2, 2, call={"query_mask": QUERY_MASK, "key_mask": VALUE_MASK, "attention_mask": BOTH}
    ),
]
