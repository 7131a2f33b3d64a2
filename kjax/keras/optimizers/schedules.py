"""``keras.optimizers.schedules``: learning rates as functions of the step."""

from __future__ import annotations

from kjax.keras.core.namespace import fill
from kjax.nn.optimizers.schedules import CosineDecay as CosineDecay
from kjax.nn.optimizers.schedules import CosineDecayRestarts as CosineDecayRestarts
from kjax.nn.optimizers.schedules import ExponentialDecay as ExponentialDecay
from kjax.nn.optimizers.schedules import InverseTimeDecay as InverseTimeDecay
from kjax.nn.optimizers.schedules import LearningRateSchedule as LearningRateSchedule
from kjax.nn.optimizers.schedules import PiecewiseConstantDecay as PiecewiseConstantDecay
from kjax.nn.optimizers.schedules import PolynomialDecay as PolynomialDecay
from kjax.nn.optimizers.schedules import get as get
from kjax.nn.optimizers.schedules import registry as _registry

fill(globals(), _registry, get, "learning_rate_schedule", "config")
