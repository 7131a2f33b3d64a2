"""The optimizers of TensorFlow 1, `tf.train.AdamOptimizer` and its like, as those of Keras."""

from __future__ import annotations

from typing import Any

from kjax.keras.core import scope as scopes
from kjax.keras.core.operation import apply_function
from kjax.keras.core.optimizer import Optimizer as Optimizer
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.tensorflow.tensor import Tensor, unwrap
from kjax.keras.optimizers import built_in, schedules


def _made(name: str, learning_rate: Any, **arguments: Any) -> Optimizer:
    """An optimizer of Keras; its rate may be a tensor or variable of the graph."""
    if isinstance(learning_rate, Variable) and scopes.is_drawing():
        learning_rate = learning_rate.__symbolic__()
    drawn = is_symbolic(learning_rate)
    rate = 0.0 if drawn else unwrap(learning_rate) if isinstance(learning_rate, Tensor) else learning_rate
    optimizer = built_in.CLASSES[name](rate, **arguments)
    optimizer.drawn_rate = learning_rate if drawn else None
    return optimizer


def AdamOptimizer(
    learning_rate: Any = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    *args: Any,
    **options: Any,
) -> Optimizer:
    """``tf.train.AdamOptimizer``."""
    return _made("Adam", learning_rate, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


def GradientDescentOptimizer(learning_rate: Any, *args: Any, **options: Any) -> Optimizer:
    """``tf.train.GradientDescentOptimizer``."""
    return _made("SGD", learning_rate)


def MomentumOptimizer(
    learning_rate: Any, momentum: float, use_locking: bool = False, name: Any = None, use_nesterov: bool = False, **options: Any
) -> Optimizer:  # fmt: skip
    """``tf.train.MomentumOptimizer``."""
    return _made("SGD", learning_rate, momentum=momentum, nesterov=use_nesterov)


def RMSPropOptimizer(
    learning_rate: Any, decay: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-10, *args: Any, **options: Any
) -> Optimizer:
    """``tf.train.RMSPropOptimizer``."""
    return _made("RMSprop", learning_rate, rho=decay, momentum=momentum, epsilon=epsilon)


def AdagradOptimizer(
    learning_rate: Any, initial_accumulator_value: float = 0.1, *args: Any, **options: Any
) -> Optimizer:
    """``tf.train.AdagradOptimizer``."""
    return _made("Adagrad", learning_rate, initial_accumulator_value=initial_accumulator_value)


def AdadeltaOptimizer(
    learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-8, *args: Any, **options: Any
) -> Optimizer:
    """``tf.train.AdadeltaOptimizer``."""
    return _made("Adadelta", learning_rate, rho=rho, epsilon=epsilon)


def FtrlOptimizer(learning_rate: Any, *args: Any, **options: Any) -> Optimizer:
    """``tf.train.FtrlOptimizer``."""
    return _made("Ftrl", learning_rate)


def _scheduled(schedule: Any, step: Any) -> Any:
    """A schedule at a step of the graph, as a tensor; where nothing is drawn the schedule itself."""
    if isinstance(step, Variable) and scopes.is_drawing():
        step = step.__symbolic__()
    return apply_function(schedule, (step,), {}, "learning_rate") if is_symbolic(step) else schedule


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: float, staircase: bool = False, name: Any = None
) -> Any:
    """``tf.train.exponential_decay``."""
    return _scheduled(schedules.ExponentialDecay(learning_rate, decay_steps, decay_rate, staircase), global_step)


def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: float, staircase: bool = False, name: Any = None
) -> Any:
    """``tf.train.inverse_time_decay``."""
    return _scheduled(schedules.InverseTimeDecay(learning_rate, decay_steps, decay_rate, staircase), global_step)


def polynomial_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, end_learning_rate: float = 0.0001, power: float = 1.0,
    cycle: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """``tf.train.polynomial_decay``."""
    schedule = schedules.PolynomialDecay(learning_rate, decay_steps, end_learning_rate, power, cycle)
    return _scheduled(schedule, global_step)


def cosine_decay(learning_rate: Any, global_step: Any, decay_steps: Any, alpha: float = 0.0, name: Any = None) -> Any:
    """``tf.train.cosine_decay``."""
    return _scheduled(schedules.CosineDecay(learning_rate, decay_steps, alpha), global_step)


def piecewise_constant(x: Any, boundaries: Any, values: Any, name: Any = None) -> Any:
    """``tf.train.piecewise_constant``."""
    return _scheduled(schedules.PiecewiseConstantDecay(list(boundaries), list(values)), x)


def get_global_step(graph: Any = None) -> Any:
    """``tf.train.get_global_step``."""
    from kjax.keras.legacy.tensorflow.graph_variables import get_or_create_global_step

    return get_or_create_global_step(graph)


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """``tf.train.global_step``: its value."""
    return int(sess.run(global_step_tensor))
