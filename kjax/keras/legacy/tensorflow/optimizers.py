"""The optimizers of TensorFlow 1, `tf.train.AdamOptimizer` and its like, as those of Keras."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.optimizer import Optimizer
from kjax.keras.optimizers import built_in, schedules


def AdamOptimizer(
    learning_rate: Any = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, **options: Any
) -> Optimizer:
    """``tf.train.AdamOptimizer``."""
    return built_in.CLASSES["Adam"](learning_rate, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


def GradientDescentOptimizer(learning_rate: Any, **options: Any) -> Optimizer:
    """``tf.train.GradientDescentOptimizer``."""
    return built_in.CLASSES["SGD"](learning_rate)


def MomentumOptimizer(learning_rate: Any, momentum: float, use_nesterov: bool = False, **options: Any) -> Optimizer:
    """``tf.train.MomentumOptimizer``."""
    return built_in.CLASSES["SGD"](learning_rate, momentum=momentum, nesterov=use_nesterov)


def RMSPropOptimizer(
    learning_rate: Any, decay: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-10, **options: Any
) -> Optimizer:
    """``tf.train.RMSPropOptimizer``."""
    return built_in.CLASSES["RMSprop"](learning_rate, rho=decay, momentum=momentum, epsilon=epsilon)


def AdagradOptimizer(learning_rate: Any, initial_accumulator_value: float = 0.1, **options: Any) -> Optimizer:
    """``tf.train.AdagradOptimizer``."""
    return built_in.CLASSES["Adagrad"](learning_rate, initial_accumulator_value=initial_accumulator_value)


def AdadeltaOptimizer(
    learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-8, **options: Any
) -> Optimizer:
    """``tf.train.AdadeltaOptimizer``."""
    return built_in.CLASSES["Adadelta"](learning_rate, rho=rho, epsilon=epsilon)


def FtrlOptimizer(learning_rate: Any, **options: Any) -> Optimizer:
    """``tf.train.FtrlOptimizer``."""
    return built_in.CLASSES["Ftrl"](learning_rate)


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: float, staircase: bool = False, name: Any = None
) -> Any:
    """``tf.train.exponential_decay``: a schedule."""
    return schedules.ExponentialDecay(learning_rate, decay_steps, decay_rate, staircase)
