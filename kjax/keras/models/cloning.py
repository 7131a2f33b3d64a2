"""``clone_model``: the calls of a model repeated with new layers."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kjax.keras.core.configs import custom_object_scope
from kjax.keras.core.doors import files
from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import Metric
from kjax.keras.core.operation import Input, InputLayer, Operation
from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.form import config_of_today
from kjax.keras.models.model import Model
from kjax.keras.models.sequential import Sequential
from kjax.nn import optimizers as rules
from kjax.nn.order import in_order_of


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """A model of the same architecture with new layers and new weights, compiled as the first one was.

    Args:
        model: a functional or sequential model; a model written as a class too, when nothing else is given.
        input_tensors: symbolic tensors to build the clone on; new inputs of the same shapes by default.
        clone_function: from a layer (inputs excepted) to the layer that takes its place; by default one with the same
            config. It may return the layer itself, which is then shared.
        call_function: ``call_function(layer, *args, **kwargs)`` calls a new layer in place of
            ``layer(*args, **kwargs)``; for functional models.
        recursive: hand the layers of models inside the model to the two functions, not those models themselves.

    Raises:
        ValueError: arguments that do not fit this kind of model.
    """
    if not isinstance(model, Model):
        raise ValueError(f"clone_model: expected a model, received {model!r} of type {type(model).__name__}")
    for name, function in (("clone_function", clone_function), ("call_function", call_function)):
        if function is not None and not callable(function):
            raise ValueError(f"clone_model: argument `{name}` must be a function, received {function!r}")
    return _Cloner(clone_function, call_function, recursive).model(model, input_tensors)


class _Cloner:
    """Clones layers, each once, and models."""

    def __init__(self, function: Any, call: Any, recursive: bool) -> None:
        self.function, self.call, self.recursive = function, call, recursive
        self.done: dict[int, Layer] = {}

    def layer(self, layer: Layer) -> Layer:
        """The layer that takes this one's place."""
        if id(layer) not in self.done:
            self.done[id(layer)] = self._layer(layer)
        return self.done[id(layer)]

    def _layer(self, layer: Layer) -> Layer:
        if isinstance(layer, Model) and (self.recursive or self.function is None):
            # By default models inside are taken apart too: functions on tensors have no config.
            return self.model(layer, None)
        if isinstance(layer, Operation):
            return layer  # it has neither weights nor arguments of its own
        if self.function is None:
            function = getattr(layer, "function", None)
            with custom_object_scope({function.__name__: function} if inspect.isfunction(function) else {}):
                return type(layer).from_config(
                    config_of_today(layer)
                )  # functions of a Lambda need no registration here
        made = self.function(layer)
        if not isinstance(made, Layer):
            raise ValueError(
                f"clone_model: clone_function must return a layer; for {layer.name!r} it returned {made!r}"
            )
        return made

    def model(self, model: Model, input_tensors: Any) -> Model:
        """A clone of a model."""
        if isinstance(model, Sequential):
            clone: Model = self._sequential(model, input_tensors)
        elif model.is_functional and self._is_plain(model, input_tensors):
            clone = self._functional(model, input_tensors)
        else:
            return self._class(model, input_tensors)
        if not model._trainable:
            clone._trainable = False
        _compile_alike(clone, model)
        return clone

    def _is_plain(self, model: Model, input_tensors: Any) -> bool:
        """Whether the calls of a functional model say all about it, or it was asked to treat it so."""
        own = type(model).get_config is not Model.get_config
        return not own or input_tensors is not None or self.function is not None

    def _sequential(self, model: Sequential, input_tensors: Any) -> Sequential:
        if self.call is not None and not self.recursive:
            raise ValueError(
                "clone_model: `call_function` argument is not supported with Sequential models, only with functional ones"
            )
        stack: list[Any] = [self.layer(layer) for layer in model.layers]
        if input_tensors is not None:
            input_tensors = _as_input(input_tensors)
            tensors = jax.tree.leaves(input_tensors, is_leaf=is_symbolic)
            if len(tensors) != 1 or not is_symbolic(tensors[0]):
                raise ValueError(
                    f"clone_model: `input_tensors` of a Sequential is one symbolic tensor, received {input_tensors!r}"
                )
            source = tensors[0]._keras_history[0]
            if not isinstance(source, InputLayer):
                raise ValueError(
                    "clone_model: `input_tensors` of a Sequential must be a keras.Input, received an output of "
                    f"layer {source.name!r}; call the clone on that tensor instead"
                )
            stack.insert(0, tensors[0])
        elif model._input_layer is not None:
            stack.insert(0, _new_input(model._input_layer))
        return Sequential(stack, name=model.name)

    def _functional(self, model: Model, input_tensors: Any) -> Model:
        plan = model._plan
        assert plan is not None
        sources = [t._keras_history[0] for t in plan.inputs]
        if input_tensors is None:
            structure = jax.tree.structure(plan.input_structure, is_leaf=is_symbolic)
            made = [_new_input(source) for source in sources]
            inputs = in_order_of(plan.input_structure, jax.tree.unflatten(structure, made))
        else:
            inputs = jax.tree.map(_as_input, input_tensors, is_leaf=lambda x: is_symbolic(x) or isinstance(x, Variable))
        given = jax.tree.leaves(inputs, is_leaf=is_symbolic)
        if len(given) != len(sources) or not all(is_symbolic(t) for t in given):
            raise ValueError(
                f"clone_model: `input_tensors` must be {len(sources)} symbolic tensor(s) for the inputs "
                f"{plan.input_names} of model {model.name!r}, received {input_tensors!r}"
            )
        tensors = {id(old): new for old, new in zip(plan.inputs, given, strict=True)}
        for node in plan.nodes:
            args, kwargs = jax.tree.map(
                lambda leaf: tensors[id(leaf)] if is_symbolic(leaf) else leaf,
                (node.args, node.kwargs),
                is_leaf=is_symbolic,
            )
            layer = self.layer(node.layer)
            results = layer(*args, **kwargs) if self.call is None else self.call(layer, *args, **kwargs)
            made = jax.tree.leaves(results, is_leaf=is_symbolic)
            if len(made) != len(node.outputs):
                raise ValueError(
                    f"clone_model: layer {node.layer.name!r} gave {len(node.outputs)} tensor(s), its clone {len(made)}"
                )
            tensors.update((id(old), new) for old, new in zip(node.outputs, made, strict=True))
        tree = plan.arranged([tensors[id(t)] for t in plan.outputs])
        plain = type(model).__init__ is Model.__init__
        return (type(model) if plain else Model)(inputs, tree, name=model.name)

    def _class(self, model: Model, input_tensors: Any) -> Model:
        for name, value in (
            ("input_tensors", input_tensors),
            ("clone_function", self.function),
            ("call_function", self.call),
        ):
            if value is not None:
                raise ValueError(
                    f"clone_model: argument `{name}` is for functional and sequential models; "
                    f"{model.name!r} is written as a class ({type(model).__name__})"
                )
        return files.without_weights(model)


def _as_input(tensor: Any) -> Any:
    """An input that stands for a variable or array; symbolic tensors as they are."""
    return Input(tensor=tensor) if isinstance(tensor, (Variable, np.ndarray)) else tensor


def _new_input(source: InputLayer) -> Any:
    return Input(batch_shape=source.batch_shape, dtype=source.dtype, sparse=source.sparse, name=source.name)


def _compile_alike(clone: Model, model: Model) -> None:
    compilation = model._compilation
    if compilation is None:
        return
    optimizer = compilation.optimizer
    if isinstance(getattr(optimizer, "rule", None), rules.OptaxOptimizer):  # which no config describes
        fresh = Optimizer.wrap(optimizer.rule)
    else:
        fresh = type(optimizer).from_config(config_of_today(optimizer))
    renewed = {
        name: jax.tree.map(_renewed, getattr(compilation, name), is_leaf=lambda leaf: isinstance(leaf, Metric))
        for name in ("metrics", "weighted_metrics")
    }
    clone._compilation = dataclasses.replace(compilation, optimizer=fresh, **renewed)
    clone._forget_training()
    if clone.built:
        clone._snapshot()


def _renewed(leaf: Any) -> Any:
    """A metric with a state of its own; anything else as it is."""
    return type(leaf).from_config(leaf.get_config()) if isinstance(leaf, Metric) else leaf
