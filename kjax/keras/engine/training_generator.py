"""``keras.engine.training_generator`` of Keras 2: the methods of a model as functions."""

from __future__ import annotations

from typing import Any

from kjax.keras.engine.training_utils import iter_sequence_infinite as iter_sequence_infinite
from kjax.keras.utils.generic_utils import to_list as to_list
from kjax.keras.utils.generic_utils import unpack_singleton as unpack_singleton


def fit_generator(model: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
    """``model.fit_generator(generator, ...)``.

    Args:
        model: the model.
        generator: the batches.
        *args: further arguments.
        **kwargs: further arguments by name.
    """
    return model.fit_generator(generator, *args, **kwargs)


def evaluate_generator(model: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
    """``model.evaluate_generator(generator, ...)``; arguments as those of :func:`fit_generator`."""
    return model.evaluate_generator(generator, *args, **kwargs)


def predict_generator(model: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
    """``model.predict_generator(generator, ...)``; arguments as those of :func:`fit_generator`."""
    return model.predict_generator(generator, *args, **kwargs)
