"""How a layer is built: the weights it makes, the shapes it makes them for, and the state that it then keeps."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import settings, unique_name
from kjax.keras.core.symbolic import call_signature, required_parameters, shapes_of
from kjax.keras.core.tensor import as_declared, is_symbolic
from kjax.keras.core.tracking import members
from kjax.keras.core.variable import Variable
from kjax.keras.core.weight_arguments import weight_arguments
from kjax.nn import constraints, regularizers
from kjax.nn.module import PARAMS, STATE

_LOCKED = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already built; make them in "
    "`__init__` or in `build`"
)


class Building:
    """The part of a layer that makes its weights."""

    if TYPE_CHECKING:
        name: str
        path: str
        variable_dtype: str
        _trainable: bool
        _own_variables: list[tuple[str, str, Variable]]
        _initial_weights: Any
        _build_shapes: dict[str, Any] | None

        def _take_place(self) -> None: ...
        def _members(self) -> Any: ...
        def call(self, *args: Any, **kwargs: Any) -> Any: ...
        def set_weights(self, weights: Any) -> None: ...

    built: bool = False
    _locked: bool = False
    """Whether variables and layers may no longer be added: since the layer was built, as in Keras 3."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _in_its_place(cls.build)  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> None:
        if self._locked and not name.startswith("_"):
            self._refuse_new(name, value)
        super().__setattr__(name, value)

    def _lock_state(self) -> None:
        """From now on no variables, layers, metrics and random generators are added."""
        if settings.era == "3":
            object.__setattr__(self, "_locked", True)

    def _refuse_new(self, name: str, value: Any) -> None:
        """Raise if a value to be set holds state that the layer does not have yet."""
        new = next((member for _, member in members(value, name)), None)
        if new is None or all(
            any(member is known for known in self._known_state()) for _, member in members(value, "")
        ):
            return
        raise ValueError(
            f"{type(self).__name__} layer {self.name!r}: attribute `{name}` cannot be set to a "
            f"{type(new).__name__}: {_LOCKED}"
        )

    def _known_state(self) -> list[Any]:
        attributes = {k: v for k, v in self.__dict__.items() if not k.startswith(("_inbound", "_outbound"))}
        return [member for _, member in members(attributes, "")]

    def build(self, input_shape: Any = None) -> None:
        """Make the layer's own weights; a layer that has some writes this."""
        del input_shape
        unbuilt = [member.name for _, member in self._members() if not member.built]
        if unbuilt and settings.era == "3" and not scopes.current():
            warnings.warn(
                f"`build()` was called on layer {self.name!r}, which has no `build` method of its own, while its layer "
                f"{unbuilt[0]!r} is not built yet: it counts as built now, without the weights of the layers inside. Call "
                "the layer on data instead, or write a `build` that builds them",
                stacklevel=2,
            )
        self.built = True

    build.makes_nothing = True  # type: ignore[attr-defined]

    def add_weight(self, *args: Any, **kwargs: Any) -> Variable:
        """Add a weight to the layer: ``add_weight(shape, initializer, dtype, trainable, ...)``.

        The orders of arguments of Keras 2 and tf.keras, which begin with the name, are understood too.

        Args:
            *args: the arguments below, in the order of Keras 3 or 2.
            **kwargs: ``shape``: its shape, ``()`` by default; ``initializer``: name, value or function, Glorot uniform
                for floats by default; ``dtype``: its type, the layer's variable dtype by default; ``trainable``: False
                for a value that ``call`` sets (moving statistics); ``autocast``: whether ``call`` reads it in the
                compute dtype; ``aggregation``, ``synchronization`` and ``overwrite_with_gradient`` as of
                :class:`Variable`; ``regularizer``: penalty on it; ``constraint``: projection after each update; ``name``.

        Raises:
            TypeError: an unknown argument, or one given twice.
            ValueError: the shape is not known.
        """
        given = weight_arguments(args, kwargs)
        shape, name = given.get("shape"), given.get("name")
        shape = () if shape is None else tuple(shape) if hasattr(shape, "__iter__") else (shape,)
        if any(not hasattr(s, "__index__") or s < 0 for s in shape):
            raise ValueError(
                f"{self.name}: weight {name!r} needs a known shape, of integers of at least 0, received {shape}"
            )
        if self._locked:
            raise ValueError(f"{type(self).__name__} layer {self.name!r}: weight {name!r} cannot be added: {_LOCKED}")
        counted = unique_name("variable") if not name and settings.era == "3" else None
        name = self._free_weight_name(name or "variable")
        dtype = given.get("dtype") or self.variable_dtype
        initializer = given.get("initializer")
        if initializer is None:
            initializer = "glorot_uniform" if jnp.issubdtype(jnp.dtype(dtype), jnp.floating) else "zeros"
        trainable = given.get("trainable", True)
        variable = Variable(
            initializer,
            shape,
            dtype,
            trainable and self._trainable,
            given.get("autocast", True),
            name=counted or name,
            path=f"{self.path}/{counted or name}",
            regularizer=regularizers.get(given.get("regularizer")),
            constraint=constraints.get(given.get("constraint")),
            **{name: given[name] for name in ("aggregation", "synchronization") if name in given},
        )
        variable.overwrite_with_gradient = bool(given.get("overwrite_with_gradient", False))
        variable.is_counted = counted is not None
        self._own_variables = [*self._own_variables, (PARAMS if trainable else STATE, name, variable)]
        return variable

    def add_variable(self, *args: Any, **kwargs: Any) -> Variable:
        """The same as :meth:`add_weight`."""
        return self.add_weight(*args, **kwargs)

    def _free_weight_name(self, name: str) -> str:
        taken = {n for _, n, _ in self._own_variables}
        candidates = (name if i == 0 else f"{name}_{i}" for i in range(len(taken) + 1))
        return next(c for c in candidates if c not in taken)

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self.built:
            return
        if type(self).build is not Building.build:
            self.build(**self._shapes_for(type(self).build, args, kwargs))
        self.built = True
        if self._build_shapes is None or type(self).build.__module__.startswith("kjax.keras."):
            self._note_shapes(args, kwargs)
        self._after_build()
        if not any(not member.built for _, member in self._members()):  # those inside may make theirs in the first call
            self._lock_state()

    def _shapes_for(self, method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of ``build`` and the like: the shape of the first input, or ``<name>_shape`` of each argument it names."""
        wanted = list(call_signature(method)[0])
        if settings.era in ("1", "2") and kwargs.get("constants") is not None and wanted == ["input_shape"]:
            # A cell with constants was built with a list of shapes.
            return {"input_shape": [shapes_of(args[0]), *map(shapes_of, kwargs["constants"])]}
        given = {**dict(zip(call_signature(type(self).call)[0], args, strict=False)), **kwargs}
        if not wanted:
            return {}
        if all(w.endswith("_shape") and w[: -len("_shape")] in given for w in wanted) and (
            len(wanted) > 1 or wanted[0] != "input_shape"
        ):
            return {w: shapes_of(given[w[: -len("_shape")]]) for w in wanted}
        named = {w: shapes_of(given[w[: -len("_shape")]]) for w in wanted[1:] if w.removesuffix("_shape") in given}
        lacking = [w for w in required_parameters(method)[1:] if w not in named]
        if settings.era == "3" and len(wanted) > 1 and wanted[0] != "input_shape" and wanted[0].endswith("_shape"):
            lacking = [w for w in wanted[:1] if w.removesuffix("_shape") not in given] or lacking
        if lacking:
            raise ValueError(
                f"For layer {type(self).__name__!r} ({self.name!r}), received `{method.__name__}()` argument `{lacking[0]}`, but "
                f"`call()` does not have argument `{lacking[0].removesuffix('_shape')}`, or was given none. With several "
                f"arguments all of them have a `_shape` suffix and are named after those of `call`: `{method.__name__}(self, foo_shape, bar_shape)` for `call(self, foo, bar)`"
            )
        first = args[0] if args else next(iter(kwargs.values()), None)
        return {wanted[0]: shapes_of(first), **named}

    def _note_shapes(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Keep the shapes that the weights were made for."""
        self._keep_shapes(dict(zip(call_signature(type(self).call)[0], args, strict=False)) | dict(kwargs))

    def _keep_shapes(self, given: Mapping[str, Any]) -> None:
        shapes = {f"{name}_shape": _declared(shapes_of(value)) for name, value in given.items() if _has_shape(value)}
        if len(shapes) == 1:
            self._build_shapes = {"input_shape": next(iter(shapes.values()))}
        elif shapes:
            self._build_shapes = {"shapes_dict": shapes}

    def _keep_arguments(self, build: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Keep the shapes that a call of a user's ``build`` was given."""
        given = dict(zip(call_signature(build)[0], args, strict=False)) | dict(kwargs)
        if len(given) == 1:
            self._build_shapes = {"input_shape": next(iter(given.values()))}
        elif given:
            self._build_shapes = {"shapes_dict": given}

    def _after_build(self) -> None:
        if self._initial_weights is not None:
            weights, self._initial_weights = self._initial_weights, None
            self.set_weights(weights)


def _in_its_place(build: Callable[..., Any]) -> Callable[..., Any]:
    """A ``build`` method during which the layer's place is known, and after which it is built."""

    @functools.wraps(build)
    def built(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer.__dict__.get("_is_building"):  # that of a base class
            return build(layer, *args, **kwargs)
        object.__setattr__(layer, "_is_building", True)
        try:
            with scopes.inside(layer):
                if not layer.built:
                    layer._take_place()
                build(layer, *args, **kwargs)
        finally:
            object.__setattr__(layer, "_is_building", False)
        if not build.__module__.startswith("kjax.keras."):  # those keep account themselves
            layer.built = True
            if layer._build_shapes is None:
                layer._keep_arguments(build, args, kwargs)
            if getattr(layer, "_when_built", ()) and all(inner.built for inner in layer._flatten_layers()):
                layer._is_built_now()
        if layer.built:
            layer._lock_state()

    return built


def _declared(shapes: Any) -> Any:
    """Shapes with None for a batch that only stands in."""
    if isinstance(shapes, dict):
        return {key: _declared(value) for key, value in shapes.items()}
    if isinstance(shapes, list):
        return [_declared(item) for item in shapes]
    return shapes and as_declared(shapes)


def _has_shape(tree: Any) -> bool:
    leaves = jax.tree.leaves(tree, is_leaf=is_symbolic)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)
