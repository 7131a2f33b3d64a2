"""The Keras layer: a handle that owns variables, knows its place in graphs, and turns into a Flax module."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.handle import Handle, Owner
from kjax.keras.core.saved import Saved
from kjax.keras.core.settings import next_key, settings, to_snake_case, unique_name
from kjax.keras.core.tensor import (
    KerasTensor,
    Node,
    free_shape,
    has_free_axes,
    is_symbolic,
    stand_in,
    symbolic_leaves,
)
from kjax.keras.core.tracking import members
from kjax.keras.core.variable import Variable
from kjax.nn import regularizers
from kjax.nn.dtypes import Policy, cast_floating, policy_name
from kjax.nn.module import PARAMS, STATE
from kjax.nn.value import did_you_mean

Tree = dict[str, Any]
"""Nested dicts: collection, then names, then :class:`Variable`."""

LAYER_ARGUMENTS = [
    "activity_regularizer",
    "trainable",
    "dtype",
    "autocast",
    "name",
    "input_shape",
    "input_dim",
    "input_length",
    "batch_input_shape",
    "batch_shape",
    "batch_size",
    "input_dtype",
    "weights",
]


@functools.cache
def call_signature(function: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    """Names of a function's parameters without ``self``, and whether it takes any keyword."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    names = tuple(p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


class Layer(Saved):
    """Base of all Keras layers and models.

    Subclasses write ``call(self, inputs, ...)`` and, where they have weights of their own, ``build(self, input_shape)``
    with ``self.add_weight(...)``. Layers and variables set as attributes are found.

    Args:
        activity_regularizer: penalty on the output.
        trainable: False keeps the weights out of training.
        dtype: dtype policy.
        autocast: whether floating-point inputs are cast to the compute dtype.
        name: the layer's name; made from the class by default.
        **kwargs: ``input_shape``, ``input_dim``, ``batch_input_shape`` (of a first layer), ``weights`` (initial values).
    """

    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls)
        object.__setattr__(layer, "_init_arguments", (args, kwargs))
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        unknown = [key for key in kwargs if key not in LAYER_ARGUMENTS]
        if unknown:
            known = [*call_signature(type(self).__init__)[0], *LAYER_ARGUMENTS]
            raise TypeError(
                f"{type(self).__name__}: unknown argument {unknown[0]!r}; {did_you_mean(unknown[0], known)}"
            )
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"{type(self).__name__}: argument `name` must be a string without '/', received {name!r}")
        self._own_variables: list[tuple[str, str, Variable]] = []
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []
        self._extra_losses: list[Any] = []
        self._trainable = bool(trainable)
        self._explicit_name = name is not None
        self.name = name or unique_name(to_snake_case(type(self).__name__))
        self.built = False
        self._dtype_policy = Policy(policy_name(dtype) or settings.dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.supports_masking = False
        self._initial_weights = kwargs.get("weights")
        self._batch_input_shape = _batch_shape(kwargs)
        self._input_dtype = kwargs.get("input_dtype")

    # -- what a layer is made of ---------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable) and "_own_variables" in self.__dict__:
            if all(value is not v for _, _, v in self._own_variables):
                collection = PARAMS if value.trainable else STATE
                self._own_variables.append((collection, self._free_weight_name(value.name), value))
        object.__setattr__(self, name, value)

    def _members(self) -> Iterator[tuple[str, Layer]]:
        """(attribute name, layer) of each layer that the attributes hold, once."""
        seen: set[int] = {id(self)}
        for name, value in self.__dict__.items():
            if name.startswith(("_inbound", "_outbound", "_init_arguments", "_own_variables")):
                continue
            for label, member in members(value, name.lstrip("_")):
                if isinstance(member, Layer) and id(member) not in seen:
                    seen.add(id(member))
                    yield label, member

    def _flatten_layers(self) -> Iterator[Layer]:
        yield self
        for _, member in self._members():
            yield from member._flatten_layers()

    def variable_tree(self) -> Tree:
        """The variables as nested dicts by collection: the keys are those of the module's variables."""
        tree: Tree = {}
        for collection, name, variable in self._own_variables:
            tree.setdefault(collection, {})[name] = variable
        for label, member in self._members():
            for collection, inner in member.variable_tree().items():
                if inner:
                    tree.setdefault(collection, {})[label] = inner
        return tree

    @property
    def module(self) -> nn.Module:
        """The layer as a pure Flax module: ``layer.module.apply(layer.variables_tree, x)`` equals ``layer(x)``."""
        return Handle(Owner(self))

    @property
    def variables_tree(self) -> Tree:
        """The present values of the variables, as ``module.apply`` takes them; may be set from such a tree."""
        return jax.tree.map(lambda v: v.value, self.variable_tree(), is_leaf=_is_variable)

    @variables_tree.setter
    def variables_tree(self, tree: Tree) -> None:
        boxes = self.variable_tree()
        own = jax.tree.structure(jax.tree.map(lambda v: 0, boxes, is_leaf=_is_variable))
        given = jax.tree.structure(jax.tree.map(lambda v: 0, dict(tree)))
        if own != given:
            raise ValueError(f"{self.name}: a tree of another structure was given: expected {own}, received {given}")
        jax.tree.map(lambda box, value: box.assign(value), boxes, dict(tree), is_leaf=_is_variable)

    @property
    def weights(self) -> list[Variable]:
        """All weights: a layer's trained ones first, then its state, then those of the layers it holds."""
        found: dict[int, Variable] = {}
        for collection in (PARAMS, STATE):
            found.update((id(v), v) for c, _, v in self._own_variables if c == collection)
        for _, _, v in self._own_variables:
            found.setdefault(id(v), v)
        for _, member in self._members():
            for v in member.weights:
                found.setdefault(id(v), v)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """The same as :attr:`weights`: randomness is derived from keys, not kept in variables."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training does not change by gradients."""
        return self.weights if not self._trainable else [v for v in self.weights if not v.trainable]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """The values of :attr:`weights` as numpy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Set the values of :attr:`weights`.

        Args:
            weights: list of arrays, in the order and of the shapes of :meth:`get_weights`.

        Raises:
            ValueError: another number of arrays or another shape; nothing is changed then.
        """
        boxes, values = self.weights, list(weights)
        if len(boxes) != len(values):
            hint = "" if self.built else " The layer has not been built yet: call it, or give it an input shape, first."
            raise ValueError(f"{self.name!r} has {len(boxes)} weights, but {len(values)} arrays were given.{hint}")
        for box, value in zip(boxes, values, strict=True):
            if tuple(np.shape(value)) != box.shape:
                raise ValueError(
                    f"{self.name!r}: weight {box.path!r} has shape {box.shape}; "
                    f"an array of shape {tuple(np.shape(value))} does not fit"
                )
        for box, value in zip(boxes, values, strict=True):
            box.assign(value)

    def count_params(self) -> int:
        """Number of numbers in the weights."""
        if not self.built:
            raise ValueError(f"{self.name!r} has no weights yet because it was not built; call it on data first")
        return sum(v.size for v in self.weights)

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer; setting it sets all layers and weights inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self._trainable = value
        for collection, _, variable in self._own_variables:
            if collection == PARAMS:
                variable.trainable = value
        for _, member in self._members():
            member.trainable = value

    @property
    def dtype_policy(self) -> Policy:
        """The dtype policy."""
        return self._dtype_policy

    @property
    def dtype(self) -> str:
        """Type of the weights."""
        return self._dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """Type that the layer computes in."""
        return self._dtype_policy.compute_dtype

    # -- building ------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Make the layer's own weights; a layer that has some writes this."""
        del input_shape
        self.built = True

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> Variable:
        """Add a weight to the layer.

        Args:
            shape: its shape; ``()`` by default.
            initializer: name, value or function; Glorot uniform for floats by default.
            dtype: its type; the layer's variable dtype by default.
            trainable: False for a value that ``call`` sets (moving statistics).
            autocast: whether it is read in the compute dtype.
            regularizer: penalty on it.
            constraint: projection after each update.
            aggregation: accepted for compatibility.
            overwrite_with_gradient: accepted for compatibility.
            name: its name.
            **kwargs: ``experimental_autocast`` and the like of older scripts.
        """
        del aggregation, overwrite_with_gradient, kwargs
        if isinstance(shape, str):  # Keras 2 had the name first
            shape, name = initializer if isinstance(initializer, (tuple, list)) else (), shape
            initializer = None
        shape = () if shape is None else tuple(shape) if hasattr(shape, "__iter__") else (shape,)
        if any(s is None for s in shape):
            raise ValueError(f"{self.name}: weight {name!r} needs a known shape, received {shape}")
        name = self._free_weight_name(name or "variable")
        dtype = dtype or self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if jnp.issubdtype(jnp.dtype(dtype), jnp.floating) else "zeros"
        from kjax.nn import constraints

        variable = Variable(
            initializer,
            shape,
            dtype,
            trainable and self._trainable,
            autocast,
            name=name,
            path=f"{self.name}/{name}",
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        self._own_variables.append((PARAMS if trainable else STATE, name, variable))
        return variable

    def _free_weight_name(self, name: str) -> str:
        taken = {n for _, n, _ in self._own_variables}
        candidates = (name if i == 0 else f"{name}_{i}" for i in range(len(taken) + 1))
        return next(c for c in candidates if c not in taken)

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self.built:
            return
        names, _ = call_signature(type(self).call)
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        wanted, _ = call_signature(type(self).build)
        first = args[0] if args else next(iter(kwargs.values()), None)
        if len(wanted) > 1 and all(w.endswith("_shape") for w in wanted):
            self.build(**{w: _shapes(given[w[: -len("_shape")]]) for w in wanted if w[: -len("_shape")] in given})
        else:
            self.build(_shapes(first))
        self.built = True
        self._note_shapes(args, kwargs)
        self._after_build()

    def _note_shapes(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Keep the shapes that the weights were made for."""
        self._keep_shapes(dict(zip(call_signature(type(self).call)[0], args, strict=False)) | dict(kwargs))

    def _keep_shapes(self, given: Mapping[str, Any]) -> None:
        shapes = {f"{name}_shape": _shapes(value) for name, value in given.items() if _has_shape(value)}
        if len(shapes) == 1:
            self._build_shapes = {"input_shape": next(iter(shapes.values()))}
        elif shapes:
            self._build_shapes = {"shapes_dict": shapes}

    def _after_build(self) -> None:
        if self._initial_weights is not None:
            weights, self._initial_weights = self._initial_weights, None
            self.set_weights(weights)

    # -- calling -------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's computation; every layer writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no `call` method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on symbolic tensors (draws a node) or on arrays (computes)."""
        if symbolic_leaves((args, kwargs)):
            return self._symbolic_call(args, kwargs)
        if scopes.recorder is not None and scopes.current() is None:
            return scopes.recorder.call_layer(self, args, kwargs)
        args, kwargs = jax.tree.map(_as_array, (args, kwargs))
        return self._compute(args, kwargs)

    def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        active = scopes.current()
        names = call_signature(type(self).call)[0]
        training = kwargs.pop("training", None)
        if training is None:
            training = active.training if active is not None else False
        self._ensure_built(args, kwargs)
        if self.autocast:
            args, kwargs = jax.tree.map(lambda leaf: cast_floating(leaf, self.compute_dtype), (args, kwargs))
        if "training" in names:
            kwargs["training"] = bool(training)
        if active is not None and "mask" in names and kwargs.get("mask") is None and args:
            mask = jax.tree.map(active.mask_of, args[0])
            kwargs["mask"] = mask if jax.tree.leaves(mask) else None
        if active is None:
            key = next_key() if training else None
            with scopes.enter(scopes.Scope(key=key, training=bool(training))) as active:
                outputs = self.call(*args, **kwargs)
                self._add_activity_loss(outputs, active)
            self._extra_losses = list(active.losses)
            return outputs
        before, active.training = active.training, bool(training)
        try:
            outputs = self.call(*args, **kwargs)
        finally:
            active.training = before
        self._add_activity_loss(outputs, active)
        if args and isinstance(outputs, (jax.Array, Tracer)):
            mask = self.compute_mask(args[0], jax.tree.map(active.mask_of, args[0]))
            if mask is not None:
                active.masks[id(outputs)] = (outputs, mask)
        return outputs

    def _add_activity_loss(self, outputs: Any, active: scopes.Scope) -> None:
        if self.activity_regularizer is not None:
            for leaf in jax.tree.leaves(outputs):
                active.losses.append(self.activity_regularizer(leaf) / leaf.shape[0])

    def add_loss(self, loss: Any) -> None:
        """Add scalars to the loss of the model, from inside ``call``."""
        active = scopes.current()
        target = active.losses if active is not None else self._extra_losses
        target.extend(jnp.sum(jnp.asarray(leaf)) for leaf in jax.tree.leaves(loss))

    @property
    def losses(self) -> list[Any]:
        """Penalties: weight regularization now, and what the last eager call added."""
        own = [v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None]
        return [*self._extra_losses, *own]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output, given that of the inputs."""
        del inputs
        return previous_mask if self.supports_masking else None

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._ensure_built(args, kwargs)
        specs, structure = self._output_specs(args, kwargs)
        outputs = [KerasTensor(s.shape, s.dtype, name=f"{self.name}_output_{i}") for i, s in enumerate(specs)]
        Node(self, args, kwargs, outputs, structure)
        return jax.tree.unflatten(structure, outputs)

    def _output_specs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], Any]:
        """Shapes and types of the outputs for symbolic arguments, by tracing; free axes found by tracing twice."""
        results = []
        variants = (0, 1) if has_free_axes(symbolic_leaves((args, kwargs))) else (0,)
        for variant in variants:
            filled = jax.tree.map(lambda t, v=variant: stand_in(t, v), (args, kwargs), is_leaf=is_symbolic)
            results.append(self._trace(*filled))
        leaves, structure = jax.tree.flatten(results[0])
        other = jax.tree.leaves(results[-1])
        shapes = [free_shape(a.shape, b.shape) for a, b in zip(leaves, other, strict=True)]
        specs = [KerasTensor(s, str(leaf.dtype), name="spec") for s, leaf in zip(shapes, leaves, strict=True)]
        return specs, structure

    def _trace(self, args: Any, kwargs: Any) -> Any:
        """Abstract outputs for abstract arguments."""
        leaves, structure = jax.tree.flatten((args, kwargs))
        abstract = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves]

        def run(*arrays: Any) -> Any:
            given = iter(arrays)
            filled = [next(given) if a else leaf for a, leaf in zip(abstract, leaves, strict=True)]
            call_args, call_kwargs = jax.tree.unflatten(structure, filled)
            with scopes.enter(scopes.Scope(key=jax.random.key(0), abstract=True)):
                return self._compute(call_args, dict(call_kwargs))

        return jax.eval_shape(run, *[leaf for leaf, a in zip(leaves, abstract, strict=True) if a])

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shape of the output for the shape of the input (None for free axes)."""
        shape = args[0] if args else next(iter(kwargs.values()))
        tensors = jax.tree.map(lambda s: KerasTensor(s, self.compute_dtype, name="spec"), shape, is_leaf=_is_shape)
        self._ensure_built((tensors,), {})
        specs, structure = self._output_specs((tensors,), {})
        result = jax.tree.unflatten(structure, [s.shape for s in specs])
        return result

    # -- place in graphs -----------------------------------------------------------------------------------------

    def _node_tensors(self, kind: str, index: int) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(f"The layer {self.name!r} has never been called and thus has no defined {kind}.")
        node = self._inbound_nodes[index]
        tensors = node.input_tensors if kind == "input" else node.outputs
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def input(self) -> Any:
        """Symbolic input of the first call."""
        return self._node_tensors("input", 0)

    @property
    def output(self) -> Any:
        """Symbolic output of the first call."""
        return self._node_tensors("output", 0)

    @property
    def input_shape(self) -> Any:
        """Shape of the symbolic input."""
        return jax.tree.map(lambda t: t.shape, self.input, is_leaf=is_symbolic)

    @property
    def output_shape(self) -> Any:
        """Shape of the symbolic output."""
        return jax.tree.map(lambda t: t.shape, self.output, is_leaf=is_symbolic)

    def get_input_at(self, node_index: int) -> Any:
        """Symbolic input of a call."""
        return self._node_tensors("input", node_index)

    def get_output_at(self, node_index: int) -> Any:
        """Symbolic output of a call."""
        return self._node_tensors("output", node_index)

    # -- config --------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer: those of the base and, for a user's class, those it was made with."""
        from kjax.keras.saving.serialization import serialize_argument

        dtype = serialize_argument(self._dtype_policy)
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": dtype}
        if _is_of_base(type(self), "get_config") and not _is_of_base(type(self), "__init__"):
            args, kwargs = self._init_arguments
            names, _ = call_signature(type(self).__init__)
            config.update(dict(zip(names, args, strict=False)) | kwargs)
            if not call_signature(type(self).__init__)[1]:
                config = {k: v for k, v in config.items() if k in names}
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a layer from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _is_of_base(cls: type, method: str) -> bool:
    """Whether a class has a method from the base of layers or of models, not one that somebody wrote for it."""
    owner = next(base for base in cls.__mro__ if method in vars(base))
    return owner.__module__ in (Layer.__module__, "kjax.keras.models.model")


def _is_variable(thing: Any) -> bool:
    return isinstance(thing, Variable)


def _is_shape(thing: Any) -> bool:
    return isinstance(thing, (tuple, list)) and all(s is None or isinstance(s, (int, np.integer)) for s in thing)


def _shapes(tree: Any) -> Any:
    """Shapes of the arrays in an argument: a tuple for one array, the same structure otherwise."""
    if hasattr(tree, "shape"):
        return tuple(tree.shape)
    if isinstance(tree, Mapping):
        return {key: _shapes(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_shapes(item) for item in tree]
    return None


def _has_shape(tree: Any) -> bool:
    leaves = jax.tree.leaves(tree, is_leaf=is_symbolic)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def _as_array(leaf: Any) -> Any:
    if isinstance(leaf, Variable):
        return leaf.value
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc":
        return jnp.asarray(leaf)
    return leaf


def _batch_shape(kwargs: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    """The shape with the batch axis that a first layer was given, in any of the spellings."""
    for key in ("batch_input_shape", "batch_shape"):
        if kwargs.get(key) is not None:
            return tuple(kwargs[key])
    batch = kwargs.get("batch_size")
    if kwargs.get("input_shape") is not None:
        shape = kwargs["input_shape"]
        return (batch, *(shape if hasattr(shape, "__iter__") else (shape,)))
    if kwargs.get("input_dim") is not None:
        length = (kwargs["input_length"],) if kwargs.get("input_length") is not None else ()
        return (batch, *length, int(kwargs["input_dim"]))
    return None
