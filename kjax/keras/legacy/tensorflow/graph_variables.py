"""Variables of graphs of TensorFlow 1 by their names: scopes that share them, the number of the step, checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.name_scopes import current_path, name_scope
from kjax.keras.legacy.tensorflow.graphs import (
    GraphKeys,
    add_to_collection,
    by_name,
    global_variables,
    name_of,
    scopes_by_default,
)
from kjax.keras.legacy.tensorflow.training import Checkpoint, delete, note_latest
from kjax.keras.legacy.tensorflow.variables import Variable, made_by

AUTO_REUSE = "auto"
_reuse: list[Any] = [None]


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
    try:
        with _names(name, whole=whole):
            for counted in [path for path in scopes_by_default if path.startswith(f"{current_path()}/")]:
                del scopes_by_default[counted]
            yield VariableScope(current_path(), _reuse[-1])
    finally:
        _reuse.pop()


def _default(name: str) -> str:
    """``dense``, then ``dense_1``, ... inside the scope that is open."""
    path = f"{current_path()}/{name}".lstrip("/")
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
    return VariableScope(current_path(), _reuse[-1])


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
    full = f"{current_path()}/{name}".lstrip("/")
    if full in by_name and _reuse[-1]:
        return by_name[full]
    if full in by_name and scopes.is_drawing():
        raise ValueError(
            f"Variable {full} already exists, disallowed. Did you mean to set reuse=True in variable_scope?"
        )
    if _reuse[-1] is True:
        raise ValueError(f"Variable {full} does not exist, or was not created with tf.get_variable()")
    variable = made_by(initializer, shape, dtype, name, trainable)
    if regularizer is not None:
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, regularizer(variable))
    by_name[full] = variable
    return variable


def get_or_create_global_step(graph: Any = None) -> Any:
    """``tf.train.get_or_create_global_step``."""
    if "global_step" not in by_name:
        by_name["global_step"] = Variable(np.int32(0), trainable=False, name="global_step")
    return by_name["global_step"]


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

    def save(self, sess: Any, save_path: Any, global_step: Any = None, *args: Any, **options: Any) -> str:
        """Write the variables to ``save_path``, or ``save_path-global_step``; returns that path."""
        path = str(save_path) if global_step is None else f"{save_path}-{int(global_step)}"
        Checkpoint(variables=self._variables()).write(path)
        note_latest(path)
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
        status = Checkpoint(variables=variables).restore(save_path)
        missing = [n.removeprefix("variables/") for n in status.missing if n != "save_counter"]
        if missing:
            raise ValueError(f"Saver.restore: {save_path} has no values of the variables {missing}")
