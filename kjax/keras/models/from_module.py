"""A Keras model from a module of floor 1."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax

from kjax.keras.core.foreign import FlaxLayer
from kjax.keras.core.layer import Layer
from kjax.keras.core.operation import Input, Operation
from kjax.keras.core.settings import settings
from kjax.keras.models.model import Model
from kjax.nn import Layer as ModuleBase
from kjax.nn.dtypes import Policy
from kjax.nn.graph import Constant, Graph, Op, Ref, Slice


def from_module(module: nn.Module, input_shape: Any = None, name: str | None = None) -> Model:
    """A functional Keras model that computes what a module computes.

    Args:
        module: a :class:`kjax.nn.Graph`, whose layers become the model's layers; or any other Flax module, which becomes
            the model's one layer.
        input_shape: shape of one sample, for a module that does not say it itself.
        name: the model's name.

    Raises:
        ValueError: the input shape is not known.
    """
    if not isinstance(module, Graph) or any(spec.shape is None for spec in module.inputs):
        if input_shape is None:
            raise ValueError("from_module: this module does not know its input shape; give `input_shape`")
        tensor = Input(input_shape)
        return Model(tensor, FlaxLayer(module)(tensor), name=name)
    tensors: dict[int, Any] = {
        i: Input(batch_shape=spec.shape, dtype=spec.dtype, name=spec.name) for i, spec in enumerate(module.inputs)
    }
    handles = [_handle(label, inner) for label, inner in module.layers]

    def thaw(leaf: Any) -> Any:
        if isinstance(leaf, Ref):
            return tensors[leaf.index]
        if isinstance(leaf, Slice):
            return slice(leaf.start, leaf.stop, leaf.step)
        return leaf.array if isinstance(leaf, Constant) else leaf

    for node in module.nodes:
        args, kwargs = jax.tree.unflatten(node.structure, [thaw(leaf) for leaf in node.leaves])
        results = handles[node.layer](*args, **kwargs)
        leaves = jax.tree.leaves(results, is_leaf=lambda t: hasattr(t, "_keras_history"))
        tensors.update(zip(node.outputs, leaves, strict=True))
    inputs = [tensors[i] for i in range(len(module.inputs))]
    outputs = [tensors[i] for i in module.outputs]
    return Model(inputs[0] if len(inputs) == 1 else inputs, outputs[0] if len(outputs) == 1 else outputs, name=name)


def _handle(name: str, module: nn.Module) -> Layer:
    """The Keras layer of a module, with its own class where there is one."""
    from kjax.keras import layers

    if isinstance(module, Op):
        return Operation(module.fn, name)
    if isinstance(module, Graph):
        return from_module(module, name=name)
    cls = getattr(layers, type(module).__name__, None)
    if not isinstance(module, ModuleBase) or cls is None or getattr(cls, "module_class", None) is not type(module):
        return FlaxLayer(module, name=name)
    layer = cls.__new__(cls)
    before, settings.policy = settings.policy, Policy(module.dtype).name
    try:
        Layer.__init__(layer, name=name, trainable=module.trainable, activity_regularizer=module.activity_regularizer)
    finally:
        settings.policy = before
    layer._adopt(module)
    return layer
