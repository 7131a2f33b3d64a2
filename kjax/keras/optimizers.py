"""The Keras optimizers: derived from the rules of floor 1, all by one mechanism."""

from __future__ import annotations

import inspect

from kjax.keras.core.namespace import fill
from kjax.keras.core.optimizer import Optimizer as Optimizer
from kjax.keras.core.optimizer import derive_optimizer
from kjax.keras.core.optimizer import get as get
from kjax.nn import optimizers as rules
from kjax.nn.optimizers import schedules as schedules

for _name, _thing in vars(rules).items():
    if inspect.isclass(_thing) and issubclass(_thing, rules.Optimizer) and _thing is not rules.Optimizer:
        globals()[_name] = derive_optimizer(_thing)
        globals().setdefault(_name.lower(), globals()[_name])  # the names of Keras 2

fill(globals(), rules.registry, get)
