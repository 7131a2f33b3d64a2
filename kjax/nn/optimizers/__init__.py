"""Optimizers and learning-rate schedules of Keras as pure values on Optax.

>>> import jax.numpy as jnp, optax
>>> from kjax.nn import optimizers
>>> optimizer = optimizers.SGD(0.5, momentum=0.9)
>>> params = {"w": jnp.asarray([1.0, 2.0])}
>>> state = optimizer.init(params)
>>> updates, state = optimizer.update({"w": jnp.ones(2)}, state, params)
>>> optax.apply_updates(params, updates)["w"]
Array([0.5, 1.5], dtype=float32)
>>> state = optimizers.set_learning_rate(state, 0.25)
>>> chained = optax.chain(optax.clip(1.0), optimizers.Adam(1e-3).transform())
"""

from kjax.nn.optimizers import schedules as schedules
from kjax.nn.optimizers.adafactor import Adafactor as Adafactor
from kjax.nn.optimizers.adam import Adam as Adam
from kjax.nn.optimizers.adam import Adamax as Adamax
from kjax.nn.optimizers.adam import AdamW as AdamW
from kjax.nn.optimizers.adam import Lamb as Lamb
from kjax.nn.optimizers.adam import Nadam as Nadam
from kjax.nn.optimizers.adam import ScheduleFreeAdamW as ScheduleFreeAdamW
from kjax.nn.optimizers.base import Optimizer as Optimizer
from kjax.nn.optimizers.base import get as get
from kjax.nn.optimizers.base import registry as registry
from kjax.nn.optimizers.ftrl import Ftrl as Ftrl
from kjax.nn.optimizers.multi import MultiOptimizer as MultiOptimizer
from kjax.nn.optimizers.multi import OptimizerMap as OptimizerMap
from kjax.nn.optimizers.muon import Muon as Muon
from kjax.nn.optimizers.rmsprop import Adadelta as Adadelta
from kjax.nn.optimizers.rmsprop import Adagrad as Adagrad
from kjax.nn.optimizers.rmsprop import RMSprop as RMSprop
from kjax.nn.optimizers.rule import Rule as Rule
from kjax.nn.optimizers.rule import RuleOptimizer as RuleOptimizer
from kjax.nn.optimizers.rule import exactly as exactly
from kjax.nn.optimizers.sgd import SGD as SGD
from kjax.nn.optimizers.sgd import Lion as Lion
from kjax.nn.optimizers.state import OptimizerState as OptimizerState
from kjax.nn.optimizers.state import get_learning_rate as get_learning_rate
from kjax.nn.optimizers.state import set_learning_rate as set_learning_rate
from kjax.nn.optimizers.variables import from_variables as from_variables
from kjax.nn.optimizers.variables import to_variables as to_variables
from kjax.nn.optimizers.wrappers import LossScaleOptimizer as LossScaleOptimizer
from kjax.nn.optimizers.wrappers import OptaxOptimizer as OptaxOptimizer
