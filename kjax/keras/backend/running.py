"""Sessions: asking a graph for values and effects, some of its tensors given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras.backend.graph import Function
from kjax.keras.core import doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.evaluate import nodes_between
from kjax.keras.core.graph_names import Assignment, GraphOperation, find, stem
from kjax.keras.core.graph_names import tensor as tensor_of
from kjax.keras.core.tensor import KerasTensor, is_symbolic
from kjax.keras.core.updates import Effect
from kjax.keras.core.variable import Variable

_KEPT = 64
"""Compiled requests that a session keeps."""


class Session:
    """What scripts do with TensorFlow's session: ``run`` computes symbolic tensors and variables, and does effects.

    All sessions share the variables, which have their first values from the start.

    Args:
        target: accepted for compatibility.
        graph: accepted for compatibility.
        config: accepted for compatibility.
    """

    def __init__(self, target: Any = "", graph: Any = None, config: Any = None) -> None:
        del target
        self._graph = graph
        self.config = config
        self._requests: dict[Any, tuple[Any, Function, int]] = {}

    @property
    def graph(self) -> Any:
        """Its graph."""
        return self._graph or doors.names.default_graph()

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, *args: Any, **kwargs: Any) -> Any:
        """The values of symbolic tensors, variables or trees of them, as NumPy arrays; effects are done.

        Values are those before the effects that are asked for with them.

        Args:
            fetches: a symbolic tensor, variable, effect, or a list, tuple or dict of them.
            feed_dict: values of placeholders, or of other tensors.
            *args: accepted, like ``**kwargs``.

        Raises:
            TypeError: something that a session cannot compute, such as None.
            ValueError: the values depend on a placeholder that is not given.
        """
        fetches = jax.tree.map(_by_name, fetches, is_leaf=_is_fetched)
        feeds = {_by_name(t): v for t, v in (feed_dict or {}).items() if not isinstance(t, int)}
        for tensor in feeds:
            if not is_symbolic(tensor):
                raise TypeError(
                    f"Session.run: `feed_dict` gives values of placeholders, received a {type(tensor).__name__}"
                )
        leaves, structure = jax.tree.flatten(fetches, is_leaf=_is_fetched)
        for leaf in leaves:
            if leaf is None or isinstance(leaf, (bool, int, float, np.ndarray, np.generic)):
                raise TypeError(
                    f"Fetch argument {leaf!r} has invalid type {type(leaf)}: Session.run computes tensors, variables and "
                    "operations, or lists, tuples and dicts of them"
                )
        done: dict[int, Effect] = {}
        self._do_first(_before(leaves, list(feeds)), feeds, done)
        found = iter(self._compute([leaf for leaf in leaves if not isinstance(leaf, Effect)], leaves, feeds, done))
        results = [leaf.result() if isinstance(leaf, Effect) else next(found) for leaf in leaves]
        return jax.tree.unflatten(structure, results)

    def _do_first(self, effects: Sequence[Effect], feeds: Mapping[Any, Any], done: dict[int, Effect]) -> None:
        for effect in effects:
            if id(effect) not in done:
                self._do_first(_before([effect], list(feeds)), feeds, done)
                self._compute([], [effect], feeds, done)

    def _compute(
        self, things: Sequence[Any], leaves: Sequence[Any], feeds: Mapping[Any, Any], done: dict[int, Effect]
    ) -> list[Any]:
        """Values of things, then the effects among ``leaves`` that were not done."""
        parts = {id(p): p for leaf in leaves if isinstance(leaf, Effect) for p in leaf.parts if id(p) not in done}
        effects = list(parts.values())
        done |= {id(leaf): leaf for leaf in leaves if isinstance(leaf, Effect)} | parts
        wanted = [thing for thing in things if is_symbolic(thing)]
        values = [None if is_symbolic(thing) else _value(thing) for thing in things]
        if wanted or any(effect.tensors for effect in effects):
            function = self._function(wanted, effects, list(feeds))
            computed = iter(function(list(feeds.values())))
            return [next(computed) if is_symbolic(t) else v for t, v in zip(things, values, strict=True)]
        for effect in effects:
            with scopes.computing():
                effect.apply([])
        return values

    def _function(self, wanted: list[Any], effects: list[Effect], given: list[Any]) -> Function:
        key = (tuple(map(id, wanted)), tuple(map(id, effects)), tuple(map(id, given)))
        if key not in self._requests:
            while len(self._requests) >= _KEPT:
                del self._requests[next(iter(self._requests))]
            # The objects are kept, so that their numbers are not given to others.
            self._requests[key] = (wanted, effects, given), Function(given, list(wanted), effects), 0
        held, function, count = self._requests[key]
        self._requests[key] = held, function, count + 1
        function.compiles = function.can_compile and (count > 0 or not function.is_small)
        return function

    def partial_run_setup(self, *args: Any, **kwargs: Any) -> Any:
        """Not offered.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("Session.partial_run is not offered: ask for everything in one call of `run`")

    def make_callable(self, fetches: Any, feed_list: Sequence[Any] = (), **kwargs: Any) -> Any:
        """A function of values of ``feed_list`` that gives ``fetches``."""
        return lambda *values: self.run(fetches, dict(zip(feed_list, values, strict=True)))

    def list_devices(self) -> list[Any]:
        """The devices that JAX sees."""
        return list(jax.devices())

    def close(self) -> None:
        """Forget what was compiled."""
        self._requests.clear()

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Session]:
        """Inside, this is the session that others find."""
        before = _present[:]
        _present[:] = [self]
        try:
            yield self
        finally:
            _present[:] = before

    def __enter__(self) -> Session:
        self._around = _present[:]
        _present[:] = [self]
        return self

    def __exit__(self, *details: Any) -> None:
        _present[:] = self.__dict__.pop("_around", [])
        self.close()


_present: list[Session] = []


def get_session(*args: Any) -> Session:
    """The session that was set, or entered; one is made where there is none."""
    del args
    if not _present:
        _present.append(Session())
    return _present[0]


def set_session(session: Any) -> None:
    """Make a session the one that :func:`get_session` gives."""
    _present[:] = [] if session is None else [session]


def _by_name(thing: Any) -> Any:
    """What is asked for by a name, and the effect or tensor of an operation."""
    if isinstance(thing, str):
        return tensor_of(thing) if stem(thing) != thing else find(thing)
    if isinstance(thing, Assignment):
        return thing.effect
    return thing.outputs[0] if isinstance(thing, GraphOperation) else thing


def _is_fetched(leaf: Any) -> bool:
    return leaf is None or isinstance(leaf, GraphOperation) or is_symbolic(leaf) or isinstance(leaf, (Variable, Effect))


def _value(thing: Any) -> Any:
    return thing.numpy() if isinstance(thing, Variable) else np.asarray(thing)[()]


def _before(things: Sequence[Any], given: list[KerasTensor]) -> list[Effect]:
    """The effects that have to be done before things can be computed."""
    found: list[Effect] = []
    tensors: list[KerasTensor] = []
    for thing in things:
        if isinstance(thing, Effect):
            found += [e for part in (thing, *thing.parts) for e in part.after]
            tensors += [t for part in thing.parts for t in part.tensors]
        elif is_symbolic(thing):
            tensors.append(thing)
    nodes, _ = nodes_between(given, tensors)
    for tensor in (*tensors, *(t for node in nodes for t in node.outputs)):
        found += [e for e in tensor.after if all(e is not thing for thing in things)]
    return list({id(effect): effect for effect in found}.values())


doors.sessions.fill(get_session=get_session)
