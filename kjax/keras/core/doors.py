"""Doors: how modules below call functions of modules above, which are built on them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


class Door:
    """Functions as attributes, which the modules above fill in when they are loaded.

    They are loaded when a function is first asked for that nobody has given yet, so that nothing below imports them.

    Args:
        *filled_by: names of the modules above.
    """

    def __init__(self, *filled_by: str) -> None:
        self._filled_by = filled_by

    def fill(self, **functions: Callable[..., Any]) -> None:
        """Give the functions.

        Args:
            **functions: a function for each name.
        """
        vars(self).update(functions)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("__"):
            for module in self._filled_by:
                importlib.import_module(module)
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"nobody of {self._filled_by} gives a function {name!r}")


nodes = Door("kjax.keras.core.operation", "kjax.keras.ops.lift")
"""For variables and symbolic tensors: ``apply_function`` makes a node of a function, ``reading`` of a variable, and
``operation`` calls a function of ``keras.ops`` by its name."""

sessions = Door("kjax.keras.backend.running")
"""For symbolic tensors and effects: ``get_session``, the session that scripts of Keras 1 and 2 are in."""

effects = Door("kjax.keras.core.updates")
"""For variables: ``update``, a new value for one as an operation of a graph, and ``call``, a function as one."""

configs = Door("kjax.keras.saving.serialization", "kjax.keras.saving.older")
"""Configs of all things, for :mod:`kjax.keras.core.configs`, where the functions are described."""

files = Door("kjax.keras.saving.models")
"""For models: files, JSON, configs and copies of them; the functions have the names that they have in ``saving``."""

values = Door("kjax.keras.core.evaluate")
"""For optimizers: ``values_of`` symbolic tensors that depend on variables alone."""

calls = Door("kjax.keras.core.side_effects")
"""For layers: ``effects_of`` a call, ``penalty_of`` a variable and ``mask_of`` a tensor as symbolic tensors."""

graphs = Door("kjax.keras.backend.graph")
"""For models: ``function``, ``gradients`` and ``learning_phase`` of the backend."""

names = Door("kjax.keras.core.graph_names", "kjax.keras.legacy.tensorflow.graphs")
"""For tensors, variables and sessions: the ``operation_of`` one, the ``default_graph``, and the ``graph_of_session`` of a number."""

checks = Door("kjax.keras.engine.training_utils")
"""For models in scripts of Keras 1 and 2: how data were looked at; the functions have the names that they have there."""

summaries = Door("kjax.keras.legacy.tensorflow.summaries")
"""For callbacks: ``functions`` gives ``tf.summary``, as a module."""

older_weights = Door("kjax.keras.saving.oldest_weights")
"""For layers in scripts of Keras 1 and 2: their weights ``of_then``, and such ``of_today``."""

older_layers = Door("kjax.keras.legacy.layers")
"""For layers: ``find``, a layer or function by a name that only Keras 1 and 2 had, or None."""

strategies = Door("kjax.keras.legacy.tensorflow.session")
"""For models: ``get_strategy`` of ``tf.distribute``."""

initializations = Door("kjax.keras.legacy.initializations")
"""For layers in scripts of Keras 1: ``as_function``, an initializer as the function that makes a variable."""

bars = Door("kjax.keras.legacy.progbar")
"""For progress bars: ``of_then``, one of Keras 1 and 2, still without its arguments."""

tensors = Door(*(f"kjax.keras.legacy.tensorflow.{name}" for name in ("arrays", "strings", "ragged_calls", "sparse")))
"""For tensors of TensorFlow: ``stack``, ``join_strings``, ``call_ragged``, ``rows_at``, ``join_rows`` and ``sparse``, which take several."""
