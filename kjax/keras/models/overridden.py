"""Which of the methods that Keras calls while it trains are a user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

FUNCTIONS = {"train": "make_train_function", "test": "make_test_function", "predict": "make_predict_function"}
OVERRIDABLE = (
    *("train_step", "test_step", "compute_loss", "compute_metrics", "compute_loss_and_updates"),
    *("make_train_function", "make_test_function"),
)
"""Methods whose override makes a model train through them, and not by the step of floor 2 alone."""


def overrides(model: Any, *names: str) -> bool:
    """Whether a model's class, or the model itself, has a method of its own in place of Keras'.

    Args:
        model: the model.
        *names: names of methods.
    """
    cls = type(model)
    return any(getattr(cls, n) is not getattr(cls.without_overrides, n) or n in model.__dict__ for n in names)


def takes_data_only(step: Callable[..., Any]) -> bool:
    """Whether a step is written as for tf.keras, ``step(self, data)``, and not ``step(self, state, data)``."""
    kinds = [p.kind for p in inspect.signature(step).parameters.values()]
    positional = [k for k in kinds if k in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    return len(positional) == 1
