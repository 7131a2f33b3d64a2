"""What the rest of kjax hands eager calls to while the stand-in is in use: layers, losses, metrics, functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.metric import Metric
from kjax.keras.core.settings import next_key
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.legacy.tensorflow.apart import call_apart, shows_inside
from kjax.keras.legacy.tensorflow.door import numbers
from kjax.keras.legacy.tensorflow.dtype import DType
from kjax.keras.legacy.tensorflow.ragged import RaggedTensor
from kjax.keras.legacy.tensorflow.sparse import SparseTensor
from kjax.keras.legacy.tensorflow.tensor import (
    Read,
    Tensor,
    apply,
    is_leaf,
    keep_mask,
    mask_of,
    narrow,
    record,
    tapes,
    unwrap,
    unwrap_leaf,
    wrap,
)
from kjax.keras.legacy.tensorflow.variable_members import member_of
from kjax.nn.losses.base import Loss
from kjax.nn.optimizers.schedules import LearningRateSchedule


def _loss_methods(cls: type) -> dict[str, Any]:
    def call(loss: Any, *args: Any, **kwargs: Any) -> Any:
        return apply(lambda *a, **k: cls.__call__(loss, *a, **k), args, kwargs, "loss")  # type: ignore[call-arg]

    return {"__call__": call}


def _metric_methods(cls: type) -> dict[str, Any]:
    def call(metric: Any, *args: Any, **kwargs: Any) -> Any:
        return jax.tree.map(wrap, cls.__call__(metric, *narrow(unwrap(args)), **narrow(unwrap(kwargs))))  # type: ignore[call-arg]

    def update_state(metric: Any, *args: Any, **kwargs: Any) -> Any:
        return cls.update_state(metric, *narrow(unwrap(args)), **narrow(unwrap(kwargs)))  # type: ignore[attr-defined]

    def result(metric: Any) -> Any:
        return jax.tree.map(wrap, cls.result(metric))  # type: ignore[attr-defined]

    return {"__call__": call, "update_state": update_state, "result": result}


def dense(tree: Any) -> Any:
    """Ragged and sparse tensors filled up."""
    return jax.tree.map(
        lambda leaf: leaf.to_tensor() if isinstance(leaf, (RaggedTensor, SparseTensor)) else leaf, tree, is_leaf=is_leaf
    )


@functools.cache
def _gives_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of losses or metrics: a script gets tensors of it for arrays and lists of numbers too."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if scopes.recording() is None or scopes.is_drawing():
            return function(*args, **kwargs)
        args, kwargs = tuple(map(numbers, args)), {key: numbers(value) for key, value in kwargs.items()}
        return jax.tree.map(wrap, apply(function, args, kwargs, function.__name__), is_leaf=is_leaf)

    return call


def _gives_dataset(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Any:
        from kjax.keras.legacy.tensorflow.data import Dataset

        found = function(*unwrap(args), **kwargs)
        return tuple(map(Dataset.of, found)) if isinstance(found, tuple) else Dataset.of(found)

    return make


_COMPUTING = ("kjax.nn.losses", "kjax.nn.metrics")
"""Where functions of arrays are that a script calls by their names in Keras."""


EACH_VALUE = frozenset("Embedding Dense Activation Dropout ReLU LeakyReLU ELU Rescaling LayerNormalization".split())
"""Layers that change each value, or vector, of a ragged tensor by itself."""
ROWS = frozenset("LSTM GRU SimpleRNN RNN Bidirectional GlobalAveragePooling1D".split())
"""Layers that learn by a mask where the rows of a ragged tensor end."""

_FINDING = ("kjax.keras.losses", "kjax.keras.metrics")
"""Where ``get`` finds what a script gets by name, too."""


class Recorder:
    """What the rest of kjax hands eager calls to while the stand-in is in use; see ``kjax.keras.core.scope.recorder``."""

    def __init__(self) -> None:
        self._classes: dict[type, type] = {}

    def call_function(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An eager call of a function of arrays; only what tensors take part in is recorded."""
        leaves = jax.tree.leaves((args, kwargs), is_leaf=is_leaf)
        if any(isinstance(leaf, Tensor) for leaf in leaves) or (tapes and any(map(is_leaf, leaves))):
            return apply(function, args, kwargs, getattr(function, "__name__", "function"))
        return function(*unwrap(args), **unwrap(kwargs))

    def of_script(self, thing: Any) -> Any:
        """A name as a script gets it.

        What objects of losses and metrics return are tensors, and losses are recorded; functions that make data sets
        make those of ``tf.data``.

        Args:
            thing: a class or function; other things are returned as they are.
        """
        if getattr(thing, "__name__", "").endswith(("_dataset_from_directory", "dataset_from_array")):
            return _gives_dataset(thing)
        if inspect.isfunction(thing) and thing.__module__.startswith(_COMPUTING):
            return _gives_tensors(thing)
        if inspect.isfunction(thing) and thing.__module__ in _FINDING and thing.__name__ == "get":
            return lambda *args, **kwargs: self.of_script(thing(*args, **kwargs))
        if isinstance(thing, type) and issubclass(thing, LearningRateSchedule) and thing is not LearningRateSchedule:
            return self._schedule(thing)
        if not isinstance(thing, type) or not issubclass(thing, (Loss, Metric)):
            return thing
        if thing not in self._classes:
            body = _loss_methods(thing) if issubclass(thing, Loss) else _metric_methods(thing)
            names = {"__module__": thing.__module__, "__qualname__": thing.__qualname__, "__doc__": thing.__doc__}
            self._classes[thing] = type(thing.__name__, (thing,), {**body, **names})
        return self._classes[thing]

    def _schedule(self, cls: type) -> type:
        """A class of schedules whose objects give tensors where the script calls them."""

        def call(schedule: Any, step: Any) -> Any:
            if scopes.recording() is None or scopes.is_drawing():
                return cls.__call__(schedule, unwrap(step))  # type: ignore[call-arg]
            return wrap(jnp.asarray(cls.__call__(schedule, unwrap(step))))  # type: ignore[call-arg]

        if cls not in self._classes:
            names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
            self._classes[cls] = type(cls.__name__, (cls,), {"__call__": call, **names})
        return self._classes[cls]

    def reading(self, variable: Any) -> Any:
        """The value of a variable as a script gets it: a tensor, which may be called like the method of TensorFlow."""
        found = apply(jnp.asarray, (variable,), {}, "read_value")
        if is_symbolic(found):
            return found
        tensor = found if isinstance(found, Tensor) else Tensor(found)
        tensor.__class__ = Read
        return tensor

    def member_of(self, variable: Any, name: str) -> Any:
        """A method of ``tf.Variable`` for a variable, or None."""
        return member_of(variable, name)

    def shown(self, value: Any) -> Any:
        """Arrays as tensors."""
        return jax.tree.map(wrap, value)

    def plain(self, value: Any) -> Any:
        """Tensors as arrays; variables stay."""
        return jax.tree.map(lambda leaf: leaf.value if isinstance(leaf, Tensor) else leaf, value, is_leaf=is_leaf)

    def named_type(self, name: str) -> str:
        """The name of a type, as ``tf.DType``."""
        return DType(name)

    def call_host(self, function: Callable[..., Any], inputs: Any, ragged: bool = False) -> Any:
        """A call of a layer that computes on the host: its output is a tensor.

        Args:
            function: the layer's computation.
            inputs: its inputs, tensors among them.
            ragged: whether the rows of its output lose the zeros at their ends.
        """
        if isinstance(inputs, RaggedTensor):
            flat = function(unwrap(inputs.flat_values))
            if np.ndim(flat) == 1:  # it takes each value apart
                return inputs.with_flat_values(flat)
        found = function(unwrap(dense(inputs)))
        if ragged and not isinstance(found, Tracer):
            return RaggedTensor.from_tensor(found, padding=0)
        return jax.tree.map(wrap, found)

    def call_layer(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An eager call of a layer: its output is a tensor, and the call is recorded as one step.

        Args:
            layer: the layer.
            args: positional arguments, tensors among them.
            kwargs: keyword arguments.
        """
        if args and isinstance(args[0], RaggedTensor) and type(layer).__name__ in EACH_VALUE:
            return args[0].with_flat_values(layer(args[0].flat_values, *args[1:], **kwargs))
        if args and isinstance(args[0], RaggedTensor) and type(layer).__name__ in ROWS:
            lengths = np.asarray(args[0].row_lengths())
            kwargs.setdefault("mask", np.arange(int(lengths.max(initial=0))) < lengths[:, None])
        leaves, structure = jax.tree.flatten(dense((args, kwargs)), is_leaf=is_leaf)
        leaves = [jnp.asarray(narrow(leaf)) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
        plain = [unwrap_leaf(leaf) for leaf in leaves]
        plain_args, plain_kwargs = jax.tree.unflatten(structure, plain)
        active = scopes.current()
        if not any(tape.recording for tape in tapes):
            outputs = jax.tree.map(wrap, layer._compute(narrow(plain_args), narrow(dict(plain_kwargs))))
            _show_attributes(layer)
            return outputs
        if shows_inside(layer):
            training = layer._training_of(plain_args, plain_kwargs)
            return call_apart(layer, jax.tree.unflatten(structure, leaves)[0][0], training)
        with scopes.deeper():
            shown = narrow({k: v for k, v in plain_kwargs.items() if k not in ("training", "mask")})
            layer._ensure_built(narrow(plain_args), shown)
            if not all(inner.built for inner in layer._flatten_layers()):
                layer.trace_call(narrow(plain_args), narrow(plain_kwargs))
        variables = [v for v in layer.weights if v.trainable]
        others = [v for v in layer.weights if not v.trainable]
        own = {id(v) for v in (*variables, *others)}
        others += [v for metric in _metrics_of(layer) for v in metric.variables if id(v) not in own]
        training = layer._training_of(plain_args, plain_kwargs)
        key = None if not training else next_key() if active is None else active.next_key()
        masks = [mask_of(array) if isinstance(array, jax.Array) else None for array in plain]
        kept: list[tuple[Any, str]] = []

        def pure(values: list[Any], rest: list[Any], states: list[Any]) -> Any:
            filled_args, filled_kwargs = jax.tree.unflatten(structure, narrow(rest))
            known = {id(v): value for v, value in zip((*variables, *others), (*values, *states), strict=True)}
            inner = scopes.Scope(values=known, key=key, training=training)
            inner.masks |= {id(a): (a, m) for a, m in zip(rest, masks, strict=True) if m is not None}
            with scopes.enter(inner):
                outputs = layer._compute(filled_args, dict(filled_kwargs))
            found = [inner.mask_of(leaf) for leaf in jax.tree.leaves(outputs)]
            kept[:], attributes = _traced_attributes(layer)
            return outputs, [inner.values[id(v)] for v in others], inner.losses, found, attributes

        flat, whole = jax.tree.flatten(((variables, leaves, [v.stored_value() for v in others]), {}), is_leaf=is_leaf)
        outputs, after, losses, found, attributes = record(pure, flat, whole)
        for variable, new in zip(others, after, strict=True):
            variable.assign(unwrap(new))
        for leaf, mask in zip(jax.tree.leaves(outputs, is_leaf=is_leaf), found, strict=True):
            if mask is not None:
                keep_mask(leaf.value, unwrap(mask))
        for (owner, name), value in zip(kept, attributes, strict=True):
            owner.__dict__[name] = value
        _show_attributes(layer)
        if active is None:
            layer._extra_losses = list(losses)
        else:
            active.called[id(layer)] = list(losses)
        return outputs


def _metrics_of(layer: Any) -> list[Any]:
    holders = [held for inner in layer._flatten_layers() for _, held in inner._state_holders()]
    return [held for held in holders if isinstance(held, Metric)]


def _show_attributes(layer: Any) -> None:
    """What layers written by the script keep as attributes are tensors, too."""
    for inner in layer._flatten_layers():
        if not type(inner).__module__.startswith("kjax."):
            for name, value in inner.__dict__.items():
                if isinstance(value, jax.Array) and not name.startswith("_"):
                    inner.__dict__[name] = wrap(value)


def _traced_attributes(layer: Any) -> tuple[list[tuple[Any, str]], list[Any]]:
    """The attributes in which layers kept what they computed, such as attention scores."""
    places, values = [], []
    for inner in layer._flatten_layers():
        for name, value in inner.__dict__.items():
            if name != "_extra_losses" and any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(value) or ()):
                places.append((inner, name))
                values.append(value)
    return places, values
