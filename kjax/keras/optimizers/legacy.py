"""``keras.optimizers.legacy``: today's optimizers, which take the arguments ``lr`` and ``decay`` as well."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.optimizer import Optimizer as Optimizer
from kjax.keras.optimizers.built_in import CLASSES


def _nadam(*args: Any, decay: Any = None, schedule_decay: float = 0.004, **kwargs: Any) -> Optimizer:
    """The Nadam of tf.keras before 2.11: its momentum has a schedule, and its rate no decay."""
    del decay
    return CLASSES["Nadam"](*args, schedule_decay=schedule_decay, **kwargs)


globals().update({name: CLASSES[name] for name in "SGD RMSprop Adam Adagrad Adadelta Adamax Nadam Ftrl".split()})

_body = {"__new__": lambda _, *args, **kwargs: _nadam(*args, **kwargs), "__doc__": CLASSES["Nadam"].__doc__}
Nadam = type("Nadam", (CLASSES["Nadam"],), {**_body, "__module__": __name__})
