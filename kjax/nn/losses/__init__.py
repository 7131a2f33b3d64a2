"""Losses: functions from targets and predictions to values per sample, and the classes that reduce them."""

from __future__ import annotations

from kjax.nn.losses.base import REDUCTIONS as REDUCTIONS
from kjax.nn.losses.base import Loss as Loss
from kjax.nn.losses.base import reduce_values as reduce_values
from kjax.nn.losses.classes import CTC as CTC
from kjax.nn.losses.classes import BinaryCrossentropy as BinaryCrossentropy
from kjax.nn.losses.classes import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from kjax.nn.losses.classes import CategoricalCrossentropy as CategoricalCrossentropy
from kjax.nn.losses.classes import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from kjax.nn.losses.classes import CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy
from kjax.nn.losses.classes import CategoricalHinge as CategoricalHinge
from kjax.nn.losses.classes import Circle as Circle
from kjax.nn.losses.classes import CosineSimilarity as CosineSimilarity
from kjax.nn.losses.classes import Dice as Dice
from kjax.nn.losses.classes import Hinge as Hinge
from kjax.nn.losses.classes import Huber as Huber
from kjax.nn.losses.classes import KLDivergence as KLDivergence
from kjax.nn.losses.classes import LogCosh as LogCosh
from kjax.nn.losses.classes import MeanAbsoluteError as MeanAbsoluteError
from kjax.nn.losses.classes import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from kjax.nn.losses.classes import MeanSquaredError as MeanSquaredError
from kjax.nn.losses.classes import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from kjax.nn.losses.classes import Poisson as Poisson
from kjax.nn.losses.classes import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from kjax.nn.losses.classes import SquaredHinge as SquaredHinge
from kjax.nn.losses.classes import Tversky as Tversky
from kjax.nn.losses.crossentropy import binary_crossentropy as binary_crossentropy
from kjax.nn.losses.crossentropy import binary_focal_crossentropy as binary_focal_crossentropy
from kjax.nn.losses.crossentropy import categorical_crossentropy as categorical_crossentropy
from kjax.nn.losses.crossentropy import categorical_focal_crossentropy as categorical_focal_crossentropy
from kjax.nn.losses.crossentropy import (
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
)
from kjax.nn.losses.crossentropy import kl_divergence as kl_divergence
from kjax.nn.losses.crossentropy import poisson as poisson
from kjax.nn.losses.crossentropy import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from kjax.nn.losses.margins import categorical_hinge as categorical_hinge
from kjax.nn.losses.margins import hinge as hinge
from kjax.nn.losses.margins import squared_hinge as squared_hinge
from kjax.nn.losses.overlap import dice as dice
from kjax.nn.losses.overlap import tversky as tversky
from kjax.nn.losses.regression import cosine_similarity as cosine_similarity
from kjax.nn.losses.regression import huber as huber
from kjax.nn.losses.regression import log_cosh as log_cosh
from kjax.nn.losses.regression import mean_absolute_error as mean_absolute_error
from kjax.nn.losses.regression import mean_absolute_percentage_error as mean_absolute_percentage_error
from kjax.nn.losses.regression import mean_squared_error as mean_squared_error
from kjax.nn.losses.regression import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from kjax.nn.losses.resolve import classification_kind as classification_kind
from kjax.nn.losses.resolve import get as get
from kjax.nn.losses.resolve import of_compile as of_compile
from kjax.nn.losses.resolve import resolve as resolve
from kjax.nn.losses.resolve import resolve_crossentropy as resolve_crossentropy
from kjax.nn.losses.structured import circle as circle
from kjax.nn.losses.structured import ctc as ctc
from kjax.nn.losses.wrapper import FunctionLoss as FunctionLoss
from kjax.nn.losses.wrapper import LossFunctionWrapper as LossFunctionWrapper
from kjax.nn.losses.wrapper import registry as registry
