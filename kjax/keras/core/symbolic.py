"""A layer on things without values: symbolic calls, shapes by tracing, and calls with all state in the arguments."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.abstract import stand_in_leaf
from kjax.keras.core.fitting import fitted, widest
from kjax.keras.core.places import symbolic_mask
from kjax.keras.core.seeds import following, key_of
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import (
    KerasTensor,
    Node,
    NotSymbolicError,
    free_shape,
    has_free_axes,
    is_symbolic,
    stand_in,
    standing_in,
    symbolic_leaves,
    wide_stand_ins,
)
from kjax.keras.core.variable import Variable, device_array
from kjax.keras.legacy import calls
from kjax.keras.legacy.arguments import OLD_ERAS


@functools.cache
def call_signature(function: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    """Names of a function's parameters without ``self``, and whether it takes any keyword."""
    parameters = list(inspect.signature(function).parameters.values())
    # Methods are asked for their own parameters, however they call the object.
    qualified = getattr(function, "__qualname__", "").split(".")
    if parameters and (parameters[0].name == "self" or (len(qualified) > 1 and qualified[-2] != "<locals>")):
        del parameters[0]
    names = tuple(p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


@functools.cache
def required_parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a function's parameters, without ``self``, that have no default."""
    parameters = inspect.signature(function).parameters
    return tuple(n for n in call_signature(function)[0] if parameters[n].default is inspect.Parameter.empty)


@functools.cache
def default_of(function: Callable[..., Any], argument: str) -> Any:
    """The default of a function's parameter; None where it has none."""
    parameter = inspect.signature(function).parameters.get(argument)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def _is_nested(tree: Any) -> bool:
    """Whether a list or tuple holds others; dicts are left as they are."""
    return isinstance(tree, (list, tuple)) and any(isinstance(item, (list, tuple)) for item in tree)


def _pass_on(inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """What a layer does whose ``call`` became part of the graph."""
    del args, kwargs
    return inputs


class Symbolic:
    """The part of a layer that works on symbolic tensors and abstract arrays."""

    nests_outputs: ClassVar[bool] = False
    """Whether lists in lists stay so in the eras of Keras 1 and 2: functions had them, layers had not."""

    if TYPE_CHECKING:
        name: str
        built: bool
        compute_dtype: str
        losses: list[Any]
        weights: list[Variable]
        trainable_variables: list[Variable]
        non_trainable_variables: list[Variable]

        def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None: ...
        def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...
        def call(self, *args: Any, **kwargs: Any) -> Any: ...
        def _flatten_layers(self) -> Iterator[Any]: ...
        def _check_first(self, first: Any) -> None: ...
        def _lock_state(self) -> None: ...
        def _note_lost_mask(self) -> None: ...
        def _shapes_for(self, method: Any, args: Any, kwargs: Any) -> dict[str, Any]: ...

        @property
        def _passes_masks(self) -> bool: ...

    _drawn_call: Callable[..., Any] | None = None
    """The layer's ``call``, once it is one that has to see symbolic tensors."""
    _is_drawn = False
    """Whether that runs now."""
    _drawn_losses: Sequence[KerasTensor] = ()
    """What it added to the loss."""

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the layer on symbolic tensors: outputs that know where they come from.

        ``call`` is traced with arrays, like everything else. One that uses symbolic tensors from outside, or adds a loss
        made of them, cannot be: where the script is older than Keras 3 it is called on the symbolic tensors, as it was
        then, so that what it does becomes part of the graph, and the layer passes on the result.
        """
        if self._drawn_call is None:
            try:
                return self._make_node(args, kwargs)
            except (NotSymbolicError, AttributeError) as error:
                # Weights of the layer's own would not be trained as parts of the graph.
                if settings.era == "3" or self.weights or not _asks_for_symbolic(error):
                    raise
            self._begin_drawing()
        assert self._drawn_call is not None
        object.__setattr__(self, "_is_drawn", True)
        try:
            drawn = self._drawn_call(*args, **kwargs)
        finally:
            object.__setattr__(self, "_is_drawn", False)
        if isinstance(drawn, (list, tuple)) and len(drawn) == 1:
            (drawn,) = drawn
        return self._make_node((drawn,), {})

    def _begin_drawing(self) -> None:
        self._drawn_call = self.call
        self.call = _pass_on

    def _make_node(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One traced call, as a node of the graph."""
        first = args[0] if args else next(iter(kwargs.values()), None)
        masked = [mask for mask in map(symbolic_mask, symbolic_leaves(first)) if mask is not None]
        with scopes.inside(self):
            self._check_first(first)
            if settings.era in OLD_ERAS:
                calls.check(self, first, masked, settings.era)
            if not self.built:
                self._ensure_built(args, kwargs)
                self._check_first(first)
            specs, masks, structure = self._declared_specs(args, kwargs) or self._output_specs(args, kwargs)
        self._lock_state()
        if masked and not self._passes_masks:
            self._note_lost_mask()
        outputs = [KerasTensor(s.shape, s.dtype, known=s.known) for s in specs]
        for tensor, mask in zip(outputs, itertools.chain(masks, itertools.repeat(None)), strict=False):
            if mask is not None:
                tensor._keras_mask = mask  # type: ignore[attr-defined]
        Node(self, args, kwargs, outputs, structure)
        if len(outputs) == 1 and settings.era in ("1", "2"):
            return outputs[0]  # a list of one tensor was that tensor
        if settings.era in ("1", "2") and not self.nests_outputs and _is_nested(jax.tree.unflatten(structure, outputs)):
            return outputs  # the lists that layers returned did not hold lists
        found = self._in_order(jax.tree.unflatten(structure, outputs))
        return list(found) if settings.era in OLD_ERAS and type(found) is tuple else found

    def _in_order(self, outputs: Any) -> Any:
        """What is structured like the outputs, with dicts as the layer writes them; JAX sorts them."""
        return outputs

    def _declared_specs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any] | None:
        """The output specs as a user's ``compute_output_spec`` or ``compute_output_shape`` gives them, None where there is neither.

        What is traced tells types and masks where it has as many outputs; a ``call`` that cannot be traced is not needed.
        """
        cls = type(self)
        if settings.era != "3" or not (_is_own(cls.compute_output_spec) or _is_own(cls.compute_output_shape)):
            return None
        if _is_own(cls.compute_output_spec):
            leaves, structure = jax.tree.flatten(self.compute_output_spec(*args, **kwargs), is_leaf=is_symbolic)
            declared = [KerasTensor(leaf.shape, str(leaf.dtype), name="spec") for leaf in leaves]
        else:
            shapes = self.compute_output_shape(**self._shapes_for(cls.compute_output_shape, args, kwargs))
            shapes = tuple(shapes) if is_shape(shapes) else shapes
            leaves, structure = jax.tree.flatten(shapes, is_leaf=is_shape)
            declared = [KerasTensor(tuple(shape), self.compute_dtype, name="spec") for shape in leaves]
        try:
            traced, masks, _ = self._output_specs(args, kwargs)
        except NotSymbolicError:
            raise
        except Exception:  # whatever stops the trace may be what the declaration is there for
            traced, masks = [], []
        if len(traced) != len(declared):
            return declared, [None] * len(declared), structure
        if not _is_own(cls.compute_output_spec):
            pairs = zip(declared, traced, strict=True)
            declared = [KerasTensor(spec.shape, str(found.dtype), name="spec") for spec, found in pairs]
        return declared, masks, structure

    def _output_specs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        """Shapes and types of the outputs and of their masks for symbolic arguments, and the outputs' structure.

        Free axes are found by tracing twice; those that meet a size take it.
        """
        tensors = symbolic_leaves((args, kwargs))
        # Values that were computed from sizes were computed from those that axes have by default.
        default = not has_free_axes(tensors) or any(tensor.known is not None for tensor in tensors)
        widths = (0, 0) if default else widest(getattr(self, "_module", None), (args, kwargs))
        with wide_stand_ins(*widths):
            return self._fitted((args, kwargs), lambda: self._specs_by_tracing(args, kwargs))

    def _fitted(self, tree: Any, attempt: Callable[[], Any]) -> Any:
        """What ``attempt`` gives, with sizes of free axes with which it succeeds."""
        several = len(symbolic_leaves(tree)) > 1
        return fitted(tree, is_symbolic, attempt, self._attempts if several else 0)

    _attempts = 24
    """How many combinations of sizes are tried for free axes that do not fit together at first."""

    def _specs_by_tracing(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        """The output specs for the sizes that free axes have here."""
        leaves, structure = jax.tree.flatten((args, kwargs))
        given = [symbolic_mask(leaf) if is_symbolic(leaf) else None for leaf in leaves]
        results, counted = [], settings.names
        for variant in (0, 1) if has_free_axes(symbolic_leaves((args, kwargs))) else (0,):
            filled_args, filled_kwargs = jax.tree.unflatten(structure, [stand_in(leaf, variant) for leaf in leaves])
            masks = [None if mask is None else stand_in(mask, variant) for mask in given]
            with in_terms_of(leaves, variant), standing_in(leaves):
                results.append(self._trace(filled_args, filled_kwargs, masks))
            if variant == 0:
                counted = settings.names.copy()
        settings.names.clear()  # what is made in a call is counted once
        settings.names.update(counted)
        (outputs, out_masks), (others, other_masks) = results[0], results[-1]
        flat, structure = jax.tree.flatten(outputs)
        tensors = [_merged(a, b) for a, b in zip(flat, jax.tree.leaves(others), strict=True)]
        masks = [None if a is None else _merged(a, b) for a, b in zip(out_masks, other_masks, strict=True)]
        return tensors, masks, structure

    def _trace(self, args: Any, kwargs: Any, masks: Sequence[Any] | None = None) -> tuple[Any, list[Any]]:
        """Abstract outputs, and the masks of their leaves, for abstract arguments.

        Args:
            args: positional arguments of the call, arrays in them abstract.
            kwargs: keyword arguments.
            masks: abstract mask, or None, of each leaf of (args, kwargs).
        """
        leaves, structure = jax.tree.flatten((args, kwargs))
        is_abstract = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves]

        def run(arrays: Any, masks: Any) -> Any:
            given = iter(arrays)
            filled = [next(given) if a else leaf for a, leaf in zip(is_abstract, leaves, strict=True)]
            call_args, call_kwargs = jax.tree.unflatten(structure, filled)
            scope = scopes.Scope(key=jax.random.key(0), abstract=True)
            for array, mask in zip(filled, masks, strict=True):
                if mask is not None:
                    scope.masks[id(array)] = (array, mask)
            with scopes.enter(scope):
                outputs = self._compute(call_args, dict(call_kwargs))
                return outputs, [scope.mask_of(leaf) for leaf in jax.tree.leaves(outputs)]

        arrays = [leaf for leaf, a in zip(leaves, is_abstract, strict=True) if a]
        return jax.eval_shape(run, arrays, list(masks) if masks is not None else [None] * len(leaves))

    def trace_call(self, args: Any, kwargs: Any) -> None:
        """Trace a call with arrays or symbolic tensors: layers inside are built by it, for their types too.

        Args:
            args: positional arguments, arrays among them.
            kwargs: keyword arguments.
        """

        with standing_in((args, dict(kwargs))):
            self._trace(*jax.tree.map(stand_in_leaf, (args, dict(kwargs))))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors of the shapes and types of the outputs, for symbolic tensors or arrays; no graph is drawn."""
        args, kwargs = jax.tree.map(_as_symbolic, (args, kwargs), is_leaf=is_symbolic)
        self._ensure_built(args, kwargs)
        own = _is_own(type(self).compute_output_shape) and not _is_own(type(self).compute_output_spec)
        specs, _, structure = (own and self._declared_specs(args, kwargs)) or self._output_specs(args, kwargs)
        return self._in_order(jax.tree.unflatten(structure, specs))

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The same as :meth:`compute_output_spec`."""
        return self.compute_output_spec(*args, **kwargs)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shape of the output for the shape of the input (None for free axes); nothing is built by it.

        Args:
            *args: shape of the input with the batch axis, or a list or dict of shapes; one for each tensor argument
                of the call.
            **kwargs: the same as ``<argument>_shape``.
        """
        names, _ = call_signature(type(self).call)
        shapes = [self._from_shape(s) for s in args]
        named = {}
        for key, shape in kwargs.items():
            name = key.removesuffix("_shape")
            if name in names or self._takes(name):
                named[name] = self._from_shape(shape)
            else:
                shapes.append(self._from_shape(shape))
        if not self.built and not self._describes_itself:
            self._ensure_built(tuple(shapes), named)
        specs, _, structure = self._output_specs(tuple(shapes), named)
        return self._in_order(jax.tree.unflatten(structure, [s.shape for s in specs]))

    @property
    def _describes_itself(self) -> bool:
        """Whether outputs can be traced before the weights exist."""
        return False

    def _takes(self, argument: str) -> bool:
        del argument
        return False

    def _from_shape(self, shape: Any) -> Any:
        return jax.tree.map(lambda s: KerasTensor(s, self.compute_dtype, name="spec"), shape, is_leaf=is_shape)

    # -- all state in the arguments ------------------------------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer as a pure function of the values of its variables; usable under any JAX transformation.

        Args:
            trainable_variables: values, in the order of :attr:`trainable_variables`.
            non_trainable_variables: values, in the order of :attr:`non_trainable_variables`.
            *args: arguments of the call.
            return_losses: also return the penalties (weight regularizers and ``add_loss``).
            **kwargs: keyword arguments of the call.

        Returns:
            The outputs and the new values of the untrained variables, and the list of penalties if asked for.

        Raises:
            ValueError: the layer is not built, or another number of values was given.
        """
        if not self.built:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} must be built before `stateless_call`: it has no variables yet. Call it "
                "on data, or build it"
            )
        scope = scopes.Scope()
        for what, boxes, values in (
            ("trainable_variables", self.trainable_variables, list(trainable_variables)),
            ("non_trainable_variables", self.non_trainable_variables, list(non_trainable_variables)),
        ):
            if len(boxes) != len(values):
                raise ValueError(
                    f"Argument `{what}` must be a list of tensors corresponding 1:1 to the variables of "
                    f"{type(self).__name__} {self.name!r}: {len(boxes)} values are expected, {len(values)} were received"
                )
            for box, value in zip(boxes, values, strict=True):
                scope.values[id(box)] = value.value if isinstance(value, Variable) else as_array(value)
        seeds = [g.state for layer in self._flatten_layers() for g in layer._seed_generators if g.built_in]
        scope.key = key_of(scope.values[id(seeds[0])]) if seeds else _outer_key()
        args, kwargs = jax.tree.map(as_array, (args, kwargs))
        with scopes.enter(scope):
            outputs = self._compute(args, kwargs)
            own = [v.regularizer(v.value) for v in self.trainable_variables if v.regularizer is not None]
        if scope.draws:
            for seed in seeds:
                scope.values[id(seed)] = following(scope.values[id(seed)])
        state = [scope.values[id(v)] for v in self.non_trainable_variables]
        return (outputs, state, [*scope.losses, *own]) if return_losses else (outputs, state)


def _is_own(method: Callable[..., Any]) -> bool:
    """Whether a method is one that a user wrote."""
    return not method.__module__.startswith("kjax.")


@contextlib.contextmanager
def in_terms_of(leaves: Sequence[Any], variant: int) -> Iterator[None]:
    """Let errors about shapes name those of the symbolic tensors and not of the arrays that stand for them."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        for tensor in leaves:
            if is_symbolic(tensor):
                message = message.replace(str(stand_in(tensor, variant).shape), str(tensor.shape))
        if message == str(error):
            raise
        error.args = (message, *error.args[1:])
        raise


def _outer_key() -> Any:
    active = scopes.current()
    if active is not None:
        return active.next_key()
    from kjax.keras.core.settings import next_key

    return next_key()


def _merged(a: Any, b: Any) -> KerasTensor:
    return KerasTensor(free_shape(a.shape, b.shape), str(a.dtype), name="spec")


def _as_symbolic(leaf: Any) -> Any:
    if not is_symbolic(leaf) and hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
        return KerasTensor(tuple(leaf.shape), str(leaf.dtype), name="spec")
    return leaf


def as_array(leaf: Any) -> Any:
    """The value of a variable, and numbers in numpy arrays as a JAX array; other things as they are."""
    if isinstance(leaf, Variable):
        return leaf.value
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc":
        return device_array(leaf, leaf.dtype)
    return leaf


def is_shape(thing: Any) -> bool:
    """Whether ``thing`` is one shape, not a structure of them."""
    return isinstance(thing, (tuple, list)) and all(s is None or isinstance(s, (int, np.integer)) for s in thing)


def shapes_of(tree: Any) -> Any:
    """Shapes of the arrays in an argument: a tuple for one array, the same structure otherwise."""
    if hasattr(tree, "shape"):
        return tuple(tree.shape)
    if isinstance(tree, Mapping):
        return {key: shapes_of(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [shapes_of(item) for item in tree]
    return None


_OF_SYMBOLIC = re.compile(
    r"(Tracer|Array|tuple|int)\w*['\"]?( object)? has no attribute ['\"]?"
    r"(get_shape|set_shape|as_list|ndims|dims|num_elements|is_fully_defined|value|_keras_shape|_keras_history|graph|op)\b"
)


def _asks_for_symbolic(error: Exception) -> bool:
    """Whether a call failed for want of symbolic tensors: such as by ``x.shape.as_list()``, which arrays do not have."""
    return isinstance(error, NotSymbolicError) or _OF_SYMBOLIC.search(str(error)) is not None
