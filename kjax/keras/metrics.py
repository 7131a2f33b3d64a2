"""The Keras metrics: objects derived from the pure metrics of floor 1, all by one mechanism, and their functions."""

from __future__ import annotations

import inspect
from typing import Any

from kjax.keras.core.metric import Metric as Metric
from kjax.keras.core.metric import PureMetric, derive_metric
from kjax.keras.core.namespace import fill, make_symbolic
from kjax.keras.core.settings import settings
from kjax.keras.legacy import batchwise as _batchwise
from kjax.nn import losses as _losses
from kjax.nn import metrics as rules
from kjax.nn.metrics.base import classes as _classes

for _name, _thing in {**vars(_losses), **vars(rules)}.items():
    if inspect.isclass(_thing) and issubclass(_thing, rules.Metric) and _thing is not rules.Metric:
        globals()[_name] = derive_metric(_thing)
    elif inspect.isfunction(_thing) and not _name.startswith("_"):
        globals().setdefault(_name, _thing)


def get(identifier: Any) -> Any:
    """The metric object for a name, class, config or function."""
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if settings.era != "3" and isinstance(identifier, str):  # names were those of functions
        found = _batchwise.find_metric(identifier) if settings.era == "1" else identifier
        function = globals().get(identifier) if found is identifier else found
        if callable(function) and not isinstance(function, type):
            return function
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    rule: Any = rules.get(identifier)
    if isinstance(rule, Metric):
        return rule
    cls = globals().get(type(rule).__name__)
    if isinstance(identifier, str) and cls is not None:
        name = inspect.signature(cls).parameters.get("name")
        if name is not None and name.default is None:
            return cls()  # its name counts, as that of one that is made by its class
    return cls.wrap(rule) if cls is not None else PureMetric.wrap(rule)


def _interpolate_pr_auc(self: Any) -> Any:
    """The area under the precision-recall curve with the interpolation of Davis and Goadrich, from the state."""
    return self.rule.interpolate_pr_auc(self._values())


def _thresholds(self: Any) -> list[float]:
    """The thresholds, with one just outside of [0, 1] at each end."""
    return list(self.rule.all_thresholds)


_auc: Any = globals()["AUC"]
_auc.interpolate_pr_auc = _interpolate_pr_auc
_auc.thresholds = property(_thresholds)

fill(globals(), rules.registry, get, "metric", "config")
make_symbolic(globals(), _classes)
