"""Activations as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers


def case(name: str, *args: Any, shape: tuple[int, ...] = (2, 3, 4), mask: Any = None, **kwargs: Any) -> Case:
    """The same arguments for both layers."""
    make = lambda K: getattr(K, name)(*args, **kwargs)  # noqa: E731
    return Case(make(L), make, [shape], mask=mask)


def some(inputs: Any) -> Any:
    """A mask of single values."""
    return np.random.default_rng(0).random(inputs[0].shape) < 0.7


CASES = [
    case("ReLU"),
    case("ReLU", max_value=1.0, negative_slope=0.2, threshold=0.3),
    case("LeakyReLU"),
    case("LeakyReLU", negative_slope=0.1),
    case("ELU", alpha=0.5),
    case("PReLU"),
    case("PReLU", alpha_initializer="ones", shared_axes=[1, 2], shape=(2, 3, 4, 5)),
    case("PReLU", alpha_initializer="ones", shared_axes=[0], shape=(2, 3, 4)),
    case("PReLU", alpha_initializer="ones", shared_axes=[-1], shape=(2, 3, 4)),
    case("Softmax"),
    case("Softmax", axis=1, mask=some),
    case("Softmax", axis=(1, 2)),
]
