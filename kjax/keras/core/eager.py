"""Calls of layers on arrays at hand: each layer is compiled by itself, once for all layers that are equal values.

Only code of kjax, JAX and Flax is compiled. What users wrote, functions among a layer's arguments too, runs each time, since
it may print, branch on values or compute with NumPy; and so does what turns out not to be traceable.
"""

from __future__ import annotations

import functools
import itertools
import types
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from flax.linen import module as linen_module
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.applying import Caller, Opaque, changes_params, penalties_of
from kjax.keras.core.handle import Handle, call_here
from kjax.keras.core.settings import fold_in, next_key
from kjax.keras.core.variable import Variable
from kjax.nn.dtypes import cast_floating
from kjax.nn.graph import Graph, Op, Weight, call_with_masks, match_inputs, walk
from kjax.nn.layers import Lambda
from kjax.nn.module import DROPOUT, LOSSES, PARAMS, accepts
from kjax.nn.randomness import may_draw

_interceptors: Any = getattr(linen_module, "_global_interceptor_stack", ())
"""Those who watch the calls of modules (``nn.intercept_methods``); Flax has no other way to ask for them."""

_HOLE = object()
"""Stands for an array among the leaves of a call."""

Result = tuple[Any, Sequence[Any], dict[int, Any], list[Any]]
"""Outputs, their masks, new values of variables by number, and penalties."""


def is_plain(active: scopes.Scope, tree: Any) -> bool:
    """Whether a call computes values and nothing else: variables are what is stored in them, and nothing is traced.

    Args:
        active: the scope of the call.
        tree: its arguments.
    """
    if active.values or active.shifts or active.abstract or active.outer is not None or active.replay is not None:
        return False
    if _interceptors:  # somebody watches the calls of modules, which a compiled one does not make
        return False
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def call_applied(call: Applied, active: scopes.Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer's module; masks travel with its outputs.

    Args:
        call: the module.
        active: the scope of the call.
        args: positional arguments.
        kwargs: keyword arguments.
    """
    training, key = _mode_and_key(active, kwargs.pop("training", None), call)
    leaves, structure = jax.tree.flatten((args, kwargs))
    masks = [active.mask_of(leaf) for leaf in leaves] if active.masks else None
    masks = None if masks is None or all(mask is None for mask in masks) else masks
    return _with_masks(active, *call(structure, leaves, masks, training, key))


def call_graph(graph: AppliedGraph, active: scopes.Scope, inputs: Any, training: Any, mask: Any) -> Any:
    """Call a model's graph; masks travel with its inputs and outputs.

    Args:
        graph: the graph.
        active: the scope of the call.
        inputs: what it is called with.
        training: the mode, or None for that of the scope.
        mask: masks of the inputs, where they are given apart.
    """
    training, key = _mode_and_key(active, training, graph)
    if mask is None and active.masks:
        mask = jax.tree.map(active.mask_of, inputs)
        mask = mask if jax.tree.leaves(mask) else None
    return _with_masks(active, *graph(inputs, training, mask, key))


def _mode_and_key(active: scopes.Scope, training: Any, call: Applied | AppliedGraph) -> tuple[bool, Any]:
    training = scopes.as_mode(active.training if training is None else training)
    if not call.needs_key:
        return training, None
    key = active.next_key()
    return training, next_key() if key is None and (training or call.draws) else key


def _with_masks(active: scopes.Scope, outputs: Any, masks: Sequence[Any]) -> Any:
    for leaf, mask in zip(jax.tree.leaves(outputs), masks, strict=False):
        if mask is not None:
            active.masks[id(leaf)] = (leaf, mask)
    return outputs


class Applied:
    """A module with the variables of a layer, to be called on arrays.

    Args:
        module: the module.
        tree: the layer's variables, as its ``variable_tree`` gives them.
        inside: the module's name in the graph that it is called in; None for a call of its own.
        label: what messages call it.
    """

    def __init__(self, module: nn.Module, tree: Mapping[str, Any], inside: str | None = None, label: str = "") -> None:
        self.module = module
        self.inside = inside
        self.label = label
        self.boxes, self.structure = jax.tree.flatten(tree, is_leaf=_is_box)
        self.draws = may_draw(module)
        self._rewrites = changes_params(module)
        self._compiles = is_known(module)
        self._compiled_module, self._then = module, None
        if not self._compiles and getattr(module, "activates_last", False) and module.activity_regularizer is None:
            linear = module.clone(activation=None)
            if is_known(linear):  # all but the activation, which then runs on what the program gives
                self._compiles, self._compiled_module, self._then = True, linear, module.activation
        self.needs_key = self.draws or not self._compiles or accepts(module, "training")
        self._programs: dict[Any, Callable[..., Result] | None] = {}

    def __call__(
        self, structure: Any, leaves: Sequence[Any], masks: Sequence[Any] | None, training: bool, key: Any
    ) -> Any:
        """Call it, store what it changes in the variables, and add its penalties to those of the scope.

        Args:
            structure: how ``leaves`` unflatten to (args, kwargs).
            leaves: arrays and other things.
            masks: the mask of each leaf, or None where none has one.
            training: the mode.
            key: of the random stream, or None.

        Returns:
            The outputs and the list of the masks of their leaves.
        """
        values = self.structure.unflatten([box.stored_value() for box in self.boxes])
        result = self._compiled(values, structure, leaves, masks, training, key) if self._compiles else None
        outputs, out_masks, changes, penalties = result or self._run(values, structure, leaves, masks, training, key)
        for number, value in changes.items():
            self.boxes[number].assign(value)
        if penalties:
            active = scopes.current()
            assert active is not None, "layers are called through __call__"
            active.losses.extend(penalties)
        return outputs, out_masks

    def _run(self, values: Any, structure: Any, leaves: Any, masks: Any, training: bool, key: Any) -> Result:
        module = self.module if self.inside is not None or not self.label else self.module.clone(name=self.label)
        return _call(module, self.inside, self._rewrites, structure, leaves, values, masks, training, key)

    def _compiled(
        self, values: Any, structure: Any, leaves: Sequence[Any], masks: Any, training: bool, key: Any
    ) -> Result | None:
        """The result of the compiled call, or None where the call has to run as it is."""
        arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
        others = tuple(_HOLE if isinstance(leaf, jax.Array) else (type(leaf), leaf) for leaf in leaves)
        key = key if self.needs_key else None
        call = structure, others, key is None
        try:
            program = self._programs[call]
        except KeyError:
            inside = None if key is None else self.inside
            program = _program(self._compiled_module, inside, self._rewrites, structure, others)
            self._programs[call] = program
        except TypeError:  # an argument that cannot be hashed, such as a sparse array
            return None
        if program is None:
            return None
        try:
            result = program(values, arrays, masks, key, training=training)
        except Exception:  # an error says what is wrong with the names of the layers when the call runs as it is
            result = self._run(values, structure, leaves, masks, training, key)
            self._programs[call] = None  # it runs, but not in a compiled program
            return result
        return result if self._then is None else (self._then(result[0]), *result[1:])


@functools.lru_cache(maxsize=1024)
def _program(
    module: nn.Module, inside: str | None, rewrites: bool, structure: Any, others: Any
) -> Callable[..., Result]:
    """A compiled call of a module; layers that are equal share it."""

    @functools.partial(jax.jit, static_argnames="training")
    def program(values: Any, arrays: Sequence[Any], masks: Any, key: Any, training: bool) -> Result:
        given = iter(arrays)
        leaves = [next(given) if leaf is _HOLE else leaf[1] for leaf in others]
        result = _call(module, inside, rewrites, structure, leaves, values, masks, training, key)
        if not all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(result[0])):
            raise TypeError("numbers that are known without computing would be arrays after a compiled call")
        return result

    return program


def _call(
    module: nn.Module,
    inside: str | None,
    rewrites: bool,
    structure: Any,
    leaves: Sequence[Any],
    values: Any,
    masks: Sequence[Any] | None,
    training: bool,
    key: Any,
) -> Result:
    args, kwargs = jax.tree.unflatten(structure, leaves)
    if isinstance(module, Op):
        return module.fn(*args, **kwargs), (), {}, []
    if type(module) is Lambda and len(args) == 1 and not kwargs and module.activity_regularizer is None:
        given = None if masks is None else jax.tree.unflatten(structure, masks)[0][0]
        return _call_lambda(module, inside or "", args[0], given, training, key)
    both = None if masks is None else jax.tree.unflatten(structure, masks)

    def run(bound: nn.Module) -> Any:
        return call_with_masks(bound, args, kwargs, both, training)

    changing = [name for name in values if name != PARAMS or (rewrites and training)]
    how: dict[str, Any] = {"rngs": {} if key is None else {DROPOUT: key}, "mutable": [*changing, LOSSES]}
    if inside is None:
        (outputs, out_masks), updates = module.apply(values, **how, method=run)
    else:
        caller = Caller(((inside, module),), Opaque(run))
        named = {name: {inside: inner} for name, inner in values.items()}
        (outputs, out_masks), updates = caller.apply(named, **how)
        updates = {name: inner.get(inside, {}) for name, inner in updates.items()}
    updates = dict(updates)
    penalties = penalties_of(updates.pop(LOSSES, {}))
    before, after = jax.tree.leaves(values), jax.tree.leaves({**values, **updates})
    changes = {i: new for i, (old, new) in enumerate(zip(before, after, strict=True)) if new is not old}
    return outputs, out_masks, changes, penalties


def _call_lambda(module: Lambda, name: str, inputs: Any, mask: Any, training: bool, key: Any) -> Result:
    """As :func:`_call`, without what Flax does for layers that have variables."""
    if module.autocast:
        inputs = jax.tree.map(lambda leaf: cast_floating(leaf, module.compute_dtype), inputs)
    drawn = itertools.count(1)

    def fresh() -> Any:  # of a layer's own, as its place gives it in a model
        return fold_in(fold_in(key, np.uint32(zlib.crc32(name.encode()))), np.uint32(next(drawn)))

    outputs = module.run(inputs, mask, training, None if key is None else fresh)
    found = module.compute_mask(inputs, mask)
    return outputs, found if isinstance(found, (list, tuple)) else [found], {}, []


class AppliedGraph:
    """A graph with the variables of a model, to be called on arrays, layer by layer.

    Args:
        graph: the graph.
        tree: the model's variables, as its ``variable_tree`` gives them.
    """

    def __init__(self, graph: Graph, tree: Mapping[str, Any]) -> None:
        self.graph = graph
        self._tree = tree
        self.draws = may_draw(graph)  # type: ignore[arg-type]
        self._layers: list[Any] = []
        for name, module in graph.layers:
            own = {collection: group[name] for collection, group in tree.items() if name in group}
            known = AppliedGraph(module, own) if isinstance(module, Graph) else Applied(module, own, name)
            self._layers.append(module if isinstance(module, Handle) else known)
        self.needs_key = any(isinstance(layer, Handle) or layer.needs_key for layer in self._layers)
        first: dict[int, int] = {}
        self._again = [first.setdefault(node.layer, i) != i for i, node in enumerate(graph.nodes)]

    def __call__(self, inputs: Any, training: bool, mask: Any, key: Any) -> tuple[Any, list[Any]]:
        """Call it; what its layers change is stored.

        Args:
            inputs: one array, or a list, tuple or dict of arrays.
            training: the mode.
            mask: masks of the inputs, structured like them, or None.
            key: of the random stream, or None.

        Returns:
            The outputs and the list of their masks.
        """
        graph = self.graph
        tensors: dict[int, Any] = dict(enumerate(match_inputs(graph.inputs, inputs)))
        given = [] if mask is None else match_inputs(graph.inputs, mask, check=False)
        masks: dict[int, Any] = {i: m for i, m in enumerate(given) if m is not None}

        def call(number: int, leaves: Sequence[Any], leaf_masks: Sequence[Any] | None) -> tuple[Any, Sequence[Any]]:
            node = graph.nodes[number]
            layer = self._layers[node.layer]
            own = key
            if key is not None and (self._again[number] or isinstance(layer, AppliedGraph)):
                own = fold_in(key, np.uint32(number))  # draws others than the first call, and than layers outside
            if isinstance(layer, Applied):
                return layer(node.structure, leaves, leaf_masks, training, own)
            args, kwargs = jax.tree.unflatten(node.structure, leaves)
            both = None if leaf_masks is None else jax.tree.unflatten(node.structure, leaf_masks)
            if isinstance(layer, Handle):
                return call_here(layer, args, kwargs, both, training)
            mode = kwargs.pop("training", None)
            inner = kwargs.pop("mask", both[0][0] if both is not None and both[0] else None)
            return layer(*args, **kwargs, training=training if mode is None else mode, mask=inner, key=own)

        walk(graph.nodes, tensors, masks, self._weight, call)
        if graph.losses:
            active = scopes.current()
            assert active is not None, "models are called through __call__"
            active.losses.append(graph.added(tensors))
        return graph.arranged(tensors), [masks.get(i) for i in graph.outputs]

    def _weight(self, weight: Weight) -> Any:
        found: Any = self._tree
        for name in weight.path:
            found = found[name]
        return found.stored_value()


def is_known(thing: Any) -> bool:
    """Whether a module, or what is in its fields, is code that can be compiled without anybody noticing.

    Initializers do not count, since calls do not run them.
    """
    if isinstance(thing, nn.Module):
        kind = type(thing)
        if not kind.__module__.startswith(_LAYERS) or kind.__module__.startswith(_ON_VALUES):
            return False
        fields = vars(thing).items()
        return all(is_known(v) for k, v in fields if k not in _OF_FLAX and not k.endswith("_initializer"))
    if thing is None or isinstance(thing, (bool, int, float, complex, str, bytes, np.generic, np.dtype)):
        return True
    if isinstance(thing, (tuple, list, set, frozenset)):
        return all(map(is_known, thing))
    if isinstance(thing, Mapping):
        return all(map(is_known, thing.values()))
    if isinstance(thing, functools.partial):
        return is_known(thing.func) and is_known(thing.args) and is_known(thing.keywords)
    if str(getattr(thing, "__module__", "")).partition(".")[0] not in _LIBRARIES:
        return False
    if isinstance(thing, types.FunctionType):
        return all(is_known(cell.cell_contents) for cell in thing.__closure__ or ())
    return isinstance(thing, type) or not type(thing).__module__.startswith("kjax.") or is_known(vars(thing))


_LAYERS = ("kjax.nn.layers.", "kjax.nn.quantization.", "flax.linen.")
_ON_VALUES = ("kjax.nn.layers.preprocessing.",)
"""Layers that look at values where these are at hand."""
_LIBRARIES = frozenset({"kjax", "jax", "jaxlib", "flax"})
_OF_FLAX = frozenset({"parent", "name", "scope", "_state", "_id", "_parent_ref"})


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)
