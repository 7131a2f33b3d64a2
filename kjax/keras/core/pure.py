"""Layers whose computation is a floor-1 module: the Keras classes are derived from the modules by one mechanism."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import flax.linen as nn
import jax

from kjax.keras.core import configs, eager, structure
from kjax.keras.core import scope as scopes
from kjax.keras.core.abstract import key_of_leaf, of_shape, stand_in_leaf
from kjax.keras.core.applying import ForeignInitial, apply_pure, cell_of, describe_call, named_as_given
from kjax.keras.core.doors import nodes
from kjax.keras.core.expected import expected_inputs
from kjax.keras.core.fields import all_fields, field_names, required_fields
from kjax.keras.core.known import UnknownError, identity, recalled, surroundings
from kjax.keras.core.layer import LAYER_ARGUMENTS, Layer, Tree, unrecognized
from kjax.keras.core.places import symbolic_mask
from kjax.keras.core.seeds import Seeded
from kjax.keras.core.settings import numbered_key, settings, to_snake_case
from kjax.keras.core.symbolic import call_signature, in_terms_of, is_shape
from kjax.keras.core.tensor import KerasTensor, composite_stand_ins, is_symbolic, symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.keras.legacy import spellings
from kjax.keras.legacy.arguments import OLD_ERAS, layer_call
from kjax.keras.legacy.calls import for_mask
from kjax.keras.legacy.form import is_converted, of_era
from kjax.nn import Layer as ModuleBase
from kjax.nn import activations
from kjax.nn.layers.recurrent.sequence import CARRIED
from kjax.nn.module import (
    OVERWRITE,
    PARAMS,
    Description,
    WeightSpec,
    accepts,
    rank_of,
)
from kjax.nn.order import in_order_of
from kjax.nn.quantization.convert import modes_of
from kjax.nn.recompute import Recomputed


class PureLayer(Seeded, Layer):
    """A layer around a Flax module; its variables are those that the module declares.

    Subclasses are made by :func:`derive`. Reading an argument (``layer.units``) reads the module's field; setting it
    replaces the module by one with another field.
    """

    module_class: ClassVar[type[nn.Module] | None] = None
    _prepares_data: ClassVar[bool] = False
    """Whether the module does not cast inputs although, in Keras, the layer does: it converts them itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        assert self.module_class is not None
        name = self.module_class.__name__
        if settings.era in OLD_ERAS:  # what its scripts read again, from the layer or its config
            if isinstance(chosen := kwargs.get("consume_less", kwargs.get("implementation")), str):
                self.consume_less = chosen  # how a script of Keras 1 sees the weights depends on it
            if kwargs.get("input_length") is not None and not hasattr(type(self), "input_length"):
                self.input_length = kwargs["input_length"]
        args, kwargs = layer_call(name, args, kwargs, field_names(self.module_class), settings.era)
        if "module_class" in vars(type(self)):
            self._init_arguments = (args, kwargs)
        layer_kwargs, fields = self._split(args, kwargs)
        super().__init__(**layer_kwargs)
        self._held, self._given_layers, self.built = {}, {}, self._built_at_once and type(self).build is PureLayer.build
        self._adopt(self._make_module(self.adapt_arguments(fields)))
        self.autocast = self.autocast and (self._prepares_data or getattr(self._module, "autocast", True))

    def _modes(self) -> tuple[str, ...]:
        return modes_of(self.module_class)

    def adapt_arguments(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The arguments of the module from those of the constructor; a hook for classes around other layers."""
        return fields

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
            raise unrecognized(self, unknown[0], [*names, *LAYER_ARGUMENTS])
        missing = [n for n in required_fields(self.module_class) if n not in fields]
        if missing:
            raise TypeError(f"{type(self).__name__}: missing argument `{missing[0]}`")
        return layer_kwargs, fields

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: without descriptions, which are made again."""
        return {**super().__getstate__(), "_described": {}, "_parts": {}, "_initial_values": None}

    def _make_module(self, fields: Mapping[str, Any]) -> nn.Module:
        assert self.module_class is not None
        given = {name: self._hold(name, value) for name, value in fields.items()}
        names = {f.name for f in dataclasses.fields(self.module_class)}
        if "data_format" in names and given.get("data_format") is None:
            given["data_format"] = settings.image_data_format
        if issubclass(self.module_class, ModuleBase):
            given["dtype"] = self._dtype_policy.spelling
            given["trainable"] = self._trainable
            given["activity_regularizer"] = self.activity_regularizer
        return self.module_class(**given)

    def _hold(self, name: str, value: Any) -> Any:
        """The modules of layers that are given as an argument; the layers stay the owners of their weights."""
        if isinstance(value, Layer):
            self._held[name] = value
        elif isinstance(value, (list, tuple)) and any(isinstance(item, Layer) for item in value):
            self._held.update((f"{name}_{i}", item) for i, item in enumerate(value) if isinstance(item, Layer))
        else:
            return value
        self._given_layers[name] = value
        return _as_module(value)

    @property
    def takes_training(self) -> bool:
        """Whether what the layer computes depends on the mode."""
        return accepts(self._module, "training") if self.is_pure else super().takes_training

    def fresh_key(self) -> Any:
        """The key of a call outside a model: derived from the layer's own seed where it has one."""
        seed = getattr(self._module, "seed", None)
        if not isinstance(seed, int):
            return super().fresh_key()
        calls = self.__dict__.get("_seeded_calls", 0)
        object.__setattr__(self, "_seeded_calls", calls + 1)
        return numbered_key(seed, calls)

    def given_argument(self, name: str) -> Any:
        """The layer, or list of layers, that an argument was given as; None for other arguments."""
        return self._given_layers.get(name)

    def _adopt(self, module: nn.Module) -> None:
        """Use ``module`` from now on."""
        self._held: dict[str, Layer] = self.__dict__.get("_held", {})
        self._given_layers: dict[str, Any] = self.__dict__.get("_given_layers", {})
        if self.module_class is not None:
            for name in field_names(self.module_class):
                self.__dict__.pop(name, None)  # set before the module was there
        self._module = module
        self._boxes: list[tuple[str, tuple[str, ...], Variable]] = []
        self._described: dict[Any, Description] = {}
        self._parts: dict[str, tuple[int, PureLayer]] = {}
        self.supports_masking = getattr(module, "supports_masking", False)

    def part(self, name: str, cls: type[PureLayer], module: nn.Module, inside: tuple[str, ...] = ()) -> PureLayer:
        """A layer inside this one, as Keras has it, where the module has one module for both: it shares the weights.

        Args:
            name: name of the attribute.
            cls: its class.
            module: its module.
            inside: path of its weights in this layer's module.
        """
        known = self._parts.get(name)
        if known is not None and known[0] == len(self._boxes) and known[1]._module == module:
            return known[1]
        layer = cls.__new__(cls)
        dtype = module.dtype if isinstance(module, ModuleBase) else self._dtype_policy
        Layer.__init__(layer, name=to_snake_case(cls.__name__), dtype=dtype)
        layer._held, layer._given_layers = {}, {}
        layer._adopt(module)
        deep = len(inside)
        layer._boxes = [
            (c, path[deep:], v) for c, path, v in self._boxes if path[:deep] == inside and (deep or c == PARAMS)
        ]
        layer.built = self.built
        self._parts[name] = len(self._boxes), layer
        return layer

    # -- arguments as attributes ---------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("_module")
        if module is not None and not name.startswith("_"):
            if name in ("seed_generator", "generator"):
                return self.built_in_generator(name)
            if name in self._given_layers:
                return self._given_layers[name]
            if name in all_fields(type(module)) or (name == "rank" and hasattr(module, name)):
                return getattr(module, name)
            for _, path, variable in self._boxes:
                if path == (name,):
                    return variable
            own = getattr(type(self), name, None)
            if isinstance(own, property) and own.fget is not None:  # it raised AttributeError; let it say why
                return own.fget(self)
            makers = {f"{name}_initializer", f"{name.removesuffix('_kernel')}_initializer"}
            if makers & all_fields(type(module)):
                if self.built:
                    return None  # such as the bias of a layer with use_bias=False
                raise AttributeError(
                    f"{type(self).__name__} layer {self.name!r} has no `{name}` yet. You must build the layer before accessing "
                    f"`{name}`: weights are made when it is first called, or by its `build(input_shape)`"
                )
            if settings.era == "1":
                with contextlib.suppress(AttributeError):
                    return spellings.attribute(self, type(module).__name__, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        module = self.__dict__.get("_module")
        if module is not None and name in all_fields(type(module)):
            if name not in ("name", "trainable", "activity_regularizer", "dtype"):
                self._module = module.clone(**{name: self._hold(name, value)})
                self._described.clear()
                return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        weights = {path[0] for _, path, _ in self._boxes if len(path) == 1}
        return sorted({*super().__dir__(), *all_fields(type(self._module)), *weights})

    # -- weights -------------------------------------------------------------------------------------------------

    @property
    def is_pure(self) -> bool:
        """False for a user's subclass that writes ``call`` or ``build`` of its own."""
        cls = type(self)
        return (
            cls.call is PureLayer.call
            and cls.build is PureLayer.build
            and cls.compute_mask is PureLayer.compute_mask
            and not self._own_variables
            and self._composed_call is None
        )

    @property
    def input_spec(self) -> Any:
        """What the first argument of a call must be like: specifications, or None."""
        if "_input_spec" in self.__dict__:
            return self._input_spec
        module = self.__dict__.get("_module")
        if module is None or type(self).call is not PureLayer.call:
            return None
        shapes = (self._build_shapes or {}) if self.built else {}
        return structure.kept(self, "expected", lambda: expected_inputs(module, shapes.get("input_shape")))

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        self._input_spec = value

    @property
    def _passes_masks(self) -> bool:
        if type(self).compute_mask is not PureLayer.compute_mask or not isinstance(self._module, ModuleBase):
            return super()._passes_masks
        return self.supports_masking or type(self._module).compute_mask is not ModuleBase.compute_mask

    @property
    def _composed_call(self) -> Any:
        """What is called in place of the module, where a user's subclass replaces a step of it; None otherwise."""
        return None

    @property
    def module(self) -> nn.Module:
        """The layer as a pure Flax module."""
        return self._current_module() if self.is_pure else super().module

    def _current_module(self) -> nn.Module:
        module = self._module
        changed: dict[str, Any] = {}
        if isinstance(module, ModuleBase) and module.trainable != self._trainable:
            changed["trainable"] = self._trainable
        for name, value in self._given_layers.items():  # a layer inside may have been frozen or built
            present = _as_module(value)
            if getattr(module, name) != present:
                changed[name] = present
        mode, activation = self._remat_mode, getattr(module, "activation", None)
        if mode is not None and mode.mode == "activations" and activation not in (None, activations.linear):
            changed["activation"] = Recomputed(activation)
        return module.clone(**changed) if changed else module

    def _members(self) -> Iterator[tuple[str, Any]]:
        yield from super()._members()
        yield from self.__dict__.get("_held", {}).items()

    def _follow_held(self) -> None:
        """Take over the variables of layers inside, which may have others than when this layer was built."""
        for name, held in self.__dict__.get("_held", {}).items():
            if isinstance(held, PureLayer):
                held._follow_held()
                mine = [entry for entry in self._boxes if entry[1][0] == name and len(entry[1]) > 1]
                theirs = [(c, (name, *path), v) for c, path, v in held._boxes]
                if mine and {id(v) for _, _, v in mine} != {id(v) for _, _, v in theirs}:
                    self._boxes = [entry for entry in self._boxes if entry not in mine] + theirs
                    self._described.clear()

    def variable_tree(self) -> Tree:
        """The variables as nested dicts by collection."""
        self._follow_held()
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
        self._follow_held()
        also = getattr(type(self._module), "also_own", ())

        def rank(entry: tuple[str, tuple[str, ...], Variable]) -> tuple[bool, int]:
            collection, path, _ = entry
            return len(path) > 1 and path[-1] not in also, rank_of(collection)

        boxes = sorted((entry for entry in self._boxes if not entry[1][-1].startswith(CARRIED)), key=rank)
        found = {id(v): v for _, _, v in boxes}
        found.update((id(v), v) for v in super().weights if id(v) not in found)
        return list(found.values())

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        Layer.trainable.fset(self, value)  # type: ignore[attr-defined]
        for collection, _, variable in self._boxes:
            if collection in (PARAMS, OVERWRITE):
                variable.trainable = self._trainable and not variable.frozen

    def build(self, *input_shapes: Any, **named_shapes: Any) -> None:
        """Make the variables.

        Args:
            *input_shapes: shape of the input with the batch axis (None where free), or shapes of several.
            **named_shapes: the same by argument name.
        """
        named = {key.removesuffix("_shape"): shape for key, shape in named_shapes.items()}
        given = (*input_shapes, *(shape for name, shape in named.items() if not self._takes(name)))
        kwargs = {name: shape for name, shape in named.items() if self._takes(name)}
        if not given and not kwargs:
            given = self._default_shapes()

        def description(variant: int) -> Description:
            args = tuple(of_shape(shape, self.compute_dtype, variant) for shape in given)
            return self._describe(
                args, {k: of_shape(shape, self.compute_dtype, variant) for k, shape in kwargs.items()}
            )

        found = description(0)
        if _is_open((given, kwargs)):
            self._require_sizes(found, description(1))
        self._make_variables(found)
        shapes = [*input_shapes, *named_shapes.values()]
        if len(shapes) == 1:
            self._build_shapes = {"input_shape": shapes[0]}

    def _default_shapes(self) -> tuple[Any, ...]:
        """Shapes to build for where none are given: layers whose weights do not depend on them have some."""
        return ((None, 1),)

    def _takes(self, argument: str) -> bool:
        if isinstance(self._module, ModuleBase):
            return argument in call_signature(type(self._module).call)[0]
        return False

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self.built:
            return
        if type(self).build is not PureLayer.build:
            super()._ensure_built(args, kwargs)
            return
        given = (args, dict(kwargs))
        leaves = jax.tree.leaves(given, is_leaf=is_symbolic)

        def attempt(variant: int) -> Description:
            filled_args, filled_kwargs = jax.tree.map(lambda x: stand_in_leaf(x, variant), given, is_leaf=is_symbolic)
            # With the masks, which make no other weights, it is the call that the node is drawn with.
            masks = [stand_in_leaf(symbolic_mask(leaf), variant) for leaf in leaves]
            with in_terms_of(leaves, variant):
                return self._describe(filled_args, filled_kwargs, masks)

        found = self._fitted(given, lambda: attempt(0))
        if found.weights and any(None in tensor.shape[1:] for tensor in symbolic_leaves(given)):
            self._require_sizes(found, self._fitted(given, lambda: attempt(1)))
        self._make_variables(found)
        self._note_shapes(args, kwargs)
        self._after_build()

    def _fitted(self, tree: Any, attempt: Callable[[], Any]) -> Any:
        try:
            return super()._fitted(tree, attempt)
        except ValueError as first:
            if not any(None in tensor.shape[1:] for tensor in symbolic_leaves(tree)):
                raise
            # Windows may be wider than the sizes of free axes, or shapes ask for sizes that these are no multiples of.
            with composite_stand_ins():
                try:
                    return super()._fitted(tree, attempt)
                except Exception:
                    raise first from None

    def _require_sizes(self, found: Description, other: Description) -> None:
        """Raise if a weight has other sizes for other sizes of free axes."""
        for one, two in zip(found.weights, other.weights, strict=True):
            if one.shape != two.shape and not one.path[-1].startswith(CARRIED):
                shape = tuple(a if a == b else None for a, b in zip(one.shape, two.shape, strict=True))
                raise ValueError(
                    f"{type(self).__name__} layer {self.name!r}: weight {one.path[-1]!r} would have the shape {shape}: shapes of "
                    "weights must be fully-defined (no None), so the axes of the inputs that it depends on need a size"
                )

    def _note_shapes(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        function = type(self._module).call if isinstance(self._module, ModuleBase) else type(self).call
        given = dict(zip(call_signature(function)[0], args, strict=False)) | dict(kwargs)
        self._keep_shapes({k: v for k, v in given.items() if k != "training" and not k.endswith("mask")})

    def _describe(self, args: Any, kwargs: Mapping[str, Any], masks: Sequence[Any] | None = None) -> Description:
        """The weights, and as outputs the pair of outputs and their masks, for abstract arguments.

        Args:
            args: positional arguments.
            kwargs: keyword arguments.
            masks: abstract mask, or None, of each leaf of (args, kwargs).
        """
        leaves, structure = jax.tree.flatten((args, dict(kwargs)))
        given_masks = list(masks) if masks is not None else [None] * len(leaves)
        module = self._current_module()
        shared = True
        try:
            key: Any = ("layer", surroundings(), identity(module), structure, *map(identity, (*leaves, *given_masks)))
        except UnknownError:
            shared = False
            key = (module, structure, tuple(map(key_of_leaf, leaves)), tuple(map(key_of_leaf, given_masks)))
        try:
            if key in self._described:
                return self._described[key]
        except TypeError:
            key = None

        def trace() -> Description:
            found, self._initial_values = describe_call(self.name, module, leaves, structure, given_masks)
            return found

        description = recalled(key, trace) if shared else trace()
        if shared and any(weight.initializer is None for weight in description.weights):
            description = trace()  # the module itself gives the first values
        if key is not None:
            self._described[key] = description
        return description

    def _make_variables(self, description: Description) -> None:
        module = self._module
        unable = isinstance(module, ModuleBase) and not modes_of(module)
        if unable and self.quantization_mode is not None and description.weights:
            raise NotImplementedError(
                f"{type(self).__name__} layer {self.name!r}: there is no such layer with quantized weights (dtype "
                f"{self._dtype_policy.name!r}); Dense, EinsumDense, Embedding and ReversibleEmbedding can be quantized"
            )
        with scopes.inside(self):
            self._take_place()
        for spec in description.weights:
            self.take_variable(spec, tuple(spec.path[1:]), (self.path,))  # without the name inside _Caller
        self.mark_built()

    def mark_built(self) -> None:
        """Say that this layer and those inside, which may have no weights of their own, are built."""
        self.built = True
        for held in self._held.values():
            if isinstance(held, PureLayer):
                held.mark_built()

    def take_variable(self, spec: WeightSpec, path: tuple[str, ...], above: tuple[str, ...]) -> Variable:
        """The variable of a weight of the module; where a layer inside owns it, that layer's variable.

        Args:
            spec: the weight.
            path: its path in the module.
            above: names of the layers around, this one's last.
        """
        for collection, known, variable in self._boxes:
            if collection == spec.collection and known == path:
                return variable
        held = self._held.get(path[0])
        if held is not None and len(path) > 1:
            place = (*above, held.name)
            if settings.era == "3":
                object.__setattr__(held, "_path", "/".join(place))
            variable = held.take_variable(spec, path[1:], place)
        else:
            initial = spec.initializer or ForeignInitial(self._initial_values, (spec.collection, *spec.path))
            variable = Variable(
                initial,
                spec.shape,
                spec.dtype,
                spec.collection in (PARAMS, OVERWRITE) and self._trainable and not spec.frozen,
                name=list(path)[-1],
                path="/".join((*above, *cell_of(self._module, spec.collection), *path)),
                regularizer=spec.regularizer,
                constraint=spec.constraint,
            )
            variable.frozen = spec.frozen
            variable.overwrite_with_gradient = spec.collection == OVERWRITE
        self._boxes = [*self._boxes, (spec.collection, path, variable)]
        return variable

    # -- calling -------------------------------------------------------------------------------------------------

    def _trace(self, args: Any, kwargs: Any, masks: Sequence[Any] | None = None) -> tuple[Any, list[Any]]:
        return self._describe(args, kwargs, masks).outputs if self.is_pure else super()._trace(args, kwargs, masks)

    @property
    def _describes_itself(self) -> bool:
        return self.is_pure

    def _output_specs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        specs, masks, structure = super()._output_specs(args, kwargs)
        if hasattr(self._module, "open_axes"):
            free = self._module.open_axes(args[0].shape)  # pyright: ignore
            shapes = [tuple(None if i in free else s for i, s in enumerate(spec.shape)) for spec in specs]
            specs = [KerasTensor(s, spec.dtype, name="spec") for s, spec in zip(shapes, specs, strict=True)]
        return specs, masks, structure

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the module to the present values of the variables."""
        composed = self._composed_call
        if composed is not None:
            return composed(*args, **kwargs)
        if settings.era == "1" and len(args) == 2 and isinstance(self._module, ModuleBase):
            # Every `call` was (x, mask=None).
            args, kwargs = args[:1], {"mask": args[1], **kwargs} if accepts(self._module, "mask") else kwargs
        if (active := scopes.current()) is None:  # a script called `call` itself
            return self(*args, **kwargs)
        with named_as_given(self):
            if eager.is_plain(active, (args, kwargs)):
                outputs = eager.call_applied(structure.kept(self, "call", self._applied), active, args, kwargs)
                return in_order_of(args[0], outputs) if args else outputs
            module = self._current_module().clone(name=self.name)  # the name is for error messages
            return apply_pure(module, PureLayer.variable_tree(self), args, kwargs)

    def _applied(self) -> eager.Applied:
        return eager.Applied(self._current_module(), PureLayer.variable_tree(self), label=self.name)

    def _add_activity_loss(self, outputs: Any, active: scopes.Scope) -> None:
        """The module collects its own activity penalty."""
        if not isinstance(self._module, ModuleBase):
            super()._add_activity_loss(outputs, active)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output, given that of the inputs."""
        pure: Any = self._module if isinstance(self._module, ModuleBase) else super()
        if pure is not self._module or not symbolic_leaves((inputs, mask)):
            return pure.compute_mask(inputs, mask)
        return nodes.apply_function(pure.compute_mask, (for_mask(pure, inputs, mask), mask), {}, name="compute_mask")

    @of_era
    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, in the form in which Keras 3 writes them."""
        assert isinstance(self._module, ModuleBase)
        config = configs.module_config(self, self._module, super().get_config())
        if is_converted():
            config |= {key: vars(self)[key] for key in ("consume_less", "input_length") if key in vars(self)}
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a layer from what :meth:`get_config` returned; the configs of layers inside become layers."""
        if settings.era in OLD_ERAS and cls.module_class is not None:  # old names are no news in a config
            table = spellings.LAYERS.get(cls.module_class.__name__, {})
            config = {table.get(key, key): value for key, value in config.items()}
        return cls(**configs.with_revived(dict(config)))


def _as_module(value: Any) -> Any:
    """The module of a Keras layer that is an argument of another; lists of them; other things as they are."""
    if isinstance(value, Layer):
        return value.module
    if isinstance(value, (list, tuple)) and any(isinstance(item, Layer) for item in value):
        return type(value)(_as_module(item) for item in value)
    return value


def _is_open(shapes: Any) -> bool:
    """Whether axes other than the first of a shape in a structure are free."""
    return any(None in shape[1:] for shape in jax.tree.leaves(shapes, is_leaf=is_shape) if is_shape(shape))


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)
