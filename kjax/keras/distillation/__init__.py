"""``keras.distillation``: training a small model to do as a large one does."""

from kjax.keras.distillation.distiller import Distiller as Distiller
from kjax.keras.distillation.losses import DistillationLoss as DistillationLoss
from kjax.keras.distillation.losses import FeatureDistillation as FeatureDistillation
from kjax.keras.distillation.losses import LogitsDistillation as LogitsDistillation
