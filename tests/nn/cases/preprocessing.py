"""Preprocessing layers without randomness."""

from __future__ import annotations

from typing import Any

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers

CASES = [
    Case(L.Rescaling(1 / 255, 0.5), lambda K: K.Rescaling(1 / 255, 0.5), [(2, 3, 4, 3)]),
    Case(L.Rescaling([1.0, 2.0, 3.0], -1), lambda K: K.Rescaling([1.0, 2.0, 3.0], -1), [(2, 3)], dtype="int32"),
    Case(
        L.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0]),
        lambda K: K.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0]),
        [(2, 5, 3)],
    ),
    Case(
        L.Normalization(axis=None, mean=2.0, variance=3.0, invert=True),
        lambda K: K.Normalization(axis=None, mean=2.0, variance=3.0, invert=True),
        [(2, 3)],
    ),
    Case(L.Discretization([-1.0, 0.0, 0.5]), lambda K: K.Discretization([-1.0, 0.0, 0.5]), [(3, 4)], scale=4),
    Case(
        L.Discretization([-1.0, 0.0, 0.5], output_mode="one_hot"),
        lambda K: K.Discretization([-1.0, 0.0, 0.5], output_mode="one_hot"),
        [(3, 1)],
    ),
    Case(L.Discretization([1.0, -1.0, 0.5]), lambda K: K.Discretization([1.0, -1.0, 0.5]), [(3, 4)], scale=4),
    Case(
        L.Discretization([-1.0, 0.5], output_mode="count"),
        lambda K: K.Discretization([-1.0, 0.5], output_mode="count"),
        [(3, 4)],
    ),
    Case(L.CategoryEncoding(7), lambda K: K.CategoryEncoding(7), [(3, 4)], dtype="int32"),
    Case(L.CategoryEncoding(5, "one_hot"), lambda K: K.CategoryEncoding(5, "one_hot"), [(3, 1)], dtype="int32"),
    Case(L.CategoryEncoding(7, "count"), lambda K: K.CategoryEncoding(7, "count"), [(2, 3, 4)], dtype="int32"),
    Case(
        L.MelSpectrogram(64, 16, 48, num_mel_bins=10),
        lambda K: K.MelSpectrogram(64, 16, 48, num_mel_bins=10),
        [(2, 200)],
        scale=80,
    ),
    Case(
        L.MelSpectrogram(64, 8, num_mel_bins=6, power_to_db=False, mag_exp=1.0, window=None),
        lambda K: K.MelSpectrogram(64, 8, num_mel_bins=6, power_to_db=False, mag_exp=1.0, window=None),
        [(70,)],
    ),
    Case(L.STFTSpectrogram("log", 16), lambda K: K.STFTSpectrogram("log", 16), [(2, 50, 2)]),
    Case(
        L.STFTSpectrogram("psd", 12, 5, 16, padding="same", expand_dims=True),
        lambda K: K.STFTSpectrogram("psd", 12, 5, 16, padding="same", expand_dims=True),
        [(2, 50, 2)],
    ),
    Case(
        L.STFTSpectrogram("stft", 8, data_format="channels_first"),
        lambda K: K.STFTSpectrogram("stft", 8, data_format="channels_first"),
        [(2, 2, 30)],
    ),
    Case(L.STFTSpectrogram("imag", 8), lambda K: K.STFTSpectrogram("imag", 8), [(2, 30, 1)]),
]
