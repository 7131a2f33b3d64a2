"""A model as a value: a graph of layers that is itself a Flax module."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from kjax.nn.module import LOSSES, Layer, accepts
from kjax.nn.ops.sparse import cast_stored, is_sparse
from kjax.nn.recompute import checkpointed


@dataclasses.dataclass(frozen=True)
class Ref:
    """Stands for a tensor of the graph among the arguments of a node."""

    index: int


@dataclasses.dataclass(frozen=True, eq=False)
class Constant:
    """An array among the arguments of a node, compared and hashed by its content."""

    array: np.ndarray

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Constant)
            and self.array.dtype == other.array.dtype
            and self.array.shape == other.array.shape
            and self.array.tobytes() == other.array.tobytes()
        )

    def __hash__(self) -> int:
        return hash((self.array.dtype, self.array.shape, self.array.tobytes()))


@dataclasses.dataclass(frozen=True)
class Slice:
    """A slice among the arguments of a node (Python's own cannot be hashed before 3.12)."""

    start: Any
    stop: Any
    step: Any


@dataclasses.dataclass(frozen=True)
class Weight:
    """Stands, among the arguments of a node, for a variable of one of the graph's layers.

    Attributes:
        path: collection, name of the layer, and the rest of its path.
        shape: its shape.
        dtype: name of its type.
    """

    path: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str


def freeze(leaf: Any) -> Any:
    """An argument of a node as a hashable value: arrays and slices are wrapped."""
    if isinstance(leaf, slice):
        return Slice(leaf.start, leaf.stop, leaf.step)
    if isinstance(leaf, (np.ndarray, jax.Array)):
        return Constant(np.asarray(leaf))
    return leaf


class Node(NamedTuple):
    """One call of a layer.

    Attributes:
        layer: index into the graph's layers.
        leaves: the flattened (args, kwargs) of the call: :class:`Ref`, :class:`Constant` or plain hashable values.
        structure: how ``leaves`` unflatten to (args, kwargs).
        outputs: the tensors that the call makes.
    """

    layer: int
    leaves: tuple[Any, ...]
    structure: Any
    outputs: tuple[int, ...]


class TensorSpec(NamedTuple):
    """What a graph input must look like.

    Attributes:
        shape: sizes, None for free axes.
        dtype: name of the type.
        name: the input's name.
        sparse: whether sparse arrays stay sparse.
        as_it_is: arrays of this type are taken without a look at their shape: what the first layer makes of an input.
    """

    shape: tuple[int | None, ...] | None
    dtype: str | None
    name: str = "input"
    sparse: bool = False
    as_it_is: str | None = None


class Op(nn.Module):
    """A pure function as a layer without weights.

    Attributes:
        fn: the function.
    """

    fn: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.fn(*args, **kwargs)


class Graph(nn.Module):
    """Layers called in a fixed order on one another's outputs.

    Attributes:
        layers: (name, module) pairs; the names are the keys of the variables.
        nodes: the calls, in an order in which every tensor exists before it is used.
        inputs: what each input must look like; inputs are tensors ``0 .. len(inputs) - 1``.
        outputs: the tensors that are returned.
        output_structure: how the outputs unflatten; None returns a single tensor or a list.
        losses: tensors whose sums are added to the ``losses`` collection.
        aside: number of calls at the end that only losses and metrics need; they are left out where the ``losses``
            collection is not asked for.
        recomputed: (number of a call, batch size): from batches of that size on, what the call needs for the gradient is
            computed again instead of kept.
    """

    layers: tuple[tuple[str, nn.Module], ...]
    nodes: tuple[Node, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[int, ...]
    output_structure: Any = None
    losses: tuple[int, ...] = ()
    aside: int = 0
    recomputed: tuple[tuple[int, int], ...] = ()

    @nn.compact
    def __call__(self, inputs: Any, training: bool = False, mask: Any = None, return_masks: bool = False) -> Any:
        """Run the graph.

        Args:
            inputs: one array, or a list, tuple or dict (by input name) of arrays.
            training: passed to every layer that takes it.
            mask: masks of the inputs, structured like them, or None.
            return_masks: also return the list of the outputs' masks (None where there is none).

        Raises:
            ValueError: number, names or shapes of the inputs do not fit.
        """
        arrays = match_inputs(self.inputs, inputs)
        given = [None] * len(arrays) if mask is None else match_inputs(self.inputs, mask, check=False)
        tensors: dict[int, Any] = dict(enumerate(arrays))
        masks: dict[int, Any] = {i: m for i, m in enumerate(given) if m is not None}
        modules = [module.clone(name=name, parent=self, _deep_clone=True) for name, module in self.layers]
        batch = arrays[0].shape[0] if arrays and arrays[0] is not None and arrays[0].ndim else 1
        again = {i for i, least in self.recomputed if batch >= least and not self.is_initializing()}
        adds = self.is_mutable_collection(LOSSES) and not self.is_initializing()
        count = len(self.nodes) - (0 if adds or self.is_initializing() else self.aside)

        def call(number: int, leaves: Sequence[Any], leaf_masks: Sequence[Any] | None) -> tuple[Any, Sequence[Any]]:
            node = self.nodes[number]
            args, kwargs = jax.tree.unflatten(node.structure, leaves)
            both = None if leaf_masks is None else jax.tree.unflatten(node.structure, leaf_masks)
            calls = call_recomputing if number in again else call_with_masks
            return calls(modules[node.layer], args, kwargs, both, training)

        walk(self.nodes[:count], tensors, masks, self._weight, call)
        if self.losses and adds:
            self.put_variable(LOSSES, "added", self.added(tensors))
        runs = _runs.get()
        if runs is not None:
            runs.append(tensors)
        results = self.arranged(tensors)
        if return_masks:
            return results, [masks.get(i) for i in self.outputs]
        return results

    @nn.nowrap
    def added(self, tensors: Mapping[int, Any]) -> Any:
        """The sum of the tensors that are added to the losses."""
        return sum(jnp.sum(jnp.asarray(tensors[i], jnp.float32)) for i in self.losses)

    @nn.nowrap
    def arranged(self, tensors: Mapping[int, Any]) -> Any:
        """The outputs among the tensors, in their structure."""
        results = [tensors[i] for i in self.outputs]
        if self.output_structure is not None:
            return jax.tree.unflatten(self.output_structure, results)
        return results[0] if len(results) == 1 else results

    def _weight(self, weight: Weight) -> Any:
        """The value of a variable of one of the layers; zeros while it does not exist yet."""
        found: Any = self.variables
        for name in weight.path:
            if name not in found:
                return jnp.zeros(weight.shape, weight.dtype)
            found = found[name]
        return found


def walk(
    nodes: Sequence[Node],
    tensors: dict[int, Any],
    masks: dict[int, Any],
    weight: Callable[[Weight], Any],
    call: Callable[[int, Sequence[Any], Sequence[Any] | None], tuple[Any, Sequence[Any]]],
) -> None:
    """Make the calls of a graph.

    Args:
        nodes: the calls.
        tensors: the inputs, by number; gets what the calls give.
        masks: the masks of those that have one, likewise.
        weight: the value of a variable.
        call: makes a call, of a number, with leaves of its arguments and their masks (None where there are none);
            returns its outputs and their masks.
    """
    for number, node in enumerate(nodes):
        leaves = [weight(x) if isinstance(x, Weight) else _resolve(x, tensors) for x in node.leaves]
        given = [masks.get(x.index) if isinstance(x, Ref) else None for x in node.leaves] if masks else None
        if given is not None and all(mask is None for mask in given):
            given = None
        results, found = call(number, leaves, given)
        tensors.update(zip(node.outputs, jax.tree.leaves(results, is_leaf=is_sparse), strict=True))
        masks.update((i, m) for i, m in zip(node.outputs, found, strict=False) if m is not None)


_runs: contextvars.ContextVar[list[dict[int, Any]] | None] = contextvars.ContextVar("graph_runs", default=None)


@contextlib.contextmanager
def observed() -> Iterator[list[dict[int, Any]]]:
    """Inside, the tensors of each graph that runs are kept, by number; those of a graph come after those inside it."""
    runs: list[dict[int, Any]] = []
    token = _runs.set(runs)
    try:
        yield runs
    finally:
        _runs.reset(token)


def call_with_masks(
    module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], masks: Any, training: bool
) -> tuple[Any, list[Any]]:
    """Call a layer as Keras does: pass ``training`` and the masks that it takes, and ask it for the output's mask.

    Args:
        module: a bound module.
        args: positional arguments.
        kwargs: keyword arguments; an explicit ``training`` or ``mask`` wins.
        masks: None, or (masks of args, masks of kwargs).
        training: the mode.

    Returns:
        The outputs and the list of masks of their leaves.
    """
    call_kwargs = dict(kwargs)
    if len(args) > 1 and isinstance(module, Layer):  # a module takes its mask by name
        names = _positional_names(type(module).call)
        if names[len(args) - 1 : len(args)] == ("mask",):
            args, call_kwargs["mask"] = args[:-1], args[-1]
    if accepts(module, "training") and call_kwargs.get("training") is None:
        call_kwargs["training"] = training
    if isinstance(module, Graph):
        first = masks[0][0] if masks and masks[0] else None
        call_kwargs.setdefault("mask", first)
        return module(*args, **call_kwargs, return_masks=True)
    if getattr(module, "returns_masks", False):  # a module that carries the masks of all arguments through by itself
        return module(*args, **call_kwargs, masks=masks, return_masks=True)
    first = None
    if masks is not None:
        names = _positional_names(type(module).call if isinstance(module, Layer) else type(module).__call__)
        first = masks[0][0] if masks[0] else None
        named = {**dict(zip(names, masks[0], strict=False)), **masks[1]}
        for name, value in named.items():
            if value is not None and accepts(module, f"{name}_mask"):
                call_kwargs.setdefault(f"{name}_mask", value)
        if accepts(module, "mask") and first is not None and call_kwargs.get("mask") is None:
            call_kwargs["mask"] = first
    outputs = module(*args, **call_kwargs)
    leaves = jax.tree.leaves(outputs, is_leaf=is_sparse)
    out_mask = None
    if isinstance(module, Layer):
        explicit = call_kwargs.get("mask")
        out_mask = module.compute_mask(args[0] if args else None, first if first is not None else explicit)
    if isinstance(out_mask, (list, tuple)):
        return outputs, list(out_mask)
    return outputs, [out_mask] * len(leaves) if len(leaves) == 1 else [out_mask] + [None] * (len(leaves) - 1)


def call_recomputing(
    module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], masks: Any, training: bool
) -> tuple[Any, list[Any]]:
    """As :func:`call_with_masks`; what the layer computes inside is computed again for the gradient."""

    def transform(function: Callable[..., Any]) -> Callable[..., Any]:
        again = nn.remat(lambda bound, *arrays: function(*arrays, bound=bound))
        return functools.partial(again, module)

    return checkpointed(
        lambda args, kwargs, masks, bound: call_with_masks(bound, args, kwargs, masks, training),
        args,
        kwargs,
        masks,
        transform=transform,
    )


@functools.cache
def _positional_names(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def _resolve(leaf: Any, tensors: Mapping[int, Any]) -> Any:
    if isinstance(leaf, Ref):
        return tensors[leaf.index]
    if isinstance(leaf, Slice):
        return slice(leaf.start, leaf.stop, leaf.step)
    return leaf.array if isinstance(leaf, Constant) else leaf


def match_inputs(specs: Sequence[TensorSpec], inputs: Any, *, check: bool = True) -> list[Any]:
    """Arrange what the user gave in the order of the inputs, with the rank and type that they declare.

    Raises:
        ValueError: wrong number of inputs, unknown or missing names, or a shape that does not fit.
    """
    if isinstance(inputs, Mapping):
        names = [spec.name for spec in specs]
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ValueError(
                f"Missing data for input {missing[0]!r}; the model's inputs are {names}, received {sorted(inputs)}"
            )
        arrays = [inputs[name] for name in names]
    elif isinstance(inputs, (list, tuple)):
        arrays = [leaf for item in inputs for leaf in (item if isinstance(item, (list, tuple)) else [item])]
    else:
        arrays = [inputs]
    if len(arrays) != len(specs):
        raise ValueError(
            f"the model expects {len(specs)} input(s) {[s.name for s in specs]}, but it received {len(arrays)} input tensors"
        )
    if not check:
        return arrays
    return [_fit(spec, array) for spec, array in zip(specs, arrays, strict=True)]


def _fit(spec: TensorSpec, array: Any) -> Any:
    if array is None or (spec.as_it_is is not None and getattr(array, "dtype", None) == spec.as_it_is):
        return array
    if is_sparse(array):
        array = _typed(spec, array) if spec.sparse else array.todense()
    if not is_sparse(array):
        array = jnp.asarray(array, None if spec.dtype is None else jax.dtypes.canonicalize_dtype(spec.dtype))
    if spec.shape is None:
        return array
    rank = len(spec.shape)
    if array.ndim == rank - 1 and spec.shape[-1] == 1:
        array = array[..., None]
    elif array.ndim == rank + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != rank or any(s is not None and s != a for s, a in zip(spec.shape, array.shape, strict=True)):
        raise ValueError(
            f"input {spec.name!r} is incompatible with the layer: expected shape={spec.shape}, found "
            f"shape={tuple(array.shape)}"
        )
    return array


def _typed(spec: TensorSpec, array: Any) -> Any:
    """A sparse array with values of the type of an input."""
    return array if spec.dtype is None else cast_stored(array, jax.dtypes.canonicalize_dtype(spec.dtype))


def chain(layers: Sequence[nn.Module] | Mapping[str, nn.Module]) -> Graph:
    """Layers one after the other, as one module.

    Args:
        layers: the layers; a mapping gives them names, otherwise ``layer_0``, ``layer_1``, ... are used.
    """
    if isinstance(layers, Mapping):
        named = tuple(layers.items())
    else:
        named = tuple((f"layer_{i}", layer) for i, layer in enumerate(layers))
    structure = jax.tree.structure(((0,), {}))
    nodes = tuple(Node(i, (Ref(i),), structure, (i + 1,)) for i in range(len(named)))
    return Graph(named, nodes, (TensorSpec(None, None),), (len(named),))
