"""A layer from two JAX functions: one that makes the weights, one that computes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras.core import configs
from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import Layer
from kjax.keras.core.settings import next_key
from kjax.keras.core.tensor import KerasTensor, stand_in
from kjax.keras.core.variable import Variable
from kjax.nn.module import PARAMS, STATE

_CALL = ("params", "state", "rng", "inputs", "training")
_INIT = ("rng", "inputs", "training")


class JaxLayer(Layer):
    """A layer that is written as JAX functions (of Haiku, Stax, ... or by hand).

    Args:
        call_fn: takes any of ``params``, ``state``, ``rng``, ``inputs`` and ``training``, by these names, and returns the
            outputs, or, where it takes ``state``, the outputs and the new state.
        init_fn: takes ``rng``, ``inputs`` and, if it names it, ``training``; returns the weights, or, where ``call_fn``
            takes ``state``, the weights and the state; trees of arrays. Leave out where both are given.
        params: initial weights, a tree of arrays.
        state: initial state, a tree of arrays.
        seed: seed of the initial weights.
        native_serialization_platforms: accepted for compatibility.
        **kwargs: arguments of every layer.

    Raises:
        ValueError: a function with other arguments, or nothing that gives the weights.
    """

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Any = None,
        **kwargs: Any,
    ) -> None:
        del native_serialization_platforms
        super().__init__(**kwargs)
        self.call_fn, self.init_fn, self.seed = call_fn, init_fn, seed
        self._call_names = _names(call_fn, _CALL, "call_fn", needed=("inputs",))
        self._init_names = () if init_fn is None else _names(init_fn, _INIT, "init_fn", needed=("rng",))
        self._has_params, self._has_state = "params" in self._call_names, "state" in self._call_names
        if init_fn is None:
            for name, wanted, given in (
                ("params", self._has_params, params),
                ("state", self._has_state, state),
            ):
                if wanted and given is None:
                    raise ValueError(
                        f"JaxLayer: `call_fn` takes `{name}`, so give either `init_fn`, which makes them, or `{name}`"
                    )
        self._trees: dict[str, Any] = {}
        if params is not None:
            self._keep(PARAMS, params)
        if state is not None:
            self._keep(STATE, state)
        self.built = (not self._has_params or params is not None) and (not self._has_state or state is not None)

    def _keep(self, collection: str, tree: Any) -> None:
        """Hold the arrays of a tree in variables, named by their paths."""

        def make(path: Any, leaf: Any) -> Variable:
            trained = collection == PARAMS and np.issubdtype(np.asarray(leaf).dtype, np.floating)
            name = "_".join(_label(entry) for entry in path) or collection
            name = self._free_weight_name(name)
            path_name = f"{self.path}/{name}"
            value = Variable(
                leaf, dtype=np.asarray(leaf).dtype, trainable=trained and self._trainable, name=name, path=path_name
            )
            self._own_variables = [*self._own_variables, (collection, name, value)]
            return value

        object.__setattr__(self, "_trees", {**self._trees, collection: jax.tree_util.tree_map_with_path(make, tree)})

    @property
    def params(self) -> Any:
        """The weights, as a tree of variables."""
        return self._trees.get(PARAMS)

    @property
    def state(self) -> Any:
        """The state, as a tree of variables."""
        return self._trees.get(STATE)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights and the state for inputs of a shape."""
        if self.built or self.init_fn is None:
            self.built = True
            return
        key = next_key() if self.seed is None else jax.random.key(self.seed)
        inputs = jax.tree.map(self._example, input_shape, is_leaf=_is_shape)
        given = {"rng": key, "inputs": inputs, "training": True}
        init = self.init_fn
        with jax.ensure_compile_time_eval():
            made = init(**{name: given[name] for name in self._init_names})
            made = jax.tree.map(np.asarray, made)
        params, state = made if self._has_state else (made, None)
        if self._has_params and self.params is None:
            self._keep(PARAMS, params)
        if self._has_state and self.state is None:
            self._keep(STATE, state)
        self.built = True

    def _example(self, shape: Sequence[int | None]) -> Any:
        spec = stand_in(KerasTensor(shape, self.compute_dtype, name="spec"), 0)
        return jax.numpy.zeros(spec.shape, spec.dtype)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Call ``call_fn``."""
        active = scopes.current()
        key = active.next_key() if active is not None else None
        given = {
            "params": jax.tree.map(lambda v: v.value, self.params, is_leaf=_is_variable),
            "state": jax.tree.map(lambda v: v.value, self.state, is_leaf=_is_variable),
            "rng": jax.random.key(0) if key is None else key,
            "inputs": inputs,
            "training": training,
        }
        result = self.call_fn(**{name: given[name] for name in self._call_names})
        if not self._has_state:
            return result
        outputs, new = result
        jax.tree.map(lambda box, value: box.assign(value), self.state, new, is_leaf=_is_variable)
        return outputs

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer; the functions have to be registered to be read back."""
        config = {**Layer.get_config(self), "seed": self.seed, "call_fn": configs.serialize_keras_object(self.call_fn)}
        config.pop("params", None)
        config.pop("state", None)
        config["init_fn"] = configs.serialize_keras_object(self.init_fn)
        return config

    @classmethod
    def from_config(cls, config: Any) -> Any:
        """Make a layer from what :meth:`get_config` returned."""
        config = dict(config)
        for name in ("call_fn", "init_fn"):
            if isinstance(config.get(name), dict):
                config[name] = configs.deserialize_keras_object(config[name])
        return cls(**config)


def _names(function: Callable[..., Any], known: tuple[str, ...], what: str, needed: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the known arguments a function takes.

    Raises:
        ValueError: it takes others, or lacks one that is needed.
    """
    parameters = inspect.signature(function).parameters.values()
    free = any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    unknown = [p.name for p in parameters if p.name in names and p.name not in known and p.default is p.empty]
    missing = [name for name in needed if name not in names and not free]
    if unknown or missing:
        raise ValueError(
            f"JaxLayer: `{what}` takes the arguments {names}; it may take {list(known)}, and must {list(needed)}"
        )
    return known if free else tuple(name for name in names if name in known)


def _label(entry: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)


def _is_variable(thing: Any) -> bool:
    return isinstance(thing, Variable)


def _is_shape(thing: Any) -> bool:
    return isinstance(thing, (tuple, list)) and all(s is None or isinstance(s, int) for s in thing)
