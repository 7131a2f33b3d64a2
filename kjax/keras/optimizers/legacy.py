"""``keras.optimizers.legacy``: today's optimizers, which take the arguments ``lr`` and ``decay`` as well."""

from __future__ import annotations

from kjax.keras.core.optimizer import Optimizer as Optimizer
from kjax.keras.optimizers.built_in import CLASSES

globals().update({name: CLASSES[name] for name in "SGD RMSprop Adam Adagrad Adadelta Adamax Nadam Ftrl".split()})
