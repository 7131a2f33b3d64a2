"""Recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers

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


def step(name: str, *args: Any, states: Any, **kwargs: Any) -> Case:
    """One step of a cell, from given states."""

    def make(module: Any) -> Any:
        return getattr(module, name)(*(a(module) if callable(a) else a for a in args), **kwargs)

    return Case(make(L), make, [(3, 4)], call={"states": states}, training=(False,), id=f"{name}({kwargs})")


def around(
    name: str, inner: Any, *args: Any, mask: bool = False, shape: Any = (3, 5, 4), call: Any = None, **kwargs: Any
) -> Case:
    """A layer around another."""

    def make(module: Any) -> Any:
        return getattr(module, name)(inner(module), *args, **kwargs)

    content = inner(L)
    label = "+".join(type(c).__name__ for c in content) if isinstance(content, list) else type(content).__name__
    return Case(
        make(L),
        make,
        [shape],
        mask=(lambda inputs: MASK) if mask else None,
        call=call or {},
        id=f"{name}({label},{args},{kwargs})",
    )


def convolutional(name: str, *args: Any, shape: Any, mask: bool = False, **kwargs: Any) -> Case:
    """A convolutional LSTM."""
    return Case(
        getattr(L, name)(*args, **kwargs),
        lambda K: getattr(K, name)(*args, **kwargs),
        [shape],
        mask=(lambda inputs: MASK[:2, 1:4]) if mask else None,
        training=(False,) if kwargs.get("dropout") else (False, True),
        scale=2.0,
    )


def convolutional_step(rank: int, *args: Any, **kwargs: Any) -> Case:
    """One step of a convolutional cell, from given states; real Keras has one class for all ranks, not exported."""

    def keras(_: Any) -> Any:
        from keras.src.layers.rnn.conv_lstm import ConvLSTMCell

        return ConvLSTMCell(rank, *args, **kwargs)

    size = (4,) * rank
    inputs, state = ((2, 2, *size), (2, 3, *size)) if "data_format" in kwargs else ((2, *size, 2), (2, *size, 3))
    states = [np.linspace(-1, 1, int(np.prod(state)), dtype="float32").reshape(state) / (1 + i) for i in range(2)]
    module = getattr(L, f"ConvLSTM{rank}DCell")(*args, **kwargs)
    return Case(module, keras, [inputs], call={"states": states}, training=(False,), scale=2.0)


STATE = np.linspace(-1, 1, 6, dtype="float32").reshape(3, 2)
CASES = [
    case("LSTM", 2),
    case("LSTM", 2, dropout=-0.5, recurrent_dropout=-1),
    case("LSTM", 2, return_sequences=True, mask=True),
    case("LSTM", 2, return_state=True, go_backwards=True, mask=True),
    case("LSTM", 2, return_sequences=True, return_state=True, unroll=True),
    case("LSTM", 2, zero_output_for_mask=True, return_sequences=True, mask=True),
    case("LSTM", 2, return_sequences=True, mask=True, call={"initial_state": [STATE, STATE / 2]}),
    case("LSTM", 2, stateful=True, unit_forget_bias=False),
    case("LSTM", 2, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False),
    case("LSTM", 2, dropout=0.5, recurrent_dropout=0.5, mask=True),
    case("LSTM", 2, dtype="mixed_bfloat16"),
    case("GRU", 2),
    case("GRU", 2, return_sequences=True, mask=True),
    case("GRU", 2, reset_after=False, return_sequences=True, return_state=True, go_backwards=True, mask=True),
    case("GRU", 2, use_bias=False, call={"initial_state": STATE}),
    case("GRU", 2, reset_after=False, use_bias=False, unroll=True),
    case("GRU", 2, dropout=0.5, recurrent_dropout=0.5, mask=True, stateful=True),
    case("GRU", 2, activation="relu", recurrent_activation="hard_sigmoid", mask=True),
    case("SimpleRNN", 2),
    case("SimpleRNN", 2, activation=None, return_sequences=True, return_state=True, mask=True),
    case("SimpleRNN", 2, use_bias=False, dropout=0.5, recurrent_dropout=0.5, go_backwards=True),
    step("LSTMCell", 2, states=[STATE, STATE / 2]),
    step("GRUCell", 2, states=[STATE]),
    step("GRUCell", 2, reset_after=False, states=[STATE]),
    step("SimpleRNNCell", 2, states=[STATE]),
    step("StackedRNNCells", lambda K: [K.LSTMCell(2), K.GRUCell(2)], states=[[STATE, STATE / 2], [STATE]]),
    around("RNN", lambda K: K.LSTMCell(2), return_sequences=True, mask=True),
    around("RNN", lambda K: K.GRUCell(2, reset_after=False), return_state=True, zero_output_for_mask=True, mask=True),
    around("RNN", lambda K: [K.LSTMCell(3), K.SimpleRNNCell(2)], return_sequences=True, mask=True),
    around("Bidirectional", lambda K: K.LSTM(2), mask=True),
    around("Bidirectional", lambda K: K.GRU(2, return_sequences=True), "sum", mask=True),
    around("Bidirectional", lambda K: K.SimpleRNN(2, return_sequences=True), None),
    around("Bidirectional", lambda K: K.SimpleRNN(2, return_sequences=True), "mul"),
    around(
        "Bidirectional",
        lambda K: K.LSTM(2, return_sequences=True, return_state=True),
        "ave",
        call={"initial_state": [STATE, STATE / 2, STATE / 3, STATE / 4]},
    ),
    around("TimeDistributed", lambda K: K.Dense(3, activation="tanh")),
    around("TimeDistributed", lambda K: K.Conv1D(3, 2), shape=(2, 3, 4, 2)),
    around("TimeDistributed", lambda K: K.LSTM(2), shape=(2, 2, 3, 4)),
    *(
        convolutional(f"ConvLSTM{len(size)}D", 2, kernel, shape=(2, 3, *size, 2), **kwargs)
        for size, kernel, kwargs in (
            ((5,), 3, {"padding": "same", "return_sequences": True}),
            ((4, 3), 2, {"return_state": True, "go_backwards": True}),
            ((4, 4), (2, 3), {"strides": 2, "padding": "same", "use_bias": False, "dropout": 0.5}),
            ((3, 2, 2), 2, {"padding": "same", "unit_forget_bias": False}),
        )
    ),
    convolutional_step(1, 3, 2, padding="same"),
    convolutional_step(2, 3, 3, padding="same", data_format="channels_first"),
    convolutional_step(3, 3, 2, padding="same", activation="relu", use_bias=False),
    convolutional(
        "ConvLSTM2D",
        2,
        2,
        shape=(2, 3, 2, 4, 3),
        data_format="channels_first",
        dilation_rate=(2, 1),
        return_sequences=True,
    ),
]
