"""The Keras class of every optimizer of floor 1, derived by one mechanism."""

from __future__ import annotations

import inspect

from kjax.keras.core.optimizer import Optimizer, derive_optimizer
from kjax.keras.core.optimizer_groups import LossScaleOptimizer, MultiOptimizer
from kjax.nn import optimizers as rules

CLASSES: dict[str, type[Optimizer]] = {
    "LossScaleOptimizer": LossScaleOptimizer,
    "MultiOptimizer": MultiOptimizer,
}
"""The classes by name."""

for _name, _thing in vars(rules).items():
    if inspect.isclass(_thing) and issubclass(_thing, rules.Optimizer) and _name not in CLASSES:
        if _thing not in (rules.Optimizer, rules.RuleOptimizer):
            CLASSES[_name] = derive_optimizer(_thing)
