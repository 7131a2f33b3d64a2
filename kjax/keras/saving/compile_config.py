"""What ``compile`` was given, as a config in Keras 3's format, and back."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from kjax.keras.saving.serialization import _revive, serialize_keras_object
from kjax.nn import optimizers

ARGUMENTS = (
    "optimizer",
    "loss",
    "loss_weights",
    "metrics",
    "weighted_metrics",
    "run_eagerly",
    "auto_scale_loss",
)
"""Arguments of ``compile`` that are read; others of Keras have no meaning here."""


def compile_config(model: Any) -> dict[str, Any]:
    """The config of a model's compilation; empty where it was not compiled, or where it cannot be written.

    Args:
        model: the model.
    """
    compilation = model._compilation
    if compilation is None:
        return {}
    rule = getattr(compilation.optimizer, "rule", None)
    if isinstance(rule, optimizers.OptaxOptimizer):
        warnings.warn(
            f"model {model.name!r} is trained with an Optax transformation, which no file can describe: the model is "
            "saved without what compile() was given, and without the optimizer's state; compile it again after loading",
            stacklevel=2,
        )
        return {}
    return {
        "optimizer": serialize_keras_object(compilation.optimizer),
        "loss": serialize_keras_object(compilation.loss),
        "loss_weights": serialize_keras_object(compilation.loss_weights),
        "metrics": serialize_keras_object(compilation.metrics),
        "weighted_metrics": serialize_keras_object(compilation.weighted_metrics),
        "run_eagerly": compilation.run_eagerly,
        "steps_per_execution": 1,
        "jit_compile": not compilation.run_eagerly,
    }


def compile_from_config(model: Any, config: Mapping[str, Any]) -> None:
    """Compile a model as a config says.

    Args:
        model: the model.
        config: what :func:`compile_config`, or real Keras 3, wrote.

    Raises:
        ValueError: an unknown optimizer, loss or metric.
    """
    given = {key: _revive(config[key]) for key in ARGUMENTS if key in config}
    model.compile(**{key: value for key, value in given.items() if not (key == "optimizer" and value is None)})
