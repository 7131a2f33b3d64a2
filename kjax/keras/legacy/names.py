"""What metrics were called in the logs of Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.legacy.samples import asked

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


_PARAMS = {"nb_epoch": "epochs", "nb_sample": "samples"}
_PARAMS |= {today: then for then, today in _PARAMS.items()}


class Params(dict[str, Any]):
    """``callback.params`` of Keras 1 and 2, which know the numbers of epochs and of samples by the names of the other, too."""

    def copy(self) -> Params:
        """A copy."""
        return Params(self)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or a default."""
        try:
            return self[name]
        except KeyError:
            return default

    def __or__(self, more: Any) -> Params:
        return Params(self, **more)

    def __missing__(self, name: str) -> Any:
        today = _PARAMS.get(name)
        if today is None or today not in self:
            raise KeyError(name)
        return self[today]


def older_params(
    names: Sequence[str],
    epochs: int,
    verbose: Any,
    validation: bool,
    steps: int | None,
    arrays: tuple[int, int | None] | None,
) -> dict[str, Any]:
    """``callback.params`` in Keras 1 and 2.

    Args:
        names: names of the logs.
        epochs: index of the last epoch.
        verbose: as in ``fit``.
        validation: whether there is one.
        steps: batches of an epoch, where they were asked for.
        arrays: number of samples and size of batches; None where a generator gives the batches.
    """
    if settings.era == "1":
        params = {} if arrays is None or arrays[1] is None or asked() else {"batch_size": arrays[1]}
        count = steps if arrays is None else arrays[0]
        params |= {"nb_epoch": epochs, "nb_sample": count, "verbose": verbose, "do_validation": validation}
        shown = validation or arrays is None or asked() is not None
        return Params(params, metrics=[*names, *(f"val_{name}" for name in names if shown)])
    params = {} if arrays is None else {"batch_size": arrays[1]}
    params |= {"epochs": epochs, "steps": steps}
    if arrays is not None:
        params["samples"] = arrays[0]
    params |= {"verbose": verbose, "do_validation": validation}
    shown = validation or arrays is None  # for generators they were always listed
    return Params(params, metrics=[*names, *(f"val_{name}" for name in names if shown)])
