"""The Keras metrics: objects derived from the pure metrics of floor 1, all by one mechanism, and their functions."""

from __future__ import annotations

import inspect
from typing import Any

from kjax.keras.core.metric import Metric as Metric
from kjax.keras.core.metric import derive_metric
from kjax.keras.core.namespace import fill
from kjax.nn import losses as _losses
from kjax.nn import metrics as rules

for _name, _thing in {**vars(_losses), **vars(rules)}.items():
    if inspect.isclass(_thing) and issubclass(_thing, rules.Metric) and _thing is not rules.Metric:
        globals()[_name] = derive_metric(_thing)
    elif inspect.isfunction(_thing) and not _name.startswith("_"):
        globals().setdefault(_name, _thing)


def get(identifier: Any) -> Any:
    """The metric object for a name, class, config or function."""
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    rule: Any = rules.get(identifier)
    cls = globals().get(type(rule).__name__)
    if cls is None:
        return rule
    metric = cls.__new__(cls)
    metric.rule = rule
    Metric.__init__(metric, None, rule.name)
    metric._state = None
    return metric


fill(globals(), rules.registry, get)
