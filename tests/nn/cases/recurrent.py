"""Recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import layers as L
from tests.nn.oracle import Case

MASK = np.array([[True, True, True, False, False], [False, True, False, True, True], [True] * 5])


def case(name: str, *args: Any, mask: bool = False, call: Any = None, **kwargs: Any) -> Case:
    """The same arguments for both layers."""
    return Case(
        getattr(L, name)(*args, **kwargs),
        lambda K: getattr(K, name)(*args, **kwargs),
        [(3, 5, 4)],
        mask=(lambda inputs: MASK) if mask else None,
        call=call or {},
        # dropout is compared at inference only
        training=(False,) if kwargs.get("dropout") or kwargs.get("recurrent_dropout") else (False, True),
    )


STATE = np.linspace(-1, 1, 6, dtype="float32").reshape(3, 2)
CASES = [
    case("LSTM", 2),
    case("LSTM", 2, return_sequences=True, mask=True),
    case("LSTM", 2, return_state=True, go_backwards=True, mask=True),
    case("LSTM", 2, return_sequences=True, return_state=True, unroll=True),
    case("LSTM", 2, zero_output_for_mask=True, return_sequences=True, mask=True),
    case("LSTM", 2, return_sequences=True, mask=True, call={"initial_state": [STATE, STATE / 2]}),
    case("LSTM", 2, stateful=True, unit_forget_bias=False),
    case("LSTM", 2, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False),
    case("LSTM", 2, dropout=0.5, recurrent_dropout=0.5, mask=True),
    case("LSTM", 2, dtype="mixed_bfloat16"),
]
