"""The Keras class of every optimizer of floor 1, derived by one mechanism."""

from __future__ import annotations

import inspect
from typing import Any

from kjax.keras.core.optimizer import Optimizer, derive_optimizer
from kjax.keras.core.optimizer_groups import LossScaleOptimizer, MultiOptimizer
from kjax.nn import optimizers as rules


def of_rule(name: str) -> Any:
    """A method of the rule as one of the handle.

    Args:
        name: its name.
    """

    def call(self: Any, *args: Any) -> Any:
        return getattr(self.rule, name)(*args)

    call.__name__, call.__doc__ = name, getattr(rules.Muon, name).__doc__
    return call


CLASSES: dict[str, type[Optimizer]] = {
    "LossScaleOptimizer": LossScaleOptimizer,
    "MultiOptimizer": MultiOptimizer,
}
"""The classes by name."""

for _name, _thing in vars(rules).items():
    if inspect.isclass(_thing) and issubclass(_thing, rules.Optimizer) and _name not in CLASSES:
        if _thing not in (rules.Optimizer, rules.RuleOptimizer):
            CLASSES[_name] = derive_optimizer(_thing)

for _name in ("lr_adjust", "transpose_last_axis", "zeropower_via_newtonschulz5"):
    setattr(CLASSES["Muon"], _name, of_rule(_name))
