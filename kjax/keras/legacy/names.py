"""What metrics were called in the logs of Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

METRICS = {"accuracy": "acc", "acc": "acc", "crossentropy": "ce", "ce": "ce"}
"""Names of metrics that follow from the loss."""

FUNCTIONS = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kullback_leibler_divergence",
    "kl_divergence": "kullback_leibler_divergence",
    "cosine": "cosine_proximity",
    "fscore": "fmeasure",
    "f1score": "fmeasure",
}
"""Short names of functions, whose own name was what the logs said."""


class Reduction:
    """``tf.keras.losses.Reduction``: how the values of a batch become one number."""

    AUTO, NONE, SUM, SUM_OVER_BATCH_SIZE = "auto", "none", "sum", "sum_over_batch_size"


def metric_name(given: Any, metric: Any) -> str:
    """The name in the logs of Keras 1 and 2.

    Args:
        given: what the user passed to ``compile``.
        metric: the metric that it stands for.
    """
    if isinstance(given, str):
        lowered = given.lower()
        return METRICS.get(lowered) or FUNCTIONS.get(lowered) or given
    return getattr(given, "name", None) or getattr(given, "__name__", None) or metric.name


def older_params(
    names: Sequence[str], epochs: int, samples: int | None, batch_size: int | None, validation: bool
) -> dict[str, Any]:
    """What ``callback.params`` had besides in Keras 1 and 2."""
    shown = [*names, *(f"val_{name}" for name in names)] if validation else list(names)
    return {
        "metrics": shown,
        "do_validation": validation,
        "samples": samples,
        "batch_size": batch_size,
        "nb_epoch": epochs,
        "nb_sample": samples,
    }
