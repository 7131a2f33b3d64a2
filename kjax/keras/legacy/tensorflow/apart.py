"""Models of which a script looks inside, on tapes: their layers are called one after the other."""

from __future__ import annotations

from typing import Any

import jax

from kjax.keras.core.tensor import is_symbolic
from kjax.keras.legacy.tensorflow.tensor import is_leaf


def shows_inside(layer: Any) -> bool:
    """Whether it is a functional model one of whose outputs is computed from another.

    Scripts ask a tape for the gradient of the one by the other (Grad-CAM), which goes through the layers between.
    """
    plan = getattr(layer, "_plan", None)
    if plan is None or len(plan.outputs) < 2:
        return False
    outputs = {id(tensor) for tensor in plan.outputs}
    return any(id(leaf) in outputs for node in plan.nodes for leaf in node.input_tensors)


def call_apart(model: Any, inputs: Any, training: bool) -> Any:
    """Call the layers of a functional model one after the other, so that a tape sees each.

    Args:
        model: the model.
        inputs: its inputs.
        training: the mode.
    """
    plan = model._plan
    given = jax.tree.leaves(inputs, is_leaf=is_leaf)
    if isinstance(inputs, dict) and isinstance(plan.input_structure, dict):
        given = jax.tree.leaves([inputs[name] for name in sorted(plan.input_structure)], is_leaf=is_leaf)
    values = dict(zip(map(id, plan.inputs), given, strict=True))
    losses = []
    for node in plan.nodes:
        args, kwargs = jax.tree.map(
            lambda leaf: values[id(leaf)] if is_symbolic(leaf) else leaf, (node.args, node.kwargs), is_leaf=is_symbolic
        )
        if node.layer.takes_training:
            kwargs = {"training": training, **kwargs}
        results = jax.tree.leaves(node.layer(*args, **kwargs), is_leaf=is_leaf)
        losses += node.layer._extra_losses
        values.update(zip(map(id, node.outputs), results, strict=True))
    model._extra_losses = losses
    return plan.arranged([values[id(tensor)] for tensor in plan.outputs])
