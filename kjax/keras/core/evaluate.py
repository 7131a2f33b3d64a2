"""Computing symbolic tensors without a model: the layers between given tensors and wanted ones, called in order."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core import doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import Layer
from kjax.keras.core.tensor import KerasTensor, Node, is_symbolic, stand_in
from kjax.keras.core.variable import Variable
from kjax.nn.dependence import differentiable


def _node(tensor: KerasTensor) -> Node | None:
    if tensor._keras_history is None:
        return None
    layer, index, _ = tensor._keras_history
    return layer._inbound_nodes[index]


def nodes_between(given: Sequence[KerasTensor], wanted: Sequence[KerasTensor]) -> tuple[list[Node], list[KerasTensor]]:
    """The calls that lead from given tensors to wanted ones.

    Args:
        given: tensors whose values will be known.
        wanted: tensors to compute.

    Returns:
        The calls in an order in which every tensor exists before it is used, and the inputs that are missing.
    """
    known = {id(t) for t in given}
    order: list[Node] = []
    done: set[int] = set()
    missing: dict[int, KerasTensor] = {}
    stack: list[tuple[KerasTensor, bool]] = [(t, False) for t in reversed(wanted)]
    while stack:
        tensor, ready = stack.pop()
        node = _node(tensor)
        if id(tensor) in known:
            continue
        if node is None or (node.is_input and not node.sources):
            missing[id(tensor)] = tensor
        elif ready:
            if id(node) not in done:
                done.add(id(node))
                order.append(node)
        elif id(node) not in done:
            stack.append((tensor, True))
            stack.extend((t, False) for t in reversed(node.sources))
    return order, list(missing.values())


def variables_of(nodes: Sequence[Node]) -> list[Variable]:
    """The variables that calls read, each once."""
    found: dict[int, Variable] = {}
    for node in nodes:
        leaves = jax.tree.leaves(node.layer.variable_tree(), is_leaf=_is_variable)
        leaves += jax.tree.leaves((node.args, node.kwargs), is_leaf=_is_variable)
        inner = getattr(node.layer, "read_variables", None)
        leaves += inner() if inner is not None else []
        found.update((id(v), v) for v in leaves if isinstance(v, Variable))
    return list(found.values())


def evaluate(wanted: Sequence[KerasTensor], given: Mapping[int, Any], nodes: Sequence[Node]) -> list[Any]:
    """Values of symbolic tensors, in the current scope.

    Args:
        wanted: the tensors.
        given: values of others, by ``id``.
        nodes: the calls between, as :func:`nodes_between` orders them.
    """
    values = dict(given)
    active = scopes.current()
    assert active is not None, "there is no scope to read variables in"
    for node in nodes:
        args, kwargs = jax.tree.map(
            lambda leaf: values[id(leaf)] if is_symbolic(leaf) else leaf, (node.args, node.kwargs), is_leaf=is_symbolic
        )
        held = dict(active.values)
        results = jax.tree.leaves(node.layer._compute(args, dict(kwargs)))
        active.values.update(held)  # every call sees the variables as they were: what one assigns is an update
        # A tensor that is given keeps its value, though a call makes it along with others.
        for tensor, result in zip(node.outputs, results, strict=True):
            values.setdefault(id(tensor), result)
    return [values[id(t)] for t in wanted]


def values_of(tensors: Sequence[KerasTensor]) -> dict[int, Any] | None:
    """Values of symbolic tensors that depend on variables alone, by ``id``; None where there are none or some do not."""
    nodes, missing = nodes_between([], list(tensors))
    if not nodes or missing:
        return None
    with contextlib.ExitStack() as stack:
        if scopes.current() is None:
            stack.enter_context(scopes.enter(scopes.Scope()))
        return dict(zip(map(id, tensors), evaluate(tensors, {}, nodes), strict=True))


class Gradients(Layer):
    """The gradients of a symbolic scalar by other symbolic tensors and by variables, as one call in a graph.

    Args:
        loss: what is differentiated; its elements are added up.
        targets: symbolic tensors and variables to differentiate by; ``loss`` depends on each.
    """

    def __init__(self, loss: KerasTensor, targets: Sequence[KerasTensor | Variable]) -> None:
        super().__init__(name=None)
        self.autocast = False
        self.built = True
        self._loss = loss
        self._tensors = [t for t in targets if isinstance(t, KerasTensor)]
        self._targets = [t for t in targets if isinstance(t, Variable)]
        self._nodes, self._roots = nodes_between(self._tensors, [loss])

    def read_variables(self) -> list[Variable]:
        """The variables that the calls inside read."""
        return [*variables_of(self._nodes), *self._targets]

    def draw(self) -> tuple[list[KerasTensor], list[KerasTensor]]:
        """The gradients by the tensors and by the variables."""
        specs = [KerasTensor(t.shape, t.dtype, name=f"{self.name}_{i}") for i, t in enumerate(self._tensors)]
        specs += [KerasTensor(v.shape, v.dtype, name=f"{self.name}_{v.short_name}") for v in self._targets]
        Node(self, (list(self._tensors), list(self._roots)), {}, specs, jax.tree.structure(list(specs)))
        return specs[: len(self._tensors)], specs[len(self._tensors) :]

    def reached(self) -> list[bool]:
        """For each tensor and then each variable, whether there is a gradient by it: not through ``K.round`` and its like."""

        def total(tensors: Any, weights: Any, roots: Any) -> Any:
            feeds = {id(t): v for t, v in zip([*self._tensors, *self._roots], [*tensors, *roots], strict=True)}
            values = {id(v): w for v, w in zip(self._targets, weights, strict=True)}
            with scopes.enter(scopes.Scope(values, key=jax.random.key(0), training=True)):
                return evaluate([self._loss], feeds, self._nodes)[0]

        held = [jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.stored_dtype)) for v in self._targets]
        tensors, roots = ([stand_in(t, 0) for t in group] for group in (self._tensors, self._roots))
        count = len(tensors) + len(held)
        try:
            return differentiable(jax.make_jaxpr(total)(tensors, held, roots))[:count]
        except (TypeError, ValueError):  # sizes that were made up for free axes do not fit: nothing is known
            return [True] * count

    def call(self, tensors: Any, roots: Any) -> Any:
        """Differentiate at the present values."""
        active = scopes.current()
        assert active is not None
        held = [v.value for v in self._targets]

        def total(by: Any) -> Any:
            given, weights = by
            feeds = {id(t): v for t, v in zip([*self._tensors, *self._roots], [*given, *roots], strict=True)}
            # All variables are held here, so that what a call assigns to one stays inside.
            values = {id(v): v.value for v in self.read_variables()}
            values |= {id(v): w for v, w in zip(self._targets, weights, strict=True)}
            inner = scopes.Scope(values=values, key=active.key, training=active.training)
            with scopes.enter(inner):
                (loss,) = evaluate([self._loss], feeds, self._nodes)
            return loss.sum()

        by_tensors, by_weights = jax.grad(total)((list(tensors), held))
        return [*by_tensors, *by_weights]


_STOPPING = frozenset(
    "stop_gradient round floor ceil argmax argmin equal not_equal greater greater_equal less less_equal cast one_hot "
    "logical_and logical_or logical_not".split()
)


def may_stop(nodes: Sequence[Node]) -> bool:
    """Whether a gradient may end somewhere in these calls: at functions that have none, or in what a script wrote."""
    return any(_may_stop(node.layer) for node in nodes if not node.is_input)


def _may_stop(layer: Any) -> bool:
    function = getattr(layer, "function", None)
    if function is not None and not isinstance(layer, type):
        name, home = getattr(function, "__name__", ""), getattr(function, "__module__", None) or ""
        return name in _STOPPING or not home.startswith(("kjax.", "jax."))
    inner = list(getattr(layer, "layers", None) or ())
    return not type(layer).__module__.startswith("kjax.") or any(map(_may_stop, inner))


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, Variable)


doors.values.fill(values_of=values_of)
