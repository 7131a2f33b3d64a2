"""The Keras layer: a handle that owns variables, knows its place in graphs, and turns into a Flax module."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import configs, structure
from kjax.keras.core import masks as eager_masks
from kjax.keras.core import scope as scopes
from kjax.keras.core.building import Building
from kjax.keras.core.earlier import Earlier, batch_shape
from kjax.keras.core.handle import Handle, Owner
from kjax.keras.core.input_spec import check_inputs
from kjax.keras.core.owning import Owning
from kjax.keras.core.owning import Tree as Tree
from kjax.keras.core.penalties import Penalized
from kjax.keras.core.places import Placed
from kjax.keras.core.quantization import Quantizable
from kjax.keras.core.rematerialization import Rematerialized, get_current_remat_mode
from kjax.keras.core.saved import Saved
from kjax.keras.core.settings import next_key, settings, to_snake_case, unique_name
from kjax.keras.core.symbolic import Symbolic, as_array, call_signature, default_of
from kjax.keras.core.tensor import Node, symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.keras.legacy import homes
from kjax.keras.legacy.form import is_converted, of_era
from kjax.nn import regularizers
from kjax.nn.dtypes import Policy, cast_floating, policy
from kjax.nn.module import PARAMS
from kjax.nn.order import in_order_of, order_of
from kjax.nn.value import did_you_mean

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


class UnknownArgumentError(TypeError, ValueError):
    """An argument that a layer has not: for Python the wrong call, for Keras a wrong value."""


def unrecognized(layer: Any, argument: str, known: Sequence[str]) -> UnknownArgumentError:
    """The error for an argument that a layer has not."""
    return UnknownArgumentError(
        f"Unrecognized keyword arguments passed to {type(layer).__name__}: unknown argument {argument!r}; "
        f"{did_you_mean(argument, known)}"
    )


class Layer(Building, Owning, Placed, Symbolic, Penalized, Quantizable, Rematerialized, Earlier, Saved):
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

    built: bool = False
    activity_regularizer: Any = None
    supports_masking: bool = False
    """Whether a mask of the inputs goes on to the outputs (through :meth:`compute_mask`)."""
    supports_jit: bool = True
    """Whether calls can be compiled."""
    input_spec: Any = None
    """What the first argument of a call must be like: :class:`InputSpec`, a structure of them, or None."""

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
            raise unrecognized(self, unknown[0], known)
        if not isinstance(trainable, (bool, int, np.bool_)):
            raise ValueError(f"{type(self).__name__}: argument `trainable` must be a boolean, received {trainable!r}")
        if name is not None and (not isinstance(name, str) or ("/" in name and settings.refuses_slashes)):
            raise ValueError(
                f"{type(self).__name__}: argument `name` must be a string and cannot contain character `/`, received {name!r}"
            )
        self._own_variables: list[tuple[str, str, Variable]] = []
        self._undeclared: set[int] = set()
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []
        self._extra_losses: list[Any] = []
        self._trainable = bool(trainable)
        self._explicit_name = name is not None
        self.name = name or unique_name(to_snake_case(type(self).__name__))
        self.built = False
        self._dtype_policy = self._policy_for(dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._remat_mode = get_current_remat_mode() if self._recomputed_as_a_whole else None
        self._initial_weights = kwargs.get("weights")
        self._batch_input_shape = batch_shape(kwargs)
        self._input_dtype = kwargs.get("input_dtype")

    # -- what it is, purely -------------------------------------------------------------------------------------

    @property
    def module(self) -> nn.Module:
        """The layer as a pure Flax module: ``layer.module.apply(layer.variables_tree, x)`` equals ``layer(x)``."""
        return Handle(Owner(self))

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
    def path(self) -> str:
        """The layer's place, at the head of the paths of its weights: the names of the layers that it was built in, and its own."""
        return self.__dict__.get("_path") or self.name

    def _take_place(self) -> None:
        """Remember where the layer is built. The names of older generations say nothing of it."""
        if settings.era == "3":
            object.__setattr__(self, "_path", scopes.path_here())

    def _policy_for(self, dtype: Any) -> Policy:
        """The policy for the argument ``dtype``: that of a map for this layer's path; of the session for None."""
        if hasattr(dtype, "default_policy"):
            self._policy_map = dtype
            return dtype[self.path]
        if dtype is not None:
            try:
                return policy(dtype)
            except TypeError as error:
                raise ValueError(
                    f"{type(self).__name__}: argument `dtype` must be a name or a DTypePolicy, received {dtype!r}: {error}"
                ) from None
        # A quantizing policy of the session is for the layers that can be quantized in this way.
        found = policy(settings.dtype)
        mode = found.quantization_mode
        return found if mode is None or mode in self._modes() else found.source  # type: ignore[attr-defined]

    def _modes(self) -> tuple[str, ...]:
        """The quantization modes of the class."""
        return ()

    @property
    def dtype_policy(self) -> Policy:
        """The dtype policy. A built layer is quantized when it is set to a policy such as ``'int8_from_float32'``."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._accept_policy(self._policy_for(value))

    @property
    def dtype(self) -> str:
        """Type of the weights."""
        return self._dtype_policy.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """Type that the weights are stored in."""
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """Type that the layer computes in."""
        return self._dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """Type that floating-point inputs are converted to."""
        return self.compute_dtype

    # -- calling -------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's computation; every layer writes its own."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call` method implemented; write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on symbolic tensors (draws a node) or on arrays (computes)."""
        if "_own_variables" not in self.__dict__:
            raise RuntimeError(
                f"In layer {type(self).__name__!r}, you forgot to call `super().__init__()` at the head of its `__init__`; a "
                "layer has to, before it can be called"
            )
        order = order_of(args), {name: found for name, value in kwargs.items() if (found := order_of(value))}
        if order != self._argument_order:
            object.__setattr__(self, "_argument_order", order)
        if symbolic_leaves((args, kwargs)):
            return self._symbolic_call(args, kwargs)
        if scopes.recording() is not None:
            return scopes.recorder.call_layer(self, args, kwargs)
        args, kwargs = jax.tree.map(as_array, (args, kwargs))
        if settings.era == "3" and not self._allow_non_tensor_positional_args:
            self._require_tensors(args)
        return self._compute(args, kwargs)

    _argument_order: tuple[Any, dict[str, Any]] = (None, {})
    """The order of the entries of dicts among the arguments of the last call from outside: the code of users goes through them."""
    _allow_non_tensor_positional_args: bool = False

    def _require_tensors(self, args: tuple[Any, ...]) -> None:
        """Raise unless what is given by position is made of arrays."""
        for leaf in jax.tree.leaves(args):
            if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
                raise ValueError(
                    f"{type(self).__name__} layer {self.name!r}: Only input tensors may be passed as positional arguments, "
                    f"received {leaf!r} (of type {type(leaf).__name__}). Pass numbers as an array, "
                    "`np.array(...)`, and other arguments by keyword"
                )

    def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        active = scopes.current()
        if active is not None:
            return self._compute_in(active, args, kwargs)
        training = self._training_of(args, kwargs)
        active = scopes.Scope(key=self.fresh_key() if training else None, training=training)
        active.masks.update(eager_masks.found((args, kwargs)))
        with scopes.enter(active):
            outputs = self._compute_in(active, args, kwargs)
        self._extra_losses = list(active.losses)
        for leaf in jax.tree.leaves(outputs):
            mask = active.mask_of(leaf)
            if mask is not None:
                eager_masks.keep(leaf, mask)
        return outputs

    def _training_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool | None:
        """The mode of a call: what it says, else that of the call around it, else the default of ``call``; None if nothing says."""
        names = call_signature(type(self).call)[0]
        given = kwargs.get("training")
        if "training" in names and names.index("training") < len(args):
            given = args[names.index("training")]
        if given is None:
            active = scopes.current()
            given = active.training if active is not None else None
        if given is None:
            given = structure.kept(self, "training_alone", self.training_alone)
        return None if given is None else scopes.as_mode(given)

    # Whether the layer acts as in training when it is called outside a model: layers that change pictures do.
    trains_by_default: bool = False

    def training_alone(self) -> Any:
        """The mode of a call outside a model that does not name one.

        A model of nothing but preprocessing follows its layers; one with layers that behave differently in training does
        not train unless it is told to.
        """
        default = default_of(type(self).call, "training")
        if default is not None:
            return default
        layers = [layer for layer in self._flatten_layers() if layer is not self and not list(layer._members())]
        acting = [layer for layer in layers if layer.trains_by_default]
        others = [layer for layer in layers if not layer.trains_by_default]
        acts = self.trains_by_default or (bool(acting) and not any(layer.takes_training for layer in others))
        return True if acts else None

    @property
    def takes_training(self) -> bool:
        """Whether what the layer computes depends on the mode."""
        return "training" in call_signature(type(self).call)[0]

    def fresh_key(self) -> Any:
        """The key of a call outside a model."""
        return next_key()

    def _compute_in(self, active: scopes.Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the layer inside a scope: check, build, convert, pass on mode and masks, collect penalties."""
        with scopes.inside(self):
            return self._compute_here(active, args, kwargs)

    def _compute_here(self, active: scopes.Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        names, free = call_signature(type(self).call)
        training = self._training_of(args, kwargs)
        kwargs = dict(kwargs)
        context = self._context_of(active, names, free, kwargs)
        if "training" in names and names.index("training") >= len(args):
            kwargs["training"] = training
        elif "training" not in names and not free:
            kwargs.pop("training", None)
        first = args[0] if args else next(iter(kwargs.values()), None)
        self._check_first(first)
        if not self.built:
            self._ensure_built(args, {k: v for k, v in kwargs.items() if k not in ("training", "mask")})
            self._check_first(first)  # `build` may have said more
        casts = self.autocast and jnp.issubdtype(jnp.dtype(self.compute_dtype), jnp.floating)
        if casts:
            args, kwargs = jax.tree.map(lambda leaf: self._cast(active, leaf), (args, kwargs))
        ordered, named = self._argument_order
        args = args if ordered is None else in_order_of(ordered, args)
        kwargs.update((name, in_order_of(order, kwargs[name])) for name, order in named.items() if name in kwargs)
        first = args[0] if args else first
        self._fill_masks(active, names, args, kwargs)
        before = active.training, active.autocast, active.context
        active.training, active.context = training, context
        active.autocast = self.compute_dtype if casts else None
        outermost = active.depth == 0
        if outermost:  # as in Keras, what earlier calls added does not count for this one
            active.losses.clear()
        active.depth += 1
        try:
            call = self.call if self._remat_mode is None else self.rematerialized_call(self.call, *args, **kwargs)
            outputs = call(*args, **kwargs)
        finally:
            active.training, active.autocast, active.context = before
            active.depth -= 1
        self._add_activity_loss(outputs, active)
        if outermost:
            active.called[id(self)] = list(active.losses)
        if not self._locked:
            self._lock_state()
        return self._mark(active, first, kwargs.get("mask"), outputs)

    def _check_first(self, first: Any) -> None:
        """Compare the first argument of a call with :attr:`input_spec`."""
        if self.input_spec is not None:
            check_inputs(self.input_spec, first, self)

    _call_context_args: frozenset[str] = frozenset()

    def _register_call_context_args(self, *names: str) -> None:
        """Let arguments go on to the layers inside that register them too, as ``training`` does.

        Args:
            *names: names of the arguments; ``call`` takes them or not.
        """
        object.__setattr__(self, "_call_context_args", self._call_context_args | set(names))

    def _context_of(
        self, active: scopes.Scope, names: tuple[str, ...], free: bool, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """The registered arguments for the layers inside; ``kwargs`` gets those that ``call`` takes."""
        if not self._call_context_args:
            return active.context
        context = dict(active.context)
        for name in self._call_context_args:
            value = kwargs.pop(name, None)
            value = context.get(name) if value is None else value
            if value is not None:
                context[name] = value
                if name in names or free:
                    kwargs[name] = value
        return context

    def _cast(self, active: scopes.Scope, leaf: Any) -> Any:
        converted = cast_floating(leaf, self.compute_dtype)
        if converted is not leaf:
            mask = active.mask_of(leaf)
            if mask is not None:
                active.masks[id(converted)] = (converted, mask)
        return converted

    def _fill_masks(
        self, active: scopes.Scope, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Pass the masks of the inputs to a ``call`` that names them: ``mask``, or ``<argument>_mask``."""
        if not active.masks:
            return
        for name, value in (*zip(names, args, strict=False), *list(kwargs.items())):
            wanted = "mask" if args and value is args[0] and "mask" in names else f"{name}_mask"
            if wanted in names and names.index(wanted) >= len(args) and kwargs.get(wanted) is None:
                mask = jax.tree.map(active.mask_of, value)
                if jax.tree.leaves(mask):
                    kwargs[wanted] = mask

    def _mark(self, active: scopes.Scope, first: Any, given: Any, outputs: Any) -> Any:
        """Let the masks that :meth:`compute_mask` gives travel with the outputs."""
        leaves, layout = jax.tree.flatten(outputs)
        if not self._passes_masks:
            if not active.abstract and (
                given is not None or any(active.mask_of(x) is not None for x in jax.tree.leaves(first))
            ):
                self._note_lost_mask()
            if any(active.mask_of(leaf) is not None for leaf in leaves):  # an input that is returned as it is
                leaves = [leaf if active.mask_of(leaf) is None else jnp.copy(leaf) for leaf in leaves]
                return in_order_of(outputs, jax.tree.unflatten(layout, leaves))
            return outputs
        previous = given if given is not None else jax.tree.map(active.mask_of, first)
        found = self.compute_mask(first, previous)
        masks = jax.tree.leaves(found, is_leaf=lambda mask: mask is None)
        for leaf, mask in zip(leaves, masks, strict=False):
            if mask is not None:
                active.masks[id(leaf)] = (leaf, mask)
        return outputs

    @property
    def _passes_masks(self) -> bool:
        """Whether masks of the inputs matter to those of the outputs."""
        return self.supports_masking or type(self).compute_mask is not Layer.compute_mask

    def _note_lost_mask(self) -> None:
        """Warn that a mask ends here."""
        if settings.era == "3":
            warnings.warn(
                f"Layer {self.name!r} (of type {type(self).__name__}) was passed an input with a mask attached to it, but "
                "it does not support masking, so the mask information is destroyed: layers after it will not see the mask",
                stacklevel=2,
            )

    def _add_activity_loss(self, outputs: Any, active: scopes.Scope) -> None:
        if self.activity_regularizer is not None:
            for leaf in jax.tree.leaves(outputs):
                active.losses.append(self.activity_regularizer(leaf) / leaf.shape[0])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output, given that of the inputs."""
        del inputs
        return previous_mask if self.supports_masking else None

    # -- config --------------------------------------------------------------------------------------------------

    @of_era
    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer: those of the base and, for a user's class, those it was made with."""
        dtype = configs.serialize_argument(self._dtype_policy)
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": dtype}
        if is_converted() and self._batch_input_shape is not None:
            config["batch_input_shape"] = self._batch_input_shape
        plain = type(self).get_config is Layer.get_config and type(self).__init__ is Layer.__init__
        if plain and not is_converted():
            config |= {"activity_regularizer": self.activity_regularizer, "autocast": self.autocast}
        if _is_of_base(type(self), "get_config") and not _is_of_base(type(self), "__init__"):
            names, _ = call_signature(type(self).__init__)
            for key, value in self._given_arguments().items():
                if not all(map(_can_be_written, jax.tree.leaves(value))):
                    raise NotImplementedError(
                        f"{type(self).__name__}: argument `{key}` is {value!r}, which no config can hold: non-serializable "
                        "values. The class must override `get_config()` with one that returns what the layer can be made of again"
                    )
                config.setdefault(key, value)
            if not call_signature(type(self).__init__)[1]:
                config = {k: v for k, v in config.items() if k in names}
        return config

    def _given_arguments(self) -> dict[str, Any]:
        """The arguments of the constructor by name, with their defaults."""
        args, kwargs = self._init_arguments
        signature = inspect.signature(type(self).__init__)
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:  # not made in this way, such as copies
            return dict(kwargs)
        bound.apply_defaults()
        given = dict(list(bound.arguments.items())[1:])
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                given.update(given.pop(parameter.name))
            elif parameter.kind is parameter.VAR_POSITIONAL and given.pop(parameter.name, ()):
                raise NotImplementedError(
                    f"{type(self).__name__}: arguments of `*{parameter.name}` have no names that a config could give them; "
                    "write a `get_config` and a `from_config`"
                )
        return given

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a layer from what :meth:`get_config` returned."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: the layer without its place in graphs and without what it can work out again."""
        state = {**self.__dict__, "_inbound_nodes": [], "_outbound_nodes": []}
        state.pop("_kept", None)
        return state

    def __repr__(self) -> str:
        return homes.shown(self, f"<{type(self).__name__} name={self.name}, built={self.built}>")


def _can_be_written(value: Any) -> bool:
    """Whether a constructor argument can become part of a config."""
    plain = isinstance(value, (str, bytes, int, float, complex, np.generic))
    return plain or callable(value) or hasattr(value, "get_config") or hasattr(value, "shape") or hasattr(value, "name")


def _is_of_base(cls: type, method: str) -> bool:
    """Whether a class has a method from the base of layers or of models, not one that somebody wrote for it."""
    owner = next(base for base in cls.__mro__ if method in vars(base))
    return owner.__module__ in (Layer.__module__, "kjax.keras.models.model", "kjax.keras.core.stateless")
