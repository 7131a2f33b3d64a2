"""Graphs of TensorFlow 1: placeholders, assignments, control dependencies, initializers, collections, sessions.

A graph is drawn from symbolic tensors (``kjax.keras.core.tensor``), what it does besides from effects
(``kjax.keras.core.updates``); ``kjax.keras.backend.running`` runs both.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras import backend
from kjax.keras.backend.running import Session as _Session
from kjax.keras.backend.running import get_session
from kjax.keras.core import doors, graph_names
from kjax.keras.core import scope as scopes
from kjax.keras.core.graph_names import GraphOperation, note
from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import clear_session, settings
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.updates import Call, Effect, Group, Update, effects_of, first, note_first
from kjax.keras.core.variable import Variable as _Variable
from kjax.keras.core.variable import all_variables
from kjax.keras.legacy.tensorflow.arrays import identity as identity_of
from kjax.keras.legacy.tensorflow.door import dtype_of
from kjax.keras.legacy.tensorflow.tensor import Tensor, apply, unwrap

# -- graphs and sessions -----------------------------------------------------------------------------------------


class Graph:
    """``tf.Graph``: names, variables and collections of their own, while it is the default one.

    Args:
        number: the session that its variables belong to; a new one by default.
    """

    def __init__(self, number: int | None = None) -> None:
        self.version = 0
        self.building_function = False
        self.seed = None
        self.number = next(_numbers) if number is None else number
        self._kept: list[Any] = [{} for _ in _tables()]
        _graphs[self.number] = self

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Inside, what is drawn is in this graph."""
        before = get_default_graph()
        if before is self:
            yield self
            return
        before._leave()
        self._enter()
        try:
            yield self
        finally:
            get_default_graph()._leave()
            before._enter()

    def copied(self) -> Graph:
        """Another graph with the same names."""
        self._leave()
        other = Graph()
        other._kept = [table.copy() for table in self._kept]
        return other

    def pour_into_default(self) -> None:
        """Add the names of this graph to those of the default one."""
        for table, kept in zip(_tables(), self._kept, strict=True):
            table.extend(kept) if isinstance(table, list) else table.update(kept)

    def _leave(self) -> None:
        self._kept = [table.copy() for table in _tables()]

    def _enter(self) -> None:
        settings.sessions = self.number
        for table, kept in zip(_tables(), self._kept, strict=True):
            table.clear()
            table.extend(kept) if isinstance(table, list) else table.update(kept)

    def finalize(self) -> None:
        """Nothing to do."""

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """See :func:`get_collection`."""
        return get_collection(name, scope)

    def get_all_collection_keys(self) -> list[str]:
        """Names of the collections."""
        return [*_collections, GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES]

    def get_operations(self) -> list[Any]:
        """What was given a name, variables, and the tensors that the script holds, by their operations."""
        with self.as_default():
            found: dict[str, Any] = {}
            for name, thing in graph_names.everything():
                found.setdefault(name, thing)
            return [thing if isinstance(thing, Effect) else GraphOperation(thing) for thing in found.values()]

    def get_tensor_by_name(self, name: str) -> Any:
        """The tensor or variable of a name such as ``loss/mse:0``.

        Raises:
            KeyError: there is none.
        """
        with self.as_default():
            return graph_names.tensor(name)

    def get_operation_by_name(self, name: str) -> Any:
        """The operation of a name; ``variable/Assign`` is the assignment of a variable's first value.

        Raises:
            KeyError: there is none.
        """
        with self.as_default():
            variable, _, last = name.rpartition("/")
            if last == "Assign" and isinstance(target := graph_names.find(variable), _Variable):
                return _first_assignment(target)
            found = graph_names.find(name)
            return found if isinstance(found, Effect) else GraphOperation(found)

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The tensor or operation of a name; others as they are."""
        if not isinstance(obj, str):
            return obj
        return self.get_tensor_by_name(obj) if graph_names.stem(obj) != obj else self.get_operation_by_name(obj)

    def as_graph_def(self, *args: Any, **kwargs: Any) -> Any:
        """Not offered.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("graphs of TensorFlow cannot be written: use model.save, or model.export")

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def _first_assignment(variable: Any) -> graph_names.Assignment:
    name = f"{graph_names.stem(graph_names.name_of(variable))}/Assign"
    if name not in _assignments:
        value = backend.placeholder(shape=variable.shape, dtype=variable.dtype)
        _assignments[name] = graph_names.Assignment(variable, value, Update(variable, value))
    return _assignments[name]


def _tables() -> list[Any]:
    """What is of one graph alone."""
    summaries = doors.summaries.drawn()
    return [settings.names, by_name, scopes_by_default, _collections, graph_names.named, _assignments, summaries]


_assignments: dict[str, Any] = {}
_numbers = itertools.count(10**6, 10**6)
"""Sessions of graphs; clearing counts up by one."""
_graphs: dict[int, Graph] = {}


def get_default_graph() -> Graph:
    """The graph that is drawn in."""
    return _graphs.get(settings.sessions) or Graph(settings.sessions)


def _graph_of(session: int) -> Graph:
    return _graphs.get(session) or Graph(session)


doors.names.fill(default_graph=get_default_graph, graph_of_session=_graph_of)


def reset_default_graph() -> None:
    """Begin anew, with another graph."""
    clear_session()
    for table in _tables():
        table.clear()
    graph_names.forget()


class Session(_Session):
    """``tf.Session``; its settings of the GPU were given to JAX when they were made."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        super().__init__(target, graph or get_default_graph(), config)
        self._open = contextlib.ExitStack()

    def run(self, fetches: Any, feed_dict: Any = None, *args: Any, **kwargs: Any) -> Any:
        """See :class:`kjax.keras.backend.running.Session`; in its graph."""
        with self.graph.as_default():
            return super().run(fetches, feed_dict, *args, **kwargs)

    def __enter__(self) -> Session:
        self._open.enter_context(self.graph.as_default())
        super().__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        super().__exit__(*details)
        self._open.close()


class InteractiveSession(Session):
    """``tf.InteractiveSession``: it is the default from the start."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        backend.set_session(self)


def get_default_session() -> Any:
    """The session that was entered, or set."""
    return get_session()


def enable_eager_execution(*args: Any, **kwargs: Any) -> None:
    """Functions of variables compute values, outside of the eras of Keras 1 and 2."""
    settings.draws_graphs = False


def disable_eager_execution() -> None:
    """Functions of variables make graphs, in every era."""
    settings.draws_graphs = True


disable_v2_behavior = disable_eager_execution


# -- placeholders ------------------------------------------------------------------------------------------------


def placeholder(dtype: Any = "float32", shape: Any = None, name: str | None = None) -> Any:
    """``tf.placeholder``: a tensor that a session is given a value for.

    Args:
        dtype: its type.
        shape: its shape, None for free axes; without one it counts as a number while the graph is drawn, and arrays of
            any shape may be given for it.
        name: its name.
    """
    disable_eager_execution()
    tensor = backend.placeholder(shape=() if shape is None else tuple(shape), dtype=_type_name(dtype), name=name)
    tensor.is_open = shape is None
    return note(tensor, name or "Placeholder")


def placeholder_with_default(input: Any, shape: Any = None, name: str | None = None) -> Any:
    """``tf.placeholder_with_default``: a tensor with a value of its own where none is given."""
    value = input if is_symbolic(input) else np.asarray(unwrap(input))
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        value = value.astype(np.float32)
    tensor = Operation(lambda x: jnp.asarray(x), name or "placeholder_with_default")._symbolic_call((value,), {})
    if shape is not None and len(tuple(shape)) == len(tensor.shape):
        tensor.shape = tuple(shape)
    tensor.is_open = True
    return note(tensor, name or "PlaceholderWithDefault")


def _type_name(dtype: Any) -> str:
    name = {"float": "float32", "double": "float64", "int": "int32"}.get(str(getattr(dtype, "name", dtype)))
    return name or str(dtype_of(dtype))


# -- effects -----------------------------------------------------------------------------------------------------


def assignment(variable: Any, value: Any) -> Any:
    """The update of a variable: drawn where graphs are, done at once elsewhere."""
    if is_symbolic(value) or scopes.is_drawing():
        return Update(variable, _node(value, variable.dtype))
    _Variable.assign(variable, unwrap(value))
    return variable


def _node(value: Any, dtype: Any) -> Any:
    if is_symbolic(value):
        return value
    if hasattr(value, "__symbolic__"):
        return value.__symbolic__()
    array = np.asarray(unwrap(value), str(dtype))
    return Operation(lambda x: jnp.asarray(x), "constant")._symbolic_call((array,), {})


def drawn(value: Any) -> Any:
    """A value as a tensor of the graph, where one is drawn; as it is elsewhere."""
    return _node(value, unwrap(value).dtype) if scopes.is_drawing() and not is_symbolic(value) else value


def assign(ref: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    """``tf.assign``."""
    return note(assignment(ref, value), kwargs.get("name"))


def assign_add(ref: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    """``tf.assign_add``."""
    return assignment(ref, ref + value)


def assign_sub(ref: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    """``tf.assign_sub``."""
    return assignment(ref, ref - value)


def scatter_update(ref: Any, indices: Any, updates: Any, *args: Any, **kwargs: Any) -> Any:
    """``tf.scatter_update``: new values of rows."""

    def scattered(rows: Any, places: Any, new: Any) -> Any:
        return rows.at[jnp.asarray(places)].set(jnp.asarray(new, rows.dtype))

    return assignment(ref, apply(scattered, (ref, indices, updates), {}, "scatter_update"))


def group(*inputs: Any, **kwargs: Any) -> Any:
    """``tf.group``: several operations as one."""
    return note(Group(effects_of(list(inputs))), kwargs.get("name"))


def no_op(name: str | None = None) -> Any:
    """``tf.no_op``: an operation that does nothing, after those of :func:`control_dependencies`."""
    return note(Group(()), name)


def tuple_of(tensors: Sequence[Any], name: str | None = None, control_inputs: Sequence[Any] = ()) -> list[Any]:
    """``tf.tuple``: the tensors."""
    return list(tensors)


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """``tf.control_dependencies``: what is drawn inside is computed after these operations."""
    with first(control_inputs or ()):
        yield


def identity(input: Any, name: str | None = None) -> Any:
    """``tf.identity``, after the operations of :func:`control_dependencies`."""
    if isinstance(input, Effect):
        input = _node(input, "float32")
    return note(note_first(identity_of(input)), name)


# -- variables ---------------------------------------------------------------------------------------------------


scopes_by_default: collections.Counter[str] = collections.Counter()
"""How many variable scopes were opened under a default name, by path; those below a scope count anew when it is opened."""

by_name: dict[str, Any] = {}
"""The variables of ``tf.get_variable``."""
_collections: dict[str, list[Any]] = {}


class GraphKeys:
    """``tf.GraphKeys``: names of collections."""

    GLOBAL_VARIABLES, TRAINABLE_VARIABLES, LOCAL_VARIABLES = "variables", "trainable_variables", "local_variables"
    MODEL_VARIABLES, UPDATE_OPS, LOSSES, SUMMARIES = "model_variables", "update_ops", "losses", "summaries"
    REGULARIZATION_LOSSES, GLOBAL_STEP, TRAIN_OP = "regularization_losses", "global_step", "train_op"
    VARIABLES = GLOBAL_VARIABLES


def name_of(variable: Any) -> str:
    """The name of a variable in the graph, with the scopes around it, as checkpoints have it."""
    around = variable.made_in
    return variable.path if not around or variable.path.startswith(f"{around}/") else f"{around}/{variable.path}"


def global_variables(scope: str | None = None) -> list[Any]:
    """The variables of this session, in the order in which they were made.

    Args:
        scope: a regular expression that the beginning of their names matches.
    """
    return [v for v in all_variables() if not _is_local(v) and (scope is None or re.match(scope, name_of(v)))]


def trainable_variables(scope: str | None = None) -> list[Any]:
    """Those that are trained."""
    return [v for v in global_variables(scope) if v.trainable and not v.path.startswith(_STATE_OF_TRAINING)]


_STATE_OF_TRAINING = ("adam", "sgd", "rms", "adagrad", "adadelta", "nadam", "ftrl", "lion", "adafactor", "lamb")


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """``tf.get_collection``: variables, or what :func:`add_to_collection` added."""
    if key == GraphKeys.TRAINABLE_VARIABLES:
        return trainable_variables(scope)
    if key == GraphKeys.GLOBAL_VARIABLES:
        return global_variables(scope)
    if key == GraphKeys.LOCAL_VARIABLES:
        return local_variables(scope)
    return list(_collections.get(key, ()))


def add_to_collection(name: str, value: Any) -> None:
    """``tf.add_to_collection``."""
    _collections.setdefault(name, []).append(value)


def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Any:
    """``tf.variables_initializer``: gives variables new first values, once they had others."""
    return Call(lambda: [v.renew() for v in var_list], name)


def global_variables_initializer() -> Any:
    """``tf.global_variables_initializer``, of the variables that there are when it runs."""
    return note(Call(lambda: [v.renew() for v in global_variables()], "init"), "init")


initialize_all_variables = global_variables_initializer


def local_variables_initializer() -> Any:
    """``tf.local_variables_initializer``: what measures have counted begins anew."""
    return note(Call(lambda: [v.renew() for v in local_variables()], "init"), "init")


def tables_initializer(name: str = "init_all_tables") -> Any:
    """``tf.tables_initializer``: tables have their entries from the start."""
    return Group(())


class LocalVariable(_Variable):
    """A variable of zeros that belongs to a measure.

    Args:
        shape: its shape.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__(np.zeros(tuple(shape), np.float32), trainable=False, name="total")
        self._first = np.zeros(tuple(shape), np.float32)


def local_variables(scope: str | None = None) -> list[Any]:
    """``tf.local_variables``: those of measures."""
    return [v for v in all_variables() if _is_local(v) and (scope is None or re.match(scope, name_of(v)))]


def _is_local(variable: Any) -> bool:
    return isinstance(variable, LocalVariable)


def report_uninitialized_variables(*args: Any, **kwargs: Any) -> Any:
    """``tf.report_uninitialized_variables``: all have values."""
    return Tensor(np.zeros((0,), object))


def is_variable_initialized(variable: Any) -> Any:
    """``tf.is_variable_initialized``: it is."""
    return Tensor(jnp.asarray(True))


def switch(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """``tf.cond`` of a symbolic condition: both sides are drawn, and the values of one are taken."""

    def chosen(p: Any, a: Any, b: Any) -> Any:
        return jax.tree.map(lambda x, y: jnp.where(p, x, y), a, b)

    sides = [_drawn(side()) for side in (true_fn, false_fn)]
    return apply(chosen, (pred, *sides), {}, "cond")


def _drawn(tree: Any) -> Any:
    return jax.tree.map(
        lambda leaf: leaf.__symbolic__() if isinstance(leaf, (_Variable, Update)) else leaf,
        tree,
        is_leaf=lambda leaf: isinstance(leaf, (_Variable, Effect)) or is_symbolic(leaf),
    )
