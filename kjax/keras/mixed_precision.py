"""``keras.mixed_precision``: the names of ``tf.keras`` for dtype policies."""

from typing import Any

from kjax.keras import optimizers as _optimizers
from kjax.keras.core.settings import dtype_policy as dtype_policy
from kjax.keras.core.settings import set_dtype_policy as set_dtype_policy
from kjax.keras.dtype_policies import DTypePolicy as DTypePolicy

LossScaleOptimizer: Any = vars(_optimizers)["LossScaleOptimizer"]
Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
