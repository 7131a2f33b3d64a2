"""The scope in which a layer written by a user runs as a pure function: its variables stand for traced values."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from kjax.keras.core.settings import fold_in, settings
from kjax.nn.module import ambient


@dataclasses.dataclass
class Scope:
    """What reading and writing variables, randomness and losses mean while a call is traced.

    Attributes:
        values: value of each variable, by ``id``.
        key: key of the ``dropout`` stream, or None.
        training: mode that calls inside inherit.
        abstract: only shapes matter: variables without a value here read as zeros.
        changed: variables that were assigned, by ``id``.
        losses: penalties added by ``add_loss`` and by activity regularizers.
        masks: (array, its mask) by ``id`` of the array.
        keeps: whether everything that is assigned inside stays in the scope.
        outer: the scope around this one. Variables that this one does not know are looked up there, so that a
            metric that a layer updates inside a model belongs to the step around the model.
        autocast: type in which floating-point variables are read, or None: that in which they are stored.
        depth: number of layer calls that this one is inside of.
        shifts: what a gradient tape adds to variables when they are read, by ``id``.
        replay: the bookkeeping of gradient tapes, in the scope of a step that may hold some.
        called: what the last call of a layer added to the losses, by ``id`` of the layer.
        records: whether code in this scope, and not inside a layer called in it, is that of a script whose values
            are the tensors of :data:`recorder`.
        tensors: values of symbolic tensors that a step computed for losses and metrics, by ``id``, or None.
        context: arguments that the layers around were called with and that go on to layers inside, by name.
        apart: losses, and variables with new values, that layers said to depend on no inputs.
    """

    values: dict[int, Any] = dataclasses.field(default_factory=dict)
    key: Array | None = None
    training: bool | None = None
    abstract: bool = False
    changed: dict[int, Any] = dataclasses.field(default_factory=dict)
    losses: list[Any] = dataclasses.field(default_factory=list)
    masks: dict[int, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    draws: int = 0
    autocast: str | None = None
    keeps: bool = False
    outer: Scope | None = None
    depth: int = 0
    shifts: dict[int, Any] = dataclasses.field(default_factory=dict)
    replay: Any = None
    called: dict[int, list[Any]] = dataclasses.field(default_factory=dict)
    records: bool = False
    context: dict[str, Any] = dataclasses.field(default_factory=dict)
    apart: list[Any] = dataclasses.field(default_factory=list)
    tensors: dict[int, Any] | None = None

    def read(self, variable: Any) -> Any:
        """The value of a variable that this scope holds."""
        value = self.values[id(variable)]
        return value + self.shifts[id(variable)] if id(variable) in self.shifts else value

    def holder_of(self, variable: Any) -> Scope | None:
        """The innermost scope that has a value for a variable, or None."""
        scope: Scope | None = self
        while scope is not None and id(variable) not in scope.values:
            scope = scope.outer
        return scope

    def losses_of(self, layer: Any) -> list[Any]:
        """What the last call of a layer, in this scope or the step around it, added to the losses."""
        scope: Scope | None = self
        while scope is not None:
            if id(layer) in scope.called:
                return scope.called[id(layer)]
            scope = scope.outer
        return self.losses

    def mask_of(self, array: Any) -> Any:
        """The mask that travels with an array, or None."""
        entry = self.masks.get(id(array))
        return entry[1] if entry is not None and entry[0] is array else None

    def next_key(self) -> Array | None:
        """A fresh key of the stream."""
        if self.key is None:
            return None if self.outer is None else self.outer.next_key()
        self.draws += 1
        return fold_in(self.key, np.uint32(self.draws))


_current: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("keras_scope", default=None)


recorder: Any = None
"""Who is told of eager calls of layers (``call_layer``) and of functions (``call_function``): a tape, or nobody."""


def current() -> Scope | None:
    """The innermost scope, or None in plain eager code."""
    return _current.get()


def as_mode(training: Any) -> bool:
    """Whether a layer trains; data in the place of the argument are true, as they are for Keras."""
    return bool(training) if np.ndim(training) == 0 else True


def tensors_here() -> dict[int, Any] | None:
    """:attr:`Scope.tensors` of the innermost scope that has some, or None."""
    scope = current()
    while scope is not None and scope.tensors is None:
        scope = scope.outer
    return None if scope is None else scope.tensors


def recording() -> Any:
    """:data:`recorder` where the code of a script runs, eagerly or in a step that is traced; else None."""
    if recorder is None:
        return None
    active = current()
    return recorder if active is None or (active.records and active.depth == 0) else None


def shown(value: Any) -> Any:
    """A value as the code of the script sees it: tensors where :data:`recorder` has tensors."""
    found = recording()
    return value if found is None else found.shown(value)


def plain(value: Any) -> Any:
    """A tree of arrays in the place of the tensors of :data:`recorder`."""
    return value if recorder is None else recorder.plain(value)


def named_type(name: str) -> str:
    """The name of a type, with the attributes of TensorFlow's types where :data:`recorder` has them."""
    return name if recorder is None else recorder.named_type(name)


def read_by_script() -> bool:
    """Whether the code around the property or method that asks is none of kjax or of a library."""
    module = sys._getframe(2).f_globals.get("__name__", "")
    return module.partition(".")[0] not in _LIBRARIES


_LIBRARIES = frozenset(("kjax", "jax", "jaxlib", "numpy", "flax", "ml_dtypes"))


def through(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function of arrays, so that :data:`recorder`, where it is at work, sees the call."""
    found = recording()
    return function(*args) if found is None else found.call_function(function, args, {})


@contextlib.contextmanager
def deeper() -> Iterator[None]:
    """Run what is no code of the script."""
    active = current()
    if active is None or not active.records:
        yield
        return
    active.depth += 1
    try:
        yield
    finally:
        active.depth -= 1


def is_tracing() -> bool:
    """Whether code runs to be compiled: what it computes has no values."""
    return isinstance(jax.lax.neg(np.float32(0)), Tracer)


_computing: contextvars.ContextVar[bool] = contextvars.ContextVar("computing", default=False)


def is_drawing() -> bool:
    """Whether plain code of a script of Keras 1 or 2 runs: functions of variables made graphs then, not values.

    So they do for scripts that ask for graphs (``tf.compat.v1.disable_eager_execution``).
    """
    draws = settings.era in ("1", "2") or settings.draws_graphs
    return draws and not _computing.get() and _current.get() is None and ambient() is None and not is_tracing()


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Inside, values are computed, in every era: a graph is run, not drawn."""
    token = _computing.set(True)
    try:
        yield
    finally:
        _computing.reset(token)


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """Leave all scopes: variables are what is stored in them."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def enter(scope: Scope) -> Iterator[Scope]:
    """Make ``scope`` the current one, inside of the one that was."""
    scope.outer = _current.get()
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


_around: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar("layers_around", default=())


@contextlib.contextmanager
def inside(layer: Any) -> Iterator[None]:
    """Note that what is built now is built inside of a layer."""
    around = _around.get()
    if around and around[-1] is layer:
        yield
        return
    token = _around.set((*around, layer))
    try:
        yield
    finally:
        _around.reset(token)


def path_here() -> str:
    """Names of the layers that :func:`inside` noted, joined by slashes: the beginning of the paths of weights."""
    return "/".join(layer.name for layer in _around.get())


def run_with(variables: Sequence[Any], values: Sequence[Any], function: Callable[[], Any]) -> tuple[Any, list[Any]]:
    """Call a function in which variables stand for given values, as a pure function.

    Args:
        variables: the variables.
        values: an array for each.
        function: reads and assigns the variables.

    Returns:
        What the function returned, and the values that the variables have after it.
    """
    outer = current()
    scope = Scope({id(v): value for v, value in zip(variables, values, strict=True)})
    if outer is not None:
        scope.training, scope.masks = outer.training, outer.masks
    with enter(scope):
        result = function()
    return result, [scope.values[id(v)] for v in variables]
