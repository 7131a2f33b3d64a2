"""Variables of graphs of TensorFlow 1 by their names: scopes that share them, the number of the step, checkpoints."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.name_scopes import current_path, name_scope
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.variable import bring_back
from kjax.keras.legacy.tensorflow.graphs import (
    Graph,
    GraphKeys,
    add_to_collection,
    by_name,
    get_default_graph,
    global_variables,
    name_of,
    scopes_by_default,
)
from kjax.keras.legacy.tensorflow.training import delete, note_latest, read_arrays, write_arrays
from kjax.keras.legacy.tensorflow.variables import Variable, made_by

AUTO_REUSE = "auto"
_reuse: list[Any] = [None]
_paths: list[str] = [""]
"""Paths of the variable scopes that are open: name scopes have no part in the names of ``get_variable``."""


def _joined(*names: str) -> str:
    return "/".join(name for name in names if name)


class VariableScope:
    """A ``tf.variable_scope`` that is open.

    Args:
        name: its name.
        reuse: whether variables of the same names are shared.
    """

    def __init__(self, name: str, reuse: Any) -> None:
        self.name, self.reuse, self.original_name_scope = name, reuse, f"{name}/"

    def reuse_variables(self) -> None:
        """Share variables of the same names from now on."""
        self.reuse = _reuse[-1] = True


@contextlib.contextmanager
def variable_scope(
    name_or_scope: Any = None, default_name: str | None = None, values: Any = None, reuse: Any = None, **kwargs: Any
) -> Iterator[VariableScope]:
    """``tf.variable_scope``: names of variables begin with a name inside, and those of the same names may be shared.

    Args:
        name_or_scope: the name, or a scope that was open before.
        default_name: a name that is made unique, where there is no other.
        values: accepted, like ``**kwargs``.
        reuse: whether :func:`get_variable` gives the variable of that name again: True, False or ``tf.AUTO_REUSE``.
    """
    whole = isinstance(name_or_scope, VariableScope)
    name = name_or_scope.name if whole else (name_or_scope or _default(default_name or "scope"))
    _reuse.append(reuse or _reuse[-1])
    _paths.append(name if whole else _joined(_paths[-1], name))
    try:
        with _names(name, whole=whole):
            for counted in [path for path in scopes_by_default if path.startswith(f"{_paths[-1]}/")]:
                del scopes_by_default[counted]
            yield VariableScope(_paths[-1], _reuse[-1])
    finally:
        _reuse.pop()
        _paths.pop()


def _default(name: str) -> str:
    """``dense``, then ``dense_1``, ... inside the scope that is open."""
    path = _joined(_paths[-1], name)
    scopes_by_default[path] += 1
    count = scopes_by_default[path] - 1
    return f"{name}_{count}" if count else name


@contextlib.contextmanager
def _names(name: str, whole: bool = False) -> Iterator[str]:
    """Scopes for a name with slashes."""
    with contextlib.ExitStack() as stack:
        for number, part in enumerate(p for p in str(name).split("/") if p):
            stack.enter_context(
                name_scope(part, override_parent="" if whole and number == 0 else None, deduplicate=False)
            )
        yield f"{current_path()}/"


@contextlib.contextmanager
def open_name_scope(
    name: Any = None, default_name: str | None = None, values: Any = None, **kwargs: Any
) -> Iterator[str]:
    """``tf.name_scope``."""
    chosen = name or default_name
    if not chosen:
        yield ""
        return
    with _names(chosen, whole=str(chosen).endswith("/")) as inside:
        yield inside


def get_variable_scope() -> VariableScope:
    """``tf.get_variable_scope``."""
    return VariableScope(_paths[-1], _reuse[-1])


def get_variable(
    name: str, shape: Any = None, dtype: Any = "float32", initializer: Any = None, regularizer: Any = None,
    trainable: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """``tf.get_variable``: a variable made by an initializer, or that of the same name where scopes share them.

    Args:
        name: its name, to which those of the scopes around are added.
        shape: its shape.
        dtype: its type.
        initializer: an initializer, a value, or a tensor; Glorot uniform by default.
        regularizer: a penalty, which is added to the collection of them.
        trainable: whether it is trained.
        **kwargs: accepted.

    Raises:
        ValueError: the variable exists and is not to be shared, or the other way round.
    """
    full = _joined(_paths[-1], name)
    if full in by_name and _reuse[-1]:
        return by_name[full]
    if full in by_name and scopes.is_drawing():
        raise ValueError(
            f"Variable {full} already exists, disallowed. Did you mean to set reuse=True in variable_scope?"
        )
    if _reuse[-1] is True:
        raise ValueError(f"Variable {full} does not exist, or was not created with tf.get_variable()")
    variable = made_by(initializer, shape, dtype, full.rpartition("/")[2], trainable)
    variable.made_in, variable.path = full.rpartition("/")[0], full
    if regularizer is not None:
        kind = getattr(regularizer, "__name__", None) or f"{type(regularizer).__name__.lower()}_regularizer"
        penalty = regularizer(variable)
        if is_symbolic(penalty):
            penalty.name = f"{full}/Regularizer/{kind}:0"
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, penalty)
    by_name[full] = variable
    return variable


def get_or_create_global_step(graph: Any = None) -> Any:
    """``tf.train.get_or_create_global_step``."""
    if "global_step" not in by_name:
        by_name["global_step"] = Variable(np.int32(0), trainable=False, name="global_step")
    return by_name["global_step"]


_written: dict[str, tuple[Graph, list[Any], Saver]] = {}
"""Graphs that were written by this process, with their variables and savers, by the path of the checkpoint."""


def write_graph(path: str, saver: Saver) -> None:
    """Note the present graph for :func:`import_meta_graph`; the file says so."""
    graph = get_default_graph()
    _written[os.path.abspath(path)] = graph.copied(), global_variables(), saver
    with open(f"{path}.meta", "w", encoding="utf-8") as file:
        json.dump({"format": "kjax", "operations": [op.name for op in graph.get_operations()]}, file)


def import_meta_graph(meta_graph_or_file: Any, *args: Any, **options: Any) -> Saver:
    """``tf.train.import_meta_graph``: the graph that a saver of this process wrote, put into the present one.

    Args:
        meta_graph_or_file: the path, which ends in ``.meta``.
        *args: accepted, like ``**options``.

    Raises:
        OSError: there is no such file.
        NotImplementedError: another program wrote it: graphs are functions, which no file holds.
    """
    path = str(meta_graph_or_file)
    if not os.path.exists(path):
        raise OSError(f"import_meta_graph: file {path} does not exist")
    found = _written.get(os.path.abspath(path.removesuffix(".meta")))
    if found is None:
        raise NotImplementedError(
            f"import_meta_graph: {path} was written by another program; kjax does not read graphs of TensorFlow. Run the code that "
            "draws the graph, make a tf.train.Saver() behind it, and restore the variables with it"
        )
    graph, variables, saver = found
    graph.pour_into_default()
    bring_back(variables)
    return saver


class Saver:
    """``tf.train.Saver``: variables in numbered checkpoints, the oldest of which are deleted.

    Args:
        var_list: the variables, a list or a dict by name; all of the session by default.
        max_to_keep: how many checkpoints to keep; None or 0 keeps all.
        **options: accepted.
    """

    def __init__(self, var_list: Any = None, max_to_keep: int | None = 5, **options: Any) -> None:
        self._chosen, self._keep = var_list, max_to_keep
        self.last_checkpoints: list[str] = []

    def _variables(self) -> dict[str, Any]:
        chosen = global_variables() if self._chosen is None else self._chosen
        if isinstance(chosen, dict):
            return chosen
        found: dict[str, Any] = {}
        for variable in chosen:
            name, number = name_of(variable), 1
            while name in found:
                name, number = f"{name_of(variable)}_{number}", number + 1
            found[name] = variable
        return found

    def save(
        self, sess: Any, save_path: Any, global_step: Any = None, latest_filename: Any = None, meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True, **options: Any,
    ) -> str:  # fmt: skip
        """Write the variables to ``save_path``, or ``save_path-global_step``; returns that path.

        Args:
            sess: accepted, like ``**options``, ``latest_filename`` and ``meta_graph_suffix``.
            save_path: where.
            global_step: a number, or a variable or tensor that has it.
            write_meta_graph: whether :func:`import_meta_graph` can bring the graph back in this process.
        """
        if is_symbolic(global_step):
            global_step = sess.run(global_step)
        path = str(save_path) if global_step is None else f"{save_path}-{int(global_step)}"
        write_arrays(path, {name: variable.numpy() for name, variable in self._variables().items()})
        note_latest(path)
        if write_meta_graph:
            write_graph(path, self)
        self.last_checkpoints = [p for p in self.last_checkpoints if p != path] + [path]
        while self._keep and len(self.last_checkpoints) > self._keep:
            delete(self.last_checkpoints.pop(0))
        return path

    def restore(self, sess: Any, save_path: Any) -> None:
        """Set the variables to what was saved.

        Raises:
            ValueError: a variable that is not in the checkpoint.
        """
        variables = self._variables()
        arrays = read_arrays(os.fspath(save_path))
        found = {name: arrays.get(name, arrays.get(f"variables/{name}")) for name in variables}
        missing = [name for name, array in found.items() if array is None]
        if missing:
            raise ValueError(f"Saver.restore: {save_path} has no values of the variables {missing}")
        for name, variable in variables.items():
            variable.assign(found[name])
