"""What callbacks share that watch one number: is smaller or larger better, and is this an improvement?"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np

from kjax.keras.callbacks.base import Callback
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS

_UP = (
    "accuracy acc binary_accuracy categorical_accuracy sparse_categorical_accuracy "
    "top_k_categorical_accuracy sparse_top_k_categorical_accuracy auc precision recall true_positives "
    "true_negatives precision_at_recall recall_at_precision sensitivity_at_specificity "
    "specificity_at_sensitivity iou binary_iou mean_iou one_hot_iou one_hot_mean_iou io_u binary_io_u "
    "mean_io_u one_hot_io_u one_hot_mean_io_u fbeta_score f1_score r2_score cosine_similarity "
    "concordance_correlation pearson_correlation"
)
_DOWN = (
    "loss error mean_squared_error mse mean_absolute_error mae mean_absolute_percentage_error mape "
    "mean_squared_logarithmic_error msle root_mean_squared_error rmse mean_relative_error "
    "false_positives false_negatives binary_crossentropy categorical_crossentropy "
    "sparse_categorical_crossentropy crossentropy hinge squared_hinge categorical_hinge kl_divergence "
    "kld kullback_leibler_divergence poisson logcosh log_cosh huber"
)
_KNOWN = {**dict.fromkeys(_UP.split(), "up"), **dict.fromkeys(_DOWN.split(), "down")}


def direction_of(monitor: str, model: Any = None) -> Literal["min", "max"] | None:
    """Whether the number of this name is better when it is smaller or when it is larger.

    Args:
        monitor: name in the logs; ``val_``, the name of an output in front and a number behind do not matter.
        model: the model, whose compiled metrics are asked first.

    Returns:
        ``'min'``, ``'max'``, or None where neither a metric of the model nor the name tells.
    """
    name = monitor.removeprefix("val_")
    known = {m.name: m._direction for m in _metrics(model) if getattr(m, "_direction", None) is not None}
    bare = re.sub(r"_\d+$", "", name.lower())
    return _look_up(name, known) or _look_up(bare, _KNOWN)


def _look_up(name: str, directions: Mapping[str, str]) -> Literal["min", "max"] | None:
    """The direction of the metric of this name, or of the longest one that the name ends with."""
    fitting = [metric for metric in directions if name == metric or name.endswith("_" + metric)]
    if not fitting:
        return None
    return "max" if directions[max(fitting, key=len)] == "up" else "min"


def _metrics(model: Any) -> Iterator[Any]:
    """The metrics of a model, those in containers too."""
    for metric in getattr(model, "metrics", None) or ():
        inner = getattr(metric, "metrics", None)
        yield from inner if inner else (metric,)


class MonitorCallback(Callback):
    """Base of callbacks that watch one number of the logs.

    Args:
        monitor: its name, for example ``'val_loss'``.
        mode: ``'min'``, ``'max'``, or ``'auto'`` to know by the name.
        baseline: the best value to begin with.
        min_delta: smallest change that counts as an improvement.

    Attributes:
        best: best value so far, None before the first.
        monitor_op: ``np.less`` or ``np.greater``; None until it is known.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__}: mode must be 'auto', 'min' or 'max', received {mode!r}; going on with 'auto'",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best: Any = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[..., Any] | None = None
        if settings.era in OLD_ERAS:
            self._set_monitor_op()

    def _set_monitor_op(self) -> None:
        mode = self.mode if self.mode != "auto" else None
        if mode is None and settings.era not in OLD_ERAS:
            mode = direction_of(self.monitor, self.model)
        if mode is None and settings.era != "3":  # before Keras 3 the name alone decided
            mode = "max" if "acc" in self.monitor or self.monitor.startswith("fmeasure") else "min"
        if mode is None:
            raise ValueError(
                f"{type(self).__name__}: monitor={self.monitor!r} does not tell whether smaller or larger "
                "values are better; pass mode='min' or mode='max'"
            )
        self.monitor_op = np.less if mode == "min" else np.greater
        if mode == "min":
            self.min_delta = -self.min_delta

    def _is_improvement(self, value: Any, reference: Any) -> bool:
        """Whether ``value`` is better than ``reference`` by more than ``min_delta``, or there is none."""
        # Nothing compares with NaN, so a NaN among the first values would stay the best for good.
        if reference is None or (np.isnan(reference) and not np.isnan(value)):
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        assert self.monitor_op is not None
        return bool(self.monitor_op(value - self.min_delta, reference))
