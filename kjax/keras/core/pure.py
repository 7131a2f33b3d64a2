"""Layers whose computation is a floor-1 module: the Keras classes are derived from the modules by one mechanism."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import LAYER_ARGUMENTS, Layer, Tree, call_signature
from kjax.keras.core.settings import next_key, settings
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import layer_call
from kjax.nn import Layer as ModuleBase
from kjax.nn.graph import call_with_masks
from kjax.nn.layers.recurrent.sequence import CARRIED
from kjax.nn.module import DROPOUT, LOSSES, PARAMS, STATE, Description, describe, record_weights
from kjax.nn.value import did_you_mean

_BASE_FIELDS = ("parent", "name", "trainable", "dtype", "activity_regularizer")


class PureLayer(Layer):
    """A layer around a Flax module; its variables are those that the module declares.

    Subclasses are made by :func:`derive`. Reading an argument (``layer.units``) reads the module's field; setting it
    replaces the module by one with another field.
    """

    module_class: ClassVar[type[nn.Module] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        assert self.module_class is not None
        name = self.module_class.__name__
        args, kwargs = layer_call(name, args, kwargs, field_names(self.module_class), settings.era)
        if "module_class" in vars(type(self)):
            self._init_arguments = (args, kwargs)
        layer_kwargs, fields = self._split(args, kwargs)
        super().__init__(**layer_kwargs)
        self._adopt(self._make_module(fields))

    def _split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        names = field_names(self.module_class)
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes at most {len(names)} arguments, received {len(args)}")
        fields = dict(zip(names, args, strict=False))
        layer_kwargs: dict[str, Any] = {}
        for key, value in kwargs.items():
            if key in fields:
                raise TypeError(f"{type(self).__name__}: argument `{key}` was given twice")
            (fields if key in names else layer_kwargs)[key] = value
        unknown = [key for key in layer_kwargs if key not in LAYER_ARGUMENTS]
        if unknown:
            hint = did_you_mean(unknown[0], [*names, *LAYER_ARGUMENTS])
            raise TypeError(f"{type(self).__name__}: unknown argument {unknown[0]!r}; {hint}")
        missing = [n for n in required_fields(self.module_class) if n not in fields]
        if missing:
            raise TypeError(f"{type(self).__name__}: missing argument `{missing[0]}`")
        return layer_kwargs, fields

    def _make_module(self, fields: Mapping[str, Any]) -> nn.Module:
        assert self.module_class is not None
        given = {name: _as_module(value) for name, value in fields.items()}
        names = {f.name for f in dataclasses.fields(self.module_class)}
        if "data_format" in names and given.get("data_format") is None:
            given["data_format"] = settings.image_data_format
        if issubclass(self.module_class, ModuleBase):
            given["dtype"] = self._dtype_policy.name
            given["trainable"] = self._trainable
            given["activity_regularizer"] = self.activity_regularizer
        return self.module_class(**given)

    def given_argument(self, name: str) -> Any:
        """What the constructor was given for an argument: the handle, where the module holds the module of a layer."""
        args, kwargs = self._init_arguments
        given = dict(zip(field_names(self.module_class), args, strict=False)) | kwargs if self.module_class else {}
        return given.get(name)

    def _adopt(self, module: nn.Module) -> None:
        """Use ``module`` from now on."""
        self._module = module
        self._boxes: list[tuple[str, tuple[str, ...], Variable]] = []
        self._described: dict[Any, Description] = {}
        self.supports_masking = getattr(module, "supports_masking", False)

    # -- arguments as attributes ---------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("_module")
        if module is not None and not name.startswith("_") and name in _all_fields(type(module)):
            return getattr(module, name)
        raise AttributeError(f"{type(self).__name__!r} layer has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        module = self.__dict__.get("_module")
        if module is not None and name in _all_fields(type(module)):
            if name not in ("name", "trainable", "activity_regularizer"):
                object.__setattr__(self, "_module", module.clone(**{name: value}))
                self._described.clear()
                return
        super().__setattr__(name, value)

    # -- weights -------------------------------------------------------------------------------------------------

    @property
    def is_pure(self) -> bool:
        """False for a user's subclass that writes ``call`` or ``build`` of its own."""
        cls = type(self)
        return cls.call is PureLayer.call and cls.build is PureLayer.build and not self._own_variables

    @property
    def module(self) -> nn.Module:
        """The layer as a pure Flax module."""
        return self._current_module() if self.is_pure else super().module

    def _current_module(self) -> nn.Module:
        module = self._module
        if isinstance(module, ModuleBase) and module.trainable != self._trainable:
            return module.clone(trainable=self._trainable)
        return module

    def variable_tree(self) -> Tree:
        """The variables as nested dicts by collection."""
        tree: Tree = super().variable_tree()
        for collection, path, variable in self._boxes:
            node = tree.setdefault(collection, {})
            for name in path[:-1]:
                node = node.setdefault(name, {})
            node[path[-1]] = variable
        return tree

    @property
    def weights(self) -> list[Variable]:
        """All weights: the layer's own, then those of layers inside; trained ones before state.

        States that a recurrent layer carries from call to call are none.
        """
        order, also = {PARAMS: 0, STATE: 1}, getattr(self._module, "also_own", ())

        def rank(entry: tuple[str, tuple[str, ...], Variable]) -> tuple[bool, int]:
            collection, path, _ = entry
            return len(path) > 1 and path[-1] not in also, order.get(collection, 2)

        boxes = sorted((entry for entry in self._boxes if not entry[1][-1].startswith(CARRIED)), key=rank)
        own = super().weights
        return [v for _, _, v in boxes] + [v for v in own if all(v is not b for _, _, b in boxes)]

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        Layer.trainable.fset(self, value)  # type: ignore[attr-defined]
        for collection, _, variable in self._boxes:
            if collection == PARAMS:
                variable.trainable = self._trainable

    def build(self, *input_shapes: Any, **named_shapes: Any) -> None:
        """Make the variables.

        Args:
            *input_shapes: shape of the input with the batch axis (None where free), or shapes of several.
            **named_shapes: the same by argument name.
        """
        dtype = self.compute_dtype
        shapes = [*input_shapes, *named_shapes.values()]
        args = tuple(_abstract(shape, dtype) for shape in shapes)
        self._make_variables(self._describe(args, {}))
        self.built = True
        if len(shapes) == 1:
            self._build_shapes = {"input_shape": shapes[0]}

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self.built:
            return
        if type(self).build is not PureLayer.build:
            super()._ensure_built(args, kwargs)
            return
        filled_args, filled_kwargs = jax.tree.map(
            _stand_in_leaf, (args, dict(kwargs)), is_leaf=lambda x: isinstance(x, KerasTensor)
        )
        self._make_variables(self._describe(filled_args, filled_kwargs))
        self.built = True
        self._note_shapes(args, kwargs)
        self._after_build()

    def _note_shapes(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        function = type(self._module).call if isinstance(self._module, ModuleBase) else type(self).call
        names = [name for name in call_signature(function)[0] if name not in ("mask", "training")]
        given = dict(zip(names, args, strict=False)) | {k: v for k, v in kwargs.items() if k != "mask"}
        self._keep_shapes(given)

    def _describe(self, args: Any, kwargs: Mapping[str, Any]) -> Description:
        leaves, structure = jax.tree.flatten((args, dict(kwargs)))
        module = self._current_module()
        abstract = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves]
        key: Any = (module, structure, tuple(_key(leaf) for leaf in leaves))
        try:
            if key in self._described:
                return self._described[key]
        except TypeError:
            key = None

        def call(bound: nn.Module, *arrays: Any) -> Any:
            given = iter(arrays)
            filled = [next(given) if a else leaf for a, leaf in zip(abstract, leaves, strict=True)]
            call_args, call_kwargs = jax.tree.unflatten(structure, filled)
            return bound(*call_args, **call_kwargs)

        caller = _Caller(module, _Opaque(call))
        arrays = [leaf for leaf, a in zip(leaves, abstract, strict=True) if a]
        with scopes.enter(scopes.Scope(abstract=True)):
            description = describe(caller, *arrays)

        @functools.cache
        def initial_values() -> Any:
            key = next_key()
            zeros = [np.zeros(a.shape, a.dtype) for a in arrays]
            return jax.device_get(jax.jit(caller.init)({PARAMS: key, DROPOUT: key}, *zeros))

        self._initial_values = initial_values
        if key is not None:
            self._described[key] = description
        return description

    def _make_variables(self, description: Description) -> None:
        for spec in description.weights:
            path = spec.path[1:]  # without the name inside _Caller
            initializer = spec.initializer or _ForeignInitial(self._initial_values, (spec.collection, *spec.path))
            self._boxes.append(
                (
                    spec.collection,
                    path,
                    Variable(
                        initializer,
                        spec.shape,
                        spec.dtype,
                        spec.collection == PARAMS and self._trainable,
                        name=path[-1],
                        path="/".join((self.name, *path)),
                        regularizer=spec.regularizer,
                        constraint=spec.constraint,
                    ),
                )
            )

    # -- calling -------------------------------------------------------------------------------------------------

    def _trace(self, args: Any, kwargs: Any) -> Any:
        return self._describe(args, kwargs).outputs if self.is_pure else super()._trace(args, kwargs)

    def _output_specs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], Any]:
        specs, structure = super()._output_specs(args, kwargs)
        if hasattr(self._module, "open_axes"):
            free = self._module.open_axes(args[0].shape)  # pyright: ignore
            shapes = [tuple(None if i in free else s for i, s in enumerate(spec.shape)) for spec in specs]
            specs = [KerasTensor(s, spec.dtype, name="spec") for s, spec in zip(shapes, specs, strict=True)]
        return specs, structure

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the module to the present values of the variables."""
        return apply_pure(self._current_module(), PureLayer.variable_tree(self), args, kwargs)

    def _add_activity_loss(self, outputs: Any, active: scopes.Scope) -> None:
        """The module collects its own activity penalty."""
        if not isinstance(self._module, ModuleBase):
            super()._add_activity_loss(outputs, active)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output, given that of the inputs."""
        if isinstance(self._module, ModuleBase):
            return self._module.compute_mask(inputs, previous_mask)
        return super().compute_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, in the form in which Keras 3 writes them."""
        from kjax.keras.saving.as_built import as_built
        from kjax.keras.saving.serialization import module_config

        assert isinstance(self._module, ModuleBase)
        return as_built(self, module_config(self._module, super().get_config(), self.given_argument))


def apply_pure(module: nn.Module, tree: Tree, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a module to the present values of variables, inside the current scope, and store what it changes.

    Args:
        module: the module.
        tree: its variables, as :meth:`Layer.variable_tree` gives them.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.
    """
    active = scopes.current()
    assert active is not None, "layers are called through __call__"
    training = kwargs.pop("training", None)
    training = active.training if training is None else bool(training)
    variables = jax.tree.map(lambda v: v.value, tree, is_leaf=_is_box)
    key = active.next_key()
    if key is None and training:
        key = next_key()
    masks = jax.tree.map(active.mask_of, (args, kwargs))
    masks = masks if jax.tree.leaves(masks) else None
    changing = [c for c in variables if c != PARAMS]

    def run(bound: nn.Module) -> Any:
        return call_with_masks(bound, args, kwargs, masks, training)

    with record_weights():
        (outputs, out_masks), updates = module.apply(
            variables,
            rngs={DROPOUT: key} if key is not None else {},
            mutable=[*changing, LOSSES],
            method=run,
        )
    for path, value in jax.tree_util.tree_leaves_with_path(updates.get(LOSSES, {})):
        if path[-1].key in ("activity", "added"):  # weight penalties are known from the variables
            active.losses.append(value)
    for collection, inner in updates.items():
        if collection != LOSSES:
            jax.tree.map(lambda box, value: box.assign(value), tree[collection], inner, is_leaf=_is_box)
    for leaf, mask in zip(jax.tree.leaves(outputs), out_masks, strict=False):
        if mask is not None:
            active.masks[id(leaf)] = (leaf, mask)
    return outputs


def _as_module(value: Any) -> Any:
    """The module of a Keras layer that is an argument of another; lists of them; other things as they are."""
    if isinstance(value, Layer):
        return value.module
    if isinstance(value, (list, tuple)) and any(isinstance(item, Layer) for item in value):
        return type(value)(_as_module(item) for item in value)
    return value


class _Opaque:
    """A function that takes part in a module's fields without taking part in its value."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opaque)

    def __hash__(self) -> int:
        return 0


class _Caller(nn.Module):
    """Calls a module in a given way, so that non-array arguments stay what they are while it is traced."""

    inner: nn.Module
    how: _Opaque

    @nn.compact
    def __call__(self, *arrays: Any) -> Any:
        return self.how.function(self.inner, *arrays)


class _ForeignInitial:
    """Initial value of a weight of a foreign Flax module: taken from the module's own ``init``.

    Args:
        values: function from a key to all initial variables.
        place: collection and path of the weight.
    """

    def __init__(self, values: Any, place: tuple[str, ...]) -> None:
        self.values, self.place = values, place

    def __call__(self, key: Any, shape: Any, dtype: Any = None) -> Any:
        del key, shape, dtype
        node = self.values()
        for name in self.place:
            node = node[name]
        return node


def _stand_in_leaf(leaf: Any) -> Any:
    from kjax.keras.core.tensor import stand_in

    if isinstance(leaf, KerasTensor):
        return stand_in(leaf, 0)
    if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    return leaf


def _abstract(shape: Any, dtype: str) -> Any:
    if isinstance(shape, Mapping):
        return {key: _abstract(value, dtype) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and isinstance(shape[0], (list, tuple)):
        return [_abstract(item, dtype) for item in shape]
    return _stand_in_leaf(KerasTensor(shape, dtype, name="spec"))


def _key(leaf: Any) -> Any:
    return (leaf.shape, str(leaf.dtype)) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)


def _all_fields(cls: type[nn.Module]) -> frozenset[str]:
    return frozenset(f.name for f in dataclasses.fields(cls)) - {"parent"}


def field_names(cls: type[nn.Module] | None) -> list[str]:
    """The constructor arguments of a module class, in Keras' order, without those of every layer."""
    assert cls is not None
    return [f.name for f in dataclasses.fields(cls) if f.init and f.name not in _BASE_FIELDS]


def required_fields(cls: type[nn.Module] | None) -> list[str]:
    """Those without a default."""
    assert cls is not None
    missing = dataclasses.MISSING
    return [
        f.name
        for f in dataclasses.fields(cls)
        if f.init and f.name not in _BASE_FIELDS and f.default is missing and f.default_factory is missing
    ]


def derive(module_class: type[nn.Module], name: str | None = None, **attributes: Any) -> type[PureLayer]:
    """The Keras class of a floor-1 layer: same arguments, plus those of every Keras layer.

    Args:
        module_class: the Flax module class.
        name: name of the Keras class; the module's by default.
        **attributes: further class attributes.
    """
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for f in dataclasses.fields(module_class):
        if f.init and f.name not in _BASE_FIELDS:
            default = inspect.Parameter.empty if f.default is dataclasses.MISSING else f.default
            parameters.append(inspect.Parameter(f.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default))
    parameters.append(inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD))

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        PureLayer.__init__(self, *args, **kwargs)

    __init__.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    __init__.__doc__ = module_class.__doc__
    body = {
        "module_class": module_class,
        "__init__": __init__,
        "__doc__": module_class.__doc__,
        "__module__": "kjax.keras.layers",
        "__signature__": inspect.Signature(parameters[1:]),
        **attributes,
    }
    return type(name or module_class.__name__, (PureLayer,), body)
